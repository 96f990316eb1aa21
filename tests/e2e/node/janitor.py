"""
The process that cleans up after a node, however the node's owner ends.

It waits for the end of its standard input, which comes when the owner closes it, and also when the
owner is killed. What is in namespaces the kernel takes away; cgroups and files are for us.
"""

import shutil
import signal
import sys
import time
from pathlib import Path

from tests.e2e.node.cgroups import PATIENCE_SECONDS, remove_cgroups


def main(work: Path) -> None:
    """Clean up after the node with this folder, whose cgroups have the folder's name."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    print("ready", flush=True)  # noqa: T201  (for the owner)
    sys.stdin.buffer.read()
    remove_cgroups(work.name)
    remove_folder(work)


def remove_folder(work: Path) -> None:
    """
    Remove the folder, in which processes that are being killed may still write for a moment.

    Raises:
        OSError: They do so for longer than that.

    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while work.exists():
        try:
            shutil.rmtree(work)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
