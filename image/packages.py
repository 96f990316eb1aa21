"""What is installed into the image: each wheel that the lock pins by its hash, and our own."""

import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

from image.interpreter import INTERPRETER, PREFIX, PYTHON

SOURCE = Path(__file__).parents[1]
LOCK = SOURCE / "requirements/runtime.txt"
SITE = PREFIX / "lib" / PYTHON / "site-packages"

SBOM = PREFIX / "share/metakaito/sbom.cdx.json"
"""The bill of materials in the image, in CycloneDX' JSON; a label of the image names it."""


def labels(project: Mapping[str, str]) -> dict[str, str]:
    """
    Return what an image says of the project that is in it.

    Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md

    Args:
        project: The table of that name in its ``pyproject.toml``.

    """
    return {
        "org.opencontainers.image.title": project["name"],
        "org.opencontainers.image.description": project["description"],
        "org.opencontainers.image.version": project["version"],
        "org.opencontainers.image.licenses": project["license"],
        "io.metakaito.sbom": f"/{SBOM}",
    }


def install_packages(root: Path, lock: Path = LOCK) -> None:
    """
    Install the locked wheels and a wheel of this source tree, and list them in a bill of materials.

    Nothing of them runs and nothing is compiled but to Python's byte code. Of their programs only
    ``metakaito`` stays.

    Args:
        root: A root directory that has Python already.
        lock: Requirements, each with its hashes.

    Raises:
        subprocess.CalledProcessError: A wheel cannot be had, differs from its hash, or our own
            cannot be built. What went wrong is on standard error.

    """
    with tempfile.TemporaryDirectory(prefix="metakaito-wheels-") as folder:
        locked = ("--require-hashes", "--only-binary=:all:", "--requirement", lock)
        pip("download", "--dest", folder, "--no-deps", *locked)
        pip("wheel", "--wheel-dir", folder, "--no-deps", "--no-build-isolation", SOURCE)
        for wheel in sorted(Path(folder).glob("*.whl")):
            install_wheel(root, wheel)
    write_bill(root)
    compile_modules(root)


def pip(*arguments: str | Path) -> None:
    """Run pip, quietly."""
    command = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
    subprocess.run([*command, *arguments], check=True)  # noqa: S603  (the arguments are ours)


def install_wheel(root: Path, wheel: Path) -> None:
    """Unpack a wheel to where the image's Python finds it; a program says which Python it needs."""
    # Scheme "scripts" is where wheels keep programs, and where those of entry points are made.
    schemes = {"purelib": SITE, "platlib": SITE, "data": PREFIX, "headers": PREFIX / "include"}
    programs = PREFIX / "bin"
    destination = SchemeDictionaryDestination(
        {name: f"/{path}" for name, path in {**schemes, "scripts": programs}.items()},
        interpreter=INTERPRETER,
        script_kind="posix",
        destdir=str(root),
    )
    present = set((root / programs).iterdir())
    with WheelFile.open(wheel) as source:
        install(source, destination, additional_metadata={"INSTALLER": b"metakaito\n"})
    for program in set((root / programs).iterdir()) - present:
        if program.name != "metakaito":
            program.unlink()


def write_bill(root: Path, project: Path = SOURCE / "pyproject.toml") -> None:
    """Write what is installed for the project, its licences and who needs whom, for scanners."""
    target = root / SBOM
    target.parent.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="metakaito-bill-") as folder:
        # cyclonedx-py asks an environment for its path. This one has nothing but the image's.
        venv.create(folder, symlinks=True)
        found = sysconfig.get_path("purelib", "venv", {"base": folder})
        Path(found, "image.pth").write_text(f"{root.resolve() / SITE}\n", encoding="utf-8")
        command = (sys.executable, "-m", "cyclonedx_py", "environment", folder)
        options = ("--pyproject", project, "--output-reproducible")
        subprocess.run(  # noqa: S603  (the arguments are ours)
            [*command, *options, "--output-file", target], check=True
        )


def compile_modules(root: Path, below: Path = PREFIX / "lib" / PYTHON, processes: int = 1) -> None:
    """
    Make the byte code of all modules, which nobody can later where files are read-only.

    It holds no times, and a process of its own makes it: what this one has in memory would show.

    Args:
        root: The root directory of the image.
        below: The folder of modules in it.
        processes: How many compile at once; 0 is one for each core.

    """
    command = (sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash")
    workers = () if processes == 1 else ("-j", str(processes))
    seen_as = ("-s", root.resolve(), "-p", "/")
    subprocess.run(  # noqa: S603  (the arguments are ours)
        [*command, *workers, *seen_as, root / below],
        check=True,
        env={"PYTHONHASHSEED": "0"},  # constant sets are written in the order of their hashes
    )
