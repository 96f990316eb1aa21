"""
A registry in the nodes' network: TLS by the nodes' own authority, and one user with a password.

Pods and containerd reach it at `REGISTRY`. containerd trusts it; a Pod that speaks to it itself has
to be given the certificate of its authority.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.cluster.cluster import Cluster, CommandFailed
from tests.e2e.cluster.programs import programs
from tests.e2e.node.configuration import ADDRESS, AUTHORITY, FIRST, REGISTRIES, REGISTRY
from tests.e2e.node.provider import ON_NODE
from tests.e2e.node.store import SOURCE

PROGRAM = "registry"
USER = "somebody"
PASSWORD = "only-for-tests"  # noqa: S105  (of a registry that nobody outside reaches)
# bcrypt is all that it reads, and Python has no bcrypt.
HTPASSWD = f"{USER}:$2b$04$laCkuD2RAk8MY21IrYWGrudCtE6J2bS4jHg1XzNl2rgHe7Xvx5mNi\n"
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Registry:
    """A registry that runs; each image in it is called ``10.88.0.1:5000/repository:tag``."""

    cluster: Cluster

    @property
    def authority(self) -> Path:
        """The certificate to trust it by, in PEM; openly readable, for a ConfigMap."""
        return nodes_folder(self.cluster) / AUTHORITY

    def push(self, archive: Path, name: str) -> str:
        """
        Push the one image of an archive in the OCI's layout.

        Args:
            archive: As `image.archive.write_archive` writes it.
            name: Repository and tag, without the registry.

        Returns:
            What Pods call it.

        Raises:
            CommandFailed: That failed; with what was said.

        """
        # In a namespace of containerd's own: no Pod sees it, and it need not be unpacked.
        work = nodes_folder(self.cluster)
        socket = work / FIRST.name / "containerd.sock"
        ctr = (programs("containers") / "bin/ctr", "--address", socket, "--namespace", "pushed")
        remote = f"{REGISTRY}/{name}"
        self._on_node(*ctr, "images", "import", "--local", "--no-unpack", archive)
        local = self._on_node(*ctr, "images", "list", "--quiet").split()
        user = ("--user", f"{USER}:{PASSWORD}", "--hosts-dir", work / REGISTRIES)
        try:
            (image,) = local
            self._on_node(*ctr, "images", "push", *user, remote, image)
        finally:
            self._on_node(*ctr, "images", "remove", "--sync", *local)
        return remote

    def secret(self, name: str, namespace: str) -> dict[str, Any]:
        """Return the Secret of its user: for ``imagePullSecrets``, or to push with."""
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        account = {"username": USER, "password": PASSWORD, "auth": login}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": json.dumps({"auths": {REGISTRY: account}})},
        }

    def trust(self, name: str, namespace: str) -> dict[str, Any]:
        """Return a ConfigMap with the certificate of its authority under ``ca.crt``."""
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace},
            "data": {"ca.crt": self.authority.read_text()},
        }

    def _on_node(self, *command: object) -> str:
        """Return what a program prints that runs in the nodes' network."""
        whole = [self.cluster.program(ON_NODE), *map(str, command)]
        done = subprocess.run(whole, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CommandFailed(f"{' '.join(whole)}:\n{done.stderr}")
        return done.stdout


@contextmanager
def started_registry(cluster: Cluster) -> Iterator[Registry]:
    """
    Start the registry, empty, and end it with the context.

    Args:
        cluster: Of the `NodeProvider`.

    Raises:
        NotReady: It did not start; with the end of its log.

    """
    folder = nodes_folder(cluster) / PROGRAM
    folder.mkdir()
    make_certificate(nodes_folder(cluster), folder)
    (folder / "htpasswd").write_text(HTPASSWD)
    (folder / "config.json").write_text(json.dumps(configuration(folder)))
    processes, on_node = cluster.processes, cluster.program(ON_NODE)
    program = programs(PROGRAM) / "bin" / PROGRAM
    # It would else look for somebody to tell of each request.
    silent = {"OTEL_TRACES_EXPORTER": "none"}
    processes.start(PROGRAM, (on_node, program, "serve", folder / "config.json"), silent)
    try:
        processes.wait(PROGRAM, lambda: is_heard(cluster, REGISTRY), PATIENCE_SECONDS)
        yield Registry(cluster)
    finally:
        processes.end(PROGRAM)


def configuration(folder: Path) -> dict[str, Any]:
    """
    Return what the registry is told; JSON is YAML, too.

    Source: https://distribution.github.io/distribution/about/configuration/
    """
    return {
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "storage")},
            "delete": {"enabled": True},
        },
        "auth": {"htpasswd": {"realm": PROGRAM, "path": str(folder / "htpasswd")}},
        "http": {
            "addr": REGISTRY,
            "tls": {
                "certificate": str(folder / "server.crt"),
                "key": str(folder / "server.key"),
            },
        },
    }


def make_certificate(work: Path, folder: Path) -> None:
    """Make the registry's certificate: for its address, signed by the nodes' authority."""
    extensions = (
        f"subjectAltName=IP:{ADDRESS}",
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature",
        "extendedKeyUsage=serverAuth",
    )
    command = (
        *("openssl", "req", "-x509", "-days", 30, "-nodes", "-subj", f"/CN={PROGRAM}"),
        *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-CA", work / AUTHORITY, "-CAkey", (work / AUTHORITY).with_suffix(".key")),
        *("-keyout", folder / "server.key", "-out", folder / "server.crt"),
        *(word for extension in extensions for word in ("-addext", extension)),
    )
    subprocess.run([*map(str, command)], check=True, capture_output=True)


def nodes_folder(cluster: Cluster) -> Path:
    """Return the folder that the nodes of a `NodeProvider` share."""
    return cluster.kubeconfig.parent


def is_heard(cluster: Cluster, address: str) -> bool:
    """Tell whether somebody takes connections at ``host:port`` in the nodes' network."""
    program = f"from tests.e2e.cluster.processes import listens; listens({address!r})"
    command = [cluster.program(ON_NODE), sys.executable, "-c", program]
    return not subprocess.run(command, cwd=SOURCE, capture_output=True, check=False).returncode
