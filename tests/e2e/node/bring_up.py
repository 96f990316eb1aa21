"""
The node from inside: mounts, a network, and every program in turn; then it waits to be ended.

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
from pathlib import Path
from typing import Any

from tests.e2e.cluster.kubeconfig import write_kubeconfig
from tests.e2e.cluster.processes import NotReady, Processes, answers
from tests.e2e.node import configuration
from tests.e2e.node.configuration import ADDRESS, API, ETCD, NODE, PODS, SERVICES

MANIFESTS = Path(__file__).parent / "manifests"
PATIENCE_SECONDS = 180.0
"""For one program to become ready; none takes 10 on an idle machine."""

READY = "ready"
"""The file that tells the owner that all is up."""


def bring_up(work: Path, kube: Path, containers: Path, archives: Sequence[Path]) -> None:
    """
    Start everything.

    Args:
        work: A folder on a real file system, for files and logs.
        kube: Where Kubernetes' programs are.
        containers: Where containerd, its shim, ``ctr`` and the network plugins are.
        archives: Images that the node shall have.

    Raises:
        NotReady: A program did not start; with the end of its log.
        subprocess.CalledProcessError: Something else failed, and has told why.

    """
    make_mounts(work)
    make_network()
    make_keys(work)
    write_files(work, containers)
    processes, begun = Processes(work), time.monotonic()

    def wait(what: str, program: str, check: Callable[[], object]) -> None:
        processes.wait(program, check, PATIENCE_SECONDS)
        print(f"{time.monotonic() - begun:5.1f} s  {what}", file=sys.stderr, flush=True)  # noqa: T201

    def kubectl(*arguments: object) -> bool:
        command = (kube / "kubectl", "--kubeconfig", work / "kubeconfig", *arguments)
        return not subprocess.run([*map(str, command)], capture_output=True, check=False).returncode

    processes.start("containerd", (containers / "containerd", "--config", work / "containerd.toml"))
    start_etcd(work, kube, processes)
    wait("containerd", "containerd", (work / "containerd.sock").exists)
    client = (containers / "ctr", "--address", work / "containerd.sock", "--namespace", "k8s.io")
    # Beside the start of the others they take no time.
    imports = [
        subprocess.Popen(
            [*client, "images", "import", "--local", path],
            stdout=subprocess.DEVNULL,
            stderr=(work / f"import-{path.stem}.log").open("wb"),
        )
        for path in archives
    ]
    wait("etcd", "etcd", lambda: answers(f"{ETCD}/health"))
    start_api_server(work, kube, processes)
    certificate = work / "certificates/apiserver.crt"
    wait("API server", "kube-apiserver", lambda: answers(f"{API}/readyz", certificate, "admin"))
    start_controllers(work, kube, processes)
    start_node(work, kube, processes)
    wait("Node", "kubelet", lambda: kubectl("wait", "--for=condition=Ready", f"node/{NODE}"))
    for path, process in zip(archives, imports, strict=True):
        if process.wait():
            log = (work / f"import-{path.stem}.log").read_text()
            raise NotReady(f"{path} could not be imported: {log}")
    account = ("get", "serviceaccount", "default", "--namespace", "kube-system")
    wait("service accounts", "kube-controller-manager", lambda: kubectl(*account))
    wait("CoreDNS", "kubelet", lambda: kubectl("apply", "--filename", MANIFESTS / "coredns.yaml"))
    served = ("rollout", "status", "deployment/coredns", "--namespace", "kube-system")
    wait("names", "kubelet", lambda: kubectl(*served, "--timeout=1s"))


def make_mounts(work: Path) -> None:
    """Let volumes reach Pods, and hide ``/run`` and ``/var`` behind copies that vanish."""
    run("mount", "--make-rshared", "/")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    upper, scratch = work / "var", work / "var.work"
    upper.mkdir()
    scratch.mkdir()
    options = f"lowerdir=/var,upperdir={upper},workdir={scratch}"
    run("mount", "-t", "overlay", "overlay", "-o", options, "/var")


def make_network() -> None:
    """Make the bridge of the Pods, whose address is the node's; nothing leads out."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "pods0", "type", "bridge")
    run("ip", "address", "add", f"{ADDRESS}/{PODS.partition('/')[2]}", "dev", "pods0")
    run("ip", "link", "set", "pods0", "up")
    # Without a default route the node's own processes would find a Service's network unreachable.
    run("ip", "route", "add", SERVICES, "dev", "pods0")
    settings = Path("/proc/sys/net")
    for name in ("ipv4/ip_forward", "ipv4/conf/all/route_localnet"):
        (settings / name).write_text("1")
    filtered = settings / "bridge/bridge-nf-call-iptables"
    if filtered.exists():  # the module br_netfilter: Services between Pods of one bridge
        filtered.write_text("1")


def make_keys(work: Path) -> None:
    """Make the key of service accounts, and the API server's certificate for the kubelet."""
    # As genpkey writes it, the API server cannot read it.
    key = ("openssl", "ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out")
    run(*key, work / "sa.key")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    request = ("openssl", "req", "-x509", *kind, "-days", 30)
    authority = ("-CA", work / "ca.crt", "-CAkey", work / "ca.key")
    for name, subject, issuer in (
        ("ca", "/CN=kubelet-clients", ()),
        ("client", "/O=system:masters/CN=kube-apiserver", authority),
    ):
        files = ("-keyout", work / f"{name}.key", "-out", work / f"{name}.crt")
        run(*request, "-subj", subject, *files, *issuer, stderr=subprocess.DEVNULL)


def write_files(work: Path, plugins: Path) -> None:
    """Write what the programs are told."""
    texts: dict[str, str | dict[str, Any]] = {
        "tokens.csv": configuration.tokens(),
        "containerd.toml": configuration.containerd(work, plugins),
        "net.d/pods.conflist": configuration.bridge(),
        "kubelet.json": configuration.kubelet(work),
        "proxy.json": configuration.proxy(work),
        "resolv.conf": "",
    }
    for name, text in texts.items():
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text(text if isinstance(text, str) else json.dumps(text, indent=2))
    authority = work / "certificates/apiserver.crt"
    for name, user in (
        ("kubeconfig", "admin"),
        ("kubelet.kubeconfig", "kubelet"),
        ("proxy.kubeconfig", "proxy"),
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


def start_node(work: Path, kube: Path, processes: Processes) -> None:
    """Start the kubelet and kube-proxy."""
    processes.start(
        "kubelet",
        (
            kube / "kubelet",
            *("--config", work / "kubelet.json", "--kubeconfig", work / "kubelet.kubeconfig"),
            *("--root-dir", work / "kubelet", "--cert-dir", work / "kubelet.pki"),
            *("--hostname-override", NODE, "--node-ip", ADDRESS),
        ),
    )
    processes.start("kube-proxy", (kube / "kube-proxy", "--config", work / "proxy.json"))


def run(*command: object, **options: Any) -> None:  # noqa: ANN401  (those of subprocess.run)
    """Run a program to its end, which must be a good one."""
    subprocess.run([*map(str, command)], check=True, **options)


def main(work: Path, kube: Path, containers: Path, *archives: Path) -> None:
    """Bring the node up, tell the owner so, and wait."""
    try:
        bring_up(work, kube, containers, archives)
    except (NotReady, subprocess.CalledProcessError) as error:
        sys.exit(f"the node did not come up: {error}")
    (work / READY).touch()
    signal.pause()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
