"""
What an earlier fetch left in a directory, so that another one goes on from there.

A step may be run again over what it has made: "init container code should be idempotent".
https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#detailed-behavior
"""

import os
from collections.abc import Callable, Container, Iterable
from io import FileIO
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hooks.steps.failures import StepFailed
from hooks.steps.files import hashed, new_file, opened_as_it_is, regular_size, write_all
from hooks.steps.patience import Clock, Say
from hooks.steps.progress import Progress

# Hidden, and with a blank, which no name has that comes of a URL. Kaito's trainer looks into hidden
# files too, so the one that stays is called like no data set.
# https://github.com/kaito-project/kaito/blob/v0.3.2/presets/workspace/tuning/text-generation/dataset.py
UNFINISHED = ".unfinished "
"""Before the name of a file that is not whole yet."""
LIST = ".fetched files"
"""The file that has the entries."""
LONGEST_LIST = 16 << 20

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=0)]


class Entry(BaseModel):
    """A file that was fetched, or its beginning."""

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(pattern=r"^[^/\x00]+$")]
    url: Digest
    """Of the URL, for that may hold credentials."""
    size: Size
    """Bytes that are there."""
    sha256: Digest
    """Of these bytes."""
    total: Size
    """Bytes of the whole file."""
    validator: str | None
    """What the server calls this version; None where it does not say."""

    @property
    def is_whole(self) -> bool:
        """Whether all of it was fetched."""
        return self.size == self.total


ENTRIES = TypeAdapter(list[Entry])


class Place(NamedTuple):
    """Where a file goes."""

    path: Path
    known: Entry | None
    """What an earlier run left there, of the same URL."""
    remember: Callable[[Entry], None]
    """Tells the next run what is there now; raises OSError."""

    @property
    def part(self) -> Path:
        """Where the file is while it is not whole."""
        return part_of(self.path)


class Earlier:
    """
    What is known of the files of a directory.

    Args:
        folder: The directory.
        entries: What was said of files that are still there.
        known: The names among them that are as they were left, of URLs that are wanted.

    """

    def __init__(self, folder: Path, entries: Iterable[Entry], known: Container[str]) -> None:
        self._folder = folder
        self._entries = {entry.name: entry for entry in entries}
        self._known = known

    def names(self, url: str) -> list[str]:
        """Return what the files of a URL, which is given by its digest, are called."""
        return [
            entry.name
            for entry in self._entries.values()
            if entry.url == url and entry.name in self._known
        ]

    def place(self, name: str, url: str) -> Place:
        """Return where the file of a URL goes, which is given by its digest."""
        known = self._entries[name] if name in self.names(url) else None
        return Place(self._folder / name, known, self._remember)

    def _remember(self, entry: Entry) -> None:
        """
        Write what is there now into the directory.

        Raises:
            OSError: It cannot be written.

        """
        self._entries[entry.name] = entry
        path = self._folder / LIST
        part = part_of(path)
        with new_file(part) as file:
            write_all(file, ENTRIES.dump_json([*self._entries.values()], indent=1))
        part.rename(path)


def load_earlier(folder: Path, urls: Container[str], clock: Clock, say: Say) -> Earlier:
    """
    Return what is known of the files of a directory.

    Args:
        folder: The directory.
        urls: The digests of the URLs that are wanted; other files are not looked into.
        clock: Tells the time.
        say: Told how far the look at a file is.

    """
    entries = [entry for entry in listed(folder / LIST) if is_there(folder, entry)]
    known = {
        entry.name
        for entry in entries
        if entry.url in urls and is_as_it_was(folder, entry, clock, say)
    }
    return Earlier(folder, entries, known)


def listed(path: Path) -> list[Entry]:
    """Return what a list says; nothing where there is none, or something else."""
    try:
        with FileIO(path, opener=opened_as_it_is) as file:
            return ENTRIES.validate_json(file.read(LONGEST_LIST))
    except (OSError, StepFailed, ValidationError):
        return []


def is_there(folder: Path, entry: Entry) -> bool:
    """Whether there is the file of an entry, or its beginning."""
    path = folder / entry.name
    return any(regular_size(place) is not None for place in (path, part_of(path)))


def is_as_it_was(folder: Path, entry: Entry, clock: Clock, say: Say) -> bool:
    """Whether a whole file has the bytes that were fetched; a beginning is looked at later."""
    path = folder / entry.name
    if not os.path.lexists(path):
        return True
    if not entry.is_whole or regular_size(path) != entry.size:
        return False
    progress = Progress(f"{entry.name}, which is there", entry.size, clock, say)
    try:
        with FileIO(path, opener=opened_as_it_is) as file:
            return hashed(file, entry.size, progress.at).hexdigest() == entry.sha256
    except (OSError, StepFailed):
        return False


def part_of(path: Path) -> Path:
    """Return where a file is while it is not whole."""
    return path.with_name(UNFINISHED + path.name)
