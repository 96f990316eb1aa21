"""Start a node, and be sure that nothing of it stays."""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.processes import NotReady, Processes
from tests.e2e.cluster.programs import programs
from tests.e2e.node import configuration
from tests.e2e.node.bring_up import READY
from tests.e2e.node.cgroups import make_cgroups
from tests.e2e.node.images import METAKAITO, VALUES, bundle_images, node_images
from tests.e2e.node.isolation import ISOLATED
from tests.e2e.node.lacking import lacking
from tests.e2e.node.store import SOURCE, fill

PREFIX = "metakaito-node-"
"""Of the folder and cgroups of nodes that belong together."""

ON_NODE = "on-node"
"""The program, in the first folder of a node's programs, that runs its arguments on the node."""


class NodeProvider:
    """
    A control plane and kubelets of programs that are built here; Pods run.

    Args:
        nodes: How many; they are called ``node0``, ``node1`` and so on.
        archives: Images that all nodes have, besides those of the bundle.
        further: By the name of a node, images that it has and the others lack.

    """

    name = "node"

    def __init__(
        self,
        nodes: int = 1,
        archives: Sequence[Path] = (),
        further: Mapping[str, Sequence[Path]] = MappingProxyType({}),
    ) -> None:
        self.nodes = nodes
        self.archives = archives
        self.further = further

    def why_not(self) -> str | None:
        """Return why it cannot be started here, or None."""
        return lacking()

    @contextmanager
    def started(self, work: Path) -> Iterator[Cluster]:
        """
        Start it with the images of the bundle, and end it with the context.

        Raises:
            NotReady: It did not come up; why is on standard error.

        """
        with ExitStack() as stack:
            archives = [*node_images(), *bundle_images(), *self.archives]
            inside = stack.enter_context(namespaces(archives, self.nodes, self.further))
            wrappers = work / "bin"
            wrappers.mkdir()
            write_wrapper(wrappers / ON_NODE, inside.process)
            for program in (programs("kube") / "bin/kubectl", programs("tools") / "bin/helm"):
                write_wrapper(wrappers / program.name, inside.process, program)
            processes = Processes(work)
            stack.callback(processes.end_all)
            yield Cluster(
                provider=self.name,
                kubeconfig=inside.work / "kubeconfig",
                processes=processes,
                programs=(wrappers,),
                real_pods=True,
                image=METAKAITO,
                values=VALUES,
            )


class Inside:
    """
    Nodes that are up.

    Args:
        work: Their folder, with the kubeconfig and a log of each program; those of a node itself
            are in a folder of the node's name.
        process: The number of the process whose network and mounts are the nodes'.

    """

    def __init__(self, work: Path, process: int) -> None:
        self.work = work
        self.process = process


@contextmanager
def namespaces(
    archives: Sequence[Path],
    nodes: int = 1,
    further: Mapping[str, Sequence[Path]] = MappingProxyType({}),
) -> Iterator[Inside]:
    """
    Start nodes that have the images of the archives, in namespaces of their own.

    Args:
        archives: Images that all nodes have, in the OCI's layout.
        nodes: How many.
        further: By the name of a node, images that it has and the others lack.

    Raises:
        NotReady: They did not come up; why is on standard error.
        ValueError: There cannot be so many, or ``further`` names none of them.

    """
    members = configuration.nodes(nodes)
    if unknown := further.keys() - {node.name for node in members}:
        raise ValueError(f"with {nodes} nodes there is no {sorted(unknown)}")
    kube, containers = programs("kube") / "bin", programs("containers") / "bin"
    work = Path(tempfile.mkdtemp(prefix=PREFIX))
    with clean_up(work):
        make_cgroups(work.name, [node.name for node in members])
        for node in members:
            own = [*archives, *further.get(node.name, ())]
            fill(work / node.name / "containerd", own, containers)
        path = f"{containers}{os.pathsep}{os.environ['PATH']}"  # noqa: TID251  (a child's)
        command = (sys.executable, "-m", "tests.e2e.node.bring_up", work, kube, containers, nodes)
        process = subprocess.Popen(
            [*ISOLATED, *map(str, command)],
            cwd=SOURCE,
            env={**os.environ, "PATH": path},  # noqa: TID251  (the same)
            stdin=subprocess.DEVNULL,
        )
        try:
            while not (work / READY).exists():
                if process.poll() is not None:
                    raise NotReady("the nodes did not come up; the lines above say why")
                time.sleep(0.05)
            yield Inside(work, process.pid)
        finally:
            process.kill()
            process.wait()


@contextmanager
def clean_up(work: Path) -> Iterator[None]:
    """
    Remove the folder and the cgroups of its name at the end, even if this process is killed.

    Raises:
        RuntimeError: Something of it stays.

    """
    janitor = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.node.janitor", work],
        cwd=SOURCE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C at a terminal is not for it
    )
    assert janitor.stdin is not None
    assert janitor.stdout is not None
    with janitor:
        janitor.stdout.readline()
        try:
            yield
        finally:
            janitor.stdin.close()
            if janitor.wait():
                raise RuntimeError(f"{work} or cgroups of that name stay; the lines above say why")


def write_wrapper(path: Path, process: int, *command: Path) -> None:
    """Write a program that runs the command with its arguments in the node's network and mounts."""
    enter = ("nsenter", f"--target={process}", "--net", "--mount", f"--wdns={SOURCE}", "--")
    path.write_text(f'#!/bin/sh\nexec {shlex.join([*enter, *map(str, command)])} "$@"\n')
    path.chmod(0o755)
