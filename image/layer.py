"""
A layer of an image: the files under a folder as one tar, written without holding it in memory.

Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md
"""

import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
BLOCK = 2**20
"""How much is written at a time, in bytes."""
GZIP = 16 + zlib.MAX_WBITS
"""What zlib calls its own format inside a file of gzip's."""


@dataclass(frozen=True)
class Layer:
    """A layer that is written: ``digest`` is of the file, ``tree`` of the tar in it."""

    file: Path
    digest: str
    tree: str
    media_type: str

    @property
    def size(self) -> int:
        """Of the file, in bytes."""
        return self.file.stat().st_size


class Measured(io.RawIOBase):
    """A file to write to: it passes all on and knows the digest of it."""

    def __init__(self, send: Callable[["Buffer"], object]) -> None:
        super().__init__()
        self._send = send
        self._hash = hashlib.sha256()

    def write(self, piece: "Buffer", /) -> int:
        """Pass the piece on."""
        self._hash.update(piece)
        self._send(piece)
        return memoryview(piece).nbytes

    @property
    def digest(self) -> str:
        """Of what was written until now."""
        return f"sha256:{self._hash.hexdigest()}"


def write_layer(root: Path, file: Path, *, compress: bool) -> Layer:
    """
    Write the files under the root as a tar: sorted, of user 0, without times.

    Args:
        root: Not in the tar itself.
        file: The new tar.
        compress: With gzip, at level 1: it is read on the same machine, and time is what matters.
            What is large is better left as it is.

    """
    with file.open("wb") as out:
        blob = Measured(out.write)
        if compress:
            gzip = zlib.compressobj(1, zlib.DEFLATED, GZIP)
            tree = Measured(lambda piece: blob.write(gzip.compress(piece)))
            write_tree(root, tree)
            blob.write(gzip.flush())
        else:
            tree = blob
            write_tree(root, tree)
    return Layer(file, blob.digest, tree.digest, f"{LAYER_TYPE}{'+gzip' if compress else ''}")


def write_tree(root: Path, out: Measured) -> None:
    """Write the tar itself."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, bufsize=BLOCK) as tar:
        for path in sorted(root.rglob("*")):
            entry = anonymous(path, str(path.relative_to(root)))
            if entry.isreg():
                with path.open("rb") as content:
                    tar.addfile(entry, content)
            else:
                tar.addfile(entry)


def anonymous(path: Path, name: str) -> tarfile.TarInfo:
    """
    Return what the tar says of a file, without what differs from machine to machine.

    Files that share their place on disk, as an installer's cache has them, are files of their own.
    """
    entry = tarfile.TarInfo(name)
    if path.is_symlink():
        entry.type, entry.linkname = tarfile.SYMTYPE, str(path.readlink())
    elif path.is_dir():
        entry.type = tarfile.DIRTYPE
    else:
        entry.size = path.stat().st_size
    executable = bool(path.lstat().st_mode & 0o100) or path.is_dir()
    entry.mode = 0o1777 if name == "tmp" else 0o755 if executable else 0o644
    return entry
