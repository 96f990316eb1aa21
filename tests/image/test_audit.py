"""Advisories written by hand in the format of https://ossf.github.io/osv-schema/."""

import json
import shlex
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from composite.models import JsonObject
from image.__main__ import main
from image.advisories import Advisory

LOCK = """\
first-one==1.5.0 \\
    --hash=sha256:{hash}
    # via metakaito (pyproject.toml)
second==2.0
    # via first-one
""".replace("{hash}", "0" * 64)


def advisory(*events: dict[str, str], **changes: object) -> JsonObject:
    """Return an advisory of ``First.One`` with one range of these events."""
    affected = {
        "package": {"ecosystem": "PyPI", "name": "First.One"},
        "ranges": [{"type": "ECOSYSTEM", "events": list(events)}],
    }
    standard = {
        "schema_version": "1.6.0",
        "id": "GHSA-aaaa-bbbb-cccc",
        "modified": "2026-05-06T07:08:09Z",
        "aliases": ["CVE-2026-1"],
        "summary": "It can be\n made to.",
        "affected": [affected],
    }
    return standard | changes


ALWAYS = {"introduced": "0"}


@pytest.mark.parametrize(
    ("events", "affected"),
    [
        ([ALWAYS], "0.1 1.0 1.5 2.0"),
        ([ALWAYS, {"fixed": "1.5"}], "0.1 1.0"),
        ([{"introduced": "1.0"}, {"fixed": "1.5"}], "1.0"),
        ([{"introduced": "1.0"}, {"last_affected": "1.5"}], "1.0 1.5"),
        ([{"fixed": "1.0"}, ALWAYS, {"introduced": "2.0"}], "0.1 2.0"),
        ([{"introduced": "1.0"}, {"fixed": "nothing that is a version"}], "1.0 1.5 2.0"),
        ([], ""),
    ],
)
def test_the_last_event_up_to_a_version_decides(
    events: list[dict[str, str]], affected: str
) -> None:
    found = Advisory.model_validate(advisory(*events))

    assert [v for v in ("0.1", "1.0", "1.5", "2.0") if found.affects("first-one", v)] == (
        affected.split()
    )


def test_a_pre_release_is_before_its_release() -> None:
    found = Advisory.model_validate(advisory(ALWAYS, {"fixed": "1.5"}))

    assert [found.affects("first-one", v) for v in ("1.5rc1", "1.5", "1.5.post1")] == [
        True,
        False,
        False,
    ]


def test_versions_that_are_listed_are_affected_without_a_range() -> None:
    listed = {"package": {"ecosystem": "PyPI", "name": "first_one"}, "versions": ["1.5.0"]}
    found = Advisory.model_validate(advisory(affected=[listed]))

    assert found.affects("first-one", "1.5.0")
    assert not found.affects("first-one", "1.5.1")


@pytest.mark.parametrize(
    "changes",
    [
        {"withdrawn": "2026-05-07T00:00:00Z"},
        {
            "affected": [
                {"package": {"ecosystem": "npm", "name": "first-one"}, "versions": ["1.5.0"]}
            ]
        },
        {"affected": [{"package": {"ecosystem": "PyPI", "name": "first"}, "versions": ["1.5.0"]}]},
        {"affected": [{"ranges": [{"type": "GIT", "events": [ALWAYS]}]}]},
        {
            "affected": [
                {
                    "package": {"ecosystem": "PyPI", "name": "first-one"},
                    "ranges": [{"type": "GIT", "repo": "r", "events": [ALWAYS]}],
                }
            ]
        },
        {"affected": []},
    ],
    ids=["withdrawn", "ecosystem", "name", "no package", "commits", "nothing"],
)
def test_what_is_of_something_else_affects_nothing(changes: JsonObject) -> None:
    found = Advisory.model_validate(advisory(ALWAYS, **changes))

    assert not found.affects("first-one", "1.5.0")


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "lock.txt"
    path.write_text(LOCK, encoding="utf-8")
    return path


def audited(database: Path, lock: Path, *options: str) -> Result:
    arguments = ["audit", "--database", str(database), *options, str(lock)]
    return CliRunner().invoke(main, arguments)


def folder(tmp_path: Path, *written: JsonObject) -> Path:
    place = tmp_path / "advisories" / "PyPI"
    place.mkdir(parents=True)
    for number, each in enumerate(written):
        (place / f"{number}.json").write_text(json.dumps(each), encoding="utf-8")
    return place.parent


def test_it_tells_package_version_id_and_what_mends_it(tmp_path: Path, lock: Path) -> None:
    done = audited(folder(tmp_path, advisory(ALWAYS, {"fixed": "1.6"}, {"fixed": "3.0"})), lock)

    assert done.stdout.splitlines() == [
        f"first-one 1.5.0: GHSA-aaaa-bbbb-cccc (CVE-2026-1), fixed in 1.6; in {lock}",
        "  It can be made to.",
    ]
    assert done.stderr == (
        "known weaknesses: 1 in 2 packages; advisories: 1, the newest of 2026-05-06\n"
    )
    assert done.exit_code == 1


def test_without_a_fix_it_says_so(tmp_path: Path, lock: Path) -> None:
    done = audited(folder(tmp_path, advisory(ALWAYS, aliases=[], summary="")), lock)

    assert done.stdout == f"first-one 1.5.0: GHSA-aaaa-bbbb-cccc, not fixed yet; in {lock}\n"


def test_nothing_known_is_0(tmp_path: Path, lock: Path) -> None:
    done = audited(folder(tmp_path, advisory(ALWAYS, {"fixed": "1.5"})), lock)

    assert (done.exit_code, done.stdout) == (0, "")


@pytest.mark.parametrize("name", ["GHSA-aaaa-bbbb-cccc", "CVE-2026-1"])
def test_what_was_looked_at_is_ignored_by_its_id_or_alias(
    tmp_path: Path, lock: Path, name: str
) -> None:
    done = audited(folder(tmp_path, advisory(ALWAYS)), lock, "--ignore", name)

    assert (done.exit_code, done.stdout) == (0, "")
    assert "known weaknesses: 0 in 2 packages, 1 ignored;" in done.stderr


def test_a_zip_is_read_as_a_folder(tmp_path: Path, lock: Path) -> None:
    packed = tmp_path / "all.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("GHSA-aaaa-bbbb-cccc.json", json.dumps(advisory(ALWAYS)))
        archive.writestr("README", "no advisory")

    assert audited(packed, lock).exit_code == 1


EXPORT = "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip"


@pytest.mark.parametrize("name", ["none.zip", "none", "a space/none.zip"])
def test_without_a_database_it_says_how_to_get_one_to_that_place(
    tmp_path: Path, lock: Path, name: str
) -> None:
    done = audited(tmp_path / name, lock)

    place = shlex.quote(f"{tmp_path}/{name}")
    assert done.exit_code == 3
    assert done.stderr == (
        f"{tmp_path}/{name}: is not there\nGet all advisories, and ask again:\n"
        f"  curl --fail --create-dirs -o {place} {EXPORT}\n"
        f"  .venv/bin/python -m image audit --database {place}\n"
    )


def test_where_the_database_is_a_folder_the_archive_goes_into_it(
    tmp_path: Path, lock: Path
) -> None:
    done = audited(tmp_path, lock)

    assert done.stderr.splitlines()[2:] == [
        f"  curl --fail --create-dirs -o {tmp_path}/PyPI.zip {EXPORT}",
        f"  .venv/bin/python -m image audit --database {tmp_path}/PyPI.zip",
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.zip", b"nothing", "a.zip: is neither a folder nor a ZIP: File is not a zip file"),
        ("a.zip/below", b"", "a.zip/below: cannot be read: Not a directory"),
        ("empty", None, "empty: holds no advisory, that is no file *.json"),
    ],
)
def test_a_database_that_cannot_be_read_is_never_taken_for_one_without_findings(
    tmp_path: Path, lock: Path, name: str, content: bytes | None, said: str
) -> None:
    place = tmp_path / name
    if content is None:
        place.mkdir()
    elif place.parent == tmp_path:
        place.write_bytes(content)
    else:
        place.parent.write_bytes(content)
    done = audited(place, lock)

    assert done.exit_code == 3
    assert said in done.stderr


def test_what_is_no_advisory_is_named(tmp_path: Path, lock: Path) -> None:
    done = audited(folder(tmp_path, {"id": "A"}), lock)

    assert done.exit_code == 3
    assert "PyPI/0.json: modified: Field required" in done.stderr


def test_what_is_no_json_is_named(tmp_path: Path, lock: Path) -> None:
    database = folder(tmp_path)
    (database / "a.json").write_text("{", encoding="utf-8")
    done = audited(database, lock)

    assert done.exit_code == 3
    assert f"{database}: a.json: Invalid JSON: EOF while parsing" in done.stderr


def test_what_is_ignored_for_nothing_is_told(tmp_path: Path, lock: Path) -> None:
    ignored = ("--ignore", "CVE-2026-1", "--ignore", "CVE-2026-2")
    done = audited(folder(tmp_path, advisory(ALWAYS)), lock, *ignored)

    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines()[0] == (
        "--ignore CVE-2026-2: nothing of that id or alias is found in what is locked; leave it out"
    )
    assert len(done.stderr.splitlines()) == 2


def test_a_lock_that_cannot_be_read_is_a_mistake_of_the_command_line(
    tmp_path: Path, lock: Path
) -> None:
    lock.write_text("first-one>=1\n", encoding="utf-8")
    done = audited(folder(tmp_path, advisory(ALWAYS)), lock)

    assert done.exit_code == 2
    assert "'first-one>=1' is no pin such as name==1.0" in done.stderr


def test_without_locks_all_of_the_repository_are_looked_at(tmp_path: Path) -> None:
    listed = {
        "package": {"ecosystem": "PyPI", "name": "flask"},
        "ranges": [{"type": "ECOSYSTEM", "events": [ALWAYS]}],
    }
    database = folder(tmp_path, advisory(affected=[listed]))
    done = CliRunner().invoke(main, ["audit", "--database", str(database)])

    [line, _] = done.stdout.splitlines()
    assert line.endswith(
        "in requirements/cluster.txt, requirements/dev.txt, requirements/image.txt, "
        "requirements/runtime.txt"
    )
