"""
A real control plane on loopback, without Docker.

etcd, kube-apiserver, kube-controller-manager and kube-scheduler are the real ones; nodes are played
(:mod:`.played_nodes`).
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.e2e.cluster import programs
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.kubeconfig import write_kubeconfig
from tests.e2e.cluster.played_nodes import MANIFESTS, PlayedNodes
from tests.e2e.cluster.processes import HOST, Processes, answers, free_ports

ADMIN = "admin-token"

# Who of the bundle used which verb on what; nothing of anybody else, and no bodies.
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "userGroups": ["system:serviceaccounts:metakaito-system"]},
        {"level": "None"},
    ],
}


class LocalProvider:
    """A control plane of programs that are built here."""

    name = "local"

    def why_not(self) -> str | None:
        """Return why it cannot be started here, or None."""
        for program in ("openssl", "go"):
            if shutil.which(program) is None:
                return f"the local control plane needs {program}, which is not on the PATH"
        return None

    @contextmanager
    def started(self, work: Path) -> Iterator[Cluster]:
        """Start it, and end it with the context."""
        built = programs.programs("kube")
        processes = Processes(work)
        try:
            control_plane = ControlPlane(built, work, processes)
            control_plane.start()
            yield Cluster(
                provider=self.name,
                kubeconfig=control_plane.kubeconfig,
                processes=processes,
                programs=(built / "bin", programs.programs("tools") / "bin"),
                audit=work / "audit.log",
            )
        finally:
            processes.end_all()


class ControlPlane:
    """
    The programs and how they are started.

    Args:
        built: Folder with ``bin/`` and ``share/``.
        work: Empty folder for keys, logs and the contents of etcd.
        processes: What starts and ends them.

    """

    def __init__(self, built: Path, work: Path, processes: Processes) -> None:
        self.kubeconfig = work / "kubeconfig"
        self._built = built
        self._bin = built / "bin"
        self._work = work
        self._processes = processes
        self._ports = iter(free_ports(5))
        self._server = f"https://{HOST}:{next(self._ports)}"
        self._certificate = work / "certs" / "apiserver.crt"

    def start(self) -> None:
        """
        Start everything and wait until it works.

        Raises:
            NotReady: A program did not start; with the end of its log.

        """
        self._write_files()
        self._start_etcd()
        self._start_api_server()
        played = PlayedNodes(self._built, self.kubeconfig, self._processes)
        self._kubectl("create", *(f"--filename={path}" for path in played.crds))
        self._start_controllers()
        wait_for_nodes = played.start()
        self._await_controllers()
        wait_for_nodes()
        for name in ("node-class.yaml", "system-node.yaml"):
            self._kubectl("create", "-f", MANIFESTS / name)

    def _write_files(self) -> None:
        subprocess.run(
            [
                *("openssl", "ecparam", "-genkey", "-noout", "-name", "prime256v1"),
                *("-out", str(self._work / "service-accounts.key")),
            ],
            check=True,
            capture_output=True,
        )
        (self._work / "tokens.csv").write_text(f'{ADMIN},admin,admin,"system:masters"\n')
        (self._work / "audit-policy.yaml").write_text(yaml.safe_dump(AUDIT_POLICY))
        write_kubeconfig(self.kubeconfig, self._server, self._certificate, ADMIN)

    def _start_etcd(self) -> None:
        client, peer = (f"http://{HOST}:{next(self._ports)}" for _ in range(2))
        self._etcd = client
        self._start(
            "etcd",
            *("--data-dir", self._work / "etcd", "--unsafe-no-fsync", "--log-level", "warn"),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", f"default={peer}"),
        )
        self._processes.wait("etcd", lambda: answers(f"{client}/health"))

    def _start_api_server(self) -> None:
        keys = self._work / "service-accounts.key"
        self._start(
            "kube-apiserver",
            *("--etcd-servers", self._etcd, "--bind-address", HOST, "--advertise-address", HOST),
            *("--secure-port", self._server.rpartition(":")[2]),
            *("--cert-dir", self._work / "certs"),
            *("--token-auth-file", self._work / "tokens.csv", "--authorization-mode", "RBAC"),
            *("--service-account-issuer", "https://kubernetes.default.svc"),
            *("--service-account-key-file", keys, "--service-account-signing-key-file", keys),
            *("--service-cluster-ip-range", "10.0.0.0/24"),
            *("--audit-policy-file", self._work / "audit-policy.yaml"),
            *("--audit-log-path", self._work / "audit.log"),
            "--endpoint-reconciler-type=none",  # loopback is no valid endpoint
            "--enable-priority-and-fairness=false",  # a second less at the start
        )
        self._processes.wait("kube-apiserver", lambda: self._answers("/readyz"))

    def _start_controllers(self) -> None:
        keys = self._work / "service-accounts.key"
        common = (
            *("--kubeconfig", self.kubeconfig, "--leader-elect=false", "--bind-address", HOST),
            *("--kube-api-qps", 500, "--kube-api-burst", 1000),
        )
        self._start(
            "kube-controller-manager",
            *(*common, "--secure-port", next(self._ports)),
            *("--cert-dir", self._work / "controller-manager"),
            *("--service-account-private-key-file", keys, "--root-ca-file", self._certificate),
            "--use-service-account-credentials",
        )
        self._start(
            "kube-scheduler",
            *(*common, "--secure-port", next(self._ports)),
            *("--cert-dir", self._work / "scheduler"),
        )

    def _await_controllers(self) -> None:
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self._processes.wait("kube-controller-manager", lambda: self._answers(account))

    def _start(self, name: str, *flags: object) -> None:
        self._processes.start(name, (self._bin / name, *flags))

    def _answers(self, path: str) -> bool:
        # The API server makes its certificate itself, at its first start.
        return answers(self._server + path, self._certificate, ADMIN)

    def _kubectl(self, *arguments: object) -> None:
        done = subprocess.run(
            [self._bin / "kubectl", "--kubeconfig", self.kubeconfig, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"kubectl {arguments[0]} failed: {done.stderr}")
