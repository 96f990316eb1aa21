import json
import re
import shutil
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from image.__main__ import described
from image.archive import write_archive
from image.interpreter import INTERPRETER, PYTHON
from image.packages import LOCK, SITE, SOURCE


def installed(root: Path) -> dict[str, str]:
    found = distributions(path=[str(root / SITE)])
    return {canonicalize_name(each.name): each.version for each in found}


def pinned() -> dict[str, str]:
    """What the lock and our own wheel bring; none of it only on some systems."""
    pins = re.findall(r"^([^\s=]+)==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    return {**dict[str, str](pins), "metakaito": version()}


def version() -> str:
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def test_exactly_what_is_locked_is_installed(root: Path) -> None:
    assert installed(root) == pinned()


def test_there_is_no_program_but_ours_and_python(root: Path) -> None:
    programs = [path for path in root.rglob("*") if path.is_file() and path.stat().st_mode & 0o111]
    named = {str(path.relative_to(root)) for path in programs if ".so" not in path.name}
    scripts = {name for name in named if "/site-packages/" not in name}

    assert {name for name in scripts if "/lib/python" not in name} == {
        f"usr/local/bin/{name}" for name in ("metakaito", "python", "python3", PYTHON)
    }
    assert (root / "usr/local/bin/metakaito").read_text().startswith(f"#!{INTERPRETER}\n")


def test_the_bill_lists_what_is_installed(root: Path) -> None:
    place = described().labels["io.metakaito.sbom"]
    bill = json.loads((root / place.lstrip("/")).read_text(encoding="utf-8"))
    component = bill["metadata"]["component"]
    listed = [(canonicalize_name(each["name"]), each["version"]) for each in bill["components"]]

    assert (component["name"], component["version"]) == ("metakaito", version())
    assert dict(listed) == {name: v for name, v in installed(root).items() if name != "metakaito"}


def test_scanners_see_where_the_libraries_come_from(root: Path) -> None:
    if shutil.which("dpkg-query") is None:
        pytest.skip("this machine's packages are not Debian's, so nothing is told of them")
    status = (root / "var/lib/dpkg/status.d/libc6").read_text(encoding="utf-8")

    assert re.search(r"^Version: \S+$", status, re.MULTILINE)


def test_equal_files_make_an_equal_archive(root: Path, tmp_path: Path) -> None:
    """Whoever owns the files, and whenever they were written."""
    some, same = tmp_path / "some", tmp_path / "same"
    shutil.copytree(root / "etc", some / "etc")
    shutil.copytree(root / "etc", same / "etc", copy_function=shutil.copyfile)
    archives = [tmp_path / "some.tar", tmp_path / "same.tar"]
    for folder, archive in zip((some, same), archives, strict=True):
        write_archive(described(), folder, archive)

    assert archives[0].read_bytes() == archives[1].read_bytes()
