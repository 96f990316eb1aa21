"""Our program, run as a user of the cluster would."""

import subprocess
import sys
from pathlib import Path


def metakaito(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of ours, whatever its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "hooks.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
