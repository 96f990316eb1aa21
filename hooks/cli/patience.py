"""Progress for whoever waits: at a terminal, once something takes longer than a moment."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING, Self

from composite.models import JsonObject
from composite.simulate import Clock, Hooks
from hooks.cli.output import console

if TYPE_CHECKING:
    from rich.status import Status

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
            self._status = started(self._text())
        return self._hooks.call(path, body)

    def _text(self) -> str:
        from hooks.cli.story import clock_time  # noqa: PLC0415  (see the package)

        return f"playing, it is {clock_time(self._clock.seconds)}, {self._asked} requests"


@contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """Say what is done, once that takes a while; what is yielded takes another word for it."""
    said = [what]
    shown: list[Status] = []
    timer = Timer(PATIENCE_SECONDS, lambda: shown.append(started(said[-1])))
    timer.daemon = True
    if sys.stderr.isatty():
        timer.start()

    def say(text: str) -> None:
        said.append(text)
        for status in shown:
            status.update(text)

    try:
        yield say
    finally:
        timer.cancel()
        if timer.is_alive():  # it may be starting the status just now
            timer.join()
        for status in shown:
            status.stop()


def started(text: str) -> "Status":
    """Return a status that shows on standard error that something is done."""
    from rich.status import Status  # noqa: PLC0415  (see the package)

    status = Status(text, console=console(err=True))
    status.start()
    return status
