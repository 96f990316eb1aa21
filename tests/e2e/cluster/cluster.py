"""A Kubernetes cluster to test on, and what every provider of one can do."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.e2e.cluster.processes import Processes


class CommandFailed(AssertionError):  # noqa: N818  (it says what is so)
    """A command that a test ran failed; with what it printed."""


@dataclass(frozen=True)
class Cluster:
    """
    A running control plane.

    ``real_pods`` tells whether containers run: where they do not, Pods only look as if. ``image``
    is metakaito's own, where they do, and ``values`` are the chart's that name images there.
    ``audit`` is the API server's log of all requests, if there is one. ``programs`` are folders
    with kubectl and Helm; what is not there is on the PATH.
    """

    provider: str
    kubeconfig: Path
    processes: Processes
    programs: tuple[Path, ...] = ()
    real_pods: bool = False
    image: str = ""
    audit: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        """A folder for logs and files that go when the cluster goes."""
        return self.processes.logs

    def program(self, name: str) -> str:
        """Return the path of a program that talks to the cluster."""
        for folder in self.programs:
            if (folder / name).exists():
                return str(folder / name)
        found = shutil.which(name)
        if found is None:
            raise CommandFailed(f"{name} is not on the PATH")
        return found

    def run(self, name: str, *arguments: object, given: str | None = None) -> str:
        """
        Run a program against the cluster and return what it prints.

        Raises:
            CommandFailed: Its exit status is not 0.

        """
        done = self.attempt(name, *arguments, given=given)
        if done.returncode:
            raise CommandFailed(f"{name} {' '.join(map(str, arguments))}:\n{done.stderr}")
        return done.stdout

    def attempt(
        self, name: str, *arguments: object, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program against the cluster, whatever comes of it."""
        return subprocess.run(
            [self.program(name), "--kubeconfig", str(self.kubeconfig), *map(str, arguments)],
            input=given,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def kubectl(self, *arguments: object, given: str | None = None) -> str:
        """Run kubectl and return what it prints."""
        return self.run("kubectl", *arguments, given=given)

    def helm(self, *arguments: object, given: str | None = None) -> str:
        """Run Helm and return what it prints."""
        return self.run("helm", *arguments, given=given)

    def apply(self, *documents: Mapping[str, Any]) -> None:
        """Apply objects as a user would."""
        self.kubectl("apply", "-f", "-", given=json.dumps(listed(documents)))

    def get(self, resource: str, name: str, namespace: str = "default") -> dict[str, Any] | None:
        """Return one object, or None where there is none."""
        text = self.kubectl(
            "get", resource, name, "-n", namespace, "--ignore-not-found", "-o", "json"
        )
        found: dict[str, Any] | None = json.loads(text) if text.strip() else None
        return found

    def items(self, resource: str, *options: str) -> list[dict[str, Any]]:
        """Return the objects of a kind: of all namespaces, unless the options name one."""
        where = () if {"-n", "--namespace"} & set(options) else ("-A",)
        found: list[dict[str, Any]] = json.loads(
            self.kubectl("get", resource, *where, *options, "-o", "json")
        )["items"]
        return found


class Provider(Protocol):
    """Where a cluster comes from."""

    name: str

    def why_not(self) -> str | None:
        """Return why there can be no such cluster here, or None."""
        ...

    def started(self, work: Path) -> AbstractContextManager[Cluster]:
        """
        Start a cluster that ends with the context.

        Args:
            work: An empty folder for its files and logs.

        """
        ...


def listed(documents: tuple[Mapping[str, Any], ...]) -> dict[str, Any]:
    """Return objects as one List."""
    return {"apiVersion": "v1", "kind": "List", "items": list(documents)}
