"""Two real nodes with a registry and a file server, and the bundle with metakaito's own runtime."""

import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.cluster.bundle import OWN_NODES, installed
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.conftest import cluster_of
from tests.e2e.node.configuration import PODS, REGISTRY
from tests.e2e.node.conftest import give_gpus
from tests.e2e.node.file_server import served_files
from tests.e2e.node.images import RUNTIME, runtime_images
from tests.e2e.node.pods import RESTRICTED
from tests.e2e.node.provider import NodeProvider
from tests.e2e.node.registry import Registry, started_registry
from tests.e2e.node.shell import shell_image
from tests.e2e.story.workspaces import CHAT, LABEL, SECRET, TEXT

ROOT = Path(__file__).parents[3]
DATASETS = (*(Path(__file__).parent / "datasets").iterdir(), ROOT / "examples/tiny/sentences.jsonl")
PRESETS = ROOT / "presets/models"
NODES = 2
GPUS = 16
"""That each node says it has: as many models as memory has room for."""


@pytest.fixture(scope="session")
def provider() -> NodeProvider:
    """Two nodes with the images of the runtime and of the tiny model's weights."""
    found = NodeProvider(nodes=NODES, archives=runtime_images())
    if reason := found.why_not():
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def registry(
    provider: NodeProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """The nodes with all that is installed, and the registry in their network."""
    files = tmp_path_factory.mktemp("datasets")
    for dataset in DATASETS:
        shutil.copy(dataset, files)
    with (
        cluster_of(provider) as cluster,
        started_registry(cluster) as registry,
        served_files(cluster, files),
    ):
        for number in range(NODES):
            give_gpus(cluster, f"node{number}", gpus=GPUS)
            cluster.kubectl("label", "node", f"node{number}", f"apps={LABEL}")
        base = registry.push(shell_image(f"{REGISTRY}/base/shell:1"), "base/shell:1")
        with installed(cluster, values(base)):
            yield registry


@pytest.fixture(scope="session")
def cluster(registry: Registry) -> Cluster:
    return registry.cluster


@pytest.fixture
def namespace(registry: Registry) -> Iterator[str]:
    """A namespace of this test alone that refuses Pods with rights, and may use the registry."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    prepare(registry, name)
    yield name
    registry.cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def prepare(registry: Registry, namespace: str) -> None:
    """Let a namespace, made if it is not there, be as restricted as can be, with our Secret."""
    cluster = registry.cluster
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    cluster.kubectl("label", "namespace", namespace, RESTRICTED)
    secret = registry.secret(SECRET, namespace)
    authority = {"ca.crt": registry.authority.read_text()}
    cluster.apply({**secret, "stringData": {**secret["stringData"], **authority}})


def values(base: str) -> Mapping[str, Any]:
    """Return the chart's values: our runtime, what is private here, and a preset that chats."""
    preset = yaml.safe_load((PRESETS / f"{TEXT}.yaml").read_text())
    flags = {**preset["command"]["modelFlags"], "pipeline": "conversational"}
    chat = {**preset, "name": CHAT, "command": {**preset["command"], "modelFlags": flags}}
    return {
        **OWN_NODES,
        "runtime": {"image": RUNTIME},
        "training": {"adapterBase": base, "fetchNetworks": [PODS]},
        "presets": {"models": {CHAT: chat}},
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell the README's story last: its last lines are what one wants to see."""
    items.sort(key=lambda item: item.path.name == "test_readme.py")
