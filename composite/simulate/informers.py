"""
What Metacontroller has heard of the objects: a cache for each kind, which may lag behind the store.

As client-go's informers: each kind has a watch of its own, so the order of changes is kept within a
kind and not between kinds. Reading is from the cache; ``read`` and every write go to the store,
which refuses an update of what was changed meanwhile. ``hooks/dev/informers.py`` does the same on a
real API server.

Source: https://github.com/kubernetes/client-go/blob/v0.36.0/tools/cache/shared_informer.go
"""

from collections import deque
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from composite.models import JsonObject, Value
from composite.simulate import objects
from composite.simulate.clock import Clock
from composite.simulate.errors import ApiError
from composite.simulate.index import Indexed, Place
from composite.simulate.memory import MemoryStore
from composite.simulate.objects import Ref
from composite.simulate.store import Change


class Delivery(Value):
    """
    How changes come to Metacontroller: at once, unless it is said otherwise of a kind.

    ``lags`` says how many seconds late, by kind. The watch of a kind in ``cut`` is broken: nothing
    is heard of it until it is whole again, and then each object only as it is by then, so of one
    that was deleted and made anew it looks like an edit.
    """

    lags: Mapping[str, float] = {}
    cut: frozenset[str] = frozenset()


AT_ONCE = Delivery()


class Upset(Enum):
    """What befalls one write of Metacontroller's."""

    REFUSED = "the API server answers 500 and does nothing"
    LOST = "it is done, and the answer is lost"
    KILLED = "Metacontroller is killed before it"
    KILLED_AFTER = "it is done, and Metacontroller is killed after it"


class Killed(Exception):  # noqa: N818  (it is no error)
    """Metacontroller was killed in the middle of a sync."""


class Heard(NamedTuple):
    """A change on its way to Metacontroller, and when it comes there."""

    due: float
    change: Change


class Informers(Indexed):
    """
    The store as one Metacontroller sees it, from its start on.

    Args:
        store: Where the objects are.
        clock: When changes come.
        delivery: How they come.

    """

    def __init__(self, store: MemoryStore, clock: Clock, delivery: Delivery = AT_ONCE) -> None:
        super().__init__()
        self.delivery = delivery
        self.upsets: deque[Upset | None] = deque()
        self._store = store
        self._clock = clock
        self._coming: dict[str, deque[Heard]] = {}
        self._listed = store.last_change
        for obj in store.everything():
            self._index.put(obj)

    def send(self, change: Change) -> Iterator[Change]:
        """Take a change of the store, and yield what is heard at once; not what was listed."""
        if change.number <= self._listed:
            return
        kind = objects.kind_key(change.obj)
        due = self._clock.seconds + self.delivery.lags.get(kind, 0.0)
        coming = self._coming.setdefault(kind, deque())
        if coming:
            due = max(due, coming[-1].due)
        coming.append(Heard(due, change))
        yield from self.hear(kind)

    def hear(self, kind: str) -> Iterator[Change]:
        """Yield the changes of a kind whose time has come, each once the cache has it."""
        coming = self._coming.get(kind)
        while coming and kind not in self.delivery.cut and coming[0].due <= self._clock.seconds:
            change = coming.popleft().change
            if change.new is None:
                self._index.drop(objects.ref_of(change.obj))
            else:
                self._index.put(change.new)
            yield change

    def deliver(self, delivery: Delivery) -> Iterator[Change]:
        """Let changes come another way from now on, and yield what is heard with that."""
        whole = sorted(self.delivery.cut - delivery.cut)
        self.delivery = delivery
        for kind in whole:
            yield from self._relist(kind)
        for kind, coming in self._coming.items():
            latest = self._clock.seconds + delivery.lags.get(kind, 0.0)
            hastened = [Heard(min(heard.due, latest), heard.change) for heard in coming]
            self._coming[kind] = deque(hastened)
            yield from self.hear(kind)

    def due(self, kind: str) -> float | None:
        """Return when the next change of a kind comes; None if none does."""
        coming = self._coming.get(kind)
        return coming[0].due if coming and kind not in self.delivery.cut else None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of which a change is on its way."""
        return tuple(kind for kind, coming in self._coming.items() if coming)

    def _relist(self, kind: str) -> Iterator[Change]:
        """List a kind anew, and yield what is different: what happened in between is not told."""
        self._coming.pop(kind, None)
        before = self._index.unsorted(kind)
        now = {_place(obj): obj for obj in self._store.list_of(kind)}
        for obj in before.values():
            self._index.drop(objects.ref_of(obj))
        for obj in now.values():
            self._index.put(obj)
        for place, new in now.items():
            old = before.get(place)
            if old is not new:
                yield Change(0, "MODIFIED" if old is not None else "ADDED", old, new, "")
        for place, old in before.items():
            if place not in now:
                yield Change(0, "DELETED", old, None, "")

    # The store as Metacontroller uses it (``store.Store``).

    def read(self, ref: Ref) -> JsonObject | None:
        """Return one object as it is at this moment, or None."""
        return self._store.get(ref)

    def create(self, obj: JsonObject) -> JsonObject:
        """Create an object, without a status."""
        upset = self._next_upset()
        return self._ended(upset, self._store.create(obj))

    def update(self, obj: JsonObject) -> JsonObject:
        """Replace all of an object but its status."""
        upset = self._next_upset()
        return self._ended(upset, self._store.update(obj))

    def update_status(self, obj: JsonObject) -> JsonObject:
        """Replace the status of an object and nothing else."""
        upset = self._next_upset()
        return self._ended(upset, self._store.update_status(obj))

    def delete(self, ref: Ref, uid: str | None = None) -> None:
        """Delete an object; one with finalizers only starts to go away."""
        upset = self._next_upset()
        self._store.delete(ref, uid)
        self._ended(upset, {})

    def _next_upset(self) -> Upset | None:
        upset = self.upsets.popleft() if self.upsets else None
        if upset is Upset.KILLED:
            raise Killed
        if upset is Upset.REFUSED:
            raise ApiError("etcdserver: request timed out")
        return upset

    @staticmethod
    def _ended(upset: Upset | None, made: JsonObject) -> JsonObject:
        if upset is Upset.KILLED_AFTER:
            raise Killed
        if upset is Upset.LOST:
            raise ApiError("context deadline exceeded", 504)
        return made


def _place(obj: JsonObject) -> Place:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
