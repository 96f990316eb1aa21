"""
A folder that holds the newest files, and never more of them or more bytes than it may.

Several processes write to it at once, and find there what those before them wrote.
"""

import errno
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

# Names of ours: nothing else in the folder is touched. They sort by time.
NAME = re.compile(r"\d{8}T\d{12}Z-[a-z0-9-]+\.json")
UNFINISHED = re.compile(r"\.recording-.*")
LOCK = ".lock"


class Kept(NamedTuple):
    """A file in the folder."""

    name: str
    size: int


class Folder:
    """
    The newest files, in a directory.

    Nothing is done before the first file is written, so that this never fails.

    Args:
        path: The directory. It is made.
        most_files: So many there may be.
        most_bytes: So many they may have, together.

    """

    def __init__(self, path: Path, most_files: int, most_bytes: int) -> None:
        self.path = path
        self._most_files = most_files
        self._most_bytes = most_bytes
        self._sizes: dict[str, int] = {}

    def write(self, name: str, content: bytes) -> None:
        """
        Write a file whole, after the oldest ones have made room for it.

        Raises:
            OSError: It cannot be written, or is larger than all may be together.

        """
        if len(content) > self._most_bytes:
            raise OSError(errno.EFBIG, f"{len(content)} bytes, {self._most_bytes} may be kept")
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            self._make_room(len(content))
            self._put(name, content)
        self._sizes[name] = len(content)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep out other processes and threads; the kernel lets go where one ends."""
        # Open for each turn: a lock belongs to what was opened, so that threads wait too.
        lock = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _make_room(self, size: int) -> None:
        kept = self._look()
        files, used = len(kept) + 1, sum(each.size for each in kept) + size
        for oldest in kept:
            if files <= self._most_files and used <= self._most_bytes:
                return
            (self.path / oldest.name).unlink(missing_ok=True)
            self._sizes.pop(oldest.name, None)
            files, used = files - 1, used - oldest.size

    def _look(self) -> list[Kept]:
        """Return what there is, the oldest first; what a process left unfinished goes."""
        names = []
        with os.scandir(self.path) as found:
            for entry in found:
                if NAME.fullmatch(entry.name):
                    names.append(entry.name)
                elif UNFINISHED.fullmatch(entry.name):  # whoever wrote it had the lock, and ended
                    (self.path / entry.name).unlink(missing_ok=True)
        # A file is never changed, so that its size is asked for once.
        known = {name: self._sizes.get(name) for name in names}
        self._sizes = {
            name: self._size(name) if size is None else size for name, size in known.items()
        }
        return [Kept(name, self._sizes[name]) for name in sorted(names)]

    def _size(self, name: str) -> int:
        with suppress(FileNotFoundError):  # somebody cleans up
            return (self.path / name).stat().st_size
        return 0

    def _put(self, name: str, content: bytes) -> None:
        handle, unfinished = tempfile.mkstemp(prefix=".recording-", dir=self.path)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(unfinished).replace(self.path / name)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
