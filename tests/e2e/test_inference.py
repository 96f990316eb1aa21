"""Serving models, from ``kubectl apply`` to what a user sees."""

import copy
import json
from typing import Any

import pytest

from tests.e2e.admission import only_audited
from tests.e2e.cluster.bundle import eventually
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.workspaces import (
    EXAMPLES,
    await_ready,
    claims_of,
    columns,
    conditions,
    edited,
    example,
    is_current,
    served_template,
)

PHI = "workspace-phi-3-mini"


def test_the_quick_start_reaches_true_in_every_column(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("apply", "-n", namespace, "-f", EXAMPLES / "phi-3.yaml")
    await_ready(cluster, PHI, namespace)
    seen = columns(cluster, PHI, namespace)
    assert {key: value for key, value in seen.items() if key not in {"AGE", "WHY"}} == {
        "NAME": PHI,
        "INSTANCE": "Standard_NC6s_v3",
        "RESOURCEREADY": "True",
        "INFERENCEREADY": "True",
        "JOBSTARTED": "",
        "WORKSPACEREADY": "True",
        "WORKSPACESUCCEEDED": "True",
    }


def test_deleting_a_workspace_removes_its_node(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("apply", "-n", namespace, "-f", EXAMPLES / "phi-3.yaml")
    await_ready(cluster, PHI, namespace)
    of_ours = f"kaito.sh/workspace={PHI},kaito.sh/workspacenamespace={namespace}"
    (node,) = cluster.items("nodes", "-l", of_ours)
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "1"
    cluster.kubectl("delete", "workspace", PHI, "-n", namespace)
    eventually(lambda: not cluster.items("nodes", "-l", of_ours))
    eventually(lambda: not claims_of(cluster, "nodeclaims", namespace))
    eventually(
        lambda: not cluster.items("deployments,services,controllerrevisions", "-n", namespace)
    )


def test_three_nodes_serve_three_copies(cluster: Cluster, namespace: str) -> None:
    cluster.apply(served_template("three", namespace, count=3))
    ready = await_ready(cluster, "three", namespace)
    assert len(ready["status"]["workerNodes"]) == 3
    assert len(claims_of(cluster, "nodeclaims", namespace)) == 3
    pods = cluster.items("pods", "-n", namespace)
    assert sorted(p["spec"]["nodeName"] for p in pods) == sorted(ready["status"]["workerNodes"])


def test_the_number_of_nodes_cannot_be_edited(cluster: Cluster, namespace: str) -> None:
    cluster.apply(served_template("one", namespace))
    one = await_ready(cluster, "one", namespace)
    three = edited(one, resource={**one["resource"], "count": 3})
    done = cluster.attempt("kubectl", "apply", "-f", "-", given=json.dumps(three))
    assert done.returncode == 1
    assert done.stderr == (
        'The Workspace "one" is invalid: resource.count: Invalid value: 3: is immutable: delete '
        "the Workspace and create another one\n"
    )


def test_an_edited_adapter_arrives_at_the_server(cluster: Cluster, namespace: str) -> None:
    workspace = example("inference/kaito_workspace_phi_3_with_adapters.yaml", namespace=namespace)
    name = workspace["metadata"]["name"]
    cluster.apply(workspace)
    await_ready(cluster, name, namespace)
    assert strength_of(cluster, namespace) == [{"name": "phi_3_adapter", "value": "1.0"}]
    workspace["inference"]["adapters"][0]["strength"] = "0.5"
    cluster.apply(workspace)
    await_ready(cluster, name, namespace)
    assert strength_of(cluster, namespace) == [{"name": "phi_3_adapter", "value": "0.5"}]
    revisions = cluster.items("controllerrevisions", "-n", namespace)
    assert sorted(r["revision"] for r in revisions) == [1, 2]


def test_the_ten_newest_revisions_are_kept(cluster: Cluster, namespace: str) -> None:
    workspace = served_template("edited", namespace)
    container = workspace["inference"]["template"]["spec"]["containers"][0]
    for number in range(1, 12):
        container["image"] = f"registry.example/server:{number}"
        cluster.apply(workspace)

        def recorded(number: int = number) -> bool:
            revisions = cluster.items("controllerrevisions", "-n", namespace)
            return max((r["revision"] for r in revisions), default=0) == number

        eventually(recorded)

    def kept() -> bool:
        revisions = cluster.items("controllerrevisions", "-n", namespace)
        return sorted(r["revision"] for r in revisions) == list(range(2, 12))

    eventually(kept)


def test_an_edited_template_arrives_at_the_server(cluster: Cluster, namespace: str) -> None:
    workspace = served_template("templated", namespace)
    cluster.apply(workspace)
    await_ready(cluster, "templated", namespace)
    container = workspace["inference"]["template"]["spec"]["containers"][0]
    container["image"] = "registry.example/server:2"
    cluster.apply(workspace)
    await_ready(cluster, "templated", namespace)
    eventually(lambda: images_of_pods(cluster, namespace) == ["registry.example/server:2"])


def test_an_edit_that_cannot_work_is_denied_with_a_sentence(
    cluster: Cluster, namespace: str
) -> None:
    workspace = served_template("mistaken", namespace)
    cluster.apply(workspace)
    await_ready(cluster, "mistaken", namespace)
    done = cluster.attempt("kubectl", "apply", "-f", "-", given=json.dumps(with_twins(workspace)))
    assert done.returncode == 1
    assert done.stderr.endswith(
        "denied request: inference.template: two of the env of a container have the same name, by "
        "which they are told apart: keep one\n"
    )


def test_a_refused_edit_keeps_serving_and_says_why(cluster: Cluster, namespace: str) -> None:
    workspace = served_template("mistaken", namespace)
    cluster.apply(workspace)
    await_ready(cluster, "mistaken", namespace)
    before = pods_of(cluster, namespace)
    with only_audited(cluster):
        cluster.apply(with_twins(workspace))

    def looked_at() -> bool:
        found = cluster.get("workspace", "mistaken", namespace)
        return found is not None and is_current(found)

    eventually(looked_at)
    assert conditions(cluster, "mistaken", namespace)["Accepted"] == (
        "False",
        (
            "inference.template.spec.containers[0].env: 2 items have the name 'A', by which they "
            "are told apart: keep one"
        ),
    )
    assert pods_of(cluster, namespace) == before
    assert columns(cluster, "mistaken", namespace)["INFERENCEREADY"] == "True"


def test_each_of_two_workspaces_with_equal_labels_has_its_own_node(
    cluster: Cluster, namespace: str
) -> None:
    twins = [served_template(name, namespace) for name in ("left", "right")]
    for twin in twins:
        twin["resource"]["labelSelector"] = {"matchLabels": {"apps": "twins"}}
    cluster.apply(*twins)
    nodes = [await_ready(cluster, n, namespace)["status"]["workerNodes"] for n in ("left", "right")]
    assert [len(one) for one in nodes] == [1, 1]
    assert nodes[0] != nodes[1]
    placed = {
        pod["metadata"]["labels"]["kaito.sh/workspace"]: [pod["spec"]["nodeName"]]
        for pod in cluster.items("pods", "-n", namespace)
    }
    assert placed == {"left": nodes[0], "right": nodes[1]}
    cluster.kubectl("delete", "workspace", "left", "-n", namespace)
    eventually(lambda: len(claims_of(cluster, "nodeclaims", namespace)) == 1)
    assert await_ready(cluster, "right", namespace)["status"]["workerNodes"] == nodes[1]


def test_nodes_that_exist_are_used_and_none_is_bought(cluster: Cluster, namespace: str) -> None:
    with_gpu = own_node(f"own-{namespace}", {"apps": f"own-{namespace}"})
    cluster.kubectl("create", "-f", "-", given=json.dumps(with_gpu))
    workspace = served_template("on-own-node", namespace)
    workspace["resource"]["labelSelector"] = {"matchLabels": {"apps": f"own-{namespace}"}}
    cluster.apply(workspace)
    ready = await_ready(cluster, "on-own-node", namespace)
    assert ready["status"]["workerNodes"] == [f"own-{namespace}"]
    assert claims_of(cluster, "nodeclaims", namespace) == []
    cluster.kubectl("delete", "node", f"own-{namespace}")


def test_preferred_nodes_come_first(cluster: Cluster, namespace: str) -> None:
    label = {"apps": f"preferred-{namespace}"}
    for letter in "abc":
        node = own_node(f"{letter}-{namespace}", label)
        cluster.kubectl("create", "-f", "-", given=json.dumps(node))
    workspace = served_template("choosy", namespace, preferredNodes=[f"c-{namespace}"])
    workspace["resource"]["labelSelector"] = {"matchLabels": label}
    cluster.apply(workspace)
    ready = await_ready(cluster, "choosy", namespace)
    assert ready["status"]["workerNodes"] == [f"c-{namespace}"]
    cluster.kubectl("delete", "node", *(f"{letter}-{namespace}" for letter in "abc"))


@pytest.mark.parametrize("kind", ["deployment", "service"])
def test_a_child_deleted_by_hand_comes_back(cluster: Cluster, namespace: str, kind: str) -> None:
    cluster.apply(example("phi-3.yaml", name="restored", namespace=namespace))
    await_ready(cluster, "restored", namespace)
    gone = cluster.get(kind, "restored", namespace)
    assert gone is not None
    cluster.kubectl("delete", kind, "restored", "-n", namespace)

    def back() -> bool:
        found = cluster.get(kind, "restored", namespace)
        return bool(found and found["metadata"]["uid"] != gone["metadata"]["uid"])

    eventually(back)
    await_ready(cluster, "restored", namespace)


def with_twins(workspace: dict[str, Any]) -> dict[str, Any]:
    """Return a Workspace with another image, and an environment that cannot be told apart."""
    found = copy.deepcopy(workspace)
    container = found["inference"]["template"]["spec"]["containers"][0]
    container["image"] = "registry.example/server:2"
    container["env"] = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    return found


def own_node(name: str, labels: dict[str, str]) -> dict[str, Any]:
    """Return a Node with a GPU that somebody else has made."""
    resources = {"cpu": "64", "memory": "512Gi", "pods": "110", "nvidia.com/gpu": "1"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "node.kubernetes.io/instance-type": "Standard_NC6s_v3",
                **labels,
            },
        },
        "status": {"capacity": resources, "allocatable": resources},
    }


def strength_of(cluster: Cluster, namespace: str) -> list[dict[str, str]]:
    (deployment,) = cluster.items("deployments", "-n", namespace)
    found: list[dict[str, str]] = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    return found


def pods_of(cluster: Cluster, namespace: str) -> list[str]:
    return sorted(pod["metadata"]["uid"] for pod in cluster.items("pods", "-n", namespace))


def images_of_pods(cluster: Cluster, namespace: str) -> list[str]:
    pods = cluster.items("pods", "-n", namespace)
    living = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return [pod["spec"]["containers"][0]["image"] for pod in living]
