"""``python -m tests.upgrades``: what it prints, keeps, and exits with."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.upgrades import __main__ as command
from tests.upgrades import answers
from tests.upgrades.fleet import chosen

ONE = "own-nodes/one-of-two-nodes"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command.main, arguments)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A baseline of one Workspace, in a folder of its own."""
    monkeypatch.setattr(answers, "RELEASED", tmp_path)
    monkeypatch.setattr(answers, "VERSION", tmp_path / "VERSION")
    monkeypatch.setattr(command, "members", lambda: chosen([ONE]))
    return tmp_path


def test_a_report_for_people() -> None:
    result = run("report", ONE)

    assert result.exit_code == 0
    head, row, _, *summary = result.stdout.splitlines()
    assert head.split() == [
        *("WORKSPACES", "VERDICT", "PODS", "RESTARTED", "MACHINES", "REPLACED", "FIELDS")
    ]
    assert row.split()[:5] == [ONE, "unchanged", "0", "of", "1"]
    assert summary[1] == "0 of 1 pods restarted, 0 of 0 machines replaced"


def test_a_report_for_programs() -> None:
    result = run("report", "own-nodes/*", "-o", "json")

    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert [each["name"] for each in report["workspaces"]] == [
        member.name for member in chosen(["own-nodes/*"])
    ]
    assert report["workspaces"][0].keys() == {
        *("name", "story", "verdict", "declared", "pods", "machines", "changes", "madeAnew")
    }


def test_a_pattern_that_means_nobody_is_a_mistake() -> None:
    result = run("report", "own-nodes/nobody")

    assert result.exit_code == 2
    assert "nobody of the fleet is called 'own-nodes/nobody'; there are adapters/*" in result.stderr


@pytest.mark.parametrize("arguments", [["report", ONE], ["release", "--new"]])
def test_without_a_baseline_it_says_what_makes_one(elsewhere: Path, arguments: list[str]) -> None:
    result = run(*arguments)

    assert result.exit_code == 3
    assert "there is no baseline: `python -m tests.upgrades release` makes one" in result.stderr
    assert list(elsewhere.iterdir()) == []


def test_a_release_keeps_todays_answers_and_removes_what_belongs_to_nobody(elsewhere: Path) -> None:
    stale = elsewhere / "own-nodes" / "gone.yaml"
    stale.parent.mkdir()
    stale.touch()

    result = run("release")

    version = command.current_version()
    assert result.exit_code == 0
    assert result.stdout.endswith(
        f"kept the answers of {version} for 1 of the fleet, and removed 1 that belong to nobody\n"
    )
    files = sorted(str(path.relative_to(elsewhere)) for path in elsewhere.rglob("*.*"))
    assert files == [f"{ONE}.yaml"]
    assert (elsewhere / "VERSION").read_text() == f"{version}\n"
    [member] = chosen([ONE])
    assert answers.released(member).workspaces["default/phi-3"]["children"]


def test_a_release_of_what_is_new_keeps_what_there_is(elsewhere: Path) -> None:
    run("release")
    kept = elsewhere / f"{ONE}.yaml"
    kept.write_text("as it was")

    result = run("release", "--new")

    assert result.stdout.endswith("for 0 of the fleet\n")
    assert kept.read_text() == "as it was"


def test_what_restarts_undeclared_and_what_is_misspelt_are_told_apart(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("release")
    path = elsewhere / f"{ONE}.yaml"
    path.write_text(path.read_text().replace("periodSeconds: 10", "periodSeconds: 99"))
    monkeypatch.setattr(command, "ROOT", elsewhere)
    changelog = elsewhere / "CHANGELOG.md"
    head = "## 1.0.0 (not yet released)\n\n"
    declared = "* **Roll-out**: `Deployment spec.template.spec.containers[*]`: why\n"

    codes = []
    for text in (head, head + declared, f"{head}* Roll-out: of something\n"):
        changelog.write_text(text)
        codes.append(run("report", ONE).exit_code)

    assert codes == [1, 0, 3]
