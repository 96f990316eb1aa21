"""A plan as text: a block for each Workspace, and the sums."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from composite.differences import ABSENT, Difference, shown
from composite.preview.api import (
    MemoryBudget,
    NodesChange,
    ObjectChange,
    Preview,
    Total,
    UnlistedWorkspace,
    WorkspacePreview,
)
from composite.prices import hourly_text, monthly_text

if TYPE_CHECKING:
    from rich.text import Text

SIGNS = {"added": "+", "changed": "~", "removed": "-", "recreated": "±"}
GIVEN = {
    "new": "is new",
    "edited": "is edited",
    "same": "is as it is there",
    "not given": "is affected",
}
APPLIED = "Applied from the files:"
BAR = 20
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# What lines up.
FIELDS = ("kind", "name")
COLOURS = (
    (r"^  \+ .*", "green"),
    (r"^  ~ .*", "yellow"),
    (r"^  [-±] .*", "red"),
    (r"^  refused: .*", "bold red"),
    (r"^      restarts .*", "bold red"),
    (r"^  Warning .*", "yellow"),
    (r"^  (Waits|Fails|Deleting) .*", "red"),
    (r"^(Workspace|Plan:).*", "bold"),
    (r"^Workspace .* is in no file any more: .*", "yellow"),
)


def coloured(text: str) -> "Text":
    """Return the text with colours, for a terminal."""
    from rich.text import Text  # noqa: PLC0415  (only a terminal needs it)

    found = Text(text)
    for pattern, style in COLOURS:
        found.highlight_regex(re.compile(pattern, re.MULTILINE), style)
    return found


def written(plan: Preview, about: Sequence[str]) -> str:
    """Return the whole plan; ``about`` are sentences about the prices."""
    blocks = [block(each, plan.currency) for each in plan.workspaces]
    priced = any(each.nodes for each in plan.workspaces)
    mine = [*user_writes(plan)]
    parts: list[Iterable[str]] = [[APPLIED, *mine]] if mine else []
    parts += [*blocks, *([[*map(unlisted, plan.unlisted)]] if plan.unlisted else [])]
    parts += [total(plan.total, plan.currency), *([about] if priced else [])]
    return "\n\n".join("\n".join(map(one_line, part)) for part in parts) + "\n"


def unlisted(one: UnlistedWorkspace) -> str:
    """Return what is to be said of a Workspace that is in no file any more."""
    return (
        f"Workspace {one.namespace}/{one.name} is in no file any more: its nodes are given back "
        "once somebody deletes it, which is not in this plan"
    )


def one_line(text: str) -> str:
    """Return a line that moves no cursor and ends where it ends, whoever has written it."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def state(one: WorkspacePreview) -> str:
    """Return what is the matter with a Workspace."""
    if one.refused:
        return "is refused"
    written_too = "nothing else" if one.given == "edited" else "nothing"
    return f"{GIVEN[one.given]}{'' if one.changes else f'; {written_too} is written'}"


def block(one: WorkspacePreview, currency: str | None) -> Iterator[str]:
    """Yield the lines about one Workspace."""
    yield f"Workspace {one.namespace}/{one.name} {state(one)}"
    for problem in one.refused:
        yield f"  refused: {problem}"
    if one.changes:
        yield ""
    widths = [max((len(getattr(e, field)) for e in one.changes), default=0) for field in FIELDS]
    for each in one.changes:
        yield from change(each, widths)
    facts = [*facts_of(one, currency)]
    if facts:
        yield ""
    for name, text in facts:
        yield f"  {name:<11} {text}"


def change(one: ObjectChange, widths: Sequence[int]) -> Iterator[str]:
    """Yield the lines about one object."""
    columns = [one.kind.ljust(widths[0]), one.name.ljust(widths[1]), ", ".join(one.about)]
    yield f"  {SIGNS[one.action]} {'   '.join(columns)}".rstrip()
    for each in one.fields:
        yield f"      {each.path}: {values(each.before, each.after)}"
    if one.restarts or one.unseen:
        yield f"      restarts {pods(one)}{because(one)}"


def pods(one: ObjectChange) -> str:
    """Return the names of the pods that restart, or how many it has by its status."""
    if not one.unseen:
        return ", ".join(one.restarts)
    counted = f"{one.unseen} pod{'' if one.unseen == 1 else 's'}"
    return f"{counted} by its status (none is in what is observed)"


def because(one: ObjectChange) -> str:
    """Return why pods are started anew."""
    if one.action == "removed":
        return ", which end with it"
    if one.action == "recreated":
        return ", for it is made anew"
    return f", because of {', '.join(one.because)}"


def values(before: object, after: object) -> str:
    """Return ``before → after`` in one line."""
    pair = (ABSENT if value is None else value for value in (before, after))
    return shown(Difference("", *pair))


def facts_of(one: WorkspacePreview, currency: str | None) -> Iterator[tuple[str, str]]:
    """Yield what a Workspace needs, each with a name."""
    if one.deleting:
        yield "Deleting", deleting(one)
    for each in one.nodes:
        yield "Nodes", f"{nodes(each)}: {price(each, currency)}"
    if one.keeps:
        yield "Keeps", ", ".join(one.keeps)
    if one.memory is not None:
        yield "GPU memory", memory(one.memory)
    for sentence in one.notes:
        yield "Warning", sentence
    if one.waits:
        yield "Waits", one.waits
    if one.fails:
        yield "Fails", one.fails
    for sentence in one.unknown:
        yield "Not known", sentence


def deleting(one: WorkspacePreview) -> str:
    """Return what goes with a Workspace that is on its way out."""
    others = ", ".join(one.deleting[1:])
    rest = f"; with it goes {others}" if others else ""
    return f"it is being deleted, and applying a file does not bring it back{rest}"


def user_objects(plan: Preview) -> list[ObjectChange]:
    """Return what applying the files writes itself, but for Workspaces that are new."""
    return [e for e in plan.applied if e.kind != "Workspace" or e.action != "added"]


def user_writes(plan: Preview) -> Iterator[str]:
    """Yield the lines about that."""
    listed = user_objects(plan)
    widths = [max((len(getattr(e, field)) for e in listed), default=0) for field in FIELDS]
    for each in listed:
        yield from change(each, widths)


def nodes(one: NodesChange) -> str:
    """Return how many nodes come and go: ``+ 2 - 1 Standard_NC6s_v3``."""
    signs = ((one.added, "+"), (one.removed, "-"))
    return f"{' '.join(f'{sign} {count}' for count, sign in signs if count)} {one.instanceType}"


def price(one: NodesChange, currency: str | None) -> str:
    """Return what nodes cost, on demand and on the spot market."""
    if one.hourly is None:
        return "price unknown"
    spot = "" if one.spotHourly is None else f" (spot {hourly_text(one.spotHourly)})"
    return (
        f"{hourly_text(one.hourly)} {currency} an hour{spot}, {monthly_text(one.monthly)} a month"
    )


def memory(one: MemoryBudget) -> str:
    """Return how much memory is needed, with a bar: of each GPU if that decides, else of all."""
    needed, available, where = one.totalNeeded, one.totalAvailable, "in all"
    if one.perGpuNeeded * available > needed * one.perGpuAvailable:
        needed, available, where = one.perGpuNeeded, one.perGpuAvailable, "on each GPU"
    used = min(round(BAR * needed / available), BAR) if available else BAR
    bar = "█" * used + "░" * (BAR - used)
    on = f"{one.gpusAvailable} GPUs" if one.gpusAvailable != 1 else "1 GPU"
    return (
        f"[{bar}] {needed} of {available} GiB {where}, {available - needed} GiB left; {on} on "
        f"{one.nodes} {one.instanceType}"
    )


def total(found: Total, currency: str | None) -> Iterator[str]:
    """Yield the sums."""
    pods = f"{found.restarts} pod{'' if found.restarts == 1 else 's'}"
    yield (
        f"Plan: {found.added} to add, {found.changed} to change, {found.removed} to remove, "
        f"{found.recreated} to make anew; {pods} restarted."
    )
    if found.nodes:
        listed = ", ".join(map(nodes, found.nodes))
        yield f"Nodes: {listed}: {sum_text(found, currency)}"


def sum_text(found: Total, currency: str | None) -> str:
    """Return what all nodes together cost more or less."""
    if found.hourly is None or found.monthly is None:
        return "of some the price is unknown, so the sum is too"
    more = "less" if found.hourly < 0 else "more"
    hourly, monthly = hourly_text(abs(found.hourly)), monthly_text(abs(found.monthly))
    return f"{hourly} {currency} an hour {more}, {monthly} a month"
