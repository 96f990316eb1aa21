"""One file fetched whole: resumed where it was cut, checked, and only then given its name."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, NamedTuple

import urllib3
from urllib3.exceptions import HTTPError

from hooks.steps.failures import StepFailed, TryAgain
from hooks.steps.hops import Answer, Rules, ask, cause_words
from hooks.steps.patience import Clock, Patience, Say, persistently, retry_after
from hooks.steps.progress import Progress, size_words
from hooks.steps.sources import Source, shown

CHUNK = 1 << 20
# What may be over in a while. https://www.rfc-editor.org/rfc/rfc9110#section-15
PASSING = (408, 425, 429)
FULL = (errno.ENOSPC, errno.EDQUOT)
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


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


UNFINISHED = ".unfinished"
"""The directory of files that are not whole yet; hidden, so that no trainer reads it."""


class Download:
    """
    The fetch of one file, with what has come of it so far.

    Args:
        source: What to fetch.
        path: Where to; while it is incomplete it is in a directory beside it, ``UNFINISHED``.
        rules: What every request keeps to.
        limits: How long and how much.
        clock: Tells the time and waits.
        say: Told of the progress.

    """

    def __init__(
        self, source: Source, path: Path, rules: Rules, limits: Limits, clock: Clock, say: Say
    ) -> None:
        self._source = source
        self._path = path
        self._part = path.parent / UNFINISHED / path.name
        self._rules = rules
        self._limits = limits
        self._clock = clock
        self._say = say
        self._patience = Patience(limits.patience, clock, say)
        self._size = self._furthest = 0
        self._hash = hashlib.sha256()
        self._validator: str | None = None
        self._total: int | None = None

    def run(self) -> Fetched:
        """
        Return the file once it is there under its name.

        Raises:
            StepFailed: It cannot be had, or it is not what was wanted; nothing has the name.

        """
        where = shown(self._source.url)
        try:
            self._part.parent.mkdir(exist_ok=True)
            with self._part.open("wb", buffering=0) as file:
                persistently(lambda: self._attempt(file), self._patience)
                self._require_right(where)
                os.fsync(file.fileno())
            self._part.rename(self._path)
            sync_directory(self._path.parent)
        except OSError as error:
            raise self._cannot_write(error) from error
        finally:
            self._part.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # another one is in it
                self._part.parent.rmdir()
        return Fetched(self._path, self._size, self._hash.hexdigest())

    def _attempt(self, file: BinaryIO) -> None:
        """Fetch what is missing; afterwards all of it is there."""
        headers = {}
        if self._size and self._validator:
            headers = {"Range": f"bytes={self._size}-", "If-Range": self._validator}
        answer = ask(self._source.url, headers, self._rules)
        try:
            self._require_answer(answer, resuming=bool(headers))
            if not (headers and self._continues(answer.response)):
                self._start_over(file, answer.response)
            self._require_room(shown(answer.url))
            self._read(answer, file)
        finally:
            answer.close()

    def _require_answer(self, answer: Answer, *, resuming: bool) -> None:
        """Refuse an answer that does not bring the file."""
        status = answer.response.status
        if status == HTTPStatus.OK or (status == HTTPStatus.PARTIAL_CONTENT and resuming):
            return
        sentence = f"{shown(answer.url)} answers {status_words(status)}"
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and resuming:
            self._validator = None
            raise TryAgain(f"{sentence}, so it is fetched from its beginning")
        if status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            after = retry_after(answer.response.headers.get("Retry-After"), self._clock)
            raise TryAgain(sentence, after)
        raise StepFailed(sentence)

    def _continues(self, response: urllib3.BaseHTTPResponse) -> bool:
        """Whether an answer brings just what is missing, of the same file as before."""
        found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        return (
            response.status == HTTPStatus.PARTIAL_CONTENT
            and found is not None
            and int(found[1]) == self._size
            and (found[2] == "*" or self._total in (None, int(found[2])))
            and self._is_same_file(response)
        )

    def _is_same_file(self, response: urllib3.BaseHTTPResponse) -> bool:
        """Whether a part says to be of the same version; it need not say so."""
        by_tag = (self._validator or "").startswith('"')
        told = response.headers.get("ETag" if by_tag else "Last-Modified")
        return told in (None, self._validator)

    def _start_over(self, file: BinaryIO, response: urllib3.BaseHTTPResponse) -> None:
        """Forget what was there."""
        if response.status != HTTPStatus.OK:
            self._validator = None
            raise TryAgain(
                f"{shown(self._source.url)} answers with another part than the one that is "
                "missing, so it is fetched from its beginning"
            )
        if self._size:
            self._say(f"{self._path.name}: begins anew, for the server does not resume the file")
            file.seek(0)
            file.truncate()
        self._size = 0
        self._hash = hashlib.sha256()
        self._validator = validator_of(response)
        length = response.headers.get("Content-Length", "")
        self._total = int(length) if length.isascii() and length.isdigit() else None

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

    def _require_right(self, where: str) -> None:
        """Refuse what is empty, and other bytes than the wanted ones."""
        if not self._size:
            raise StepFailed(f"{where} is empty")
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


def chunks(answer: Answer, broken: Callable[[Exception], TryAgain]) -> Iterator[bytes]:
    """
    Yield what comes as it comes, so that a slow server is seen to be one.

    Raises:
        TryAgain: The connection ended before the body did.

    """
    while True:
        try:
            chunk = answer.response.read1(CHUNK, decode_content=False)
        except (HTTPError, OSError) as error:
            raise broken(error) from error
        if not chunk:
            return
        yield chunk


def write_all(file: BinaryIO, chunk: bytes) -> None:
    """Write all of it, for an unbuffered file may take a part."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


def validator_of(response: urllib3.BaseHTTPResponse) -> str | None:
    """
    Return what tells a version of the file from another, to the byte; None where nothing does.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.if-range
    """
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified")


def status_words(status: int) -> str:
    """Return a status as people know it: HTTP 404 Not Found."""
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def sync_directory(folder: Path) -> None:
    """See that a new name is on the disk, and not only in memory."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
