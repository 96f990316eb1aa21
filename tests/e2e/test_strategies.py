"""Server-side apply, the other way in which Metacontroller can write children."""

from collections.abc import Iterator

import pytest

from tests.e2e.cluster.bundle import NODECLAIMS, Bundle, eventually, installed
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.workspaces import await_ready, claims_of, edited, example, served_template


@pytest.fixture(scope="module")
def bundle(fresh_cluster: Cluster) -> Iterator[Bundle]:
    values = {**NODECLAIMS, "metacontroller": {"applyStrategy": "server-side-apply"}}
    with installed(fresh_cluster, values) as bundle:
        yield bundle


def test_a_workspace_lives_from_creation_to_deletion(cluster: Cluster, namespace: str) -> None:
    cluster.apply(served_template("applied", namespace))
    first = await_ready(cluster, "applied", namespace)
    (deployment,) = cluster.items("deployments", "-n", namespace, "--show-managed-fields")
    managers = {f["manager"] for f in deployment["metadata"]["managedFields"]}
    assert "metacontroller" in managers
    applied = [f for f in deployment["metadata"]["managedFields"] if f["operation"] == "Apply"]
    assert [f["manager"] for f in applied] == ["metacontroller"]
    template = first["inference"]["template"]
    template["spec"]["containers"][0]["image"] = "registry.example/server:2"
    cluster.apply(edited(first, inference={"template": template}))
    await_ready(cluster, "applied", namespace)
    (deployment,) = cluster.items("deployments", "-n", namespace)
    containers = deployment["spec"]["template"]["spec"]["containers"]
    assert containers[0]["image"] == "registry.example/server:2"
    cluster.kubectl("delete", "workspace", "applied", "-n", namespace)
    eventually(lambda: not claims_of(cluster, "nodeclaims", namespace))
    eventually(lambda: not cluster.items("deployments,services", "-n", namespace))


def test_a_training_runs_to_success(cluster: Cluster, namespace: str) -> None:
    workspace = example("tuning/kaito_workspace_tuning_phi_3.yaml", name="t", namespace=namespace)
    cluster.apply(workspace)
    await_ready(cluster, "t", namespace)
