"""One control plane for all faults, a namespace for each, and the table of what they cost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hooks.dev.api import Api
from tests.e2e.cluster.bundle import MACHINES, Bundle, installed
from tests.e2e.cluster.cluster import Cluster, Provider
from tests.e2e.cluster.provisioning import start_gpu_provisioner
from tests.e2e.conftest import cluster_of
from tests.e2e.faults.proxy import Fault, Proxy
from tests.e2e.faults.rest import AtRest, come_to_rest
from tests.e2e.faults.stage import RealStage
from tests.stories import recorded
from tests.stories.table import Measured, rows, written

KEEP = "--keep-requests"
HERE = Path(__file__).parent
MEASURED = pytest.StashKey[Measured]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        KEEP, action="store_true", help="write tests/stories/recorded anew; review the difference"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MEASURED] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Look last at what was written at rest: until then there is more rest to look at."""
    items.sort(key=lambda item: item.path.name == "test_rest.py")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what each fault has cost, beside what it costs Kaito."""
    measured = config.stash[MEASURED]
    if measured:
        kaito = yaml.safe_load((HERE / "kaito.yaml").read_text(encoding="utf-8"))
        terminalreporter.write_line("")
        terminalreporter.write(written(rows(kaito, measured)))


@pytest.fixture(scope="session")
def proxies() -> list[Proxy]:
    """The one proxy of the session, once it is there."""
    return []


@pytest.fixture(scope="session")
def bundle(provider: Provider, proxies: list[Proxy]) -> Iterator[Bundle]:
    """The bundle with Machines, and a proxy before its hooks."""

    def between(asked: str, hooks: str) -> None:
        proxies.append(Proxy(asked.removeprefix("http://"), hooks))
        proxies[0].start()

    with cluster_of(provider) as cluster:
        start_gpu_provisioner(cluster)
        clock = {"METAKAITO_VIRTUAL_CLOCK": "true"}
        with installed(cluster, MACHINES, between=between, environment=clock) as bundle:
            yield bundle


@pytest.fixture(scope="session")
def proxy(bundle: Bundle, proxies: list[Proxy]) -> Proxy:  # noqa: ARG001  (it is there then)
    """What passes Metacontroller's questions on."""
    return proxies[0]


@pytest.fixture(scope="session")
def api(bundle: Bundle) -> Api:
    """The API server, as an administrator."""
    return Api(bundle.cluster.kubeconfig, None, connections=8)


@pytest.fixture(scope="session")
def rested() -> list[AtRest]:
    """All namespaces that have come to rest so far."""
    return []


@pytest.fixture
def stage(
    request: pytest.FixtureRequest,
    bundle: Bundle,
    proxy: Proxy,
    api: Api,
    cluster: Cluster,
    rested: list[AtRest],
) -> Iterator[RealStage]:
    """A namespace for one fault; after it everything has to come to rest, and stay there."""
    told = request.node.callspec.params["story"] if "story" in request.fixturenames else None
    story = told or request.node.name.removeprefix("test_")
    # Readable in what is recorded, and no longer than a name may be.
    name = story.replace("_", "-")[:63].rstrip("-")
    cluster.kubectl("create", "namespace", name)
    stage = RealStage(name, story, api, bundle, proxy)
    yield stage
    proxy.fault = Fault()
    rested.append(come_to_rest(stage))
    if told is not None and request.config.getoption(KEEP):
        recorded.write(story, proxy.about(name))


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """What is printed in the end: seconds or words, by the name of a row of the table."""
    found: Measured = request.config.stash[MEASURED]
    return found
