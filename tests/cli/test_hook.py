import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from composite.catalog import Catalog
from hooks.app import create_app
from hooks.settings import Settings
from tests.cli.conftest import Run
from tests.hooks.questions import a_customize, a_namespace, a_namespace_sync, a_sync, a_workspace

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STAMP = "2026-01-01T00:00:00Z"

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "requests").iterdir())
QUESTIONS = {
    "/workspaces/sync": a_sync(),
    "/workspaces/customize": a_customize(a_workspace()),
    "/machines/sync": a_namespace_sync([a_workspace()]),
    "/machines/customize": a_customize(a_namespace()),
}


@pytest.mark.parametrize("path", QUESTIONS)
def test_answers_as_the_server_does(run: Run, catalog: Catalog, path: str) -> None:
    client = create_app(catalog, Settings(), clock=lambda: NOW).test_client()
    command = path.rpartition("/")[2]
    more = ("--now", STAMP) if command == "sync" else ()

    result = run(command, *more, stdin=json.dumps(QUESTIONS[path]))

    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out) == client.post(path, json=QUESTIONS[path]).get_json()


def test_yaml_in_and_yaml_out_is_the_same_answer(run: Run) -> None:
    in_json = run("sync", "-", "--now", STAMP, stdin=json.dumps(a_sync()))
    in_yaml = run("sync", "-", "--now", STAMP, "-o", "yaml", stdin=yaml.safe_dump(a_sync()))

    assert in_yaml.code == 0
    assert yaml.safe_load(in_yaml.out) == json.loads(in_json.out)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_answers_the_examples(run: Run, file: Path) -> None:
    command = file.stem.rpartition("-")[2]

    result = run(command, str(file))

    answer = json.loads(result.out)
    assert (result.code, result.err) == (0, "")
    assert answer.get("children") or answer.get("attachments") or answer.get("relatedResources")


def test_there_is_an_example_for_each_hook() -> None:
    assert [f"/{file.stem.replace('-', '/')}" for file in EXAMPLES] == sorted(QUESTIONS)


def test_a_refused_workspace_is_an_answer(run: Run) -> None:
    question = a_sync(a_workspace(preset="falcon-8b"))

    result = run("sync", "--now", STAMP, stdin=json.dumps(question))

    condition = json.loads(result.out)["status"]["conditions"][0]
    assert result.code == 0
    assert (condition["type"], condition["status"]) == ("Accepted", "False")


def test_the_controller_can_be_told(run: Run) -> None:
    parent = {"metadata": {"name": "default"}}

    result = run("customize", "--controller", "machines", stdin=json.dumps({"parent": parent}))

    assert json.loads(result.out) == {
        "relatedResources": [
            {
                "apiVersion": "kaito.sh/v1alpha1",
                "resource": "workspaces",
                "namespace": "default",
            }
        ]
    }


def without(question: dict[str, Any], field: str) -> str:
    return json.dumps({key: value for key, value in question.items() if key != field})


MISTAKES = {
    "not JSON": (
        ("sync",),
        "{",
        1,
        "-:1: is not JSON: expecting property name enclosed in double quotes\n",
    ),
    "a list": (("sync",), "[]", 1, "-:1: must be a JSON object, is a list\n"),
    "nothing": (("sync",), "", 1, "-: must be one JSON object, is empty\n"),
    "nobody's request": (
        ("sync",),
        "{}",
        2,
        (
            "-: a sync request has either parent (a Workspace) or object (a Namespace), neither is "
            "there\n"
        ),
    ),
    "no children": (
        ("sync",),
        without(a_sync(), "children"),
        2,
        "-: is not a request to /workspaces/sync: children: is missing\n",
    ),
    "a Node that is none": (
        ("sync",),
        json.dumps(
            a_sync(
                nodes=[{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "spec": 7}]
            )
        ),
        2,
        ("-: is not a request to /workspaces/sync: Node n: spec: must be an object\n"),
    ),
    "no Pods": (
        ("sync",),
        json.dumps({**a_sync(), "related": {"Machine.karpenter.sh/v1alpha5": {}, "Node.v1": {}}}),
        1,
        "-: the request holds no Pod.v1: are both hooks of version v2?\n",
    ),
    "a time without an offset": (
        ("sync", "--now", "2026-01-01T00:00:00"),
        "{}",
        2,
        "--now: '2026-01-01T00:00:00' is not a time such as 2026-01-01T00:00:00Z\n",
    ),
    "a parent without a kind": (
        ("customize",),
        "{}",
        2,
        (
            "-: parent.kind: is missing, must be Workspace or Namespace; or say whose request it "
            "is with --controller\n"
        ),
    ),
    "somebody else's parent": (
        ("customize",),
        json.dumps(a_customize({"kind": "Pod"})),
        2,
        (
            "-: parent.kind: is 'Pod', must be Workspace or Namespace; or say whose request it is "
            "with --controller\n"
        ),
    ),
}


@pytest.mark.parametrize(("arguments", "question", "code", "said"), MISTAKES.values(), ids=MISTAKES)
def test_says_what_is_wrong_with_a_request(
    run: Run, arguments: tuple[str, ...], question: str, code: int, said: str
) -> None:
    assert run(*arguments, stdin=question) == (code, "", said)
