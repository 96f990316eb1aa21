"""
The process that cleans up after a node, however the node's owner ends.

It waits for the end of its standard input, which comes when the owner closes it, and also when the
owner is killed. What is in namespaces the kernel takes away; cgroups and files are for us.
"""

import shutil
import signal
import sys
from pathlib import Path

from tests.e2e.node.cgroups import remove_cgroups


def main(work: Path) -> None:
    """Clean up after the node with this folder, whose cgroups have the folder's name."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    print("ready", flush=True)  # noqa: T201  (for the owner)
    sys.stdin.buffer.read()
    remove_cgroups(work.name)
    shutil.rmtree(work)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
