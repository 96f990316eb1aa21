"""How much memory a program has taken."""

import re
from pathlib import Path

PROC = Path("/proc")


def peak(status: str) -> float:
    """Return the peak of resident memory that ``/proc/PID/status`` tells, in MiB, or 0."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
