"""A small image with a shell and a few programs, as people build on Debian's or busybox."""

import hashlib
import shutil
from pathlib import Path

from image import interpreter
from image.archive import Image, write_archive
from tests.e2e.node.images import cached

SHELL = "metakaito.local/shell:1"
PROGRAMS = ("sh", "cat", "chmod", "cp", "id", "ls", "mkdir", "sleep", "stat", "touch")


def shell_image(name: str = SHELL) -> Path:
    """
    Return the archive of an image of this machine's own programs.

    Images of different names are different images: what a kubelet has pulled with a Secret it gives
    to nobody without, even if the same had been there before under another name.
    https://kubernetes.io/docs/concepts/containers/images/#ensureimagepullcredentialverification

    Args:
        name: Registry, repository and tag.

    Raises:
        FileNotFoundError: A program is not on the PATH.

    """
    programs = {name: found(name) for name in PROGRAMS}

    def make(scratch: Path) -> None:
        root = scratch / "root"
        (root / "usr/bin").mkdir(parents=True)
        (root / "bin").symlink_to("usr/bin")
        (root / "tmp").mkdir()
        for called, program in programs.items():
            shutil.copy(program, root / "usr/bin" / called)
        interpreter.copy_libraries(root)
        titled = {"org.opencontainers.image.title": name}
        image = Image(name=name, command=("/bin/sh",), labels=titled)
        write_archive(image, root, scratch / "shell.tar")

    told = hashlib.sha256(name.encode()).hexdigest()[:12]
    (archive,) = cached(f"shell-{told}", [*programs.values(), Path(__file__)], make)
    return archive


def found(program: str) -> Path:
    """Return where the program itself is."""
    path = shutil.which(program)
    if path is None:
        raise FileNotFoundError(f"{program} is not on the PATH")
    return Path(path).resolve()
