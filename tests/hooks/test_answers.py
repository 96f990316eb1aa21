from typing import Any

import pytest
from flask.testing import FlaskClient

from composite import workspace
from composite.catalog import Catalog
from hooks.answers import INTERNAL_ERROR, PATHS, answer, served
from tests.hooks.conftest import NOW
from tests.hooks.questions import (
    a_customize,
    a_namespace,
    a_namespace_sync,
    a_sync,
    a_workspace,
    text,
)

HUGE = 1e400
MISTAKEN = {
    "is a list in the place of the parent": {**a_sync(), "parent": []},
    "has no children": {k: v for k, v in a_sync().items() if k != "children"},
    "has a Node that is none": a_sync(
        nodes=[{"kind": "Node", "apiVersion": "v1", "metadata": {"name": "n"}, "spec": 7}]
    ),
    "holds no Pods": {**a_sync(), "related": {"Machine.karpenter.sh/v1alpha5": {}, "Node.v1": {}}},
    "passes a number on that is out of range": a_sync(
        a_workspace(inference={"template": {"spec": {"containers": [{"name": "a", "x": HUGE}]}}})
    ),
    "is refused": a_sync(a_workspace(preset="falcon-8b")),
    "is planned": a_sync(),
}
QUESTIONS = {
    "/workspaces/customize": a_customize(a_workspace()),
    "/machines/sync": a_namespace_sync([a_workspace()]),
    "/machines/customize": a_customize(a_namespace()),
}


def asked(client: FlaskClient, path: str, question: Any) -> tuple[int, Any, str | None]:  # noqa: ANN401  (JSON)
    body = text(question).replace(b"Infinity", b"1e400")
    found = client.post(path, data=body)
    if found.status_code == 200:
        return 200, found.get_json(), None
    return found.status_code, None, found.text.strip()


@pytest.mark.parametrize("question", MISTAKEN.values(), ids=MISTAKEN)
def test_a_question_that(client: FlaskClient, catalog: Catalog, question: Any) -> None:  # noqa: ANN401  (JSON)
    found = served("/workspaces/sync", question, catalog, NOW)

    assert (found.status, found.answer, found.error) == asked(client, "/workspaces/sync", question)


@pytest.mark.parametrize("path", QUESTIONS)
def test_answers_as_the_server_does(client: FlaskClient, catalog: Catalog, path: str) -> None:
    found = served(path, QUESTIONS[path], catalog, NOW)

    assert (found.status, found.answer, found.error) == asked(client, path, QUESTIONS[path])


def test_a_fault_of_ours_has_no_number(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(workspace, "sync", broken)
    found = served("/workspaces/sync", a_sync(), catalog, NOW)

    assert (found.status, found.error) == (500, INTERNAL_ERROR)


def test_there_are_four_hooks(catalog: Catalog) -> None:
    assert sorted(PATHS) == sorted([*QUESTIONS, "/workspaces/sync"])
    with pytest.raises(LookupError, match="there is no hook at /a"):
        answer("/a", {}, catalog, lambda: NOW)
