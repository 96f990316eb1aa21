"""The work of ``replay``: recorded requests, what is answered to them now, and what differs."""

import sys
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from lzma import LZMAError
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from rich.status import Status

from composite.catalog import Catalog, Provisioning
from composite.differences import differences, shown
from composite.models import JsonObject
from composite.redaction import WORD
from composite.simulate import objects
from hooks.answers import Answered, served
from hooks.cli.answering import read_time
from hooks.cli.errors import FAILED, OK, Failed
from hooks.cli.options import catalog_of, settings_of
from hooks.cli.output import as_json, console, print_text
from hooks.cli.patience import PATIENCE_SECONDS
from hooks.cli.recordings import NotReplayable, Source, sources
from hooks.cli.replay_report import Outcome, Verdict, report
from hooks.recording.exchange import answer_again
from hooks.settings import Settings, fingerprint

DIFFERENT = 3
# Lists of objects, in which the order means nothing.
OBJECTS = ("children", "attachments")


class Wanted(NamedTuple):
    """The options."""

    diff: bool
    recorded_settings: bool
    presets: Path | None


class Catalogs:
    """The presets of here, with the settings of here or of a recording."""

    def __init__(self, settings: Settings, *, recorded: bool) -> None:
        self._settings = settings
        self._recorded = recorded
        self._known: dict[str, tuple[Catalog, dict[str, str]]] = {}

    def of(self, provisioning: Provisioning | None) -> tuple[Catalog, dict[str, str]]:
        """Return presets and instance types, and what decides the answers in words."""
        wanted = provisioning if self._recorded and provisioning else self._settings.provisioning
        key = wanted.model_dump_json()
        if key not in self._known:
            settings = self._settings.model_copy(update={"cloud": wanted.cloud})
            catalog = catalog_of(settings).model_copy(update={"provisioning": wanted})
            self._known[key] = catalog, fingerprint(catalog)
        return self._known[key]


def replay_files(files: Iterable[str], wanted: Wanted, now: str | None, output: str) -> int:
    """
    Print what is answered now, and return the exit code.

    Raises:
        Failed: A file is not there, or there is nothing in it.

    """
    moment = read_time(now) if now is not None else None
    catalogs = Catalogs(settings_of(presets=wanted.presets), recorded=wanted.recorded_settings)
    told = partial(print_outcome, diff=wanted.diff) if output == "text" else None
    found: list[Outcome] = []
    for outcome in with_patience(outcomes(files, moment, catalogs)):
        if told is not None:
            told(outcome)
        found.append(outcome)
    if not found:
        raise Failed(f"{', '.join(files)}: holds no recorded request (*.json)")
    counts = Counter(each.verdict for each in found)
    if told is None:
        print_text(as_json(report(found, counts)))
    else:
        print_text(summary(found, counts))
    if counts[Verdict.UNREADABLE]:
        return FAILED
    return DIFFERENT if counts[Verdict.DIFFERS] else OK


def outcomes(files: Iterable[str], now: datetime | None, catalogs: Catalogs) -> Iterator[Outcome]:
    """
    Yield what becomes of each request in files, directories and archives.

    Raises:
        Failed: A file is not there, or is no archive.

    """
    for name in files:
        try:
            yield from (outcome(source, now, catalogs) for source in sources(name))
        except OSError as error:
            raise Failed(f"{name}: cannot be read: {error.strerror or error}") from None
        except (tarfile.TarError, EOFError, zlib.error, LZMAError) as error:
            raise Failed(f"{name}: {broken(error)}") from None


def broken(error: Exception) -> str:
    """Return what is wrong with an archive, in one sentence."""
    reason, *tried = str(error).splitlines()
    if tried:  # one way to open it after the other
        return "is no archive: neither tar nor tar compressed with gzip, bzip2 or xz"
    return f"is broken, or not the whole archive: {reason[:1].lower()}{reason[1:]}"


def outcome(source: Source, now: datetime | None, catalogs: Catalogs) -> Outcome:
    """Return what becomes of one request."""
    try:
        case = source.case(now)
    except NotReplayable as failure:
        return Outcome(source.name, Verdict.UNREADABLE, reason=str(failure))
    catalog, settings = catalogs.of(case.provisioning)
    answer, expected = served(case.path, case.request, catalog, case.as_of), case.expected
    if not case.raw:
        answer, expected = (answer_again(case.request, each) for each in (answer, expected))
    # What an earlier version hid of an answer cannot be held against what this one leaves in it.
    different = tuple(
        each
        for each in differences(comparable(expected), comparable(answer))
        if case.raw or each.before != WORD
    )
    others = tuple(differences(case.settings, settings)) if case.settings else ()
    if different:
        return Outcome(source.name, Verdict.DIFFERS, case, "", different, others)
    if case.exact:
        return Outcome(source.name, Verdict.EQUAL, case, settings=others)
    hidden = ", ".join(f"{what} ({count})" for what, count in sorted((case.hidden or {}).items()))
    reason = f"the answer that was given depends on what was redacted: {hidden}"
    return Outcome(source.name, Verdict.REDACTED, case, reason, settings=others)


def comparable(answered: Answered) -> JsonObject:
    """Return an answer as it is compared: objects by their names, for their order is nothing."""
    answer = answered.answer
    if answer is None:
        return {"HTTP": answered.status, "error": answered.error}
    named = {
        key: {named_object(each): each for each in listed}
        for key in OBJECTS
        if isinstance(listed := answer.get(key), list)
    }
    return {"HTTP": answered.status, **answer, **named}


def named_object(obj: Any) -> str:  # noqa: ANN401  (JSON)
    """Return what an object is called."""
    try:
        return str(objects.ref_of(obj))
    except (TypeError, LookupError):
        return objects.canonical_json(obj)


def print_outcome(found: Outcome, *, diff: bool) -> None:
    """Print the line of one file, and the fields that differ below it if they are wanted."""
    case = found.case
    words = [f"{found.verdict:<10}", found.file]
    if case is not None:
        words.append(f"({case.path} {case.object})")
    count = len(found.different)
    fields = f"{count} field{'' if count == 1 else 's'}" if count else ""
    why = found.reason or fields
    line = " ".join(words) + (f": {why}" if why else "")
    below = [f"  {each.path}: {shown(each)}" for each in found.different] if diff else []
    print_text("".join(f"{text}\n" for text in (line, *below)))


def summary(found: list[Outcome], counts: Mapping[Verdict, int]) -> str:
    """Return the last lines: how many of what, and which settings are others."""
    others = dict.fromkeys(
        f"{each.path}: {shown(each)}" for outcome in found for each in outcome.settings
    )
    numbers = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    notes = [f"other settings than recorded: {each}" for each in others]
    return "".join(f"{line}\n" for line in (*notes, numbers))


def with_patience(found: Iterator[Outcome]) -> Iterator[Outcome]:
    """Yield what comes; whoever waits at a terminal is told how far it is."""
    began, status = monotonic(), Status("replaying", console=console(err=True))
    try:
        for number, each in enumerate(found, start=1):
            yield each
            if monotonic() - began > PATIENCE_SECONDS and sys.stderr.isatty():
                status.start()  # nothing, where it is shown already
                status.update(f"replaying, {number} requests so far")
    finally:
        status.stop()
