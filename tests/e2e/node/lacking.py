"""What a real node needs of this machine, and what is missing of it."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")

# Program, and the Debian package that has it.
PROGRAMS = {
    "ip": "iproute2",
    "mount": "mount",
    "nft": "nftables",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "runc": "runc",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}


def lacking() -> str | None:
    """Return why no node can run here and what to do about it, or None if one can."""
    reasons = [*_reasons()]
    return f"no real node can run here: {'; '.join(reasons)}" if reasons else None


def _reasons() -> Iterator[str]:
    if sys.platform != "linux":
        yield f"it needs Linux, and this is {sys.platform}"
        return
    if os.geteuid():
        yield "it needs root, for namespaces, mounts and cgroups (run it with sudo)"
    packages = {package for program, package in PROGRAMS.items() if not shutil.which(program)}
    if packages:
        yield f"programs are missing (apt-get install {' '.join(sorted(packages))})"
    if not os.access(CGROUPS, os.W_OK) or not [*hierarchies()]:
        yield f"no cgroups can be made in {CGROUPS}"


def hierarchies() -> Iterator[Path]:
    """Return where the trees of cgroups begin: one in version 2, one for each kind in version 1."""
    if (CGROUPS / "cgroup.controllers").exists():
        yield CGROUPS
        return
    # Version 1 has links such as cpu -> cpu,cpuacct beside the trees.
    for top in sorted(CGROUPS.iterdir()):
        if top.is_dir() and not top.is_symlink() and (top / "cgroup.procs").exists():
            yield top
