"""Nodes by Machines, as Azure's gpu-provisioner makes them; a stand-in for it plays its part."""

from collections.abc import Iterator

import pytest

from tests.e2e.cluster.bundle import MACHINES, Bundle, eventually, installed
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.provisioning import start_gpu_provisioner
from tests.e2e.workspaces import await_ready, claims_of, conditions, example, served_template


@pytest.fixture(scope="module")
def bundle(fresh_cluster: Cluster) -> Iterator[Bundle]:
    start_gpu_provisioner(fresh_cluster)
    with installed(fresh_cluster, MACHINES) as bundle:
        yield bundle


def test_a_machine_becomes_a_node_and_goes_with_its_workspace(
    cluster: Cluster, namespace: str
) -> None:
    cluster.apply(example("phi-3.yaml", name="phi", namespace=namespace))
    ready = await_ready(cluster, "phi", namespace)
    (machine,) = claims_of(cluster, "machines", namespace)
    assert ready["status"]["workerNodes"] == [machine["status"]["nodeName"]]
    cluster.kubectl("delete", "workspace", "phi", "-n", namespace)
    eventually(lambda: not claims_of(cluster, "machines", namespace))
    eventually(lambda: cluster.get("node", machine["status"]["nodeName"]) is None)


def test_a_type_that_cannot_be_had_is_told_and_tried_again(
    cluster: Cluster, namespace: str
) -> None:
    workspace = served_template("unlucky", namespace, instanceType="Standard_NC24s_v3")
    cluster.apply(workspace)

    def next_attempt() -> bool:
        found = cluster.get("workspace", "unlucky", namespace) or {}
        planned = found.get("status", {}).get("machines", ())
        return any(machine.get("attempt", 0) > 0 for machine in planned)

    eventually(next_attempt)
    status, message = conditions(cluster, "unlucky", namespace)["ResourceReady"]
    assert status == "False"
    assert "all requested instance types were unavailable during launch" in message
    cluster.kubectl("delete", "workspace", "unlucky", "-n", namespace)
    eventually(lambda: not claims_of(cluster, "machines", namespace))


def test_a_machine_deleted_by_hand_is_replaced(cluster: Cluster, namespace: str) -> None:
    cluster.apply(served_template("replaced", namespace))
    await_ready(cluster, "replaced", namespace)
    (first,) = claims_of(cluster, "machines", namespace)
    cluster.kubectl("delete", "machine", first["metadata"]["name"])

    def replaced() -> bool:
        left = claims_of(cluster, "machines", namespace)
        return len(left) == 1 and left[0]["metadata"]["uid"] != first["metadata"]["uid"]

    eventually(replaced)
    # Nobody on a lost node says that its Pod has ended, so a Pod there is taken away by force, as
    # the pod garbage collector does after a minute.
    cluster.kubectl("delete", "pods", "--all", "-n", namespace, "--force")
    await_ready(cluster, "replaced", namespace)
