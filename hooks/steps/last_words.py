"""
What Kubernetes shows of a container that ended: its termination message.

Source: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
"""

import os
from pathlib import Path

TERMINATION_LOG = Path("/dev/termination-log")
# The kubelet cuts what is longer.
MOST_BYTES = 4096


def termination_log() -> Path | None:
    """Return the file for last words, where this is a container that has one."""
    return TERMINATION_LOG if os.access(TERMINATION_LOG, os.W_OK) else None


def leave_words(text: str, file: Path | None) -> None:
    """
    Write the last words; nothing where there is no file for them.

    Raises:
        OSError: The file cannot be written.

    """
    if file is not None:
        file.write_bytes(text.encode()[-MOST_BYTES:])
