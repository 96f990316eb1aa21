"""
A blob brought to a registry: not at all where it is there, mounted where another repository has it.

Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs
"""

import io
import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import urllib3

from hooks.steps.authorization import Unauthorized
from hooks.steps.hops import REDIRECTS
from hooks.steps.patience import Clock, Say
from hooks.steps.progress import Progress
from hooks.steps.registry import Repository
from hooks.steps.transport import Cut

# A registry takes a blob in one request. Where the connection was cut we send parts, of which those
# that arrived stay; each at least so large as registries want it. (Amazon's wants 5 MiB.)
CHUNK = 32 << 20
MOST_CUTS = 5
LONGEST_WAIT_SECONDS = 30.0
# The specification wants the first; there are registries that say the others.
PART_TAKEN = (HTTPStatus.ACCEPTED, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT)
OCTETS = {"Content-Type": "application/octet-stream"}
RANGE = re.compile(r"(?:bytes=)?0-(\d+)")


class Blob(NamedTuple):
    """Bytes that a registry shall have."""

    digest: str
    size: int
    file: Callable[[], Path]
    """Brings the file with the bytes; called only where they must be sent."""
    what: str
    """In words: the layer, the configuration."""


class Part(io.RawIOBase):
    """A part of a file as the body of a request, which tells how much of it was read."""

    def __init__(self, path: Path, start: int, size: int, progress: Progress) -> None:
        self._file = path.open("rb")
        self._file.seek(start)
        self._at = start
        self._end = start + size
        self._progress = progress

    def readable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, none at the end of the part."""
        left = self._end - self._at
        found = self._file.read(left if size is None or size < 0 else min(size, left))
        self._at += len(found)
        self._progress.at(self._at)
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def ensure_blob(
    target: Repository, blob: Blob, base: Repository | None, clock: Clock, say: Say
) -> str:
    """
    See that a repository has a blob, and return how it came there.

    Args:
        target: The repository.
        blob: What it shall have.
        base: A repository that has it already; None where there is none.
        clock: Tells the time and waits.
        say: Told of the progress.

    Raises:
        TryAgain: The registry does not take it now.
        StepFailed: It never will.

    """
    if is_there(target, blob):
        return "is there already"
    upload = Upload(target, blob, clock, say)
    if base is not None and base.image.domain == target.image.domain and upload.mount(base):
        return f"is mounted from {base.image.repository}"
    upload.run()
    return "is uploaded"


def is_there(target: Repository, blob: Blob) -> bool:
    """
    Whether a repository has a blob.

    A registry that sends us to where it keeps the blob has it: it looks before it says so.
    https://github.com/distribution/distribution/blob/v3.0.0/registry/storage/blobserver.go

    Raises:
        TryAgain: The registry does not say so now.

    """
    found = target.send("HEAD", target.url(f"blobs/{blob.digest}"))
    if found.status not in (HTTPStatus.OK, HTTPStatus.NOT_FOUND, *REDIRECTS):
        raise target.refusal(found, f"push of {blob.what} to {target.image}")
    return found.status != HTTPStatus.NOT_FOUND


class Upload:
    """One blob on its way to a repository."""

    def __init__(self, target: Repository, blob: Blob, clock: Clock, say: Say) -> None:
        self._target = target
        self._blob = blob
        self._clock = clock
        self._say = say
        self._what = f"push of {blob.what} to {target.image}"
        self._progress = Progress(blob.what, blob.size, clock, say)
        self._location: str | None = None
        self._sent = 0
        self._chunk = CHUNK

    def mount(self, base: Repository) -> bool:
        """Return whether the registry lends the blob from another repository of its own."""
        query = urlencode({"mount": self._blob.digest, "from": base.image.repository})
        place = self._target.url(f"blobs/uploads/?{query}")
        try:
            answer = self._target.send("POST", place, scopes=[base.scope])
        except Unauthorized:
            # Some give no token at all where one of two rights is missing. It is sent, then.
            return False
        if answer.status == HTTPStatus.ACCEPTED:
            self._begun(answer, place)
        return answer.status == HTTPStatus.CREATED

    def run(self) -> None:
        """Send it, and again where the connection is cut: then in parts."""
        cuts = 0
        send = self._send_whole
        while True:
            before = self._sent
            try:
                return send()
            except Cut as cut:
                cuts = 1 if self._sent > before else cuts + 1
                if cuts == MOST_CUTS:
                    raise
                wait = min(2.0 ** (cuts - 1), LONGEST_WAIT_SECONDS)
                self._say(f"{cut}; going on in {wait:.0f} s")
                self._clock.sleep(wait)
                send = self._send_parts

    def _send_whole(self) -> None:
        location = self._location or self._begin()
        # Whether this attempt or another: it is not resumed without asking how much has arrived.
        self._finish(location, 0, self._blob.size)

    def _send_parts(self) -> None:
        # It may be that only the answer was cut off.
        if is_there(self._target, self._blob):
            return
        location = self._resume() or self._begin()
        while self._sent < self._blob.size:
            size = min(self._chunk, self._blob.size - self._sent)
            last = self._sent + size - 1
            headers = {
                **OCTETS,
                "Content-Length": str(size),
                "Content-Range": f"{self._sent}-{last}",
            }
            answer = self._target.send(
                "PATCH",
                location,
                headers,
                partial(self._part, self._sent, size),
            )
            if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                # What was on its way when the connection was cut has arrived after all.
                raise Cut(f"{self._what}: {self._target.image.host} has another part already")
            if answer.status not in PART_TAKEN:
                # Some take no parts at all, whatever they say then: the next try sends it whole.
                self._location = None
                raise self._target.passing(answer, self._what)
            location = self._begun(answer, location)
            self._sent = last + 1
        self._finish(location, self._sent, 0)

    def _part(self, start: int, size: int) -> Part:
        return Part(self._blob.file(), start, size, self._progress)

    def _begin(self) -> str:
        """Open an upload and return where it goes on."""
        place = self._target.url("blobs/uploads/")
        answer = self._target.send("POST", place, {"Content-Length": "0"})
        if answer.status != HTTPStatus.ACCEPTED:
            raise self._target.refusal(answer, self._what)
        self._sent = 0
        return self._begun(answer, place)

    def _begun(self, answer: urllib3.BaseHTTPResponse, asked: str) -> str:
        """Remember where the upload goes on, and how small a part must not be."""
        self._location = self._target.location(answer, asked)
        least = answer.headers.get("OCI-Chunk-Min-Length", "")
        if least.isascii() and least.isdigit():
            self._chunk = max(CHUNK, int(least))
        return self._location

    def _resume(self) -> str | None:
        """Return where the upload goes on after a cut; None where it must begin anew."""
        if self._location is None:
            return None
        asked = self._location
        answer = self._target.send("GET", asked)
        arrived = RANGE.fullmatch(answer.headers.get("Range", ""))
        if answer.status != HTTPStatus.NO_CONTENT or arrived is None:
            self._location = None
            return None
        # "0-0" means one byte, or none: which of them is not said, so it is sent again.
        size = int(arrived[1]) + 1
        self._sent = size if 1 < size <= self._blob.size else 0
        return self._begun(answer, asked) if answer.headers.get("Location") else asked

    def _finish(self, location: str, start: int, size: int) -> None:
        """Send the last bytes with the digest, by which the registry checks all of them."""
        mark = "&" if "?" in location else "?"
        answer = self._target.send(
            "PUT",
            f"{location}{mark}{urlencode({'digest': self._blob.digest})}",
            {**OCTETS, "Content-Length": str(size)},
            partial(self._part, start, size),
        )
        self._sent = 0
        if answer.status != HTTPStatus.CREATED:
            self._location = None
            raise self._target.refusal(answer, self._what)
