"""What a fetch says while it lasts: how much is on the disk, as lines in a log."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.marker import Snapshot, file_size

SAY_EVERY_SECONDS = 2.0
GIB = 2**30
MIB = 2**20

UNFINISHED = ".cache/huggingface/download/**/*.incomplete"
"""Where huggingface_hub writes files before they have their names, below the directory."""


@contextmanager
def progress_lines(
    directory: Path, snapshot: Snapshot, say: Callable[[str], None]
) -> Iterator[None]:
    """While it lasts, say every two seconds how much of the snapshot is in the directory."""
    ended = threading.Event()
    begun, before = time.monotonic(), bytes_there(directory, snapshot)

    def report() -> None:
        while not ended.wait(SAY_EVERY_SECONDS):
            there, seconds = bytes_there(directory, snapshot), time.monotonic() - begun
            say(progress_line(there, snapshot.size, max(there - before, 0) / seconds))

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def progress_line(there: int, size: int, speed: float) -> str:
    """Return a line of a log: how many bytes of how many, at how many in a second."""
    percent = 100 * there // size if size else 100
    return (
        f"{there / GIB:.2f} of {size / GIB:.2f} GiB ({there} of {size} bytes), {percent}%,"
        f" {speed / MIB:.1f} MiB/s"
    )


def bytes_there(directory: Path, snapshot: Snapshot) -> int:
    """Return how many bytes of the snapshot are on the disk, whole files and parts of files."""
    whole = sum(min(file_size(directory / file), size) for file, size in snapshot.files.items())
    return min(whole + sum(map(bytes_written, directory.glob(UNFINISHED))), snapshot.size)


def bytes_written(part: Path) -> int:
    """Return how much of a file is on the disk: less than its size if that was reserved at once."""
    try:
        seen = part.stat()
    except FileNotFoundError:
        return 0  # it has its name now
    return min(seen.st_size, seen.st_blocks * 512)
