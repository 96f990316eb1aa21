"""The bundle as real Pods: what only a node can show."""

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.cluster.bundle import ACCOUNT, NAMESPACE, RELEASE, Bundle, eventually
from tests.e2e.cluster.cluster import Cluster, CommandFailed
from tests.e2e.node.configuration import NODE
from tests.e2e.node.provider import ON_NODE
from tests.e2e.workspaces import COLUMNS, await_ready, columns, is_current, served_template

# How Metacontroller says that a sync failed, and how `metakaito dev` does.
FAILED_SYNC = re.compile(r"failed to sync|WARNING failed ")

# A model server as small as can be, in Python and nothing else: it answers who asks it politely.
SERVER = """
import http.server, json

class Chat(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"path": self.path, "Result": "You said: " + asked["prompt"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("", 5000), Chat).serve_forever()
"""


def test_the_pods_run_where_nothing_more_is_allowed(bundle: Bundle) -> None:
    pods = bundle.cluster.items("pods", "-n", NAMESPACE)
    states = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod["status"]["phase"]
        for pod in pods
    }
    with pytest.raises(CommandFailed, match=r'violates PodSecurity "restricted'):
        bundle.cluster.kubectl(
            *("run", "bold", "-n", NAMESPACE, "--image", bundle.cluster.image),
            "--overrides",
            json.dumps({"spec": {"hostNetwork": True}}),
        )

    assert states == {"hooks": "Running", "metacontroller": "Running"}
    assert len(pods) == 3


def test_helm_test_asks_the_live_hooks(bundle: Bundle) -> None:
    told = bundle.cluster.helm("test", RELEASE, "--namespace", NAMESPACE, "--timeout", "120s")

    assert "Phase:          Succeeded" in told


def test_a_workspace_answers_in_a_chat(cluster: Cluster, namespace: str) -> None:
    workspace = served_template("chat", namespace)
    container = workspace["inference"]["template"]["spec"]["containers"][0]
    container.update(
        image=cluster.image,
        imagePullPolicy="Never",
        command=["python3", "-c", SERVER],
        readinessProbe={"tcpSocket": {"port": 5000}, "periodSeconds": 1},
    )
    cluster.kubectl("label", "node", NODE, "apps=chat", "--overwrite")
    cluster.apply(workspace)
    await_ready(cluster, "chat", namespace)
    # For a template of the user's there is no Service, as in Kaito: its ports are the user's too.
    # Without --labels it would have the Deployment's, among them the one that says whose child it
    # is: Metacontroller would adopt it and, as no hook asks for it, delete it.
    cluster.kubectl(
        *("expose", "deployment/chat", "-n", namespace, "--port=80", "--target-port=5000"),
        "--labels=app=chat",
    )
    address = cluster.kubectl(
        *("get", "service", "chat", "-n", namespace, "-o", "jsonpath={.spec.clusterIP}")
    )
    answered = eventually(lambda: post(cluster, f"http://{address}/chat", {"prompt": "hello"}))
    assert answered == {
        "path": "/chat",
        "Result": "You said: hello",
    }
    assert {name: columns(cluster, "chat", namespace)[name] for name in COLUMNS} == {
        "RESOURCEREADY": "True",
        "INFERENCEREADY": "True",
        "JOBSTARTED": "",
        "WORKSPACEREADY": "True",
        "WORKSPACESUCCEEDED": "True",
    }


def test_logs_tell_of_each_answer(bundle: Bundle, namespace: str) -> None:
    cluster = bundle.cluster
    cluster.apply(served_template("told", namespace))

    def told() -> list[dict[str, Any]]:
        every = ("-l", "app.kubernetes.io/component=hooks", "--tail=-1")
        lines = cluster.kubectl("logs", "-n", NAMESPACE, *every).splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [each for each in entries if each.get("name") == "told"]

    assert {each["namespace"] for each in eventually(told)} == {namespace}


def test_a_rolling_update_of_the_hooks_fails_no_sync(bundle: Bundle, namespace: str) -> None:
    cluster = bundle.cluster
    before = {pod["metadata"]["name"] for pod in hook_pods(cluster)}
    failed_before = failed_syncs(cluster)
    with created_meanwhile(cluster, namespace) as names:
        time.sleep(1)
        cluster.kubectl("rollout", "restart", f"deployment/{RELEASE}", "-n", NAMESPACE)
        cluster.kubectl(
            "rollout", "status", f"deployment/{RELEASE}", "-n", NAMESPACE, "--timeout=120s"
        )
        eventually(lambda: not before & {pod["metadata"]["name"] for pod in hook_pods(cluster)})
    eventually(
        lambda: all(is_current(each) for each in cluster.items("workspaces", "-n", namespace))
    )

    assert len(names) > 10
    assert failed_syncs(cluster) == failed_before == []


def hook_pods(cluster: Cluster) -> list[dict[str, Any]]:
    return cluster.items("pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=hooks")


def failed_syncs(cluster: Cluster) -> list[str]:
    """What Metacontroller says of syncs that failed, in its Events and in its log."""
    events = [
        event["message"]
        for event in cluster.items("events")
        if event["type"] == "Warning" and event["reason"] == "SyncError"
    ]
    log = cluster.kubectl("logs", "-n", NAMESPACE, f"statefulset/{ACCOUNT}", "--tail=-1")
    return events + [line for line in log.splitlines() if FAILED_SYNC.search(line)]


@contextmanager
def created_meanwhile(cluster: Cluster, namespace: str) -> Iterator[list[str]]:
    """Create one Workspace after the other in the background; return their names."""
    names: list[str] = []
    enough = threading.Event()

    def create() -> None:
        while not enough.is_set():
            name = f"load-{len(names)}"
            cluster.apply(served_template(name, namespace))
            names.append(name)

    thread = threading.Thread(target=create)
    thread.start()
    try:
        yield names
    finally:
        enough.set()
        thread.join()


def post(cluster: Cluster, url: str, question: dict[str, str]) -> Any:  # noqa: ANN401  (as JSON is)
    """Send a question from the node, as the README does it from a Pod or a node."""
    program = (
        "import sys, urllib.request as r\n"
        "print(r.urlopen(r.Request(sys.argv[1], sys.stdin.buffer.read()), timeout=30)"
        ".read().decode())"
    )
    done = subprocess.run(
        [cluster.program(ON_NODE), "python3", "-c", program, url],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
