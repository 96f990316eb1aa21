"""
The commands for a cluster in the README do what it says, one after the other.

They are the ``console cluster`` blocks; what they print is compared as in ``tests/docs``. Where
Pods are only played, installing means the stand-ins for the Pods as well.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.docs.test_documents import pattern
from tests.e2e.cluster.bundle import NODECLAIMS, Bundle, remove
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.player import find_player
from tests.e2e.cluster.processes import HOST, free_ports

ROOT = Path(__file__).parents[2]
INSTALL = "helm install"


@pytest.fixture
def bundle(fresh_cluster: Cluster) -> Iterator[Bundle]:
    """The bundle as the README installs it: nothing is installed yet."""
    if fresh_cluster.real_pods:
        pytest.skip("the README's values are for images that are published")
    bundle = Bundle(fresh_cluster, {}, find_player())
    bundle.hooks_url = f"http://{HOST}:{free_ports(1)[0]}"
    yield bundle
    remove(bundle)


def test_the_readme_installs_serves_refuses_and_removes(bundle: Bundle) -> None:
    for command, printed in commands(ROOT / "README.md", "cluster"):
        done = run(bundle, command)
        assert re.fullmatch(pattern(printed), done), f"{command} printed:\n{done}"
        if command.startswith(INSTALL):
            bundle.start_hooks()
            bundle.start_player()


def commands(document: Path, kind: str) -> list[tuple[str, str]]:
    """Return the commands of ``console`` blocks of a kind, and what each is said to print."""
    found: list[tuple[str, str]] = []
    for block in re.findall(rf"```console {kind}\n(.*?)```", document.read_text(), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            found.append((command, printed.rstrip("\n")))
    return found


def run(bundle: Bundle, command: str) -> str:
    """Run a command as a user would who speaks to the cluster; return all that it prints."""
    cluster = bundle.cluster
    if command.startswith(INSTALL):
        # Pods are only played: the hooks are elsewhere, and Karpenter's provider is a special one.
        values = cluster.work / "readme.yaml"
        values.write_text(yaml.safe_dump({**NODECLAIMS, "hooks": {"url": bundle.hooks_url}}))
        command = f"{command} --values {values}"
    # A make of a make says which directory it enters.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}  # noqa: TID251  (a child's)
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env={
            **inherited,
            "PATH": os.pathsep.join([*map(str, cluster.programs), inherited["PATH"]]),
            "KUBECONFIG": str(cluster.kubeconfig),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    return done.stdout
