"""One cluster with the bundle on it for most tests; some modules have one of their own."""

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.cluster.bundle import NODECLAIMS, Bundle, installed, start_recorder
from tests.e2e.cluster.cluster import Cluster, Provider
from tests.e2e.cluster.player import find_player
from tests.e2e.cluster.providers import PROVIDERS

RECORD = "METAKAITO_TEST_RECORD"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--provider",
        choices=["local", "kind"],
        default="local",
        help="where the clusters come from",
    )


def pytest_report_header() -> str:
    return f"Metacontroller is played by {find_player().name}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask last which rights were used: everything else is to use them."""
    items.sort(key=lambda item: item.path.name == "test_rights.py")


@pytest.fixture(scope="session")
def provider(pytestconfig: pytest.Config) -> Provider:
    found = PROVIDERS[pytestconfig.getoption("--provider")]
    if reason := found.why_not():
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def bundle(provider: Provider) -> Iterator[Bundle]:
    """The bundle with Karpenter's NodeClaims."""
    with (
        cluster_of(provider) as cluster,
        installed(cluster, NODECLAIMS, between=recording(cluster)) as bundle,
    ):
        yield bundle


@pytest.fixture(scope="session")
def fresh_cluster(provider: Provider) -> Iterator[Cluster]:
    """A second cluster, for who installs the bundle in another way; each removes it again."""
    with cluster_of(provider) as cluster:
        yield cluster


@pytest.fixture
def cluster(bundle: Bundle) -> Cluster:
    return bundle.cluster


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of this test alone; it is deleted after it, and everything in it."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@contextmanager
def cluster_of(provider: Provider) -> Iterator[Cluster]:
    """Start a cluster in a folder of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="metakaito-e2e-", ignore_cleanup_errors=True) as work,
        provider.started(Path(work)) as cluster,
    ):
        yield cluster


def recording(cluster: Cluster) -> Callable[[str, str], None] | None:
    """Return what keeps all that Metacontroller asks, where that is wanted."""
    named = os.environ.get(RECORD)  # noqa: TID251  (tells a test what to do)
    return partial(start_recorder, cluster, Path(named)) if named else None
