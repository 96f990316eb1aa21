"""
A kind cluster, where there is a Docker engine: created for the tests and deleted after them.

Pods run there, so the bundle's image is built and loaded. Nodes with GPUs are played by processes
beside it (:mod:`.played_nodes`), as on the local control plane.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster import programs
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.played_nodes import MANIFESTS, PlayedNodes
from tests.e2e.cluster.processes import Processes

IMAGE = "metakaito:test"
VALUES = {"image": {"repository": "metakaito", "tag": "test", "pullPolicy": "Never"}}

# What the Dockerfile begins with; its digest of today is looked up.
BASE = re.compile(r"^ARG PYTHON_IMAGE=(\S+)$", re.MULTILINE)
ROOT = Path(__file__).parents[3]


class KindProvider:
    """Kubernetes in Docker."""

    name = "kind"

    def why_not(self) -> str | None:
        """Return why it cannot be started here, or None."""
        for program in ("docker", "kind", "go"):
            if shutil.which(program) is None:
                return f"kind needs {program}, which is not on the PATH"
        engine = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if engine.returncode:
            reason = (engine.stderr.strip() or "docker info failed").splitlines()[-1]
            return f"kind needs a running Docker engine: {reason}"
        return None

    @contextmanager
    def started(self, work: Path) -> Iterator[Cluster]:
        """Create the cluster, load the image, and delete the cluster with the context."""
        kubeconfig, name = work / "kubeconfig", work.name.lower().replace("_", "-")
        processes = Processes(work)
        built = programs.programs("kube")
        digest = f"PYTHON_DIGEST={base_digest()}"
        run("docker", "build", "--build-arg", digest, "--tag", IMAGE, ROOT)
        try:
            run(
                *("kind", "create", "cluster", "--name", name, "--wait", "120s"),
                *("--kubeconfig", kubeconfig),
            )
            run("kind", "load", "docker-image", IMAGE, "--name", name)
            cluster = Cluster(
                provider=self.name,
                kubeconfig=kubeconfig,
                processes=processes,
                programs=(built / "bin", programs.programs("tools") / "bin"),
                real_pods=True,
                image=IMAGE,
                values=VALUES,
            )
            played = PlayedNodes(built, kubeconfig, processes)
            cluster.kubectl("create", *(f"--filename={path}" for path in played.crds))
            played.start()()
            cluster.kubectl("create", "-f", MANIFESTS / "node-class.yaml")
            yield cluster
        finally:
            processes.end_all()
            run("kind", "delete", "cluster", "--name", name, "--kubeconfig", kubeconfig)


def base_digest() -> str:
    """Return the digest that the base image of the Dockerfile has in its registry now."""
    found = BASE.search((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert found is not None
    template = ("--format", "{{.Manifest.Digest}}")
    return run("docker", "buildx", "imagetools", "inspect", found[1], *template).strip()


def run(*command: object) -> str:
    """
    Run a command that must succeed, and return what it prints.

    Raises:
        RuntimeError: It did not; with what it said last.

    """
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} {command[1]} failed: {done.stderr[-2000:]}")
    return done.stdout
