"""How much CPU and memory some programs have taken, with the processes that they have started."""

import re
from pathlib import Path
from typing import NamedTuple

import psutil

PROC = Path("/proc")


class Taken(NamedTuple):
    """CPU in seconds; the most memory that was resident, in MiB."""

    cpu: float
    memory: float

    def __sub__(self, before: "Taken") -> "Taken":
        """Return what came in between: of memory the peak stays the peak."""
        return Taken(self.cpu - before.cpu, self.memory)


def taken(pid: int) -> Taken:
    """
    Return what a program has taken so far.

    Its processes are added up, each at the most that it ever had; what they share counts for each.
    Processes that have ended do not count.
    """
    cpu, memory = 0.0, 0.0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
            status = (PROC / str(process.pid) / "status").read_text()
        except (psutil.NoSuchProcess, OSError):
            continue
        cpu += times.user + times.system
        memory += peak(status)
    return Taken(cpu, memory)


def peak(status: str) -> float:
    """Return the peak of resident memory that ``/proc/PID/status`` tells, in MiB, or 0."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
