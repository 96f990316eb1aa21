"""
What nobody can make the hooks do, whatever he writes: the tests that docs/security.md names.

The author of a Workspace writes its fields, labels and annotations. Who may write its status is
another one, and so is who makes Machines and Nodes.
"""

import json
from typing import Any

import pytest

from composite import machines, workspace
from composite.catalog import Catalog
from composite.models import JsonObject
from composite.workspace.api import MAX_COUNT
from composite.workspace.related import ATTEMPTS, machine_name
from tests.composite.makers import (
    CHILD_KINDS,
    LABELS,
    TYPE,
    UID,
    a_machine,
    a_namespace_request,
    a_node,
    a_request,
    a_resource,
    a_template,
    a_tuner,
    a_workspace,
    condition,
    machines_synced,
    serving,
    synced,
    the,
)
from tests.golden.test_golden import CASES, read

ANOTHER_UID = "9e8d7c6b-5a49-4382-9171-605f4e3d2c1b"

# --- the author ---------------------------------------------------------------------------------

# A pod template in which all is tried at once.
GREEDY: JsonObject = {
    "metadata": {
        "name": "mine",
        "namespace": "kube-system",
        "labels": {"kaito.sh/workspace": "another", "app": "mine"},
        "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "1"}],
    },
    "spec": {
        "containers": [
            {
                "name": "mine",
                "image": "registry.example/mine:1",
                "securityContext": {"privileged": True},
            }
        ],
        "hostNetwork": True,
        "hostPID": True,
        "nodeName": "control-plane",
        "nodeSelector": {"pool": "theirs"},
        "serviceAccountName": "somebody",
        "tolerations": [{"operator": "Exists"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [
                                {"key": "kaito.sh/workspace", "operator": "In", "values": ["other"]}
                            ]
                        },
                        {
                            "matchFields": [
                                {"key": "metadata.name", "operator": "In", "values": ["node-9"]}
                            ]
                        },
                    ]
                }
            }
        },
        "volumes": [{"name": "node", "hostPath": {"path": "/"}}],
    },
}


def greedy(catalog: Catalog) -> JsonObject:
    """Return the Deployment of a Workspace that brings this template."""
    parent = a_workspace(inference={"template": GREEDY})
    request = a_request(parent, related=[a_node(labels=LABELS)])
    return the(synced(request, catalog), "Deployment")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_children_are_of_the_declared_kinds_and_in_the_namespace_of_their_workspace(
    case: Any,  # noqa: ANN401  (a path)
) -> None:
    asked, answer = read(case / "request.yaml"), read(case / "response.yaml")
    children = answer.get("children") or ()
    if not children:
        return
    namespace = asked["parent"]["metadata"]["namespace"]

    assert {child["metadata"]["namespace"] for child in children} == {namespace}
    assert {kind_of(child) for child in children} <= set(CHILD_KINDS)


def kind_of(child: JsonObject) -> str:
    group, _, version = child["apiVersion"].rpartition("/")
    return f"{child['kind']}.{group}/{version}" if group else f"{child['kind']}.{version}"


def test_a_template_names_no_other_namespace_and_no_other_workspace(catalog: Catalog) -> None:
    found = greedy(catalog)

    assert found["metadata"]["namespace"] == "default"
    assert found["spec"]["selector"]["matchLabels"] == {"kaito.sh/workspace": "phi"}
    # Kubernetes makes pods in the namespace of their owner, whatever stands in a template.
    assert found["spec"]["template"]["metadata"]["labels"] == {
        "app": "mine",
        "kaito.sh/workspace": "phi",
    }


def test_each_node_term_of_a_template_is_narrowed_to_own_and_unclaimed_nodes(
    catalog: Catalog,
) -> None:
    affinity = greedy(catalog)["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    terms = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    labels = {"key": "apps", "operator": "In", "values": ["phi-3"]}
    own = [
        {"key": "kaito.sh/workspace", "operator": "In", "values": ["phi"]},
        {"key": "kaito.sh/workspacenamespace", "operator": "In", "values": ["default"]},
    ]
    nobodys = [{"key": "kaito.sh/workspace", "operator": "DoesNotExist"}]

    assert len(terms) == 4
    for term in terms:
        expressions = term["matchExpressions"]
        assert labels in expressions
        assert all(each in expressions for each in own) or nobodys[0] in expressions


def test_what_else_a_template_says_of_its_pods_passes_as_it_was_written(catalog: Catalog) -> None:
    # Whether such pods come to be decide Pod Security and the rights in the namespace, not we.
    written, made = GREEDY["spec"], greedy(catalog)["spec"]["template"]["spec"]
    ours = {"affinity", "tolerations"}

    assert {k: v for k, v in made.items() if k not in ours} == {
        k: v for k, v in written.items() if k not in ours
    }
    assert made["tolerations"][: len(written["tolerations"])] == written["tolerations"]


CLAIMING: dict[str, dict[str, dict[str, str]]] = {
    "labels": {
        "labels": {
            "controller-uid": ANOTHER_UID,
            "kaito.sh/workspace": "another",
            "kaito.sh/workspacenamespace": "another",
            "workspace.kaito.io/name": "another",
        }
    },
    "annotations": {
        "annotations": {
            "metacontroller.k8s.io/last-applied-configuration": "{}",
            "workspace.kaito.io/hash": "0",
            "workspace.kaito.io/revision": "7",
            "kaito.sh/server": "{}",
        }
    },
}


@pytest.mark.parametrize("claim", CLAIMING)
def test_no_label_or_annotation_of_a_workspace_makes_another_answer(
    catalog: Catalog, claim: str
) -> None:
    plain = serving(catalog)
    meta = plain["parent"]["metadata"]
    claiming = {**plain, "parent": {**plain["parent"], "metadata": {**meta, **CLAIMING[claim]}}}

    assert synced(claiming, catalog) == synced(plain, catalog)


def test_labels_of_a_node_selector_never_say_whom_a_machine_serves(catalog: Catalog) -> None:
    users = {
        "apps": "phi-3",
        "kaito.sh/workspace": "another",
        "kaito.sh/workspacenamespace": "another",
    }
    resource = a_resource(labelSelector={"matchLabels": users})
    parent = a_workspace(resource=resource)
    planned = {**parent, "status": synced(a_request(parent), catalog)["status"]}

    [made] = machines_synced(a_namespace_request([planned]), catalog)["attachments"]

    assert made["metadata"]["labels"] == {
        "apps": "phi-3",
        "kaito.sh/workspace": "phi",
        "kaito.sh/workspacenamespace": "default",
        "karpenter.sh/provisioner-name": "default",
    }


@pytest.mark.parametrize(
    "parent",
    [
        a_workspace(),
        a_workspace(inference=a_template(volumes=[{"name": "s", "secret": {"secretName": "s"}}])),
        a_tuner(config="training"),
        a_tuner(input={"volumeSource": {"secret": {"secretName": "s"}}}),
        a_workspace(
            inference={
                "preset": {"name": "phi-2"},
                "adapters": [{"source": {"name": "a", "workspace": "tuned"}}],
            }
        ),
    ],
    ids=["preset", "template", "config", "secret as data", "adapter"],
)
def test_the_hooks_ask_for_no_secret_and_only_for_what_is_in_the_namespace(
    catalog: Catalog, parent: JsonObject
) -> None:
    question = workspace.CustomizeQuestion.model_validate({"parent": parent})
    rules = workspace.customize(question, catalog).to_json()["relatedResources"]
    of_the_cluster = {"nodes", "machines", "nodeclaims"}

    assert {rule["resource"] for rule in rules} <= {
        *of_the_cluster,
        "pods",
        "configmaps",
        "workspaces",
    }
    for rule in rules:
        assert rule.get("namespace", "") == (
            "" if rule["resource"] in of_the_cluster else "default"
        )
        assert rule.get("names") or rule.get("labelSelector")


# --- who may write the status -------------------------------------------------------------------


def an_entry(index: int = 0, **changes: object) -> JsonObject:
    standard = {
        "name": machine_name(UID, index, 0),
        "index": index,
        "attempt": 0,
        "instanceType": TYPE,
        "disk": "50Gi",
        "labels": LABELS,
    }
    return standard | changes


def planning(*entries: JsonObject, **resource: object) -> JsonObject:
    """Return a Workspace in whose status somebody has written these Machines."""
    status = {"observedGeneration": 1, "machines": list(entries)}
    return a_workspace(resource=a_resource(**resource), status=status)


def made(catalog: Catalog, parent: JsonObject, *there: JsonObject) -> list[str]:
    answer = machines_synced(a_namespace_request([parent], there), catalog)
    return [each["metadata"]["name"] for each in answer["attachments"]]


def test_a_status_buys_no_more_nodes_than_the_workspace_asks_for(catalog: Catalog) -> None:
    forged = [an_entry(index) for index in range(50)]

    assert made(catalog, planning(*forged, count=2), a_machine()) == [
        forged[0]["name"],
        forged[1]["name"],
    ]


@pytest.mark.parametrize(
    "forged",
    [
        {"instanceType": "Standard_ND96asr_v4"},
        {"labels": {"apps": "phi-3", "node-restriction.kubernetes.io/trusted": "true"}},
        {"labels": {}},
        {"name": "my-vm"},
    ],
    ids=["type", "another label", "no label", "name"],
)
def test_a_status_buys_no_other_node_than_the_workspace_asks_for(
    catalog: Catalog, forged: JsonObject
) -> None:
    assert made(catalog, planning(an_entry(**forged))) == []


def test_a_machine_that_is_there_is_not_deleted_for_what_a_status_says_of_it(
    catalog: Catalog,
) -> None:
    forged = an_entry(instanceType="Standard_ND96asr_v4", labels={"a": "b"})

    assert made(catalog, planning(forged), a_machine()) == [forged["name"]]


def test_what_is_forged_in_a_status_is_gone_with_the_next_sync(catalog: Catalog) -> None:
    forged = planning(
        an_entry(1, name="ws000000000"),
        an_entry(0, instanceType="Standard_ND96asr_v4", labels={"a": "b"}),
        an_entry(2, name=machine_name(ANOTHER_UID, 2, 0)),
    )
    honest = synced(a_request(a_workspace()), catalog)["status"]["machines"]

    assert synced(a_request(forged), catalog)["status"]["machines"] == honest


def test_a_number_in_a_status_makes_no_endless_question(catalog: Catalog) -> None:
    far = 10**15
    forged = planning(an_entry(far, name=machine_name(UID, far, 0)), an_entry(far + 1))
    question = workspace.CustomizeQuestion.model_validate({"parent": forged})
    rules = workspace.customize(question, catalog).to_json()["relatedResources"]

    assert len(rules[0]["names"]) <= MAX_COUNT * ATTEMPTS


@pytest.mark.parametrize(
    "image",
    [
        "registry.example/another/image:0.0.1",
        "another.example/adapters/phi:0.0.1",
        "registry.example/adapters/phi:0.0.1@sha256:0",
        "nginx",
        "",
    ],
)
def test_an_image_that_is_forged_in_a_status_runs_in_no_pod(catalog: Catalog, image: str) -> None:
    tuning = {"phase": "Succeeded", "hash": "h", "job": "tuner", "image": image}
    tuner = a_tuner("tuner") | {"status": {"tuning": tuning}}
    adapter = {"source": {"name": "poems", "workspace": "tuner"}}
    parent = a_workspace(inference={"preset": {"name": "phi-2"}, "adapters": [adapter]})
    answer = synced(a_request(parent, related=[tuner]), catalog)

    assert answer["children"] == []
    assert condition(answer, "Accepted")[2].endswith(
        "Workspace 'tuner' has no result yet: this goes on by itself when its training has "
        "succeeded"
    )


# --- who makes Machines, Nodes and Pods ---------------------------------------------------------

LONG = "<script>" + "x" * 1_000_000


@pytest.mark.parametrize(
    "world",
    [
        [a_machine(steps=[("Launched", "False", LONG), ("Ready", "False", LONG)])],
        [a_machine(node=LONG)],
        [a_machine(node="node-1"), a_node(ready=False, why=LONG)],
    ],
    ids=["of a Machine", "name of a node", "of a Node"],
)
def test_a_word_of_others_makes_no_status_too_long_to_be_stored(
    catalog: Catalog, world: list[JsonObject]
) -> None:
    # etcd takes 1.5 MB: https://etcd.io/docs/v3.5/dev-guide/limit/
    status = synced(a_request(a_workspace(), related=world), catalog)["status"]

    assert len(json.dumps(status)) < 500_000


def test_a_namespace_decides_whose_machines_are_made_and_not_a_workspace(catalog: Catalog) -> None:
    parent = planning(an_entry())
    parent["metadata"] |= {"labels": {"kubernetes.io/metadata.name": "another"}}
    [attachment] = machines_synced(a_namespace_request([parent]), catalog)["attachments"]

    assert attachment["metadata"]["labels"]["kaito.sh/workspacenamespace"] == "default"
    question = machines.CustomizeQuestion.model_validate(
        {"parent": a_namespace_request()["object"]}
    )
    assert machines.customize(question, catalog).to_json()["relatedResources"] == [
        {"apiVersion": "kaito.sh/v1alpha1", "resource": "workspaces", "namespace": "default"}
    ]
