"""Nothing of two nodes is left on the machine, however they end."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.node.lacking import hierarchies
from tests.e2e.node.provider import PREFIX
from tests.e2e.node.store import SOURCE

# It starts two nodes, says so, and waits.
OWNER = """
import signal, sys
from tests.e2e.node.images import node_images
from tests.e2e.node.provider import namespaces
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda received, _: sys.exit(128 + received))
with namespaces(node_images(), nodes=2) as inside:
    print(inside.work, flush=True)
    signal.pause()
"""


def machine() -> dict[str, set[str]]:
    """What there is on the machine of the kinds that a node has, too."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return {
        "mounts": {line.split()[4] for line in mounts},
        "network interfaces": names(Path("/sys/class/net")),
        "network namespaces": names(Path("/run/netns")),
        "firewall rules": set(said("nft", "list", "ruleset").splitlines()),
        "leases": names(Path("/var/lib/cni")),
        "plugins": names(Path("/opt")) | names(Path("/opt/containerd")),
        "sockets": names(Path("/run")) | names(Path("/var/lib/kubelet")),
        "logs": names(Path("/var/log/pods")) | names(Path("/var/log/containers")),
    }


def traces(work: Path) -> dict[str, set[str]]:
    """What bears the name of the nodes' folder."""
    processes = said("ps", "-ewwo", "args").splitlines()
    return {
        "cgroups": {str(top) for top in hierarchies() if (top / work.name).exists()},
        "folder": {str(work)} if work.exists() else set(),
        "processes": {line for line in processes if work.name in line},
    }


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.usefixtures("provider")
def test_nothing_is_left(number: signal.Signals) -> None:
    before = machine()
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], cwd=SOURCE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        work = Path(owner.stdout.readline().strip())
        assert work.name.startswith(PREFIX)
        during = traces(work)
        owner.send_signal(number)
    deadline = time.monotonic() + 20
    while any(traces(work).values()) and time.monotonic() < deadline:
        time.sleep(0.1)

    # They can be seen while it runs, or it would say nothing that they cannot be seen after.
    assert all(during.values()), during
    assert traces(work) == {"cgroups": set(), "folder": set(), "processes": set()}
    assert machine() == before
