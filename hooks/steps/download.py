"""One file fetched whole: resumed where it was cut, checked, and only then given its name."""

import errno
import hashlib
import os
import shutil
from contextlib import ExitStack, suppress
from http import HTTPStatus
from io import FileIO
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn, cast

import urllib3

from hooks.steps.answers import brings_rest, chunks, length_of, require_file, unless, validator_of
from hooks.steps.earlier import Entry, Place
from hooks.steps.failures import GaveUp, StepFailed, TryAgain
from hooks.steps.files import (
    hashed,
    new_file,
    opened_as_it_is,
    regular_size,
    sync_directory,
    write_all,
)
from hooks.steps.hops import Answer, Rules, ask, cause_words
from hooks.steps.html import ENOUGH, is_page
from hooks.steps.patience import Clock, Patience, Say, persistently
from hooks.steps.progress import Progress, size_words
from hooks.steps.sources import Source, shown

FULL = (errno.ENOSPC, errno.EDQUOT)


class Limits(NamedTuple):
    """How long and how much, for each file."""

    patience: float
    """Seconds that a fetch may fail in a row."""
    max_bytes: int | None = None


class Fetched(NamedTuple):
    """A file that is whole."""

    path: Path
    size: int
    sha256: str


class Download:
    """
    The fetch of one file, with what has come of it so far.

    Args:
        source: What to fetch.
        place: Where to, and what an earlier run left there.
        rules: What every request keeps to.
        limits: How long and how much.
        clock: Tells the time and waits.
        say: Told of the progress.

    """

    def __init__(
        self, source: Source, place: Place, rules: Rules, limits: Limits, clock: Clock, say: Say
    ) -> None:
        self._source = source
        self._place = place
        self._path = place.path
        self._rules = rules
        self._limits = limits
        self._clock = clock
        self._say = say
        self._patience = Patience(limits.patience, clock, say)
        self._size = self._furthest = 0
        self._hash = hashlib.sha256()
        self._validator: str | None = None
        self._total: int | None = None
        self._kind = ""
        self._is_left = False

    def run(self) -> Fetched:
        """
        Return the file once it is there under its name.

        Raises:
            StepFailed: It cannot be had, or it is not what was wanted; nothing has the name.

        """
        try:
            return self._kept() or self._fetched()
        except OSError as error:
            raise self._cannot_write(error) from error

    def _kept(self) -> Fetched | None:
        """Return the file that an earlier run fetched, if that is what is wanted now."""
        known = self._place.known
        if known is None or regular_size(self._path) is None:
            return None
        self._require_allowed(known.size, shown(self._source.url))
        why = persistently(lambda: self._why_again(known), self._patience)
        if why is not None:
            self._say(f"{self._path.name}: is there already, and is fetched again: {why}")
            return None
        self._say(f"{self._path.name}: is there already, whole and the same")
        return Fetched(self._path, known.size, known.sha256)

    def _why_again(self, known: Entry) -> str | None:
        """Return why a whole file does not do; None where it is what is wanted."""
        if self._source.sha256 is not None:
            return None if known.sha256 == self._source.sha256 else "its checksum is another one"
        if known.validator is None:
            return "the server does not tell one version of it from another"
        answer = ask(self._source.url, unless(known.validator), self._rules)
        try:
            if answer.response.status == HTTPStatus.NOT_MODIFIED:
                return None
            require_file(answer, self._clock)
            same = validator_of(answer.response) == known.validator
            same = same and length_of(answer.response) in (None, known.size)
            return None if same else "the server has another version of it"
        finally:
            answer.close()

    def _fetched(self) -> Fetched:
        """Return the file, fetched from its beginning or from where an earlier run was."""
        try:
            with self._opened() as file:
                persistently(lambda: self._attempt(file), self._patience)
                self._require_right(file)
                os.fsync(file.fileno())
            # First, for a name that nobody remembers would be somebody else's for the next run.
            self._place.remember(self._entry())
            self._place.part.rename(self._path)
            sync_directory(self._path.parent)
        except (GaveUp, KeyboardInterrupt, SystemExit):
            self._leave()
            raise
        finally:
            if not self._is_left:
                self._place.part.unlink(missing_ok=True)
        return Fetched(self._path, self._size, self._hash.hexdigest())

    def _opened(self) -> BinaryIO:
        """Return the file to write: a new one, or the beginning that an earlier run left."""
        known = self._place.known
        if known is not None and not known.is_whole:
            with suppress(OSError, StepFailed):
                return self._gone_on_with(known)
        return new_file(self._place.part)

    def _gone_on_with(self, known: Entry) -> BinaryIO:
        """
        Return the beginning of the file, ready for what is missing.

        Raises:
            OSError, StepFailed: It is not what was left there.

        """
        name = self._path.name
        with ExitStack() as stack:
            file = stack.enter_context(FileIO(self._place.part, "r+", opener=opened_as_it_is))
            progress = Progress(f"the beginning of {name}", known.size, self._clock, self._say)
            found = hashed(file, known.size, progress.at)
            if found.hexdigest() != known.sha256:
                raise StepFailed(f"{self._place.part} is not what was left there")
            file.truncate(known.size)
            stack.pop_all()
        self._say(f"{name}: goes on after {size_words(known.size)} that an earlier run fetched")
        self._hash, self._validator, self._total = found, known.validator, known.total
        self._size = self._furthest = known.size
        return cast("BinaryIO", file)

    def _entry(self) -> Entry:
        """Return what is there now, for the next run."""
        return Entry(
            name=self._path.name,
            url=self._source.key,
            size=self._size,
            sha256=self._hash.hexdigest(),
            total=self._size if self._total is None else self._total,
            validator=self._validator,
        )

    def _leave(self) -> None:
        """Leave the beginning of the file to the next run, where that can go on with it."""
        is_new = not os.path.lexists(self._path)
        if is_new and self._size and self._validator and self._total is not None:
            with suppress(OSError):
                self._place.remember(self._entry())
                self._is_left = True
                self._say(f"{self._path.name}: {size_words(self._size)} are left for the next run")

    def _attempt(self, file: BinaryIO) -> None:
        """Fetch what is missing; afterwards all of it is there."""
        headers = {}
        # Where no length is known, nothing would tell that a part is not the last.
        if self._size and self._validator and self._total is not None:
            headers = {"Range": f"bytes={self._size}-", "If-Range": self._validator}
        answer = ask(self._source.url, headers, self._rules)
        try:
            response = answer.response
            if headers and response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self._forget("has no such part")
            require_file(answer, self._clock, part=bool(headers))
            if not brings_rest(response, self._size, self._total, self._validator):
                self._start_over(file, response)
            self._require_room(shown(answer.url))
            self._read(answer, file)
        finally:
            answer.close()

    def _forget(self, why: str) -> NoReturn:
        """Try again with all of it."""
        self._validator = None
        where = shown(self._source.url)
        raise TryAgain(f"{where} {why}, so it is fetched from its beginning")

    def _start_over(self, file: BinaryIO, response: urllib3.BaseHTTPResponse) -> None:
        """Begin with what the answer brings; what was there is gone."""
        if response.status != HTTPStatus.OK:
            self._forget("answers with another part than the one that is missing")
        if self._size:
            self._say(f"{self._path.name}: begins anew, for the server does not resume the file")
            file.seek(0)
            file.truncate()
        self._size = 0
        self._hash = hashlib.sha256()
        self._validator = validator_of(response)
        self._total = length_of(response)
        self._kind = response.headers.get("Content-Type", "")

    def _require_room(self, where: str) -> None:
        """Refuse what is too large before it is fetched, where its size is known."""
        self._require_allowed(self._total or 0, where)
        free = shutil.disk_usage(self._path.parent).free
        missing = (self._total or 0) - self._size
        if missing > free:
            raise StepFailed(
                f"{where} needs {size_words(missing)} more and {self._path.parent} has "
                f"{size_words(free)} free: a node or a volume with more room is needed"
            )

    def _require_allowed(self, size: int, where: str) -> None:
        most = self._limits.max_bytes
        if most is not None and size > most:
            raise StepFailed(f"{where} is larger than {size_words(most)}, the limit of --max-bytes")

    def _read(self, answer: Answer, file: BinaryIO) -> None:
        """Write what comes to the file, until its end."""
        where = shown(answer.url)
        progress = Progress(self._path.name, self._total, self._clock, self._say, self._size)
        for chunk in chunks(answer, self._broken):
            self._require_allowed(self._size + len(chunk), where)
            write_all(file, chunk)
            self._hash.update(chunk)
            self._size += len(chunk)
            if self._size > self._furthest:
                self._furthest = self._size
                self._patience.renew()
            progress.at(self._size)
        if self._total is not None and self._size < self._total:
            raise self._broken(None)

    def _broken(self, error: Exception | None) -> TryAgain:
        """Return that a connection ended before the file did."""
        of = f" of {size_words(self._total)}" if self._total is not None else ""
        why = f": {cause_words(error)}" if error is not None and error.__cause__ else ""
        return TryAgain(
            f"{shown(self._source.url)}: the connection ended after {size_words(self._size)}{of}"
            f"{why}"
        )

    def _require_right(self, file: BinaryIO) -> None:
        """Refuse what is empty, a page for people, and other bytes than the wanted ones."""
        where = shown(self._source.url)
        if not self._size:
            raise StepFailed(f"{where} is empty")
        if is_page(self._kind, self._path.name, os.pread(file.fileno(), ENOUGH, 0)):
            raise StepFailed(
                f"{where} is an HTML page and not data, usually a login page or a listing of "
                "files: the address has to lead to the file itself"
            )
        found = self._hash.hexdigest()
        if self._source.sha256 not in (None, found):
            raise StepFailed(f"{where} has the SHA-256 {found}, wanted is {self._source.sha256}")

    def _cannot_write(self, error: OSError) -> StepFailed:
        """Return why the file could not be written."""
        folder = self._path.parent
        if error.errno in FULL:
            return StepFailed(
                f"{folder} is full after {size_words(self._size)} of {shown(self._source.url)}: "
                "a node or a volume with more room is needed"
            )
        return StepFailed(f"{self._path} cannot be written: {error.strerror or error}")
