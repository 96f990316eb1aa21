"""What the house promises: one table of contents, complete locks, no trace of a machine."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("runtime", "cluster", "image", "dev", "docs")
LOCK_ENTRY = r"""(?x)
    \s* (\#.*)?                                               # nothing, or a comment
    | [a-z0-9-]+==\S+ (\s+ --hash=sha256:[0-9a-f]{64})+ \s*   # a version and its files
"""

# Written in pieces, so that this file may be searched as well.
MACHINE_PATHS = [f"/{folder}/" for folder in ("home", "root", "work", "Users")]
PACKAGE_INDEXES = [f"{name}.{end}" for name, end in (("pypi", "org"), ("pythonhosted", "org"))]


def test_help_lists_every_target() -> None:
    listed = re.findall(r"^make (\S+) +\S", make("help").stdout, flags=re.MULTILINE)

    assert sorted(listed) == sorted(phony_targets())


def test_setup_refuses_a_python_that_is_too_old(tmp_path: Path) -> None:
    refused = make("setup", "PYTHON=false", f"VENV={tmp_path}/venv")

    assert refused.returncode != 0
    assert "metakaito needs Python 3.11 or newer, and false is not" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_ci_runs_the_steps_of_make_check() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    steps = re.findall(r"^ *(?:step|make(?: --\S+)*) (\w+)$", script, flags=re.MULTILINE)

    assert steps == ["setup", *checks()[:-1], "docs", "e2e", checks()[-1]]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_each_requirement_to_hashes(lock: str) -> None:
    entries = lock_text(lock).replace("\\\n", " ").splitlines()
    unlike = [entry for entry in entries if not re.fullmatch(LOCK_ENTRY, entry)]

    assert unlike == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address(lock: str) -> None:
    assert re.findall(r"^.*(?:://|--find-links|--index|@ ).*$", lock_text(lock), re.MULTILINE) == []


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("runtime", PYPROJECT["project"]["dependencies"]),
        ("dev", PYPROJECT["project"]["dependencies"]),
        ("dev", PYPROJECT["project"]["optional-dependencies"]["dev"]),
        ("dev", PYPROJECT["build-system"]["requires"]),
        ("cluster", PYPROJECT["project"]["optional-dependencies"]["cluster"]),
        ("image", PYPROJECT["project"]["optional-dependencies"]["image"]),
        ("image", PYPROJECT["build-system"]["requires"]),
        ("docs", re.findall(r"^\w.*$", (ROOT / "requirements/docs.in").read_text(), re.MULTILINE)),
    ],
    ids=["runtime", "dev", "dev-extra", "build", "cluster", "image", "image-build", "docs"],
)
def test_a_lock_has_what_pyproject_asks_for(lock: str, requirements: list[str]) -> None:
    pinned = pins(lock)
    missing = [
        text
        for text in requirements
        if not Requirement(text).specifier.contains(
            pinned.get(canonicalize_name(Requirement(text).name), Version("0"))
        )
    ]

    assert missing == [], f"requirements/{lock}.txt is stale: run `make lock`"


def test_what_runs_is_what_was_tested() -> None:
    dev = pins("dev")

    for lock in ("runtime", "cluster", "image"):
        assert {name: dev.get(name) for name in pins(lock)} == pins(lock)


def test_the_installed_version_is_the_one_in_pyproject() -> None:
    assert metadata.version("metakaito") == PYPROJECT["project"]["version"], "run `make setup`"


def test_no_file_names_a_machine_or_a_package_index() -> None:
    words = re.compile("|".join(map(re.escape, MACHINE_PATHS + PACKAGE_INDEXES)))
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in our_files()
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1)
        if words.search(line)
    ]

    assert found == []


def test_our_files_are_found_without_git_as_well() -> None:
    walked = set(walk(ROOT))

    assert {ROOT / name for name in ("Makefile", ".ci/run", "requirements/dev.txt")} <= walked
    assert not [path for path in walked if path.is_relative_to(ROOT / ".venv")]
    assert Path(__file__) in set(our_files())


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [shutil.which("make") or "make", "--no-print-directory", *arguments]
    return subprocess.run(  # noqa: S603  (our own Makefile)
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )


def phony_targets() -> list[str]:
    [names] = re.findall(r"^\.PHONY: (.*)$", makefile(), flags=re.MULTILINE)
    return str(names).replace("$(CHECKS)", " ".join(checks())).split()


def checks() -> list[str]:
    [names] = re.findall(r"^CHECKS +:= (.*)$", makefile(), flags=re.MULTILINE)
    return str(names).split()


def makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8")


def lock_text(lock: str) -> str:
    return (ROOT / f"requirements/{lock}.txt").read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, Version]:
    found = re.findall(r"^([\w.-]+)==(\S+)", lock_text(lock), flags=re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in found}


def our_files() -> list[Path]:
    """Return what is committed or about to be; where git cannot tell, what no tool wrote."""
    git = shutil.which("git") or "false"  # a program that lists nothing
    arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(  # noqa: S603  (fixed words)
        [git, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = listing.stdout.split("\0")
    if "Makefile" not in names:
        return list(walk(ROOT))
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path
        elif path.is_dir() and not re.search(r"^\.(git|venv|hypothesis)$|cache|^dist$", path.name):
            yield from walk(path)
