"""Which objects with ``items`` are opened as lists, and what their members are."""

import json
from typing import Any

import pytest
import yaml

from hooks.cli.files import manifests_of, yaml_nodes
from hooks.cli.positions import field_line
from tests.cli.conftest import QUICK_START, Run

ALLOWED = {
    "text": "items: [10.0.0.0/8]",
    "text under a name": "metadata: {name: a}, items: [10.0.0.0/8]",
    "objects under a name": "metadata: {name: a}, items: [{cidr: 10.0.0.0/8}]",
    "objects and text": "items: [{cidr: 10.0.0.0/8}, 10.0.0.0/8]",
    "no list": "items: {cidr: 10.0.0.0/8}",
}
# As `kubectl get --raw /api/v1/nodes` prints it.
NODES: dict[str, Any] = {
    "kind": "NodeList",
    "apiVersion": "v1",
    "metadata": {"resourceVersion": "4711"},
    "items": [
        {"metadata": {"name": "a"}, "spec": {"unschedulable": True}},
        {"metadata": {"name": "b"}, "spec": {}},
    ],
}


def contents(text: str) -> list[Any]:
    return [each.content for each in manifests_of("a.yaml", text)]


@pytest.mark.parametrize("fields", ALLOWED.values(), ids=ALLOWED)
def test_a_resource_that_is_called_a_list_is_one_object(fields: str) -> None:
    text = f"{{apiVersion: net.example/v1, kind: AllowList, {fields}}}"

    assert contents(text) == [yaml.safe_load(text)]


@pytest.mark.parametrize("items", ["[10.0.0.0/8]", "[{cidr: 10.0.0.0/8}]"], ids=["text", "objects"])
def test_a_resource_that_is_called_a_list_can_stand_beside_a_workspace(
    run: Run, items: str
) -> None:
    allowed = (
        f"---\napiVersion: net.example/v1\nkind: AllowList\nmetadata: {{name: a}}\nitems: {items}\n"
    )

    result = run("plan", "-", stdin=QUICK_START + allowed)

    alone = run("plan", "phi.yaml")
    also = "Applied from the files:\n  + AllowList   a\n\n"
    assert result == alone._replace(out=also + alone.out)


def test_the_members_of_a_list_of_one_kind_are_of_this_kind() -> None:
    a, b = NODES["items"]

    assert contents(json.dumps(NODES)) == [
        {"apiVersion": "v1", "kind": "Node", **a},
        {"apiVersion": "v1", "kind": "Node", **b},
    ]


def test_what_a_member_of_a_list_says_it_is_stands() -> None:
    other = {"apiVersion": "a.example/v1", "kind": "Other", "metadata": {"name": "a"}}

    assert contents(json.dumps({**NODES, "items": [other]})) == [other]
    assert contents(json.dumps({"apiVersion": "v1", "kind": "List", "items": [{"a": 1}]})) == [
        {"a": 1}
    ]


def test_a_raw_list_of_nodes_is_what_a_workspace_meets(run: Run) -> None:
    named = [{"apiVersion": "v1", "kind": "Node", **each} for each in NODES["items"]]
    raw, usual = json.dumps(NODES), json.dumps({**NODES, "kind": "List", "items": named})

    results = [run("plan", "phi.yaml", "--observed", "-", stdin=text) for text in (raw, usual)]

    assert results[0].err == ""
    assert results[0] == results[1]


def test_the_line_of_a_field_is_found_in_a_member_that_does_not_say_what_it_is() -> None:
    text = yaml.safe_dump(NODES, sort_keys=False)
    a, b = manifests_of("a.yaml", text)
    documents = list(yaml_nodes("a.yaml", text))

    lines = [field_line(documents, each, "metadata.name") for each in (a, b)]

    assert [text.splitlines()[line - 1].strip() for line in lines] == ["name: a", "name: b"]
