"""
The cgroups that a node's Pods live in: under a name of the node's own, in each hierarchy.

Source: https://docs.kernel.org/admin-guide/cgroup-v1/cpusets.html and cgroup-v2.html there.
"""

import os
import time
from pathlib import Path

from tests.e2e.node.lacking import hierarchies

PATIENCE_SECONDS = 10
"""How long the kernel may take to notice that a cgroup has lost its last process."""


def make_cgroups(name: str) -> None:
    """Make an empty cgroup of the name in each hierarchy."""
    for top in hierarchies():
        own = top / name
        own.mkdir()
        for file in ("cpuset.cpus", "cpuset.mems"):
            # Version 1: a cpuset takes no process before these are set.
            if (top / file).exists():
                (own / file).write_text((top / file).read_text())
        if (top / "cgroup.subtree_control").exists():
            # Version 2: children have the controllers that each level above hands down.
            given = (top / "cgroup.subtree_control").read_text().split()
            (own / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in given))


def remove_cgroups(name: str) -> None:
    """
    Remove the cgroups of the name and all below; their processes have ended already.

    Raises:
        OSError: A cgroup still has a process after `PATIENCE_SECONDS`.

    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    for top in hierarchies():
        for folder, _, _ in os.walk(top / name, topdown=False):
            remove(Path(folder), deadline)


def remove(cgroup: Path, deadline: float) -> None:
    """Remove one cgroup without children, as soon as it is empty."""
    while True:
        try:
            cgroup.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
