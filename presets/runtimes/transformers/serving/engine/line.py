"""The bounded queue of those who wait to be answered, between the clients and the scheduler."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from serving.engine.batch import Row
from serving.metrics import Metrics


@dataclass(frozen=True)
class Limits:
    """
    What the engine may take.

    Args:
        rows: Requests that are answered at a time, at most.
        queue: Requests that wait for it, at most.
        cells: Tokens whose keys and values fit into memory, padding included.
        wait: Seconds that a request may wait.

    """

    rows: int
    queue: int
    cells: int
    wait: float


class QueueFullError(Exception):
    """
    Too many wait.

    Args:
        waiting: How many.
        retry_after: Seconds after which it is worth asking again.

    """

    def __init__(self, waiting: int, retry_after: int) -> None:
        super().__init__(
            f"{waiting} requests are waiting already, which is as many as may: ask again in "
            f"{retry_after} seconds"
        )
        self.retry_after = retry_after


class ClosedError(Exception):
    """
    The engine takes no more requests.

    Args:
        reason: The server is about to end, or the model computes no more.

    """


class Line:
    """
    Who waits, in the order they came: some for the batch, some to run alone.

    Args:
        limits: How many may wait, and how long.
        metrics: Hears how many do.

    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits = limits
        self.metrics = metrics
        self.wakes = threading.Condition()
        self.shared: deque[Row] = deque()
        self.alone: deque[Row] = deque()
        self.closed: str | None = None
        self.aborted = False
        self.seconds = 1.0

    def __len__(self) -> int:
        return len(self.shared) + len(self.alone)

    def add(self, row: Row, free: int) -> None:
        """
        Have a request wait.

        Args:
            row: The request.
            free: How many of those who wait can be answered at once; they do not count.

        Raises:
            QueueFullError: Too many wait.
            ClosedError: No more are taken.

        """
        with self.wakes:
            if self.closed is not None:
                raise ClosedError(self.closed)
            if len(self) >= self.limits.queue + free:
                raise QueueFullError(len(self), self.retry_after())
            (self.alone if row.generation.plan.alone else self.shared).append(row)
            self.metrics.waiting.set(len(self))
            self.wakes.notify()

    def retry_after(self) -> int:
        """Return in how many seconds half of those who wait are likely to be answered."""
        return max(1, math.ceil(self.seconds * len(self) / self.limits.rows / 2))

    def answered(self, seconds: float) -> None:
        """Hear how long a request took, from when it was asked."""
        self.seconds += 0.1 * (seconds - self.seconds)

    def close(self, reason: str) -> None:
        """Take no more; those who wait are still answered."""
        with self.wakes:
            self.closed = self.closed or reason
            self.wakes.notify()

    def abort(self, reason: str) -> None:
        """Take no more, and answer nobody any more."""
        with self.wakes:
            self.aborted = True
        self.close(reason)

    def wait_for_work(self, busy: Callable[[], bool]) -> bool:
        """
        Return True once there is something to do, False if there never will be again.

        Args:
            busy: Says whether something is in work.

        """
        with self.wakes:
            while not self.aborted:
                if len(self) or busy():
                    return True
                if self.closed is not None:
                    return False
                self.wakes.wait()
        return False

    def take(self, most: int, fits: Callable[[list[Row], Row], bool]) -> list[Row]:
        """
        Return the next rows for the batch, which then no longer wait.

        Args:
            most: How many.
            fits: Says whether one more can be put in with those before it.

        """
        rows: list[Row] = []
        with self.wakes:
            while self.shared and len(rows) < most and fits(rows, self.shared[0]):
                rows.append(self.shared.popleft())
            self.metrics.waiting.set(len(self))
        return rows

    def take_alone(self) -> Row | None:
        """Return the next of those that run alone, which then no longer waits, if there is one."""
        with self.wakes:
            row = self.alone.popleft() if self.alone else None
            self.metrics.waiting.set(len(self))
        return row

    def put_back(self, rows: list[Row]) -> None:
        """Have rows of the batch wait again, before all others."""
        with self.wakes:
            self.shared.extendleft(reversed(rows))

    def late(self) -> list[Row]:
        """
        Return those that have waited too long, which then no longer wait.

        Those that nobody wants any more go without a word.
        """
        oldest = time.monotonic() - self.limits.wait
        with self.wakes:
            found = [
                row
                for row in (*self.shared, *self.alone)
                # Who was begun already and put back is not late.
                if row.generation.first is None and row.generation.asked < oldest
            ]
            gone = set(map(id, found))
            for line in (self.shared, self.alone):
                stay = [r for r in line if id(r) not in gone and not r.generation.cancelled]
                line.clear()
                line.extend(stay)
        return found

    def clear(self) -> list[Row]:
        """Return all that wait, which then no longer do."""
        with self.wakes:
            rows = [*self.shared, *self.alone]
            self.shared.clear()
            self.alone.clear()
        return rows
