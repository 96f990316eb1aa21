"""What became of recorded requests: for the command, and as JSON for a program."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import Field

from composite.differences import Absent, Difference
from composite.models import JsonObject, Value
from hooks.cli.recordings import Case


class Verdict(StrEnum):
    """What became of one recorded request."""

    EQUAL = "equal"
    DIFFERS = "differs"
    REDACTED = "redacted"
    UNREADABLE = "unreadable"


class Outcome(NamedTuple):
    """One file: what it says, and what is answered now."""

    file: str
    verdict: Verdict
    case: Case | None = None
    reason: str = ""
    different: tuple[Difference, ...] = ()
    settings: tuple[Difference, ...] = ()


class Moved(Value):
    """A field that holds something else now; where it is not there it has no value here."""

    field: str = Field(examples=["status.conditions[0].reason"])
    was: Any = Field(default=None, description="What was recorded.")
    now: Any = Field(default=None, alias="is", description="What this version says.")


class Entry(Value):
    """One recorded request; what does not apply is absent."""

    file: str = Field(description="Its file, or ARCHIVE:MEMBER.")
    verdict: Verdict
    path: str = Field(default="", description="The hook that was asked.")
    object: str = Field(default="", description="NAMESPACE/NAME of what was asked about.")
    asOf: str = Field(  # noqa: N815  (as in Kubernetes)
        default="", description="The time that it is answered as of, ISO 8601 in UTC."
    )
    version: str = Field(default="", description="Of the metakaito that recorded it.")
    reason: str = Field(default="", description="Why it cannot be read, or cannot be repeated.")
    differences: tuple[Moved, ...] = Field(default=(), description="Fields of the answer.")
    settings: tuple[Moved, ...] = Field(
        default=(), description="What decides an answer and is not what it was."
    )


class Report(Value):
    """Every recorded request, and how many became what."""

    files: tuple[Entry, ...]
    counts: dict[Verdict, int]


def report(found: Sequence[Outcome], counts: Mapping[Verdict, int]) -> JsonObject:
    """Return all of it for a program."""
    whole = Report(
        files=tuple(map(entry, found)), counts={verdict: counts[verdict] for verdict in Verdict}
    )
    return whole.model_dump(mode="json", by_alias=True, exclude_unset=True)


def entry(found: Outcome) -> Entry:
    """Return one file for a program."""
    case = found.case
    about = (
        {
            "path": case.path,
            "object": case.object,
            "asOf": case.as_of.isoformat().replace("+00:00", "Z"),
            "version": case.version,
        }
        if case is not None
        else {}
    )
    whole = {
        "file": found.file,
        "verdict": found.verdict,
        **about,
        "reason": found.reason,
        "differences": [told(each) for each in found.different],
        "settings": [told(each) for each in found.settings],
    }
    return Entry.model_validate(
        {key: value for key, value in whole.items() if value not in (None, "", [])}
    )


def told(difference: Difference) -> JsonObject:
    """Return one field for a program; one that is not there has no value."""
    sides = {"was": difference.before, "is": difference.after}
    held = {side: value for side, value in sides.items() if not isinstance(value, Absent)}
    return {"field": difference.path, **held}
