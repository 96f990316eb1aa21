"""The process itself: its number for who is to end it, and its end before it answers anything."""

import contextlib
import logging
import os
import signal
from collections.abc import Iterator
from types import FrameType

from serving.pid_file import remove_pid_file, write_pid_file
from serving.settings import Settings

LOG = logging.getLogger("metakaito")


@contextlib.contextmanager
def endable(settings: Settings) -> Iterator[None]:
    """
    Let the process be found and ended with exit code 0, from its first second on.

    Nothing is being answered while libraries are imported, so there is nothing to wait for; the
    server takes the signal over as soon as it listens.
    """

    def leave(_signal: int, _frame: FrameType | None) -> None:
        LOG.info("Asked to end before anything was answered")
        remove_pid_file(settings.pid_file)
        leave_at_once()

    before = signal.signal(signal.SIGTERM, leave)
    if settings.rank == 0:
        write_pid_file(settings.pid_file)
    try:
        yield
    finally:
        remove_pid_file(settings.pid_file)
        signal.signal(signal.SIGTERM, before)


def leave_at_once() -> None:
    """End with exit code 0, whatever other threads are doing."""
    logging.shutdown()
    os._exit(0)
