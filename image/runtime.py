"""The files of the runtime's image: Python with the locked packages, a shell, and our own code."""

import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

from installer.scripts import Script

from image.interpreter import INTERPRETER, PREFIX, copy_interpreter, copy_libraries
from image.omissions import FOUND_LATER, Variant, omit
from image.packages import SITE, SOURCE, compile_modules, write_bill

RUNTIME = SOURCE / "presets/runtimes/transformers"
PROJECT = RUNTIME / "pyproject.toml"
WORKSPACE = Path("workspace/tfs")
"""The working directory: where Kaito's command lines expect the scripts, and ``weights``."""

PROGRAMS = ("accelerate", "torchrun")
"""Those of the packages' programs that command lines name; they are put where PATH finds them."""

CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")
"""As Debian has them: whom this machine trusts, a company's proxy included, the image trusts."""

NO_CODE = shutil.ignore_patterns(
    ".*", "*.egg-info", "__pycache__", "bench", "Dockerfile*", "requirements", "tests", "weights"
)
MEBI = 2**20

Say = Callable[[str], None]


def lock_file(variant: Variant) -> Path:
    """Return the requirements of the variant, each with its hashes."""
    return RUNTIME / f"requirements/{variant}.txt"


def make_packages(root: Path, variant: Variant, say: Say) -> None:
    """
    Write all of the image but our own code into a new directory; it says what it does.

    Args:
        root: Best on the file system of uv's cache, where nothing is copied then.
        variant: Which packages, and what of them.
        say: Takes a line of progress.

    Raises:
        subprocess.CalledProcessError: A wheel cannot be had, or differs from its hash. What went
            wrong is on standard error.
        LookupError: The packages are others than ``omissions.py`` knows, or need a library that
            this machine does not have.
        FileNotFoundError: This machine has no shell or no certificates.

    """
    root.mkdir(parents=True)
    copy_interpreter(root)
    copy_shell(root)
    copy_certificates(root)
    say("copied Python, a shell and certificates")
    install_locked(root / SITE, lock_file(variant))
    write_programs(root)
    say(f"installed what {lock_file(variant).relative_to(SOURCE)} locks")
    omitted = omit(root / SITE, variant)
    for pattern, size in omitted.items():
        if size >= MEBI:
            say(f"left out {size / MEBI:6.0f} MiB  {pattern}")
    write_bill(root, PROJECT)
    compile_modules(root, processes=0)
    say("compiled the modules")
    copy_libraries(root, FOUND_LATER[variant])
    say("copied libraries")


def make_code(root: Path) -> None:
    """
    Write our own code into a new directory, as it is below the image's root.

    The weights' directory is there and empty: an image or a volume is mounted on it.
    """
    shutil.copytree(RUNTIME, root / WORKSPACE, ignore=NO_CODE)
    compile_modules(root, WORKSPACE)
    (root / WORKSPACE / "weights").mkdir()


def install_locked(site: Path, lock: Path) -> None:
    """Install what is locked into a folder; uv takes it from its cache, in seconds."""
    command = (sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable)
    wanted = ("--no-deps", "--require-hashes", "--only-binary=:all:", "--requirement", lock)
    subprocess.run(  # noqa: S603  (the arguments are ours)
        [*command, "--target", site, *wanted], check=True
    )


def write_programs(root: Path) -> None:
    """Write the programs of packages that command lines name."""
    found = {
        point.name: point
        for each in distributions(path=[str(root / SITE)])
        for point in each.entry_points.select(group="console_scripts")
    }
    for name in PROGRAMS:
        point = found[name]
        script = Script(name, point.module, point.attr, "console")
        path = root / PREFIX / "bin" / name
        path.write_bytes(script.generate(INTERPRETER, "posix")[1])
        path.chmod(0o755)


def copy_shell(root: Path) -> None:
    """Write this machine's POSIX shell to where command lines have it."""
    (root / "bin").mkdir()
    shutil.copy(Path("/bin/sh").resolve(), root / "bin/sh")


def copy_certificates(root: Path) -> None:
    """Write the certificates that this machine trusts to where Debian has them."""
    own = ssl.get_default_verify_paths().cafile
    source = next(path for path in (Path("/", CERTIFICATES), Path(own or "/")) if path.is_file())
    (root / CERTIFICATES).parent.mkdir(parents=True)
    shutil.copy(source, root / CERTIFICATES)


def ingredients(variant: Variant) -> list[Path]:
    """Return the files that decide what :func:`make_packages` makes."""
    modules = ("interpreter", "layer", "omissions", "packages", "runtime")
    ours = [Path(__file__).with_name(f"{module}.py") for module in modules]
    machine = [Path(sys.executable).resolve(), Path("/bin/sh").resolve(), Path("/", CERTIFICATES)]
    return [lock_file(variant), PROJECT, *ours, *machine]
