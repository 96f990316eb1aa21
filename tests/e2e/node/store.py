"""
What a containerd has of images, unpacked once and then linked into each node that has them.

To import an image of 3 GB takes 20 seconds and twice its space, for each node and at each start. So
images are imported into a store in the cache, and a node begins with hard links to the files in it:
a second, and no space. That is safe because containerd never writes to what it has unpacked; only
its databases change, and of those each node has copies.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.cluster.processes import NotReady, Processes
from tests.e2e.cluster.programs import cache_folder, locked, to_standard_error
from tests.e2e.node.isolation import ISOLATED

SOURCE = Path(__file__).parents[3]
ROOT = "root"
"""The folder of a store that is a containerd's root."""
CONTENTS = "archives.json"
"""The file of a store with its archives, and the names of each one's images."""
UNFINISHED = "unfinished-"
KEPT = 8
"""How many stores the cache keeps; those with archives in common share the files."""
PATIENCE_SECONDS = 60.0


def fill(target: Path, archives: Sequence[Path], containers: Path) -> None:
    """
    Make the folder a containerd's root with the images of the archives, unpacked.

    Args:
        target: Does not exist yet.
        archives: Images in the OCI's layout, or as ``docker save`` writes them.
        containers: Where containerd and ``ctr`` are.

    Raises:
        NotReady: An archive could not be imported; why is on standard error.

    """
    home = cache_folder().with_name("stores")
    home.mkdir(parents=True, exist_ok=True)
    wanted = {identity(archive): archive for archive in archives}
    told = "\n".join([str(containers), *sorted(wanted)])
    store = home / hashlib.sha256(told.encode()).hexdigest()[:12]
    with locked(home / "lock", to_standard_error):
        if not store.exists():
            make(store, wanted, containers)
        store.touch()
        link(store / ROOT, target)
        forget(home)


def identity(archive: Path) -> str:
    """Return what tells an archive from another one, and from what it was before a change."""
    known = archive.stat()
    return f"{archive.resolve()} {known.st_size} {known.st_mtime_ns}"


def make(store: Path, wanted: dict[str, Path], containers: Path) -> None:
    """Make a store, beginning with the one that has the most of it, whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=store.parent) as folder:
        half = Path(folder) / store.name
        half.mkdir()
        if origin := nearest(store.parent, wanted):
            link(origin / ROOT, half / ROOT)
            shutil.copyfile(origin / CONTENTS, half / CONTENTS)
        command = (sys.executable, "-m", "tests.e2e.node.store", half, containers)
        done = subprocess.run(
            [*ISOLATED, *map(str, (*command, *wanted.values()))], cwd=SOURCE, check=False
        )
        if done.returncode:
            raise NotReady("images could not be imported; the lines above say why")
        half.rename(store)


def nearest(home: Path, wanted: dict[str, Path]) -> Path | None:
    """Return the store that has the most of the archives, if one has any."""
    common = {path.parent: len(wanted.keys() & read(path)) for path in home.glob(f"*/{CONTENTS}")}
    best = max(common, key=lambda store: common[store], default=None)
    return best if best and common[best] else None


def read(contents: Path) -> dict[str, list[str]]:
    """Return the identity of each archive in a store, with the names of its images."""
    found: dict[str, list[str]] = json.loads(contents.read_text()) if contents.exists() else {}
    return found


def link(origin: Path, target: Path) -> None:
    """Copy a containerd's root, so that the copies of big files take no space if possible."""
    target.parent.mkdir(parents=True, exist_ok=True)
    linked = ("--link",) if origin.stat().st_dev == target.parent.stat().st_dev else ()
    subprocess.run(["cp", "--archive", *linked, origin, target], check=True)
    for database in target.glob("*/*.db"):
        content = database.read_bytes()
        database.unlink()
        database.write_bytes(content)


def forget(home: Path) -> None:
    """Remove stores that were not used for the longest time, and what a killed process left."""
    stores = sorted(home.glob(f"*/{CONTENTS}"), key=lambda path: path.parent.stat().st_mtime)
    for old in [*(path.parent for path in stores[:-KEPT]), *home.glob(f"{UNFINISHED}*")]:
        shutil.rmtree(old)


def unpack(store: Path, containers: Path, archives: Sequence[Path]) -> None:
    """
    Let a containerd import what the store lacks, and remove what it should not have.

    Raises:
        NotReady: containerd did not start.
        subprocess.CalledProcessError: An import failed; with what ``ctr`` said.

    """
    scratch = store / "scratch"
    scratch.mkdir()
    settings = scratch / "containerd.toml"
    socket = scratch / "containerd.sock"
    settings.write_text(
        f'version = 3\nroot = "{store / ROOT}"\nstate = "{scratch / "state"}"\n'
        'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"'
        ', "io.containerd.nri.v1.nri"]\n'
        f'[grpc]\naddress = "{socket}"\n'
    )

    def ctr(*arguments: object) -> str:
        client = (containers / "ctr", "--address", socket, "--namespace", "k8s.io", *arguments)
        command = [*map(str, client)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def names() -> set[str]:
        return set(ctr("images", "list", "--quiet").split())

    processes = Processes(scratch)
    processes.start("containerd", (containers / "containerd", "--config", settings))
    processes.wait("containerd", socket.exists, PATIENCE_SECONDS)
    wanted = {identity(archive): archive for archive in archives}
    contents = read(store / CONTENTS)
    for gone in contents.keys() - wanted.keys():
        ctr("images", "remove", *contents.pop(gone))
    for known, archive in wanted.items():
        if known not in contents:
            size = archive.stat().st_size / 1e6
            to_standard_error(f"unpacking {archive.name} ({size:.0f} MB), once for all nodes")
            before = names()
            # The way over the transfer service, which is the default, takes twice the time.
            ctr("images", "import", "--local", "--discard-unpacked-layers", archive)
            contents[known] = sorted(names() - before)
    ctr("content", "prune", "references")  # remove the layers, which are unpacked now
    processes.end_all()
    shutil.rmtree(scratch)
    (store / CONTENTS).write_text(json.dumps(contents, indent=1))


def main(store: Path, containers: Path, *archives: Path) -> None:
    """Do it in a process of its own, which may mount."""
    try:
        unpack(store, containers, archives)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(error.cmd[3:])} failed: {error.stderr}")
    except NotReady as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
