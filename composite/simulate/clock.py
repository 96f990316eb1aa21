"""Virtual time, and who has to look at what at which point of it."""

import heapq
import math
from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from composite.simulate.errors import HotLoop

START = datetime(2026, 1, 1, tzinfo=UTC)

# Looks at one thing within one instant, before it counts as a hot loop.
LOOKS_PER_INSTANT = 200


class Seconds(Protocol):
    """Time that passes, from any beginning."""

    @property
    def seconds(self) -> float:
        """How much has passed since then."""
        ...


class Clock:
    """A clock that moves only when it is told to; hooks that need the time share it."""

    def __init__(self, start: datetime = START) -> None:
        self.start = start
        self.seconds = 0.0

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self.start + timedelta(seconds=self.seconds)

    @property
    def stamp(self) -> str:
        """The virtual time as Kubernetes writes it, in whole seconds."""
        return format_time(self.now)


def format_time(moment: datetime) -> str:
    """Return a time as Kubernetes writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Actor(Protocol):
    """Somebody who watches the cluster and acts on what is seen, one thing at a time."""

    name: str

    def notice(self, change: Any) -> Iterable[Hashable]:  # noqa: ANN401  (store.Change)
        """Return what has to be looked at because of a change."""
        ...

    def act(self, key: Any) -> None:  # noqa: ANN401  (whatever notice returns)
        """Look at one thing and do what is needed."""
        ...


class Timer(NamedTuple):
    """A look at something at a later time."""

    due: float
    number: int
    actor: Actor
    key: Hashable
    cyclic: bool


class Agenda:
    """
    The work queues of all actors in one, and their alarm clocks.

    A thing waits only once, whoever asks for it how often. Of several alarms for one thing only
    the earliest is kept, as client-go's delaying queue does: an actor sets the next one when it
    looks.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        # Taking the first of a plain dict again and again walks over all that were taken before.
        self._waiting: OrderedDict[tuple[int, Hashable], tuple[Actor, Hashable]] = OrderedDict()
        self._alarms: dict[tuple[int, Hashable], Timer] = {}
        self._significant = 0
        self._heap: list[Timer] = []
        self._number = 0
        self._looks: Counter[tuple[int, Hashable]] = Counter()

    def add(self, actor: Actor, key: Hashable) -> None:
        """Have a thing looked at now, after what is waiting already."""
        self._waiting.setdefault((id(actor), key), (actor, key))

    def add_at(self, actor: Actor, key: Hashable, due: float, *, cyclic: bool = False) -> None:
        """
        Have a thing looked at, at a later time.

        Args:
            actor: Who looks.
            key: At what.
            due: Seconds of virtual time.
            cyclic: It only goes round in a circle from here, so it keeps nobody waiting.

        """
        known = self._alarms.get((id(actor), key))
        if due == math.inf or (known is not None and known.due <= due):
            return
        self._number += 1
        timer = Timer(due, self._number, actor, key, cyclic)
        self._turn_off((id(actor), key))
        self._alarms[id(actor), key] = timer
        self._significant += not cyclic
        heapq.heappush(self._heap, timer)

    def forget(self, actor: Actor, key: Hashable) -> None:
        """Turn off the alarm for one thing: whoever looks at it now sets it again if need be."""
        self._turn_off((id(actor), key))

    def drop(self, actor: Actor) -> None:
        """Forget all that an actor was to look at, now and later: its process has ended."""
        for slot in [slot for slot, (waiting, _) in self._waiting.items() if waiting is actor]:
            del self._waiting[slot]
        for slot in [slot for slot, timer in self._alarms.items() if timer.actor is actor]:
            self._turn_off(slot)

    def take(self) -> tuple[Actor, Any] | None:
        """
        Return what has waited longest, or None.

        Raises:
            HotLoop: One thing was looked at too often without any time passing.

        """
        if not self._waiting:
            return None
        found, (actor, key) = self._waiting.popitem(last=False)
        self._looks[found] += 1
        if self._looks[found] > LOOKS_PER_INSTANT:
            subject = " ".join(map(str, key)) if type(key) is tuple else str(key)
            raise HotLoop(
                f"{actor.name} looked at {subject} {LOOKS_PER_INSTANT} times at "
                f"{self.clock.seconds:g} s: each look changes something that calls for the next"
            )
        return actor, key

    @property
    def next_due(self) -> float | None:
        """When the next alarm goes off, or None."""
        while self._heap and self._alarms.get(self._slot(self._heap[0])) is not self._heap[0]:
            heapq.heappop(self._heap)
        return self._heap[0].due if self._heap else None

    @property
    def only_cyclic(self) -> bool:
        """Whether nothing is ahead but what goes round in circles."""
        return self._significant == 0

    def advance(self, until: float) -> bool:
        """Move the clock, add what is due then, and tell whether any of it was more than cyclic."""
        self.clock.seconds = until
        self._looks.clear()
        significant = False
        while (due := self.next_due) is not None and due <= until:
            timer = heapq.heappop(self._heap)
            self._turn_off(self._slot(timer))
            self.add(timer.actor, timer.key)
            significant = significant or not timer.cyclic
        return significant

    def _turn_off(self, slot: tuple[int, Hashable]) -> None:
        timer = self._alarms.pop(slot, None)
        if timer is not None and not timer.cyclic:
            self._significant -= 1

    @staticmethod
    def _slot(timer: Timer) -> tuple[int, Hashable]:
        return id(timer.actor), timer.key
