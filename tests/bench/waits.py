"""How long each thing that was done to a fleet took to be dealt with: two logs side by side."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.bench.fleet import Key


class Counts(NamedTuple):
    """How much is done of each kind."""

    edits: int
    creations: int
    deletions: int
    failures: int


@dataclass
class Done:
    """
    What was done, and when, in seconds of the clock.

    An edit has the generation that it has led to, a failure the Machine that failed.
    """

    edits: list[tuple[float, Key, int]] = field(default_factory=list)
    creations: list[tuple[float, Key]] = field(default_factory=list)
    deletions: list[tuple[float, Key]] = field(default_factory=list)
    failures: list[tuple[float, Key, str]] = field(default_factory=list)

    @property
    def counts(self) -> "Counts":
        """How often each was done."""
        return Counts(len(self.edits), len(self.creations), len(self.deletions), len(self.failures))


@dataclass
class Log:
    """
    What was seen of each Workspace, and when, in seconds of the clock.

    ``accepted`` are the generations that a status was about which accepted them, ``ready`` is when
    it was ready first.
    """

    accepted: dict[Key, list[tuple[float, int]]] = field(default_factory=dict)
    ready: dict[Key, float] = field(default_factory=dict)
    workspaces_gone: dict[Key, float] = field(default_factory=dict)
    machines_made: dict[Key, list[tuple[float, str]]] = field(default_factory=dict)
    machines_gone: dict[Key, list[tuple[float, str]]] = field(default_factory=dict)


class Waits(NamedTuple):
    """
    Seconds for each thing that was done, and what was never dealt with, in words.

    Edits until they are accepted and planned, creations until all is ready, deletions until the
    last Machine is gone, failures until the next Machine is there.
    """

    edits: list[float]
    creations: list[float]
    deletions: list[float]
    failures: list[float]
    never: list[str]


class Awaited(NamedTuple):
    """Something that was done to a Workspace, when, and when it was seen to be dealt with."""

    what: str
    key: Key
    at: float
    seen: list[float]


def of(done: Done, log: Log) -> Waits:
    """
    Return how long everything took.

    What its Workspace's deletion overtook is not counted, nor what was seen before it was done.
    """
    edits = [
        Awaited(
            f"edit {generation} of {key.name}",
            key,
            at,
            [when for when, seen in log.accepted.get(key, ()) if seen >= generation and when >= at],
        )
        for at, key, generation in done.edits
    ]
    creations = [
        Awaited(
            f"creation of {key.name}",
            key,
            at,
            [log.ready[key]] if log.ready.get(key, -math.inf) >= at else [],
        )
        for at, key in done.creations
    ]
    failures = [
        Awaited(
            f"failure of {name}",
            key,
            at,
            # One that is gone before its Workspace has noted it comes again by the same name.
            [when for when, _ in log.machines_made.get(key, ()) if when >= at],
        )
        for at, key, name in done.failures
    ]
    return Waits(
        edits=seconds(edits),
        creations=seconds(creations),
        deletions=[max(gone) - at for at, gone in after_deletions(done, log) if gone],
        failures=seconds(failures),
        never=[
            *(
                each.what
                for each in (*edits, *creations, *failures)
                if not each.seen and each.key not in log.workspaces_gone
            ),
            *stayed(done, log),
        ],
    )


def seconds(awaited: Iterable[Awaited]) -> list[float]:
    """Return how long each took until it was seen first, of those that were."""
    return [min(each.seen) - each.at for each in awaited if each.seen]


def after_deletions(done: Done, log: Log) -> Iterator[tuple[float, list[float]]]:
    """Yield when a Workspace was deleted, and when each of its Machines was gone after that."""
    for at, key in done.deletions:
        yield at, [when for when, _ in log.machines_gone.get(key, ()) if when >= at]


def stayed(done: Done, log: Log) -> Iterator[str]:
    """Yield in a sentence each Workspace that was deleted and still has a Machine."""
    for _, key in done.deletions:
        made = {name for _, name in log.machines_made.get(key, ())}
        left = made - {name for _, name in log.machines_gone.get(key, ())}
        if left:
            yield f"deletion of {key.name}: {', '.join(sorted(left))} stayed"
