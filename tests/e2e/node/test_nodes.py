"""Two nodes are one cluster, and each kubelet has its own Pods, images and rights."""

from typing import Any

import pytest

from tests.e2e.cluster.bundle import eventually
from tests.e2e.cluster.cluster import Cluster, CommandFailed
from tests.e2e.cluster.kubeconfig import as_other_user
from tests.e2e.node.configuration import Node, nodes
from tests.e2e.node.conftest import GREETING
from tests.e2e.node.pods import is_ready, python_pod, said_by

NODES = nodes(2)

# It says on which node it is, to who asks and in its log.
SERVER = """
import http.server, sys

class Here(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())

print("here is", sys.argv[1], flush=True)
http.server.ThreadingHTTPServer(("", 8000), Here).serve_forever()
"""
CLIENT = """
import sys, urllib.request
for url in sys.argv[1:]:
    print(urllib.request.urlopen(url, timeout=20).read().decode())
"""


def serving(node: Node) -> str:
    return f"serves-{node.name}"


@pytest.fixture
def servers(pair: Cluster, restricted: str) -> str:
    """The namespace with a server on each node, and a Service for each."""
    probe = {"readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1}}
    for node in NODES:
        name, words = serving(node), (SERVER, node.name)
        pod = python_pod(name, restricted, *words, container=probe, nodeName=node.name)
        pod["metadata"]["labels"] = {"app": name}
        pair.apply(pod)
        pair.kubectl("expose", f"pod/{name}", "-n", restricted, "--port=80", "--target-port=8000")
    eventually(lambda: all(is_ready(pair, serving(node), restricted) for node in NODES))
    return restricted


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_pods_of_both_nodes_reach_all_pods_and_services(
    pair: Cluster, servers: str, node: Node
) -> None:
    pods = [pair.get("pod", serving(each), servers) or {} for each in NODES]
    addresses = [f"http://{pod['status']['podIP']}:8000" for pod in pods]
    names = [f"http://{serving(each)}.{servers}.svc.cluster.local" for each in NODES]

    client = python_pod("client", servers, CLIENT, *addresses, *names, nodeName=node.name)

    assert said_by(pair, client).split() == ["node0", "node1", "node0", "node1"]


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_logs_and_exec_work_on_both_nodes(pair: Cluster, servers: str, node: Node) -> None:
    told = pair.kubectl("logs", serving(node), "-n", servers)
    program = ("python3", "-c", "import os; print(os.getuid())")
    printed = pair.kubectl("exec", serving(node), "-n", servers, "--", *program)

    assert (told, printed) == (f"here is {node.name}\n", "65532\n")


def test_the_nodes_have_networks_of_their_own(pair: Cluster, servers: str) -> None:
    pods = {pod["spec"]["nodeName"]: pod for pod in pair.items("pods", "-n", servers)}

    places = {name: (pod["status"]["hostIP"], network(pod)) for name, pod in pods.items()}

    assert places == {"node0": ("10.88.0.1", "10.88"), "node1": ("10.89.0.1", "10.89")}


def network(pod: dict[str, Any]) -> str:
    """The first half of the Pod's address."""
    return ".".join(pod["status"]["podIP"].split(".")[:2])


def test_a_kubelet_may_change_its_own_node_only(pair: Cluster) -> None:
    other = pair.work / "other.kubeconfig"
    as_other_user(pair.kubeconfig, other, NODES[1].user)

    def annotate(node: Node) -> str:
        as_kubelet = ("--kubeconfig", other)
        return pair.kubectl(*as_kubelet, "annotate", "node", node.name, "a=b", "--overwrite")

    with pytest.raises(CommandFailed, match="only its own Node object"):
        annotate(NODES[0])

    assert "annotated" in annotate(NODES[1])


def test_an_image_that_one_node_was_given_is_on_no_other(pair: Cluster) -> None:
    found = {
        node["metadata"]["name"]: {
            name for each in node["status"]["images"] for name in each["names"]
        }
        for node in eventually(lambda: with_images(pair))
    }

    assert {name for name, images in found.items() if GREETING in images} == {"node1"}
    assert found["node1"] - {GREETING} == found["node0"]


def with_images(cluster: Cluster) -> list[dict[str, Any]]:
    """The nodes, once all of them have told of their images."""
    found = cluster.items("nodes")
    return found if all(node["status"].get("images") for node in found) else []
