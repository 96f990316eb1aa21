import json
import logging
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from composite.metacontroller import SyncResponse
from composite.workspace.api import Condition, WorkspaceStatus
from hooks import logs
from tests.hooks.conftest import NOW, Lines
from tests.hooks.questions import a_namespace_sync, a_sync, a_workspace, text


def test_a_workspace_that_is_accepted_is_one_line_that_names_what_is_made(
    client: FlaskClient, lines: Lines
) -> None:
    answer = client.post("/workspaces/sync", data=text(a_sync())).get_json()

    [revision] = [
        child["metadata"]["name"]
        for child in answer["children"]
        if child["kind"] == "ControllerRevision"
    ]
    [line] = lines()
    conditions = line.pop("conditions")
    assert line == {
        "level": "info",
        "logger": "metakaito",
        "message": "workspaces/sync accepted",
        "hook": "workspaces/sync",
        "outcome": "accepted",
        "controller": "metakaito-workspaces",
        "namespace": "default",
        "name": "falcon",
        "generation": 3,
        "children": 2,
        "creates": [f"ControllerRevision/{revision}", "Service/falcon"],
        "machines": [answer["status"]["machines"][0]["name"]],
    }
    assert conditions[0] == "Accepted=True Accepted"
    assert len(conditions) == len(answer["status"]["conditions"])


def test_an_answer_that_changes_nothing_is_a_line_without_names(
    client: FlaskClient, lines: Lines
) -> None:
    first = client.post("/workspaces/sync", data=text(a_sync())).get_json()
    settled = a_sync(a_workspace(status=first["status"]), children=first["children"])

    client.post("/workspaces/sync", data=text(settled))

    assert lines()[1] == {
        "level": "info",
        "logger": "metakaito",
        "message": "workspaces/sync accepted",
        "hook": "workspaces/sync",
        "outcome": "accepted",
        "controller": "metakaito-workspaces",
        "namespace": "default",
        "name": "falcon",
        "generation": 3,
        "children": 2,
    }


def test_a_refusal_names_the_field_and_quotes_nothing(client: FlaskClient, lines: Lines) -> None:
    client.post("/workspaces/sync", data=text(a_sync(a_workspace(preset="falcon-77"))))

    [line] = lines()
    assert (line["outcome"], line["field"], line["children"]) == (
        "refused",
        "inference.preset.name",
        0,
    )
    assert "falcon-77" not in json.dumps(line)


def test_machines_are_named_when_they_are_made_and_deleted(
    client: FlaskClient, lines: Lines
) -> None:
    status = client.post("/workspaces/sync", data=text(a_sync())).get_json()["status"]
    workspace = a_workspace(status={**status, "observedGeneration": 3})
    [name] = [machine["name"] for machine in status["machines"]]

    made = client.post("/machines/sync", data=text(a_namespace_sync([workspace]))).get_json()
    there = made["attachments"]
    client.post("/machines/sync", data=text(a_namespace_sync([workspace], there)))
    client.post("/machines/sync", data=text(a_namespace_sync([], there)))

    changes = [
        {key: line[key] for key in ("name", "children", "creates", "deletes") if key in line}
        for line in lines()[1:]
    ]
    assert changes == [
        {"name": "default", "children": 1, "creates": [f"Machine/{name}"]},
        {"name": "default", "children": 1},
        {"name": "default", "children": 0, "deletes": [f"Machine/{name}"]},
    ]


def test_many_names_are_cut() -> None:
    names = [f"ws{index:09}" for index in range(1000)]

    assert logs.listed("machines", names) == {"machines": [*names[:20], "and 980 more"]}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("resource.count: is 0, must be at least 1", "resource.count"),
        ("inference.adapters[1].source.name: is taken", "inference.adapters[1].source.name"),
        ("metadata.name: a: b", "metadata.name"),
        ("inference: exactly one is needed; tuning: no", "inference"),
        ("Something else", "unknown"),
    ],
)
def test_the_field_of_a_refusal_is_what_its_message_begins_with(message: str, field: str) -> None:
    condition = Condition(
        type="Accepted", status="False", reason="Refused", message=message, lastTransitionTime=NOW
    )
    status = WorkspaceStatus(workerNodes=[], machines=[], conditions=[condition])

    assert logs.refused_field(SyncResponse(status=status, children=[])) == field


@pytest.mark.parametrize("document", [None, [], {"parent": 1}, {"parent": {"metadata": []}}, "x"])
def test_whoever_asks_may_be_unknown(document: object) -> None:
    assert set(logs.identity(document).values()) == {None}


class TestForms:
    @pytest.fixture(autouse=True)
    def _root_logger(self) -> Iterator[None]:
        root = logging.getLogger()
        before, level = root.handlers[:], root.level
        root.handlers[:] = []
        yield
        root.handlers[:] = before
        root.setLevel(level)

    def test_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", "json")

        logs.LOGGER.info("hello %s", "wörld", extra={"fields": {"children": 2, "field": None}})

        [text_line] = capsys.readouterr().out.splitlines()
        line = json.loads(text_line)
        assert line.pop("time").endswith("Z")
        assert line == {
            "level": "info",
            "logger": "metakaito",
            "message": "hello wörld",
            "children": 2,
        }

    def test_text(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", "text")

        logs.LOGGER.warning("hi", extra={"fields": {"name": "a b", "field": "c", "names": ["d"]}})

        _, line = capsys.readouterr().out.split(" ", 1)
        assert line == 'WARNING hi name="a b" field=c names=["d"]\n'

    def test_a_traceback_follows_in_text(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", "text")

        logs.LOGGER.error("oh", exc_info=a_fault())

        first, *_, last = capsys.readouterr().out.splitlines()
        assert first.endswith(" ERROR oh")
        assert last == "KeyError: 'a'"

    def test_a_traceback_is_a_field_in_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", "json")

        logs.LOGGER.error("oh", exc_info=a_fault())

        [line] = capsys.readouterr().out.splitlines()
        assert json.loads(line)["exception"].endswith("\nKeyError: 'a'")

    def test_the_level_is_the_least_serious(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("warning", "json")

        logs.LOGGER.info("not this")
        logs.LOGGER.warning("but this")

        [line] = capsys.readouterr().out.splitlines()
        assert json.loads(line)["message"] == "but this"


def test_the_cause_of_a_fault_comes_first() -> None:
    fault = ValueError("no b")
    fault.__cause__ = a_fault()

    *_, cause, and_then, effect = logs.describe(fault).splitlines()
    assert (cause, and_then, effect) == ("KeyError: 'a'", "and then", "ValueError: no b")


def a_fault() -> KeyError:
    nothing: dict[str, str] = {}
    with pytest.raises(KeyError) as caught:
        nothing["a"]
    return caught.value
