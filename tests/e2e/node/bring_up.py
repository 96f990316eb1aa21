"""
The nodes from inside: mounts, a network, and every program in turn; then it waits to be ended.

``python -m tests.e2e.node.bring_up`` runs as the first child of a process namespace, in a network
and a mount namespace of its own. What it does here nobody outside sees, and the kernel undoes all
of it when the namespaces' first process ends.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.e2e.cluster.kubeconfig import write_kubeconfig
from tests.e2e.cluster.processes import NotReady, Processes, answers
from tests.e2e.node import configuration
from tests.e2e.node.configuration import (
    ADDRESS,
    ADMIN,
    API,
    ETCD,
    FIRST,
    PROXY,
    REGISTRIES,
    REGISTRY,
    SERVICES,
    Node,
)

MANIFESTS = Path(__file__).parent / "manifests"
PATIENCE_SECONDS = 180.0
"""For one program to become ready; none takes 10 on an idle machine."""

READY = "ready"
"""The file that tells the owner that all is up."""


def bring_up(work: Path, kube: Path, containers: Path, members: Sequence[Node]) -> None:
    """
    Start everything.

    Args:
        work: A folder on a real file system, for files and logs. In it is a folder for each node,
            with what its containerd has of images.
        kube: Where Kubernetes' programs are.
        containers: Where containerd, its shim, ``ctr`` and the network plugins are.
        members: The nodes, beginning with the first.

    Raises:
        NotReady: A program did not start; with the end of its log.
        subprocess.CalledProcessError: Something else failed, and has told why.

    """
    make_mounts(work)
    make_network(members)
    make_keys(work)
    write_files(work, containers, members)
    processes, begun = Processes(work), time.monotonic()

    def wait(what: str, program: str, check: Callable[[], object]) -> None:
        processes.wait(program, check, PATIENCE_SECONDS)
        print(f"{time.monotonic() - begun:5.1f} s  {what}", file=sys.stderr, flush=True)  # noqa: T201

    def kubectl(*arguments: object) -> bool:
        command = (kube / "kubectl", "--kubeconfig", work / "kubeconfig", *arguments)
        return not subprocess.run([*map(str, command)], capture_output=True, check=False).returncode

    for node in members:
        start_containerd(work, node, containers, processes)
    start_etcd(work, kube, processes)
    for node in members:
        socket = work / node.name / "containerd.sock"
        wait(f"{node.name}: containerd", f"{node.name}/containerd", socket.exists)
        show_images(containers / "ctr", socket)
    wait("etcd", "etcd", lambda: answers(f"{ETCD}/health"))
    start_api_server(work, kube, processes)
    certificate = work / "certificates/apiserver.crt"
    wait("API server", "kube-apiserver", lambda: answers(f"{API}/readyz", certificate, ADMIN))
    start_controllers(work, kube, processes)
    for node in members:
        start_kubelet(work, node, kube, processes)
    processes.start("kube-proxy", (kube / "kube-proxy", "--config", work / "proxy.json"))
    for node in members:
        ready = ("wait", "--for=condition=Ready", f"node/{node.name}")
        wait(f"{node.name}: Ready", f"{node.name}/kubelet", partial(kubectl, *ready))
    account = ("get", "serviceaccount", "default", "--namespace", "kube-system")
    wait("service accounts", "kube-controller-manager", lambda: kubectl(*account))
    first = f"{FIRST.name}/kubelet"
    wait("CoreDNS", first, lambda: kubectl("apply", "--filename", MANIFESTS / "coredns.yaml"))
    served = ("rollout", "status", "deployment/coredns", "--namespace", "kube-system")
    wait("names", first, lambda: kubectl(*served, "--timeout=1s"))


def make_mounts(work: Path) -> None:
    """Let volumes reach Pods, and hide ``/run`` and ``/var`` behind copies that vanish."""
    run("mount", "--make-rshared", "/")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    upper, scratch = work / "var", work / "var.work"
    upper.mkdir()
    scratch.mkdir()
    options = f"lowerdir=/var,upperdir={upper},workdir={scratch}"
    run("mount", "-t", "overlay", "overlay", "-o", options, "/var")


def make_network(members: Sequence[Node]) -> None:
    """Make a bridge for the Pods of each node, whose address is the node's; nothing leads out."""
    run("ip", "link", "set", "lo", "up")
    for node in members:
        length = node.pods.partition("/")[2]
        run("ip", "link", "add", node.bridge, "type", "bridge")
        run("ip", "address", "add", f"{node.address}/{length}", "dev", node.bridge)
        run("ip", "link", "set", node.bridge, "up")
    # Without a default route the nodes' own processes would find a Service's network unreachable.
    run("ip", "route", "add", SERVICES, "dev", FIRST.bridge)
    settings = Path("/proc/sys/net")
    for name in ("ipv4/ip_forward", "ipv4/conf/all/route_localnet"):
        (settings / name).write_text("1")
    filtered = settings / "bridge/bridge-nf-call-iptables"
    if filtered.exists():  # the module br_netfilter: Services between Pods of one bridge
        filtered.write_text("1")


def make_keys(work: Path) -> None:
    """Make the key of service accounts, an authority, and the API server's certificate of it."""
    # As genpkey writes it, the API server cannot read it.
    key = ("openssl", "ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out")
    run(*key, work / "sa.key")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    request = ("openssl", "req", "-x509", *kind, "-days", 30)
    authority = ("-CA", work / "ca.crt", "-CAkey", work / "ca.key")
    # Python's own TLS refuses an authority that does not say so.
    use = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for name, subject, issuer in (
        ("ca", "/CN=metakaito-nodes", use),
        ("client", "/O=system:masters/CN=kube-apiserver", authority),
    ):
        files = ("-keyout", work / f"{name}.key", "-out", work / f"{name}.crt")
        run(*request, "-subj", subject, *files, *issuer, stderr=subprocess.DEVNULL)


def write_files(work: Path, plugins: Path, members: Sequence[Node]) -> None:
    """Write what the programs are told."""
    texts: dict[str, str | dict[str, Any]] = {
        "tokens.csv": configuration.tokens(members),
        "proxy.json": configuration.proxy(work),
        "resolv.conf": "",
        f"{REGISTRIES}/{REGISTRY}/hosts.toml": configuration.registry_hosts(work),
    }
    for node in members:
        texts |= {
            f"{node.name}/containerd.toml": configuration.containerd(work, node, plugins),
            f"{node.name}/net.d/pods.conflist": configuration.bridge(work, node),
            f"{node.name}/kubelet.json": configuration.kubelet(work, node),
        }
    for name, text in texts.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text if isinstance(text, str) else json.dumps(text, indent=2))
    authority = work / "certificates/apiserver.crt"
    for name, user in (
        ("kubeconfig", ADMIN),
        ("proxy.kubeconfig", PROXY),
        *((f"{node.name}/kubeconfig", node.user) for node in members),
    ):
        write_kubeconfig(work / name, API, authority, user)


def start_etcd(work: Path, kube: Path, processes: Processes) -> None:
    """Start etcd, whose contents nobody misses."""
    options = ("--data-dir", work / "etcd", "--unsafe-no-fsync", "--log-level", "warn")
    processes.start("etcd", (kube / "etcd", *options))


def start_api_server(work: Path, kube: Path, processes: Processes) -> None:
    """Start the API server, which also is a client of the kubelet: for logs and exec."""
    processes.start(
        "kube-apiserver",
        (
            kube / "kube-apiserver",
            *("--etcd-servers", ETCD),
            *("--bind-address", ADDRESS, "--advertise-address", ADDRESS),
            *("--cert-dir", work / "certificates"),
            *("--token-auth-file", work / "tokens.csv", "--authorization-mode", "Node,RBAC"),
            *("--enable-admission-plugins", "NodeRestriction"),
            *("--service-account-issuer", "https://kubernetes.default.svc"),
            *("--service-account-key-file", work / "sa.key"),
            *("--service-account-signing-key-file", work / "sa.key"),
            *("--service-cluster-ip-range", SERVICES),
            *("--kubelet-client-certificate", work / "client.crt"),
            *("--kubelet-client-key", work / "client.key"),
            *("--kubelet-preferred-address-types", "InternalIP"),
            "--enable-priority-and-fairness=false",
        ),
    )


def start_controllers(work: Path, kube: Path, processes: Processes) -> None:
    """Start the controllers and the scheduler."""
    client = ("--kubeconfig", work / "kubeconfig", "--leader-elect=false")
    limits = ("--kube-api-qps", 500, "--kube-api-burst", 1000)
    processes.start(
        "kube-controller-manager",
        (
            kube / "kube-controller-manager",
            *client,
            *limits,
            *("--cert-dir", work / "kube-controller-manager"),
            *("--root-ca-file", work / "certificates/apiserver.crt"),
            *("--service-account-private-key-file", work / "sa.key"),
            "--use-service-account-credentials",
        ),
    )
    scheduler = (kube / "kube-scheduler", *client, *limits, "--cert-dir", work / "kube-scheduler")
    processes.start("kube-scheduler", scheduler)


def start_containerd(work: Path, node: Node, containers: Path, processes: Processes) -> None:
    """Start what runs the containers of a node."""
    settings = work / node.name / "containerd.toml"
    command = (containers / "containerd", "--config", settings)
    processes.start(f"{node.name}/containerd", command)


def show_images(ctr: Path, socket: Path) -> None:
    """
    Let the kubelet see the images that are there already.

    At its start containerd passes over those without their layers, though they are unpacked; it
    looks at an image again when a label of it changes.

    Raises:
        NotReady: It does not answer.

    """

    def images(*arguments: str) -> str:
        client = [str(ctr), "--address", str(socket), "--namespace", "k8s.io", "images"]
        done = subprocess.run([*client, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotReady(f"ctr images {' '.join(arguments)} failed: {done.stderr}")
        return done.stdout

    for name in images("list", "--quiet").split():
        images("label", name, "metakaito.local/unpacked=true")


def start_kubelet(work: Path, node: Node, kube: Path, processes: Processes) -> None:
    """Start the kubelet of a node."""
    # The socket for device plugins has one place, so the last kubelet has it; there are none here.
    own = work / node.name
    processes.start(
        f"{node.name}/kubelet",
        (
            kube / "kubelet",
            *("--config", own / "kubelet.json", "--kubeconfig", own / "kubeconfig"),
            *("--root-dir", own / "kubelet", "--cert-dir", own / "kubelet.pki"),
            *("--hostname-override", node.name, "--node-ip", node.address),
        ),
    )


def run(*command: object, **options: Any) -> None:  # noqa: ANN401  (those of subprocess.run)
    """Run a program to its end, which must be a good one."""
    subprocess.run([*map(str, command)], check=True, **options)


def main(work: Path, kube: Path, containers: Path, count: int) -> None:
    """Bring so many nodes up, tell the owner so, and wait."""
    try:
        bring_up(work, kube, containers, configuration.nodes(count))
    except (NotReady, subprocess.CalledProcessError) as error:
        sys.exit(f"the node did not come up: {error}")
    (work / READY).touch()
    signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
