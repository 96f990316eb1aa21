import json
import re
from importlib.metadata import distribution
from pathlib import Path

import pytest
from click.testing import CliRunner
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from image.__main__ import main
from image.bill import bill, bills, installed_licences
from image.locks import LOCKS, SOURCE, Pin, pins
from image.omissions import VARIANTS

BILLS = bills({("click", "0"): "of another version"})
LOCKED = {
    "metakaito.cdx.json": SOURCE / "requirements/runtime.txt",
    **{
        f"metakaito-transformers-{variant}.cdx.json": SOURCE
        / f"presets/runtimes/transformers/requirements/{variant}.txt"
        for variant in VARIANTS
    },
}
LEFT_OUT = {"cuda-bindings", "cuda-pathfinder", "nvidia-cusolver", "nvidia-nvjitlink", "triton"}


def test_there_is_one_for_each_image() -> None:
    assert list(BILLS) == list(LOCKED)


@pytest.mark.parametrize("name", BILLS)
def test_it_is_valid_cyclonedx(name: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(BILLS[name]) is None


@pytest.mark.parametrize("name", BILLS)
def test_it_has_each_package_that_is_locked_with_all_its_hashes(name: str) -> None:
    components = json.loads(BILLS[name])["components"]
    found = {
        each["name"]: (
            each["version"],
            [h["content"] for h in each["externalReferences"][0]["hashes"]],
        )
        for each in components
    }
    text = LOCKED[name].read_text(encoding="utf-8").replace("\\\n", " ")
    wanted = {
        line.split("==")[0]: (
            line.split("==")[1].split()[0],
            sorted(re.findall(r"sha256:([0-9a-f]{64})", line)),
        )
        for line in text.splitlines()
        if "==" in line
    }
    if "-cpu" in name:
        wanted = {key: value for key, value in wanted.items() if key not in LEFT_OUT}

    assert found == wanted
    assert all(hashes for _, hashes in found.values())


def test_it_says_who_needs_whom() -> None:
    needs = {
        each["ref"]: each.get("dependsOn", [])
        for each in json.loads(BILLS["metakaito.cdx.json"])["dependencies"]
    }
    version = distribution("werkzeug").version

    assert f"pkg:pypi/flask@{distribution('flask').version}" in needs["metakaito"]
    assert (
        f"pkg:pypi/werkzeug@{version}" in needs[f"pkg:pypi/flask@{distribution('flask').version}"]
    )


def test_equal_locks_make_equal_bytes(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        done = CliRunner().invoke(main, ["sbom", str(tmp_path / folder)])
        assert done.exit_code == 0, done.output

    assert contents(tmp_path / "first") == contents(tmp_path / "second")
    assert set(contents(tmp_path / "first")) == set(LOCKED)


def test_where_it_cannot_write_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = CliRunner().invoke(main, ["sbom", str(tmp_path / "file" / "below")])

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"Error: {tmp_path}/file/below: cannot be written: Not a directory\n"


def test_where_licences_are_missing_it_says_how_to_have_more(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    sites = ["--site-packages", str(tmp_path / "nothing")]
    done = CliRunner().invoke(main, ["sbom", str(tmp_path / "bills"), *sites])

    assert done.exit_code == 0
    assert done.stderr.count(" packages, the licences of 0 known\n") == len(LOCKED)
    assert "with --site-packages, is shown by" in done.stderr.splitlines()[-1]


def test_the_licence_of_every_package_of_the_hooks_is_known() -> None:
    found = json.loads(bills(installed_licences())["metakaito.cdx.json"])

    assert [each["name"] for each in found["components"] if "licenses" not in each] == []


def test_a_licence_of_another_version_is_not_said() -> None:
    pin = Pin("click", "1.0", ("0" * 64,), ("metakaito",))
    pyproject = SOURCE / "pyproject.toml"
    known = {("click", "2.0"): "MIT"}

    assert "licenses" not in json.loads(bill(pyproject, [pin], known))["components"][0]
    known[("click", "1.0")] = "BSD-3-Clause"
    [component] = json.loads(bill(pyproject, [pin], known))["components"]
    assert component["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(SOURCE)))
def test_every_line_of_a_lock_is_read(lock: Path) -> None:
    found = pins(lock)
    text = lock.read_text(encoding="utf-8")

    assert len(found) == len(re.findall(r"^[\w.-]+==", text, flags=re.MULTILINE))
    assert all(pin.hashes and pin.asked_for_by for pin in found if "-c" not in str(pin))


def test_a_line_that_pins_nothing_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("click>=8\n", encoding="utf-8")

    with pytest.raises(ValueError, match=r"lock.txt: 'click>=8' is no pin such as name==1.0"):
        pins(lock)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
