"""The part of this machine's operating system that Python needs: its files and the libraries."""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Collection, Iterable
from pathlib import Path

PREFIX = Path("usr/local")
"""Where Python and what is installed into it go: as in the images that Docker publishes."""

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
INTERPRETER = f"/{PREFIX}/bin/{PYTHON}"

# What a server has no use for, by the name of a file or folder in the standard library. Some of it
# would bring libraries: those of terminals, databases and Kerberos.
UNUSED = re.compile(
    r"__pycache__|.*\.a|config-.*|dist-packages|ensurepip|idlelib|lib2to3|pydoc_data|site-packages"
    r"|test|tests|tkinter|turtledemo|curses|dbm|distutils|sqlite3"
    r"|(_curses|_curses_panel|_dbm|_gdbm|_sqlite3|_test.*|_tkinter|_xx.*|nis|readline|xx.*)\..*so"
)

USER = 65532
"""The number of the user: not root, and no user of a node. Distroless images have the same."""

# As "nobody" kustomize and kpt run the image, for `metakaito krm`.
# https://github.com/kubernetes-sigs/kustomize/blob/master/kyaml/runfn/runfn.go
ETC = {
    "passwd": "root:x:0:0:root:/:/nologin\n"
    f"metakaito:x:{USER}:{USER}:metakaito:/tmp:/nologin\n"
    "nobody:x:65534:65534:nobody:/tmp:/nologin\n",
    "group": f"root:x:0:\nmetakaito:x:{USER}:\nnobody:x:65534:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def copy_interpreter(root: Path) -> None:
    """
    Write Python, its standard library and ``/etc`` into an empty root directory.

    Raises:
        FileNotFoundError: Python was not built for shared or static use as it is usual on Linux.

    """
    source = Path(sysconfig.get_path("stdlib"))
    target = root / PREFIX / "lib" / PYTHON
    shutil.copytree(source, target, ignore=unused)
    (target / "site-packages").mkdir()
    programs = root / PREFIX / "bin"
    programs.mkdir(parents=True)
    shutil.copy(Path(sys.executable).resolve(), programs / PYTHON)
    for alias in ("python3", "python"):
        (programs / alias).symlink_to(PYTHON)
    (root / "etc").mkdir()
    for name, text in ETC.items():
        (root / "etc" / name).write_text(text, encoding="utf-8")
    release = Path("/etc/os-release")
    if release.exists():
        shutil.copy(release, root / "etc/os-release")
    for folder in ("dev", "proc", "sys", "tmp"):
        (root / folder).mkdir()
    (root / "tmp").chmod(0o1777)


def unused(_folder: str, names: list[str]) -> set[str]:
    """Return those of the names that are not copied."""
    return {name for name in names if UNUSED.fullmatch(name)}


def copy_libraries(root: Path, later: Collection[str] = ()) -> None:
    """
    Write every library that a program or an extension module under the root links, and its loader.

    All lie in ``/usr/lib``, where the loader of the C library looks last and always; those that
    packages bring with them stay where they are. For scanners, each Debian package that a library
    came from is described as in distroless images.

    Args:
        root: A root directory that has everything else already.
        later: Names of libraries that are there only when the image runs.

    Raises:
        LookupError: A library is not on this machine.

    """
    found = linked(elf_files(root), later)
    libraries = {path for path in found if not path.resolve().is_relative_to(root.resolve())}
    target = root / "usr/lib"
    target.mkdir(exist_ok=True)
    for library in sorted(libraries):
        if library.name.startswith("ld-"):
            place = root / library.relative_to("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, place)
        else:
            shutil.copy(library, target / library.name)
    describe_packages(root, libraries)


def elf_files(root: Path) -> list[Path]:
    """Return the programs and shared libraries under the root."""
    return [path for path in sorted(root.rglob("*")) if is_elf(path)]


def is_elf(path: Path) -> bool:
    """Is it a program or a shared library?"""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def linked(files: Iterable[Path], later: Collection[str] = ()) -> set[Path]:
    """
    Return where ``ldd`` finds what the files link, as the paths that they are found by.

    Args:
        files: Programs and shared libraries.
        later: Names that need not be found.

    Raises:
        LookupError: It does not find one.

    """
    printed = subprocess.run(  # noqa: S603  (files that we copied)
        ["/usr/bin/ldd", *files], capture_output=True, text=True, check=True
    ).stdout
    lacking = re.findall(r"^\s+(\S+) => not found", printed, re.MULTILINE)
    absent = sorted(set(lacking) - set(later))
    if absent:
        raise LookupError(f"the image needs {', '.join(absent)}, which this machine does not have")
    return {Path(path) for path in re.findall(r"^\s+(?:\S+ => )?(/\S+) \(", printed, re.MULTILINE)}


def describe_packages(root: Path, libraries: Iterable[Path]) -> None:
    """Write ``/var/lib/dpkg/status.d`` for the packages that own the libraries, if dpkg knows."""
    query = shutil.which("dpkg-query")
    if query is None:
        return
    target = root / "var/lib/dpkg/status.d"
    target.mkdir(parents=True)
    # Debian's /lib is a link to /usr/lib today; dpkg knows some files by the one name only.
    places = {place for path in libraries for place in (path, path.resolve())}
    owners = subprocess.run(  # noqa: S603  (dpkg-query, with paths that ldd named)
        [query, "--search", *sorted(places)], capture_output=True, text=True, check=False
    ).stdout
    for owner in sorted(set(re.findall(r"^(\S+): /", owners, re.MULTILINE))):
        described = subprocess.run(  # noqa: S603  (the same, with a name that it gave)
            [query, "--status", owner], capture_output=True, text=True, check=True
        ).stdout
        (target / owner.partition(":")[0]).write_text(described, encoding="utf-8")
