"""
What can be answered again: recorded exchanges, and the other forms in which this project has them.

Those are a question and answer that ``metakaito dev --record`` wrote or that a proxy kept, and a
``request.yaml`` with its ``response.yaml`` and perhaps a ``provisioning.yaml`` beside it. They do
not say as of when they were answered.
"""

import tarfile
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_core import from_json

from composite.catalog import Provisioning
from composite.models import JsonObject
from hooks.answers import PATHS, Answered
from hooks.cli.errors import Failed
from hooks.cli.files import read_request
from hooks.logs import shortened, summary
from hooks.recording.exchange import FORMAT, Exchange

ARCHIVES = (".tar", ".tar.gz", ".tgz")
MANIFEST = "manifest.json"
REQUESTS = "requests"
# Nothing larger was ever a request.
MOST_BYTES = 1 << 30
HTTP_OK = 200


class NotReplayable(Exception):  # noqa: N818  (it says what is so)
    """A file holds nothing that could be answered again, for this reason."""


class Case(NamedTuple):
    """
    A question, and what was answered.

    ``exact`` tells whether ``expected`` is what was really answered, and not what the version that
    recorded it answers to the request as it stands here, redacted. ``raw``: nothing is redacted.
    """

    path: str
    request: JsonObject
    as_of: datetime
    expected: Answered
    version: str | None = None
    settings: dict[str, str] | None = None
    provisioning: Provisioning | None = None
    hidden: dict[str, int] | None = None
    exact: bool = True
    raw: bool = False

    @property
    def object(self) -> str:
        """The name of what was asked about."""
        whole = self.request.get("parent") or self.request.get("object")
        metadata = whole.get("metadata") if isinstance(whole, dict) else None
        if not isinstance(metadata, dict):
            return ""
        return "/".join(str(metadata[key]) for key in ("namespace", "name") if key in metadata)


class Source(NamedTuple):
    """A file, or a member of an archive: its name, what reads it, and what reads one beside it."""

    name: str
    read: Callable[[], JsonObject]
    beside: Callable[[str], JsonObject | None] = lambda _: None

    def case(self, now: datetime | None) -> Case:
        """
        Return what it holds.

        Args:
            now: The time of answers that do not say theirs.

        Raises:
            NotReplayable: Nothing of the kind.

        """
        return case_of(self.read(), self.beside, now)


def sources(name: str) -> Iterator[Source]:
    """
    Yield what a path leads to: a file, those of a directory and below, or those of an archive.

    Raises:
        OSError: It cannot be read.
        tarfile.TarError: It is no archive.

    """
    path = Path(name)
    if path.is_dir():
        bundle = (path / MANIFEST).exists() and (path / REQUESTS).is_dir()
        yield from files_of(path / REQUESTS if bundle else path)
    elif name.endswith(ARCHIVES):
        yield from members_of(path)
    else:
        yield source_of(path)


def files_of(folder: Path) -> Iterator[Source]:
    """Yield the files of a directory and of those in it, in the order of their names."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and (path.suffix == ".json" or path.name == "request.yaml"):
            yield source_of(path)


def source_of(path: Path) -> Source:
    """Return one file."""

    def beside(name: str) -> JsonObject | None:
        other = path.with_name(name)
        return read(other) if other.exists() else None

    return Source(str(path), partial(read, path), beside)


def read(path: Path) -> JsonObject:
    """
    Return the one object in a file.

    Raises:
        NotReplayable: It cannot be read, or holds something else.

    """
    try:
        return parsed(path.read_bytes()) if path.suffix == ".json" else read_request(str(path))
    except OSError as error:
        raise NotReplayable(error.strerror or str(error)) from None
    except Failed as failed:
        raise NotReplayable(str(failed).removeprefix(f"{path}:").strip()) from None


def members_of(archive: Path) -> Iterator[Source]:
    """Yield the files in an archive; nothing is unpacked."""
    with tarfile.open(archive, "r:*") as found:
        members = [
            member
            for member in found.getmembers()
            if member.isfile() and member.name.endswith(".json") and member.size <= MOST_BYTES
        ]
        bundles = {
            str(PurePosixPath(member.name).parent)
            for member in members
            if PurePosixPath(member.name).name == MANIFEST
        }
        folders = {str(PurePosixPath(bundle) / REQUESTS) for bundle in bundles}
        for member in sorted(members, key=lambda each: each.name):
            if not bundles or str(PurePosixPath(member.name).parent) in folders:
                file = found.extractfile(member)
                assert file is not None  # noqa: S101  (it is a file)
                yield Source(f"{archive}:{member.name}", partial(parsed, file.read()))


def parsed(text: bytes) -> JsonObject:
    """
    Return the one object that JSON holds.

    Raises:
        NotReplayable: It is none, or holds something else.

    """
    try:
        found: Any = from_json(text)
    except ValueError as error:
        raise NotReplayable(f"is not JSON: {shortened(str(error), 200)}") from None
    if not isinstance(found, dict):
        raise NotReplayable("must be one object")
    return found


def case_of(
    found: JsonObject, beside: Callable[[str], JsonObject | None], now: datetime | None
) -> Case:
    """
    Return what an object says, in any of the forms.

    Raises:
        NotReplayable: In none of them.

    """
    if "format" in found:
        return recorded_case(found)
    if "request" in found and "path" in found:
        return kept_case(found, timed(now))
    if "parent" in found or "object" in found:
        return golden_case(found, beside, now)
    raise NotReplayable("holds no recorded request")


def recorded_case(found: JsonObject) -> Case:
    """Return what the server recorded."""
    if found["format"] != FORMAT:
        what = shortened(str(found["format"]), 60)
        raise NotReplayable(f"is {what}, and this version of metakaito reads {FORMAT}")
    try:
        exchange = Exchange.model_validate(found)
    except ValidationError as error:
        raise NotReplayable(f"is no {FORMAT}: {summary(error)}") from None
    return Case(
        path=exchange.path,
        request=exchange.request,
        as_of=exchange.asOf,
        expected=exchange.expected,
        version=exchange.version,
        settings=exchange.settings,
        provisioning=exchange.provisioning,
        hidden=exchange.hidden,
        exact=exchange.redacted is None,
    )


def kept_case(found: JsonObject, now: datetime) -> Case:
    """Return what ``metakaito dev --record`` or a proxy kept."""
    path = hook_of(str(found["path"]))
    status = found.get("status", HTTP_OK)
    answer = found.get("answer", found.get("response"))
    if not isinstance(found["request"], dict) or not isinstance(status, int):
        raise NotReplayable("must have a request that is an object, and a status that is a number")
    if status == HTTP_OK and not isinstance(answer, dict):
        raise NotReplayable("holds a question that was not answered")
    expected = (
        Answered(status=status, answer=answer)
        if status == HTTP_OK
        else Answered(status=status, error=str(answer).strip())
    )
    return Case(path, found["request"], now, expected, raw=True)


def golden_case(
    request: JsonObject, beside: Callable[[str], JsonObject | None], now: datetime | None
) -> Case:
    """Return a question, and the answer that lies beside it."""
    response = beside("response.yaml")
    if response is None:
        raise NotReplayable(
            "holds a request and no answer to compare with: 'metakaito sync' or "
            "'metakaito customize' answers it"
        )
    whole = request.get("parent") or request.get("object")
    workspace = isinstance(whole, dict) and whole.get("kind") != "Namespace"
    hook = "customize" if request.keys() <= {"controller", "parent"} else "sync"
    settings = beside("provisioning.yaml")
    try:
        provisioning = Provisioning.model_validate(settings or {})
    except ValidationError as error:
        raise NotReplayable(f"provisioning.yaml: {summary(error)}") from None
    return Case(
        path=f"/{'workspaces' if workspace else 'machines'}/{hook}",
        request=request,
        as_of=timed(now),
        expected=Answered(status=HTTP_OK, answer=response),
        provisioning=provisioning,
        raw=True,
    )


def timed(now: datetime | None) -> datetime:
    """Return the time for an answer that does not say its own."""
    if now is None:
        raise NotReplayable("does not say as of when it was answered: give --now")
    return now


def hook_of(url: str) -> str:
    """Return the hook behind a path or a URL."""
    words = urlsplit(url).path.strip("/").split("/")
    path = f"/{'/'.join(words[-2:])}"
    if path not in PATHS:
        raise NotReplayable(f"asks {shortened(url, 80)}, which is no hook of ours")
    return path
