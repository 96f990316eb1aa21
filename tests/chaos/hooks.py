"""Our own hooks, which fail at times, and whose clock may be another one."""

import math
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.simulate import Clock, Exchange, HookError
from composite.simulate.in_process import InProcess
from composite.simulate.related import CACHE_SECONDS

SYNC = "/workspaces/sync"
# So many syncs one Workspace may need from the last event to rest (docs/chaos.md).
MOST_SYNCS = 120
# After so many more there is no rest to come, and the story is not played on.
HOPELESS = 5 * MOST_SYNCS


class RestlessError(Exception):
    """A Workspace was synced so often after the last event that there is no rest to come."""


class SkewedClock(Clock):
    """A clock that is a little beside another one."""

    def __init__(self, other: Clock) -> None:
        super().__init__()
        self._other = other
        self.beside = 0.0

    @property
    def now(self) -> datetime:
        return self._other.now + timedelta(seconds=self.beside)


class Troubled:
    """Our own hooks, which fail at times, and whose clock may be another one."""

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self.fail_until = -1.0
        self.counts = False
        self._syncs: Counter[str] = Counter()
        self.skewed = SkewedClock(clock)
        self._clock = clock
        self._hooks = InProcess(catalog, self.skewed)

    def call(self, path: str, body: JsonObject) -> JsonObject:
        """
        Return the answer to one request; with ``counts`` only so many of each Workspace.

        Raises:
            HookError: The hooks fail.
            RestlessError: A Workspace was synced far too often since the last event.

        """
        if self.counts and path == SYNC:
            self._count(body["parent"]["metadata"])
        if self._clock.seconds < self.fail_until:
            raise HookError("connection refused", 500)
        return self._hooks.call(path, body)

    def _count(self, metadata: JsonObject) -> None:
        self._syncs[metadata["uid"]] += 1
        if self._syncs[metadata["uid"]] > HOPELESS:
            raise RestlessError(
                f"{metadata['namespace']}/{metadata['name']} was synced {HOPELESS:,} times after "
                "the last event, and is not at rest"
            )


def has_forgotten(exchanges: Iterable[Exchange]) -> bool:
    """Whether the customize hook could not be asked again when its answer was too old."""
    answered: dict[tuple[str, str, int], float] = {}
    for exchange in exchanges:
        if not exchange.path.endswith("/customize"):
            continue
        metadata = exchange.request["parent"]["metadata"]
        about = exchange.path, metadata["uid"], metadata.get("generation", 0)
        if exchange.response is not None:
            answered[about] = exchange.seconds
        elif exchange.seconds - answered.get(about, math.inf) >= CACHE_SECONDS:
            return True
    return False
