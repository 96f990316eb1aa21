"""Children that lost their owner or never had one: adopted if they are wanted, else removed."""

from typing import Any

import pytest

from tests.e2e.cluster.bundle import eventually
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.test_tuning import TUNING, push_secret
from tests.e2e.workspaces import await_ready, example

DISTRIBUTED = "inference/kaito_workspace_llama2_70b-chat.yaml"
# Which Workspace has a child of which kind.
CHILDREN = {
    "controllerrevisions": DISTRIBUTED,
    "services": DISTRIBUTED,
    "statefulsets": DISTRIBUTED,
    "deployments": "phi-3.yaml",
    "configmaps": TUNING,
    "jobs": TUNING,
}
POD = {
    "metadata": {"labels": {"app": "stray"}},
    "spec": {
        "containers": [{"name": "a", "image": "registry.example/stray:1"}],
        "restartPolicy": "Never",
    },
}
SERVED = {
    "selector": {"matchLabels": {"app": "stray"}},
    "replicas": 0,
    "template": {**POD, "spec": {"containers": POD["spec"]["containers"]}},  # type: ignore[index]
}
STRAYS: dict[str, dict[str, Any]] = {
    "services": {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}},
    "statefulsets": {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "spec": {**SERVED, "serviceName": "stray"},
    },
    "deployments": {"apiVersion": "apps/v1", "kind": "Deployment", "spec": SERVED},
    "configmaps": {"apiVersion": "v1", "kind": "ConfigMap"},
    "jobs": {"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": POD}},
}


@pytest.mark.parametrize("kind", sorted(CHILDREN))
def test_a_child_that_lost_its_owner_is_adopted_again(
    cluster: Cluster, namespace: str, kind: str
) -> None:
    workspace = ready(cluster, namespace, CHILDREN[kind])
    child = children(cluster, kind, namespace, workspace)[0]
    name = child["metadata"]["name"]
    cluster.kubectl(
        *("patch", kind, name, "-n", namespace, "--type=json"),
        '--patch=[{"op": "remove", "path": "/metadata/ownerReferences"}]',
    )

    def owned() -> bool:
        found = cluster.get(kind, name, namespace) or child
        owners = found["metadata"].get("ownerReferences", ())
        return [o["uid"] for o in owners if o.get("controller")] == [workspace["metadata"]["uid"]]

    eventually(owned)
    assert cluster.get(kind, name, namespace)["metadata"]["uid"] == child["metadata"]["uid"]  # type: ignore[index]


@pytest.mark.parametrize("kind", sorted(STRAYS))
def test_a_stray_with_the_label_of_a_workspace_is_removed(
    cluster: Cluster, namespace: str, kind: str
) -> None:
    workspace = ready(cluster, namespace, "phi-3.yaml")
    labels = {"controller-uid": workspace["metadata"]["uid"]}
    metadata = {"name": "stray", "namespace": namespace, "labels": labels}
    cluster.apply({**STRAYS[kind], "metadata": metadata})
    eventually(lambda: cluster.get(kind, "stray", namespace) is None)
    assert children(cluster, "deployments", namespace, workspace)


def ready(cluster: Cluster, namespace: str, path: str) -> dict[str, Any]:
    workspace = example(path, name="owner", namespace=namespace)
    cluster.apply(push_secret(namespace), workspace)
    return await_ready(cluster, "owner", namespace)


def children(
    cluster: Cluster, kind: str, namespace: str, workspace: dict[str, Any]
) -> list[dict[str, Any]]:
    uid = workspace["metadata"]["uid"]
    return cluster.items(kind, "-n", namespace, "-l", f"controller-uid={uid}")
