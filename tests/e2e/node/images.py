"""The images that a node has from its start, as archives that are made once."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from image.__main__ import described, make_root
from image.archive import Image, write_archive
from image.interpreter import INTERPRETER
from image.packages import SOURCE
from image.runtime import RUNTIME as RUNTIME_SOURCE
from image.runtime_image import write_runtime_archive, write_weights_archive
from tests.e2e.cluster.player import find_player
from tests.e2e.cluster.programs import cache_folder, programs
from tests.e2e.node.configuration import PAUSE

COREDNS = "metakaito.local/coredns:1"
METAKAITO = described().name
METACONTROLLER = "metakaito.local/metacontroller:1"
RUNTIME = "metakaito.local/metakaito-transformers:1"
TINY = "metakaito.local/tiny-phi-3-test:1"
"""What the preset of that name asks for."""
DAY = 86_400.0


def image_values(name: str) -> dict[str, str]:
    """Return the chart's values for an image that the node has."""
    repository, tag = name.rsplit(":", 1)
    return {"repository": repository, "tag": tag, "pullPolicy": "Never"}


VALUES = {
    "image": image_values(METAKAITO),
    "metacontroller": {"image": image_values(METACONTROLLER)},
}

# What our image is made of, beside the interpreter that runs this.
INGREDIENTS = (
    *("charts", "composite", "hooks", "image", "presets", "schemas"),
    *("requirements", "LICENSE", "README.md", "pyproject.toml"),
)

# In the place of the real Metacontroller: our own reading of it, with those flags that it has too.
# Nothing but /dev/shm can be written to in its Pod.
PLAYER = f"""\
#!{INTERPRETER}
import json, pathlib, sys
from hooks.cli import main
account = "/var/run/secrets/kubernetes.io/serviceaccount"
cluster = dict(server="https://kubernetes.default.svc")
cluster["certificate-authority"] = account + "/ca.crt"
told = dict(apiVersion="v1", kind="Config")
told["clusters"] = [dict(name="here", cluster=cluster)]
told["users"] = [dict(name="here", user=dict(tokenFile=account + "/token"))]
told["contexts"] = [dict(name="here", context=dict(cluster="here", user="here"))]
told["current-context"] = "here"
kubeconfig = pathlib.Path("/dev/shm/kubeconfig")
kubeconfig.write_text(json.dumps(told))
known = ("--apply-", "--health-", "--target-", "--workers")
given = [flag for flag in sys.argv[1:] if flag.startswith(known)]
sys.argv[1:] = ["dev", "--kubeconfig", str(kubeconfig), *given]
main()
"""
WITH_KUBERNETES = SOURCE / "requirements/cluster.txt"


def node_images() -> list[Path]:
    """Return archives of the images without which a node has no Pods and no names."""
    pause, coredns = programs("containers") / "bin/pause", programs("coredns") / "bin/coredns"

    def make(scratch: Path) -> None:
        write_program(scratch / "pause", pause, PAUSE, "/pause")
        write_program(scratch / "coredns", coredns, COREDNS, "/coredns")

    return cached("node", [pause, coredns], make)


def bundle_images() -> list[Path]:
    """Return archives of our own image, and of what plays Metacontroller."""
    place, player = "/usr/bin/metacontroller", find_player()
    program = Path(player.command[0])

    def make(scratch: Path) -> None:
        root = scratch / "root"
        make_root(root)
        write_archive(described(METAKAITO), root, scratch / "metakaito.tar")
        if player.is_real:
            write_program(scratch / "metacontroller", program, METACONTROLLER, place)
        else:
            other = scratch / "player"
            make_root(other, WITH_KUBERNETES)
            write_script(other / place.lstrip("/"), PLAYER)
            as_player = replace(described(METACONTROLLER), entrypoint=(place,), command=())
            write_archive(as_player, other, scratch / "metacontroller.tar")

    sources = [path for name in INGREDIENTS for path in files_under(SOURCE / name)]
    interpreter = Path(sys.executable).resolve()
    return cached("bundle", [*sources, interpreter, Path(__file__), program], make)


def runtime_images() -> list[Path]:
    """
    Return archives of the runtime's image for nodes without GPUs, and of the tiny model's weights.

    Its packages and our own code are files apart, so that a change of the code is written quickly.
    """
    code = [path for path in files_under(RUNTIME_SOURCE) if ".venv" not in path.parts]

    def make(scratch: Path) -> None:
        write_runtime_archive(scratch / "runtime.tar", "cpu", RUNTIME)
        weights = scratch / "weights"
        # Its libraries are in an environment of its own: `make test-runtime` makes that.
        command = (RUNTIME_SOURCE / ".venv/bin/python", "-m", "tiny", weights)
        subprocess.run(command, cwd=RUNTIME_SOURCE, check=True)
        write_weights_archive(scratch / "tiny.tar", weights, TINY)

    made_of = [*code, *files_under(SOURCE / "image"), Path(__file__)]
    return cached("runtime", [*made_of, Path(sys.executable).resolve()], make)


def write_program(folder: Path, program: Path, name: str, place: str) -> None:
    """Write an image with one static program and nothing else, beside the new folder for it."""
    target = folder / place.lstrip("/")
    target.parent.mkdir(parents=True)
    target.write_bytes(program.read_bytes())
    target.chmod(0o755)
    write_archive(Image(name=name, entrypoint=(place,)), folder, folder.with_suffix(".tar"))


def write_script(path: Path, text: str) -> None:
    """Write a program that is a text."""
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def files_under(path: Path) -> list[Path]:
    """Return the file, or the files of the folder that are no left-overs of Python."""
    if path.is_file():
        return [path]
    found = (each for each in path.rglob("*") if each.parent.name != "__pycache__")
    return sorted(each for each in found if each.is_file())


def cached(name: str, made_of: Iterable[Path], make: Callable[[Path], None]) -> list[Path]:
    """
    Return archives from the cache, made first if they were not made of the same files.

    Args:
        name: Of what they are together.
        made_of: Files that decide what is in them.
        make: Writes them, and whatever it likes, into an empty folder.

    """
    told = hashlib.sha256(sys.version.encode())
    for path in made_of:
        told.update(f"{path}\0".encode() + path.read_bytes())
    place = cache_folder().with_name("images") / f"{name}-{told.hexdigest()[:12]}"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as folder:
            scratch, whole = Path(folder, "scratch"), Path(folder, "whole")
            scratch.mkdir()
            whole.mkdir()
            make(scratch)
            for archive in scratch.glob("*.tar"):
                archive.rename(whole / archive.name)
            whole.rename(place)
        forget(place)
    return sorted(place.glob("*.tar"))


def forget(place: Path) -> None:
    """Remove archives of the same name that were made of other files more than a day ago."""
    for older in place.parent.glob(f"{place.name.partition('-')[0]}-*"):
        if older != place and older.stat().st_mtime < time.time() - DAY:
            shutil.rmtree(older)
