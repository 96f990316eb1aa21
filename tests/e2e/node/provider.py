"""Start a node, and be sure that nothing of it stays."""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.processes import NotReady, Processes
from tests.e2e.cluster.programs import programs
from tests.e2e.node.bring_up import READY
from tests.e2e.node.cgroups import make_cgroups
from tests.e2e.node.images import METAKAITO, VALUES, bundle_images, node_images
from tests.e2e.node.lacking import lacking

SOURCE = Path(__file__).parents[3]

# A new network, so that nothing is reached from outside or reaches it; new mounts; new processes,
# of which the first takes in orphans, as a shell does, and ends with the owner.
NAMESPACES = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
    *("sh", "-c", '"$@"; exit $?', "sh"),
)

PREFIX = "metakaito-node-"
"""Of a node's folder and cgroups."""

ON_NODE = "on-node"
"""The program, in the first folder of a node's programs, that runs its arguments on the node."""


class NodeProvider:
    """A control plane and a kubelet of programs that are built here; Pods run."""

    name = "node"

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
            inside = stack.enter_context(namespaces([*node_images(), *bundle_images()]))
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
    A node that is up.

    Args:
        work: Its folder, with the kubeconfig and a log of each program.
        process: The number of the process whose network and mounts are the node's.

    """

    def __init__(self, work: Path, process: int) -> None:
        self.work = work
        self.process = process


@contextmanager
def namespaces(archives: Sequence[Path]) -> Iterator[Inside]:
    """
    Start a node that has the images of the archives, in namespaces of its own.

    Raises:
        NotReady: It did not come up; why is on standard error.

    """
    kube, containers = programs("kube") / "bin", programs("containers") / "bin"
    work = Path(tempfile.mkdtemp(prefix=PREFIX))
    with clean_up(work):
        make_cgroups(work.name)
        path = f"{containers}{os.pathsep}{os.environ['PATH']}"  # noqa: TID251  (a child's)
        command = (sys.executable, "-m", "tests.e2e.node.bring_up", work, kube, containers)
        process = subprocess.Popen(
            [*NAMESPACES, *map(str, (*command, *archives))],
            cwd=SOURCE,
            env={**os.environ, "PATH": path},  # noqa: TID251  (the same)
            stdin=subprocess.DEVNULL,
        )
        try:
            while not (work / READY).exists():
                if process.poll() is not None:
                    raise NotReady("the node did not come up; the lines above say why")
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
