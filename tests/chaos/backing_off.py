"""
The law that a claim which failed is not made anew at once.

A provisioner needs minutes to find out that there is no such machine, and asks a cloud that has
quotas: whoever tries again and again burns them.
"""

from collections.abc import Iterator
from typing import NamedTuple

from composite import names
from composite.simulate import objects
from composite.simulate.provisioner import CLAIMS
from composite.simulate.store import Change
from composite.workspace.related import ATTEMPTS, machine_name
from tests.chaos.events import HooksClock
from tests.chaos.hooks import SYNC
from tests.chaos.playing import Played
from tests.chaos.way import MOST_NODES, is_end, is_unavailable

# The shortest back-off of a claim, in seconds. Times of objects are whole seconds.
SHORTEST = 30.0
ROUNDED = 1.0


class Attempt(NamedTuple):
    """One claim: its name, whether it was ever Ready, and since when it was in vain or gone."""

    name: str
    ready: bool = False
    over: float | None = None


def backs_off(played: Played) -> Iterator[str]:
    """
    Say where a claim was made too soon after those before it that were in vain.

    After one that its provisioner says cannot be had it takes 30 s, as far as the hooks were told
    of it. One that is deleted without a reason may be made anew at once, the second in a row not
    before 30 s. A claim under the same name is no new attempt: the hooks never saw the last one.
    Nothing is said of a story that sets the clock of the hooks, which is what they wait by.
    """
    if any(isinstance(event, HooksClock) for event in played.story.events):
        return
    places, told = places_of(played), told_unavailable(played)
    attempts: dict[tuple[str, int], list[Attempt]] = {}
    for change, at in zip(played.changes, times_of(played), strict=True):
        name = change.obj["metadata"]["name"]
        if objects.kind_key(change.obj) not in CLAIMS or name not in places:
            continue
        row = attempts.setdefault(places[name], [])
        if change.old is None:
            if row and row[-1].name == name:
                row.pop()
            if at < earliest(row, told) - ROUNDED:
                yield f"change {change.number}: {name} is made too soon after {row[-1].name}"
            row.append(Attempt(name))
        elif row and row[-1].name == name:
            row[-1] = later(row[-1], change, at)


def earliest(row: list[Attempt], told: set[str]) -> float:
    """Return when the claim after these may be made."""
    if not row or row[-1].ready or row[-1].over is None:
        return 0.0
    in_a_row = len(row) > 1 and not row[-2].ready
    return row[-1].over + SHORTEST if row[-1].name in told or in_a_row else 0.0


def later(attempt: Attempt, change: Change, at: float) -> Attempt:
    """Return what is known of a claim after a change of it."""
    is_over = is_end(change) or is_unavailable(change.obj)
    return Attempt(
        name=attempt.name,
        ready=attempt.ready or objects.is_true(change.obj, "Ready"),
        over=at if is_over and attempt.over is None else attempt.over,
    )


def times_of(played: Played) -> list[float]:
    """Return when each change happened, in seconds."""
    return [entry.seconds for entry in played.cluster.timeline if entry.what != "failed"]


def places_of(played: Played) -> dict[str, tuple[str, int]]:
    """Return for which Workspace a claim of a name is, by its uid, and for which of its nodes."""
    uids = {
        objects.uid_of(change.obj)
        for change in played.changes
        if change.old is None and objects.kind_key(change.obj) == names.WORKSPACES
    }
    return {
        machine_name(uid, index, attempt): (uid, index)
        for uid in uids
        for index in range(MOST_NODES)
        for attempt in range(ATTEMPTS)
    }


def told_unavailable(played: Played) -> set[str]:
    """Return the names of the claims that the hooks were told cannot be had."""
    return {
        claim["metadata"]["name"]
        for exchange in played.exchanges
        if exchange.path == SYNC
        for kind in CLAIMS
        for claim in exchange.request["related"].get(kind, {}).values()
        if is_unavailable(claim)
    }
