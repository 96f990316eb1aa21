"""
The bundle, installed with Helm on a test cluster, and what answers and acts for it.

Where Pods do not run, the hooks and Metacontroller are processes beside the cluster. They get what
the chart's Pods would get: the hooks the environment of the rendered Deployment, Metacontroller the
flags of the rendered StatefulSet and a token of the chart's ServiceAccount. So it has exactly the
rights that the chart gives it.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.kubeconfig import as_other_user
from tests.e2e.cluster.player import Player, find_player
from tests.e2e.cluster.processes import HOST, answers, free_ports, listens

CHART = Path(__file__).parents[3] / "charts" / "metakaito"
NAMESPACE = "metakaito-system"
RELEASE = "metakaito"
ACCOUNT = f"{RELEASE}-metacontroller"

# Karpenter's kwok provider serves its own node class only.
NODECLAIMS: Mapping[str, Any] = {
    "provisioner": "nodeclaim",
    "nodeClass": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"},
}
MACHINES: Mapping[str, Any] = {"provisioner": "machine"}
OWN_NODES: Mapping[str, Any] = {"provisioner": "none"}

# Flags of which a process beside the cluster has its own.
OWN_FLAGS = ("--metrics-address", "--health-probe-bind-address", "--zap", "--discovery-interval")
# Flags that `metakaito dev` knows too.
COMMON_FLAGS = ("--target-label-selector", "--workers", "--apply-strategy")


@dataclass
class Bundle:
    """
    An installed release, and the processes that stand for its Pods.

    ``environment`` is what the hooks get beside what the release sets, ``serve`` how they are
    started.
    """

    cluster: Cluster
    values: dict[str, Any]
    player: Player
    hooks_url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    serve: tuple[str, ...] = (sys.executable, "-m", "hooks.cli", "serve")

    @property
    def kubeconfig(self) -> Path:
        """Who Metacontroller is towards the API server."""
        return self.cluster.work / "metacontroller.kubeconfig"

    def upgrade(self, *, values: Mapping[str, Any] | None = None) -> None:
        """Install the release, or bring it to other values."""
        self.values = {**self.values, **(values or {})}
        path = self.cluster.work / "values.yaml"
        path.write_text(yaml.safe_dump(self.values))
        self.cluster.helm(
            *("upgrade", "--install", RELEASE, CHART, "--values", path),
            *("--namespace", NAMESPACE, "--create-namespace", "--wait", "--timeout", "120s"),
        )

    def rendered(self) -> list[dict[str, Any]]:
        """Return the objects of the release as Helm has rendered them."""
        text = self.cluster.helm("get", "manifest", RELEASE, "--namespace", NAMESPACE)
        return [document for document in yaml.safe_load_all(text) if document]

    def container(self, kind: str, name: str) -> dict[str, Any]:
        """Return the first container of a workload of the release."""
        for document in self.rendered():
            if document["kind"] == kind and document["metadata"]["name"] == name:
                found: dict[str, Any] = document["spec"]["template"]["spec"]["containers"][0]
                return found
        raise LookupError(f"the release has no {kind} {name}")

    def start_hooks(self) -> None:
        """Start the hooks as the Deployment of the release would, or let it do so."""
        if self.cluster.real_pods:
            self._scale_hooks(self.values.get("hooks", {}).get("replicas", 2))
            return
        processes = self.cluster.processes
        container = self.container("Deployment", RELEASE)
        environment = {
            item["name"]: item["value"]
            for item in container.get("env", ())
            if "value" in item and not item["value"].startswith("/")
        }
        address = self.hooks_url.removeprefix("http://")
        processes.start(
            "hooks",
            (*self.serve, "--bind", address),
            {**environment, "METAKAITO_LOG_FORMAT": "json", **self.environment},
        )
        processes.wait("hooks", lambda: answers(f"{self.hooks_url}/readyz"))

    def stop_hooks(self) -> None:
        """Let nobody answer."""
        if self.cluster.real_pods:
            self._scale_hooks(0)
        else:
            self.cluster.processes.end("hooks")

    def hooks_log(self) -> str:
        """Return what the hooks have logged."""
        if self.cluster.real_pods:
            pods = "app.kubernetes.io/component=hooks"
            return self.cluster.kubectl("logs", "-n", NAMESPACE, "-l", pods, "--tail=-1")
        return self.cluster.processes.log("hooks")

    def _scale_hooks(self, replicas: int) -> None:
        deployment = (f"deployment/{RELEASE}", "--namespace", NAMESPACE)
        self.cluster.kubectl("scale", *deployment, f"--replicas={replicas}")
        self.cluster.kubectl("rollout", "status", *deployment, "--timeout=120s")

    def start_player(self) -> None:
        """Start who plays Metacontroller, with the rights and the flags of the release."""
        processes = self.cluster.processes
        self.write_kubeconfig(self.kubeconfig, ACCOUNT)
        health, metrics = free_ports(2)
        flags = [
            f"--kubeconfig={self.kubeconfig}",
            f"--health-probe-bind-address={HOST}:{health}",
        ]
        given = self.container("StatefulSet", ACCOUNT)["args"]
        if self.player.is_real:
            flags += [flag for flag in given if not flag.startswith(OWN_FLAGS)]
            flags += [f"--metrics-address={HOST}:{metrics}", "--discovery-interval=2s"]
        else:
            flags += [flag for flag in given if flag.startswith(COMMON_FLAGS)]
        processes.start("metacontroller", (*self.player.command, *flags))
        processes.wait("metacontroller", lambda: answers(f"http://{HOST}:{health}/readyz"))

    def write_kubeconfig(self, path: Path, account: str) -> None:
        """Write a kubeconfig for a ServiceAccount of the release."""
        token = self.cluster.kubectl(
            *("create", "token", account, "--namespace", NAMESPACE, "--duration", "24h")
        )
        as_other_user(self.cluster.kubeconfig, path, token.strip())

    def restart(self) -> None:
        """Start the processes that stand for the Pods anew, as an upgrade does with Pods."""
        if self.cluster.real_pods:
            return
        for name in ("metacontroller", "hooks"):
            self.cluster.processes.end(name)
        self.start_hooks()
        self.start_player()

    def stop(self) -> None:
        """Stop the processes that stand for the Pods."""
        for name in ("metacontroller", "hooks", "recorder"):
            self.cluster.processes.end(name)


@contextmanager
def installed(
    cluster: Cluster,
    values: Mapping[str, Any],
    *,
    between: Callable[[str, str], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Bundle]:
    """
    Install the bundle; in the end stop its processes and remove it, whatever it has made.

    Args:
        cluster: Where to.
        values: Values of the chart.
        between: Given the URL that Metacontroller asks and that of the hooks, starts what passes
            questions on. Without it Metacontroller asks the hooks.
        environment: What the hooks get beside what the release sets.

    """
    bundle = Bundle(
        cluster, {**cluster.values, **values}, find_player(), environment=environment or {}
    )
    if not cluster.real_pods:
        hooks, proxy = free_ports(2)
        bundle.hooks_url = f"http://{HOST}:{hooks}"
        asked = bundle.hooks_url
        if between is not None:
            asked = f"http://{HOST}:{proxy}"
            between(asked, bundle.hooks_url)
        bundle.values["hooks"] = {**bundle.values.get("hooks", {}), "url": asked}
    try:
        bundle.upgrade()
        if not cluster.real_pods:
            bundle.start_hooks()
            bundle.start_player()
        yield bundle
    finally:
        remove(bundle)


def remove(bundle: Bundle) -> None:
    """
    Remove everything of the bundle from its cluster, and stop its processes.

    Raises:
        AssertionError: A node has stayed.

    """
    cluster = bundle.cluster
    try:
        leave_no_node(cluster)
    finally:
        bundle.stop()
        cluster.attempt("helm", "uninstall", RELEASE, "-n", NAMESPACE, "--no-hooks", "--wait")


def leave_no_node(cluster: Cluster) -> None:
    """
    Delete all Workspaces, and see that no node stays that was made for one.

    Raises:
        AssertionError: One has stayed.

    """
    cluster.attempt("kubectl", "delete", "workspaces", "--all", "-A", "--timeout=60s")

    def nothing_is_left() -> bool:
        kinds = ("get", "nodeclaims,machines", "-l", "kaito.sh/workspace", "-o", "name")
        left = cluster.attempt("kubectl", *kinds).stdout.split()
        assert left == [], f"nodes that nobody wants: {left}"
        return True

    eventually(nothing_is_left)


def start_recorder(cluster: Cluster, folder: Path, url: str, target: str) -> None:
    """Start the proxy that keeps every request to a hook with its answer."""
    folder.mkdir(parents=True, exist_ok=True)
    address = url.removeprefix("http://")
    cluster.processes.start(
        "recorder",
        (sys.executable, "-m", "tests.e2e.cluster.recorder", address, target, folder),
    )
    cluster.processes.wait("recorder", lambda: listens(address))


def eventually(look: Any, seconds: float = 60.0, every: float = 0.2) -> Any:  # noqa: ANN401  (returns what it is given to look for)
    """
    Look again and again until something true is seen, and return it.

    Args:
        look: Called without arguments; AssertionError means not yet.
        seconds: How long.
        every: Pause in seconds.

    Raises:
        AssertionError: It was not seen; with the last reason.

    """
    deadline = time.monotonic() + seconds
    while True:
        reason: object = None
        try:
            seen = look()
        except AssertionError as error:
            seen, reason = None, error
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not seen within {seconds:.0f} s; last: {reason or seen!r}")
        time.sleep(every)
