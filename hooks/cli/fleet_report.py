"""What an upgrade does to a fleet: each Workspace, the worst that becomes of it, and the sums."""

from collections import Counter
from collections.abc import Container, Iterator
from typing import Literal

from pydantic import Field

from composite import names
from composite.models import Value
from composite.preview.api import WorkspacePreview
from composite.preview.effects import Effect
from composite.preview.sums import added
from composite.prices import PriceTable
from hooks.cli.output import as_table

Outcome = Literal[
    "unknown",
    "refused",
    "failing",
    "lost",
    "recreated",
    "rolled",
    "added",
    "disturbed",
    "changed",
    "unchanged",
]
MEANING: dict[Outcome, str] = {
    "unknown": "nobody can say: its file cannot be read, or the other one does not bring it up",
    "refused": "is refused, by this one or by the other one already, and stays as it is",
    "failing": "is written to again and again, and never as it should be",
    "lost": "loses a node or a workload, and gets no other",
    "recreated": "a node or a workload of it is removed and made again",
    "rolled": "its pods are started anew",
    "added": "gets one more node or workload",
    "disturbed": "goes on, and its replicas or how they are reached change",
    "changed": "is written to, and goes on as it does",
    "unchanged": "is not touched",
}
# What costs a node or a start; all else is written in a moment.
COSTLY = (
    frozenset({names.MACHINES, names.NODECLAIMS}),
    frozenset({names.DEPLOYMENTS, names.STATEFULSETS, names.JOBS}),
)


class Member(Value):
    """What becomes of one Workspace of the fleet, or of a file that nobody can read."""

    file: str
    namespace: str | None
    name: str | None = Field(description="null: the file cannot be read.")
    outcome: Outcome
    because: tuple[str, ...] = Field(description="Objects and fields, or why it is refused.")
    hourly: float | None = Field(description="What its nodes cost more, or less; null: unknown.")


class Report(Value):
    """What becomes of a fleet."""

    version: str = Field(description="Of the other metakaito.")
    counts: dict[Outcome, int]
    hourly: float | None
    members: tuple[Member, ...]


def member(file: str, one: WorkspacePreview) -> Member:
    """Return what becomes of one Workspace."""
    return Member(
        file=file,
        namespace=one.namespace,
        name=one.name,
        outcome=outcome(one),
        because=tuple(because(one)),
        hourly=added([each.hourly for each in one.nodes]),
    )


def outcome(one: WorkspacePreview) -> Outcome:
    """Return the worst that becomes of a Workspace."""
    effects = {field.effect for each in one.changes for field in each.fields}
    done = [actions(one, kinds) for kinds in COSTLY]
    found: dict[Outcome, bool] = {
        "refused": bool(one.refused),
        "failing": bool(one.fails) or Effect.REFUSED in effects,
        "lost": any(each["removed"] > each["added"] for each in done),
        "recreated": any(each["removed"] or each["recreated"] for each in done)
        or Effect.RECREATED in effects,
        "rolled": bool(one.restarts) or Effect.ROLLED in effects,
        "added": any(each["added"] for each in done),
        "disturbed": Effect.DISTURBED in effects,
        "changed": bool(one.changes),
    }
    return next((name for name, so in found.items() if so), "unchanged")


def actions(one: WorkspacePreview, kinds: Container[str]) -> Counter[str]:
    """Return how often what becomes of objects of some kinds."""
    return Counter(each.action for each in one.changes if f"{each.kind}.{each.apiVersion}" in kinds)


def because(one: WorkspacePreview) -> Iterator[str]:
    """Yield the objects and fields that would be written, or why that is refused or fails."""
    yield from map(str, one.refused)
    yield from filter(None, [one.fails])
    for each in one.changes:
        what = f"{each.kind} {each.name}"
        yield from (f"{what}: {field.path}" for field in each.fields)
        if not each.fields:
            yield f"{what} is {each.action}"


def lines(found: Report, prices: PriceTable | None) -> Iterator[str]:
    """Yield the report for people."""
    unread = sum(each.name is None for each in found.members)
    workspaces = counted(len(found.members) - unread, "Workspace")
    beside = f" and {counted(unread, 'file')} that cannot be read" if unread else ""
    yield f"From metakaito {found.version} to this one, {workspaces}{beside}:"
    yield ""
    rows = [(found.counts[name], name, meaning) for name, meaning in MEANING.items()]
    yield from as_table(("WORKSPACES", "OUTCOME", "WHICH MEANS IT"), rows).splitlines()
    touched = [each for each in found.members if each.outcome != "unchanged"]
    for name in MEANING:
        for each in (one for one in touched if one.outcome == name):
            yield ""
            yield f"{name}: {called(each)}"
            yield from (f"  {text}" for text in each.because)
    yield ""
    yield f"Price of all nodes: {price(found.hourly, prices)}"


def called(one: Member) -> str:
    """Return how a Workspace is called and where it is written, or the file alone."""
    return one.file if one.name is None else f"{one.namespace}/{one.name} ({one.file})"


def counted(count: int, thing: str) -> str:
    """Return how many there are of a thing."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def price(hourly: float | None, prices: PriceTable | None) -> str:
    """Return what is paid more, or less."""
    if hourly is None:
        return "unknown"
    currency = f" {prices.currency}" if prices is not None else ""
    return f"{hourly:+,.3f}{currency} an hour"
