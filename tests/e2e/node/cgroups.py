"""
The cgroups that the nodes' Pods live in: under a name of their own, in each hierarchy.

Source: https://docs.kernel.org/admin-guide/cgroup-v1/cpusets.html and cgroup-v2.html there.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from tests.e2e.node.lacking import hierarchies

PATIENCE_SECONDS = 10
"""How long the kernel may take to notice that a cgroup has lost its last process."""


def make_cgroups(name: str, below: Iterable[str]) -> None:
    """Make an empty cgroup of the name in each hierarchy, and in it one for each node."""
    for top in hierarchies():
        make(top, top / name)
        for node in below:
            make(top / name, top / name / node)


def make(parent: Path, own: Path) -> None:
    """Make one cgroup that can do what its parent can."""
    own.mkdir()
    for file in ("cpuset.cpus", "cpuset.mems"):
        # Version 1: a cpuset takes no process before these are set.
        if (parent / file).exists():
            (own / file).write_text((parent / file).read_text())
    if (parent / "cgroup.subtree_control").exists():
        # Version 2: children have the controllers that each level above hands down.
        given = (parent / "cgroup.subtree_control").read_text().split()
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
