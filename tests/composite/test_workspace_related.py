"""What Metacontroller is asked to send along: little, and never anything that changes."""

import json

import pytest

from composite import machines, workspace
from composite.catalog import Catalog
from composite.models import JsonObject
from composite.workspace.related import ATTEMPTS, machine_name
from tests.composite.makers import (
    UID,
    a_resource,
    a_workspace,
    on_existing_nodes,
    on_nodeclaims,
)


def rules(catalog: Catalog, parent: JsonObject | None = None) -> list[JsonObject]:
    question = workspace.CustomizeQuestion.model_validate({"parent": parent or a_workspace()})
    return list(workspace.customize(question, catalog).to_json()["relatedResources"])


def asked_names(*indices: int) -> list[str]:
    return [machine_name(UID, index, n) for index in indices for n in range(ATTEMPTS)]


PODS = {
    "apiVersion": "v1",
    "resource": "pods",
    "namespace": "default",
    "labelSelector": {"matchLabels": {"kaito.sh/workspace": "phi"}},
}


def nodes(**labels: str) -> JsonObject:
    return {"apiVersion": "v1", "resource": "nodes", "labelSelector": {"matchLabels": labels}}


def test_asks_for_machines_by_name_for_its_pods_and_for_nodes_by_label(catalog: Catalog) -> None:
    assert rules(catalog) == [
        {"apiVersion": "karpenter.sh/v1alpha5", "resource": "machines", "names": asked_names(0)},
        PODS,
        nodes(apps="phi-3"),
    ]


def test_asks_for_nodeclaims_where_those_are_made(catalog: Catalog) -> None:
    assert rules(on_nodeclaims(catalog))[0] == {
        "apiVersion": "karpenter.sh/v1",
        "resource": "nodeclaims",
        "names": asked_names(0),
    }


def test_asks_for_neither_where_nodes_are_brought(catalog: Catalog) -> None:
    assert rules(on_existing_nodes(catalog)) == [PODS, nodes(apps="phi-3")]


def test_asks_for_the_machines_of_every_node(catalog: Catalog) -> None:
    [found, *_] = rules(catalog, a_workspace(resource=a_resource(count=3)))

    assert found["names"] == asked_names(0, 1, 2)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (
            {"matchLabels": {"b": "2"}, "matchExpressions": [
                {"key": "a", "operator": "In", "values": ["1"]}]},
            nodes(a="1", b="2"),
        ),
        # What is ours to set is not what a node is found by.
        ({"matchLabels": {"apps": "x", "karpenter.sh/nodepool": "y"}}, nodes(apps="x")),
    ],
)  # fmt: skip
def test_both_forms_of_labels_find_nodes(
    catalog: Catalog, selector: JsonObject, expected: JsonObject
) -> None:
    parent = a_workspace(resource=a_resource(labelSelector=selector))

    assert rules(catalog, parent)[-1] == expected


UNREADABLE: list[object] = [
    "x", 3, [], {}, {"labelSelector": "x"}, {"labelSelector": {"matchLabels": ["x"]}},
    {"labelSelector": {"matchExpressions": [3, {"values": []}, {"key": 3, "values": ["x"]}]}},
    {"labelSelector": {"matchLabels": {"a": 1}}, "count": "many"},
    {"count": True, "labelSelector": {"matchExpressions": "x"}},
]  # fmt: skip


@pytest.mark.parametrize("resource", UNREADABLE, ids=json.dumps)
def test_a_workspace_that_cannot_be_read_still_sees_its_own(
    catalog: Catalog, resource: object
) -> None:
    own = nodes(**{"kaito.sh/workspace": "phi"})

    assert rules(catalog, a_workspace(resource=resource)) == [
        {"apiVersion": "karpenter.sh/v1alpha5", "resource": "machines", "names": asked_names(0)},
        PODS,
        own,
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"status": {"machines": [], "workerNodes": ["node-1"], "observedGeneration": 7}},
        {"annotations": {"kaito.sh/enablelb": "True"}},
        {"labels": {"team": "a"}},
        {"deletionTimestamp": "2026-01-01T00:00:00Z"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_while_nothing_is_edited_the_answer_is_always_the_same(
    catalog: Catalog, changed: JsonObject
) -> None:
    assert rules(catalog, a_workspace(**changed)) == rules(catalog)


def test_an_edit_asks_for_what_the_plan_before_it_is_made_of_and_for_nothing_less(
    catalog: Catalog,
) -> None:
    planned = {"name": machine_name(UID, 1, 0), "index": 1, "labels": {"apps": "before"}}
    status = {"observedGeneration": 1, "machines": [planned], "workerNodes": ["node-7"]}

    asked = rules(catalog, a_workspace(generation=2, status=status))

    [machines_rule, *others] = rules(catalog)
    assert all(rule in asked for rule in others)
    assert set(machines_rule["names"]) < set(asked[0]["names"])
    assert {"apiVersion": "v1", "resource": "nodes", "names": ["node-7"]} in asked
    labels = {"matchLabels": {"apps": "before"}}
    assert {"apiVersion": "v1", "resource": "nodes", "labelSelector": labels} in asked


def test_a_count_no_api_server_lets_pass_asks_for_no_more_than_a_hundred(catalog: Catalog) -> None:
    [found, *_] = rules(catalog, a_workspace(resource=a_resource(count=10**9)))

    assert len(found["names"]) == 100 * ATTEMPTS


def test_a_namespace_asks_for_its_workspaces_and_nothing_else(catalog: Catalog) -> None:
    question = {"parent": {"metadata": {"name": "team-a"}}}

    answer = machines.customize(machines.CustomizeQuestion.model_validate(question), catalog)

    assert answer.to_json() == {
        "relatedResources": [
            {"apiVersion": "kaito.sh/v1alpha1", "resource": "workspaces", "namespace": "team-a"}
        ]
    }
