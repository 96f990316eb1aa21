"""A registry in the nodes' network: they pull from it, Pods speak to it, all with a password."""

from collections.abc import Iterator

import pytest

from tests.e2e.cluster.bundle import eventually
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.node.configuration import REGISTRY, nodes
from tests.e2e.node.data_image import data_image
from tests.e2e.node.pods import python_pod, said_by, shell_pod
from tests.e2e.node.registry import PASSWORD, USER, Registry, started_registry
from tests.e2e.node.shell import shell_image

NODES = [node.name for node in nodes(2)]
PULLED = {"imagePullSecrets": [{"name": "login"}]}

# What a Pod sees that speaks to the registry itself, first without and then with a password.
ASK = """
import base64, json, ssl, sys, urllib.error, urllib.request
url, login = sys.argv[1:]
context = ssl.create_default_context(cafile="/trust/ca.crt")
context.verify_flags |= ssl.VERIFY_X509_STRICT
request = urllib.request.Request(url)
try:
    urllib.request.urlopen(request, timeout=20, context=context)
except urllib.error.HTTPError as error:
    print(error.code)
request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
print(json.load(urllib.request.urlopen(request, timeout=20, context=context)))
"""


@pytest.fixture(scope="module")
def registry(pair: Cluster) -> Iterator[Registry]:
    with started_registry(pair) as found:
        yield found


@pytest.fixture(scope="module")
def base(registry: Registry) -> str:
    """The name of an image with a shell in the registry."""
    return registry.push(shell_image(f"{REGISTRY}/base/shell:1"), "base/shell:1")


@pytest.fixture
def admitted(registry: Registry, restricted: str) -> str:
    """A namespace with what its Pods need to be let in by the registry."""
    registry.cluster.apply(
        registry.secret("login", restricted), registry.trust("trust", restricted)
    )
    return restricted


@pytest.mark.parametrize("node", NODES)
def test_an_init_container_of_a_pulled_image_copies_its_files(
    pair: Cluster, base: str, admitted: str, node: str
) -> None:
    copy = "mkdir -p /copied/of && cp -r /usr/bin/cat /copied/of"
    mount = {"volumeMounts": [{"name": "copied", "mountPath": "/copied"}]}
    pod = shell_pod("copies", admitted, "ls /copied/of", container={"image": base, **mount})
    (container,) = pod["spec"]["containers"]
    first = {**container, "name": "first", "command": ["/bin/sh", "-c", copy]}
    more = {"initContainers": [first], "volumes": [{"name": "copied", "emptyDir": {}}]}
    pod["spec"] |= {**more, **PULLED, "nodeName": node}

    assert said_by(pair, pod) == "cat\n"


def test_an_image_in_the_registry_is_a_volume(
    pair: Cluster, registry: Registry, admitted: str
) -> None:
    archive = data_image("metakaito.local/rows:1", {"data/rows.csv": "a,b\n1,2\n"})
    reference = registry.push(archive, "data/rows:1")
    mount = {"volumeMounts": [{"name": "rows", "mountPath": "/rows"}]}
    volume = {"name": "rows", "image": {"reference": reference, "pullPolicy": "Always"}}
    script = "cat /rows/data/rows.csv"
    pod = shell_pod("reads", admitted, script, container=mount, volumes=[volume], **PULLED)

    assert said_by(pair, pod) == "a,b\n1,2\n"


def test_without_the_secret_nothing_is_pulled(pair: Cluster, base: str, restricted: str) -> None:
    image = {"image": base, "imagePullPolicy": "Always"}
    pair.apply(shell_pod("refused", restricted, "true", container=image))

    def reason() -> str:
        waits = (pair.get("pod", "refused", restricted) or {})["status"]["containerStatuses"]
        return "".join(each["state"]["waiting"].get("message", "") for each in waits)

    assert "no basic auth credentials" in eventually(lambda: "auth" in reason() and reason())


def test_a_pod_speaks_to_the_registry_with_the_nodes_certificate(
    pair: Cluster, base: str, admitted: str
) -> None:
    login = f"{USER}:{PASSWORD}"
    repository = base.removeprefix(f"{REGISTRY}/").removesuffix(":1")
    tags = f"https://{REGISTRY}/v2/{repository}/tags/list"
    mount = {"volumeMounts": [{"name": "trust", "mountPath": "/trust"}]}
    trust = [{"name": "trust", "configMap": {"name": "trust"}}]
    pod = python_pod("asks", admitted, ASK, tags, login, container=mount, volumes=trust)

    assert said_by(pair, pod) == "401\n{'name': 'base/shell', 'tags': ['1']}\n"
