"""A work queue as client-go has it: each key once, never to two workers, and some of them later."""

import heapq
from collections import deque
from collections.abc import Hashable
from threading import Condition
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """
    Keys that wait for a worker.

    A key waits once, however often it is added. One that is added while a worker has it waits until
    that is done. Of several later times for one key the earliest counts.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: deque[K] = deque()
        self._dirty: set[K] = set()
        self._taken: set[K] = set()
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._number = 0
        self._shut = False

    def add(self, key: K) -> None:
        """Have a key looked at, after what is waiting already."""
        with self._changed:
            self._add(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Have a key looked at, at a later time."""
        if seconds <= 0:
            self.add(key)
            return
        due = monotonic() + seconds
        with self._changed:
            if self._due.get(key, due + 1) > due:
                self._number += 1
                self._due[key] = due
                heapq.heappush(self._heap, (due, self._number, key))
                self._changed.notify()

    def get(self) -> K | None:
        """Return what has waited longest, as soon as there is something; None at the end."""
        with self._changed:
            while not self._shut:
                pause = self._wake()
                if self._waiting:
                    key = self._waiting.popleft()
                    self._dirty.discard(key)
                    self._taken.add(key)
                    return key
                self._changed.wait(pause)
            return None

    def done(self, key: K) -> None:
        """Give back a key; if it was added meanwhile, it waits again."""
        with self._changed:
            self._taken.discard(key)
            if key in self._dirty:
                self._waiting.append(key)
                self._changed.notify()

    def shut_down(self) -> None:
        """Let every worker go home."""
        with self._changed:
            self._shut = True
            self._changed.notify_all()

    def _add(self, key: K) -> None:
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._taken:
            self._waiting.append(key)
            self._changed.notify()

    def _wake(self) -> float | None:
        """Add what is due; return how long nothing will be, None for ever."""
        now = monotonic()
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) == due:
                if due > now:
                    return due - now
                del self._due[key]
                self._add(key)
            heapq.heappop(self._heap)
        return None
