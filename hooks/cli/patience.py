"""Progress for whoever waits: at a terminal, once a play takes longer than a moment."""

import sys
from time import monotonic
from typing import Self

from rich.status import Status

from composite.models import JsonObject
from composite.simulate import Clock, Hooks
from hooks.cli.output import console
from hooks.cli.story import clock_time

PATIENCE_SECONDS = 2.0


class Patience:
    """Hooks that tell somebody at a terminal how far it is, once that takes a while."""

    def __init__(self, hooks: Hooks, clock: Clock) -> None:
        self._hooks = hooks
        self._clock = clock
        self._asked = 0
        self._started = monotonic()
        self._status: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def call(self, path: str, body: JsonObject) -> JsonObject:
        """Return the answer to one request."""
        self._asked += 1
        if self._status is not None:
            self._status.update(self._text())
        elif monotonic() - self._started > PATIENCE_SECONDS and sys.stderr.isatty():
            self._status = Status(self._text(), console=console(err=True))
            self._status.start()
        return self._hooks.call(path, body)

    def _text(self) -> str:
        return f"playing, it is {clock_time(self._clock.seconds)}, {self._asked} requests"
