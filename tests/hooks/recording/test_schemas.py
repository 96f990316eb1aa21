"""What is recorded, and what is printed of it, is as the committed schemas say."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.conftest import Run, folder, run
from tests.cli.test_replay import STAMP, a_recording, another, put
from tests.hooks.questions import a_sync

__all__ = ["folder", "run"]

ROOT = Path(__file__).parents[3]
RECORDED = sorted((ROOT / "examples/recorded").glob("*.json"))


def validator(name: str) -> jsonschema.Draft202012Validator:
    """Return what holds against the committed schema; it refuses what the schema does not know."""
    schema = json.loads((ROOT / f"schemas/{name}.schema.json").read_text(encoding="utf-8"))
    assert schema["additionalProperties"] is False
    return jsonschema.Draft202012Validator(schema)


def an_error() -> Any:  # noqa: ANN401  (JSON)
    """A recording of a question that is refused."""
    related: dict[str, Any] = {"Machine.karpenter.sh/v1alpha5": {}, "Node.v1": {}}
    return a_recording({**a_sync(), "related": related})


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_a_recording_of_the_examples(file: Path) -> None:
    validator("recording").validate(json.loads(file.read_text(encoding="utf-8")))


def test_a_recording_of_an_answer_and_of_an_error() -> None:
    for found in (a_recording(), an_error()):
        validator("recording").validate(found)


@pytest.mark.parametrize(
    "wrong",
    [{"format": "other"}, {"status": "200"}, {"more": 1}, {"hidden": {"a": "b"}}, {"asOf": 5}],
    ids=str,
)
def test_what_is_no_recording_is_refused(wrong: dict[str, Any]) -> None:
    assert not validator("recording").is_valid({**a_recording(), **wrong})


def test_what_replay_prints_of_each_verdict(run: Run, folder: Path) -> None:
    found = a_recording()
    found["settings"]["presets"] = "0123456789ab"
    del found["answer"]["children"][0]
    put(folder, "d/other-settings-and-a-child-more.json", found)
    put(folder, "d/differs.json", another(a_recording()))
    put(folder, "d/equal.json", a_recording())
    put(folder, "d/unreadable.json", {})
    put(folder, "d/error.json", {**an_error(), "error": "another"})

    result = run("replay", "d", str(ROOT / "examples/recorded"), "--now", STAMP, "-o", "json")

    report = json.loads(result.out)
    validator("replay").validate(report)
    assert report["counts"] == {"equal": 2, "differs": 3, "redacted": 1, "unreadable": 1}


@pytest.mark.parametrize("name", ["recording", "replay"])
def test_the_command_prints_what_is_committed(run: Run, name: str) -> None:
    committed = (ROOT / f"schemas/{name}.schema.json").read_text(encoding="utf-8")

    assert run("schema", name) == (0, committed, "")
