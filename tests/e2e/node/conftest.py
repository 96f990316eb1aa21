"""The bundle as Pods on a real node, and two nodes without it, for all tests here."""

import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.cluster.bundle import NAMESPACE, OWN_NODES, Bundle, installed
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.conftest import cluster_of
from tests.e2e.node.configuration import NODE
from tests.e2e.node.data_image import data_image
from tests.e2e.node.pods import RESTRICTED
from tests.e2e.node.provider import NodeProvider
from tests.e2e.node.shell import shell_image

INSTANCE_TYPE = "Standard_NC6s_v3"
GPU = "nvidia.com/gpu"
GPUS = 4
GREETING = "metakaito.local/greeting:1"
"""An image that the second node has, and the first has not."""
GREETING_FILE = "data/greeting.txt"


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
        cluster.kubectl("label", "namespace", NAMESPACE, RESTRICTED)
        with installed(cluster, OWN_NODES) as release:
            yield release


@pytest.fixture(scope="session")
def pair(provider: NodeProvider) -> Iterator[Cluster]:
    """Two nodes with a shell; nothing is installed there."""
    greeting = data_image(GREETING, {GREETING_FILE: "hello from a volume\n"})
    two = type(provider)(nodes=2, archives=[shell_image()], further={"node1": [greeting]})
    with cluster_of(two) as cluster:
        yield cluster


@pytest.fixture
def restricted(pair: Cluster) -> Iterator[str]:
    """A namespace of this test alone that refuses Pods with more rights than they need."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    pair.kubectl("create", "namespace", name)
    pair.kubectl("label", "namespace", name, RESTRICTED)
    yield name
    pair.kubectl("delete", "namespace", name, "--wait=false")


def give_gpus(cluster: Cluster, node: str = NODE, gpus: int = GPUS) -> None:
    """Let a node look as one with GPUs, as a device plugin would; there are none."""
    cluster.kubectl(
        "label", "node", node, f"node.kubernetes.io/instance-type={INSTANCE_TYPE}", "--overwrite"
    )
    shown = f'{{"{GPU}": "{gpus}"}}'
    patch = f'{{"status": {{"capacity": {shown}, "allocatable": {shown}}}}}'
    cluster.kubectl("patch", "node", node, "--subresource=status", "--type=merge", "-p", patch)
