"""The bundle as Pods on a real node, for all tests here."""

from collections.abc import Iterator

import pytest

from tests.e2e.cluster.bundle import NAMESPACE, OWN_NODES, Bundle, installed
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.conftest import cluster_of
from tests.e2e.node.configuration import NODE
from tests.e2e.node.provider import NodeProvider

INSTANCE_TYPE = "Standard_NC6s_v3"
GPUS = 4


@pytest.fixture(scope="session")
def provider() -> NodeProvider:
    """Whatever else is tested elsewhere: here it is a real node."""
    found = NodeProvider()
    if reason := found.why_not():
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def bundle(provider: NodeProvider) -> Iterator[Bundle]:
    """The bundle in a namespace that refuses Pods with more rights than they need."""
    with cluster_of(provider) as cluster:
        give_gpus(cluster)
        cluster.kubectl("create", "namespace", NAMESPACE)
        label = "pod-security.kubernetes.io/enforce=restricted"
        cluster.kubectl("label", "namespace", NAMESPACE, label)
        with installed(cluster, OWN_NODES) as release:
            yield release


def give_gpus(cluster: Cluster) -> None:
    """Let the node look as one with GPUs, as a device plugin would; there are none."""
    cluster.kubectl("label", "node", NODE, f"node.kubernetes.io/instance-type={INSTANCE_TYPE}")
    shown = f'{{"nvidia.com/gpu": "{GPUS}"}}'
    patch = f'{{"status": {{"capacity": {shown}, "allocatable": {shown}}}}}'
    cluster.kubectl("patch", "node", NODE, "--subresource=status", "--type=merge", "-p", patch)
