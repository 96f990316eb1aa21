"""
The story in the README happens as it is told, and is printed as it does.

It is the ``console story`` blocks; what they print is compared as in ``tests/docs``.
"""

import os
import re
import subprocess

import pytest

from tests.docs.test_documents import ROOT, pattern
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.programs import programs
from tests.e2e.node.provider import ON_NODE
from tests.e2e.node.registry import Registry
from tests.e2e.story.conftest import prepare
from tests.e2e.test_documents import commands

SECONDS = 330


def test_the_readme_tells_what_happens(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(registry, "default")
    for command, printed in commands(ROOT / "README.md", "story"):
        done = run(registry.cluster, command)
        with capsys.disabled():
            print(f"\n$ {command}\n{done.rstrip()}", end="", flush=True)  # noqa: T201  (its purpose)
        assert re.fullmatch(pattern(printed), done.rstrip("\n") + "\n")


def run(cluster: Cluster, command: str) -> str:
    """Run a command on a node as who speaks to the cluster; return all that it prints."""
    path = os.environ["PATH"]  # noqa: TID251  (a child's)
    done = subprocess.run(
        [cluster.program(ON_NODE), "bash", "-c", command],
        cwd=ROOT,
        env={
            **os.environ,  # noqa: TID251  (the same)
            # Not the cluster's own, which enters the nodes' network: here that is done already.
            "PATH": os.pathsep.join([str(programs("kube") / "bin"), path]),
            "KUBECONFIG": str(cluster.kubeconfig),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.stdout
