"""
A control plane on which nothing works but the bundle: etcd, the API server, and played nodes.

No scheduler, kubelet or provisioner takes a share of the machine, and of the Kubernetes controllers
none, or the garbage collector alone.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import call_log
from tests.bench.wire import Wire, address_in
from tests.e2e.cluster import programs
from tests.e2e.cluster.bundle import ACCOUNT, CHART, MACHINES, NAMESPACE, RELEASE, Bundle
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.local import ControlPlane
from tests.e2e.cluster.played_nodes import MANIFESTS
from tests.e2e.cluster.player import find_player
from tests.e2e.cluster.processes import HOST, Processes, free_ports

# Who plays a client of the API server without any controller; the audit log has it as well.
CLIENT = f"system:serviceaccount:{NAMESPACE}:client"
OURS = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
CLIENT_TOKEN = "client-token"  # noqa: S105  (of an API server on loopback that ends in minutes)
# So long nobody asks the hooks before it is taken for quiet.
QUIET_SECONDS = 1.5
# The hooks ask to be asked again about what is still to come, at most so long after they saw it.
LOOK_AGAIN_SECONDS = 16.0


class BareControlPlane(ControlPlane):
    """etcd and the API server."""

    def start(self) -> None:
        """Start both and wait until they work."""
        self._write_files()
        self._start_etcd()
        self._start_api_server()
        self._kubectl("create", f"--filename={MANIFESTS / 'machines.yaml'}")

    def start_garbage_collector(self) -> None:
        """Start what deletes the children of what is gone."""
        keys = self._work / "service-accounts.key"
        self._start(
            "kube-controller-manager",
            *("--kubeconfig", self.kubeconfig, "--leader-elect=false", "--bind-address", HOST),
            *("--secure-port", next(self._ports), "--cert-dir", self._work / "manager"),
            *("--kube-api-qps", 500, "--kube-api-burst", 1000),
            *("--service-account-private-key-file", keys),
            "--controllers=garbage-collector-controller",
        )

    def _write_files(self) -> None:
        super()._write_files()
        groups = "system:masters,system:serviceaccounts:metakaito-system"
        with (self._work / "tokens.csv").open("a") as tokens:
            tokens.write(f'{CLIENT_TOKEN},{CLIENT},client,"{groups}"\n')

    def _start(self, name: str, *flags: object) -> None:
        if name == "kube-apiserver":
            # New nodes would be tainted until a controller that is not there finds them ready.
            flags = (*flags, "--disable-admission-plugins=TaintNodesByCondition")
            # Of 254 addresses each Service takes one.
            flags = (*flags, "--service-cluster-ip-range=10.0.0.0/16")
        super()._start(name, *flags)


class BareBundle(Bundle):
    """The bundle where no Pod of a release becomes ready: its processes run beside the cluster."""

    def upgrade(self, **_: object) -> None:
        """Install the release, and wait for nothing of it."""
        path = self.cluster.work / "values.yaml"
        path.write_text(json.dumps(self.values))
        self.cluster.helm(
            *("install", RELEASE, CHART, "--values", path),
            *("--namespace", NAMESPACE, "--create-namespace"),
        )


class BareCluster:
    """
    The control plane with the bundle on it.

    Args:
        bundle: What is measured; its processes are the caller's to start.

    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.processes = bundle.cluster.processes
        self.address = address_in(bundle.cluster.kubeconfig)
        self.client = address_in(bundle.cluster.kubeconfig, CLIENT_TOKEN)
        self.audit = bundle.cluster.audit or Path()
        self.hooks_log = bundle.cluster.work / "hooks.log"

    def start_metacontroller(self) -> None:
        """Start it, and return once it has looked at everything that is there."""
        mark = call_log.size(self.hooks_log)
        self.bundle.start_player()
        until(lambda: call_log.calls(self.hooks_log, mark).number, "Metacontroller asks")
        self.wait_for_quiet()

    def stop_metacontroller(self) -> None:
        """Stop it."""
        self.processes.end("metacontroller")

    def wait_for_quiet(self, most: float = 300.0) -> None:
        """Return once nobody has asked the hooks for a moment."""
        until(
            lambda: call_log.age(self.hooks_log) > QUIET_SECONDS, "the hooks are left alone", most
        )

    def wait_for_rest(self) -> None:
        """Return once all that is ready now was looked at again, and nobody asks any more."""
        time.sleep(LOOK_AGAIN_SECONDS)
        self.wait_for_quiet()

    def wire(self) -> Wire:
        """Return a connection to the API server, as an administrator."""
        return Wire(self.address)


@contextmanager
def started(tell: Callable[[str], None], *, collector: bool = False) -> Iterator[BareCluster]:
    """
    Start a control plane with the bundle and all that acts on it, and end it with the context.

    Args:
        tell: Told what takes a while.
        collector: Whether the children of what is deleted are deleted too.

    """
    tell("starting a control plane")
    built = programs.programs("kube", tell)
    tools = programs.programs("tools", tell)
    with tempfile.TemporaryDirectory(prefix="metakaito-bench-") as folder:
        work = Path(folder)
        processes = Processes(work)
        try:
            control_plane = BareControlPlane(built, work, processes)
            control_plane.start()
            cluster = Cluster(
                provider="bare",
                kubeconfig=control_plane.kubeconfig,
                processes=processes,
                programs=(built / "bin", tools / "bin"),
                audit=work / "audit.log",
            )
            bare = with_bundle(cluster)
            if collector:  # after the bundle, for it looks but now and then which kinds there are
                control_plane.start_garbage_collector()
            yield bare
        finally:
            processes.end_all()


def with_bundle(cluster: Cluster) -> BareCluster:
    """Install the bundle and start its processes, and what plays nodes."""
    bundle = BareBundle(
        cluster,
        {**MACHINES, "hooks": {"url": f"http://{HOST}:{free_ports(1)[0]}"}},
        find_player(),
        serve=(sys.executable, "-m", "tests.bench.noting_hooks", "serve"),
    )
    bundle.hooks_url = bundle.values["hooks"]["url"]
    bundle.upgrade()
    cluster.processes.start(
        "nodes", (sys.executable, "-m", "tests.bench.ready_at_once", cluster.kubeconfig)
    )
    bundle.start_hooks()
    bare = BareCluster(bundle)
    bare.start_metacontroller()
    return bare


def until(seen: Callable[[], object], what: str, seconds: float = 60.0) -> float:
    """
    Look until something true is seen, and return after how many seconds it was.

    Raises:
        TimeoutError: It was not.

    """
    began = time.monotonic()
    while not seen():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - began
