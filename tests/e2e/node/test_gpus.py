"""GPUs that a node only claims to have are counted like others, and stay."""

from datetime import datetime

import pytest

from tests.e2e.cluster.bundle import eventually
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.node.configuration import nodes
from tests.e2e.node.conftest import GPU, GPUS, give_gpus
from tests.e2e.node.pods import is_ready, shell_pod

NODES = nodes(2)
REPORTS = 3
"""How often each kubelet has to report; it does so every 10 seconds."""


@pytest.fixture
def with_gpus(pair: Cluster) -> Cluster:
    for node in NODES:
        give_gpus(pair, node.name)
    return pair


def shown(cluster: Cluster) -> dict[str, tuple[str | None, str | None]]:
    """How many GPUs each node says that it has, and lends."""
    return {
        node["metadata"]["name"]: (
            node["status"]["capacity"].get(GPU),
            node["status"]["allocatable"].get(GPU),
        )
        for node in cluster.items("nodes")
    }


def reported(cluster: Cluster) -> dict[str, datetime]:
    """When each kubelet reported last."""
    return {
        node["metadata"]["name"]: datetime.fromisoformat(condition["lastHeartbeatTime"])
        for node in cluster.items("nodes")
        for condition in node["status"]["conditions"]
        if condition["type"] == "Ready"
    }


def test_they_are_still_there_when_the_kubelets_have_reported(with_gpus: Cluster) -> None:
    for _ in range(REPORTS):
        before = reported(with_gpus)
        eventually(lambda before=before: all_later(reported(with_gpus), before), 30, 1)

    assert shown(with_gpus) == {node.name: (str(GPUS), str(GPUS)) for node in NODES}


def all_later(now: dict[str, datetime], before: dict[str, datetime]) -> bool:
    return all(now[name] > before[name] for name in before)


def test_a_pod_waits_until_as_many_are_free_on_one_node(
    with_gpus: Cluster, restricted: str
) -> None:
    limits = {"resources": {"limits": {GPU: str(GPUS // 2 + 1)}}}
    names = ["first", "second", "third"]
    for name in names:
        with_gpus.apply(shell_pod(name, restricted, "exec sleep 600", container=limits))
    eventually(lambda: sorted(placed(with_gpus, restricted).values()) == ["node0", "node1"])
    (waiting,) = set(names) - placed(with_gpus, restricted).keys()

    reason = eventually(lambda: why_waiting(with_gpus, waiting, restricted))
    for name in placed(with_gpus, restricted):
        eventually(lambda name=name: is_ready(with_gpus, name, restricted))
    with_gpus.kubectl("delete", "pod", "-n", restricted, *placed(with_gpus, restricted))

    assert reason.startswith(f"0/2 nodes are available: 2 Insufficient {GPU}.")
    assert eventually(lambda: is_ready(with_gpus, waiting, restricted))


def placed(cluster: Cluster, namespace: str) -> dict[str, str]:
    """The Pods that were given a node, and which."""
    return {
        pod["metadata"]["name"]: pod["spec"]["nodeName"]
        for pod in cluster.items("pods", "-n", namespace)
        if "nodeName" in pod["spec"]
    }


def why_waiting(cluster: Cluster, name: str, namespace: str) -> str:
    """What the scheduler says of a Pod that it finds no node for."""
    pod = cluster.get("pod", name, namespace) or {"status": {}}
    conditions = pod["status"].get("conditions", [])
    return "".join(each["message"] for each in conditions if each["status"] == "False")
