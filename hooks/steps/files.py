"""Files opened as they are: nothing that they only point at, and nothing of somebody else's."""

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hooks.steps.failures import StepFailed

# What file systems say that lock no directories.
NO_LOCKS = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
CHUNK = 1 << 20
"""So many bytes are read at a time."""


def opened_as_it_is(path: str | bytes | Path, flags: int) -> int:
    """
    Open a regular file, as an ``opener`` of :func:`open`.

    It was looked at before, but what is opened is what counts.

    Raises:
        StepFailed: It is something else, such as a link.

    """
    try:
        # Without waiting for whoever writes to a pipe.
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise StepFailed(f"{os.fsdecode(path)} is a link, which is not followed") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StepFailed(f"{os.fsdecode(path)} is not a regular file")
    return descriptor


def regular_size(path: Path) -> int | None:
    """Return the size of a regular file in bytes; None where there is none, or something else."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def new_file(path: Path) -> BinaryIO:
    """
    Return a new file to write and to read, unbuffered; what an earlier run left there is gone.

    No link is followed: a file that is to be new must not be one.
    https://pubs.opengroup.org/onlinepubs/9799919799/functions/open.html (O_EXCL)

    Raises:
        OSError: It cannot be made, or somebody else has made it just now.

    """
    path.unlink(missing_ok=True)
    return path.open("x+b", buffering=0)


def write_all(file: BinaryIO, chunk: bytes) -> None:
    """Write all of it, for an unbuffered file may take a part."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


def hashed(file: BinaryIO, size: int, at: Callable[[int], None]) -> "hashlib._Hash":
    """
    Return the SHA-256 of the next bytes of a file, to go on with; of fewer where it ends before.

    Args:
        file: Where from; afterwards it is behind them.
        size: How many bytes.
        at: Told how many are done.

    """
    found = hashlib.sha256()
    done = 0
    while done < size and (chunk := file.read(min(CHUNK, size - done))):
        found.update(chunk)
        done += len(chunk)
        at(done)
    return found


def sync_directory(folder: Path) -> None:
    """See that a new name is on the disk, and not only in memory."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """
    Keep others out of a directory who ask for that too, where its file system has locks.

    Raises:
        StepFailed: Somebody else is in it.
        OSError: It cannot be opened.

    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StepFailed(f"another fetch into {folder} is under way: wait for it") from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)
