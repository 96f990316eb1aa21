"""Trying again: how long, how often, and what is said meanwhile."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeVar

from hooks.steps.failures import GaveUp, TryAgain

Result = TypeVar("Result")
Say = Callable[[str], None]


class Clock(NamedTuple):
    """The time as a step knows it; tests bring one that does not wait."""

    now: Callable[[], float] = time.monotonic
    """Seconds since some moment; never goes back."""
    sleep: Callable[[float], None] = time.sleep
    date: Callable[[], float] = time.time
    """Seconds since 1970, for dates that servers write."""


class Patience:
    """
    How long something is tried again, with waits that double.

    Args:
        seconds: For how long after the first failure in a row; 0 means one try.
        clock: Tells the time and waits.
        say: Told of each failure and how long the wait is.
        first: The first wait, in seconds.
        longest: The longest wait, in seconds, unless a server asks for more.
        try_at_end: Whether there is a last try at the end of the patience where a server asks for
            a wait beyond it; otherwise the patience ends at once.

    """

    def __init__(
        self,
        seconds: float,
        clock: Clock,
        say: Say,
        *,
        first: float = 1.0,
        longest: float = 60.0,
        try_at_end: bool = False,
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._say = say
        self._first = first
        self._longest = longest
        self._try_at_end = try_at_end
        self._failing_since: float | None = None
        self._failures = 0

    def renew(self) -> None:
        """Begin anew, for something got further than ever before."""
        self._failing_since = None
        self._failures = 0

    def wait(self, failure: TryAgain) -> None:
        """
        Wait until the next try.

        Raises:
            GaveUp: The patience is at its end, or would be before the wait is.

        """
        now = self._clock.now()
        if self._failing_since is None:
            self._failing_since = now
        self._failures += 1
        left = self._failing_since + self._seconds - now
        asked = failure.after or 0.0
        wait = max(self._next_wait(), min(asked, left) if self._try_at_end else asked)
        if wait > left:
            raise GaveUp(f"{failure}{self._end(failure, now)}") from failure
        self._say(f"{failure}; trying again in {duration(wait)}")
        self._clock.sleep(wait)

    def _next_wait(self) -> float:
        return min(self._first * 2.0 ** min(self._failures - 1, 30), self._longest)

    def _end(self, failure: TryAgain, now: float) -> str:
        """Return the end of the sentence, with how often and how long it was tried."""
        if not self._seconds:
            return ""
        asked = (
            f"; it asks to wait {duration(failure.after)}, more than is left of the patience"
            if failure.after
            else ""
        )
        spent = now - (now if self._failing_since is None else self._failing_since)
        tries = "try" if self._failures == 1 else "tries"
        return f"{asked}; gave up after {self._failures} {tries} in {duration(spent)}"


def persistently(attempt: Callable[[], Result], patience: Patience) -> Result:
    """
    Return what an attempt returns, the first that works.

    Raises:
        StepFailed: An attempt failed for good.
        GaveUp: The patience is at its end.

    """
    while True:
        try:
            return attempt()
        except TryAgain as failure:
            patience.wait(failure)


def retry_after(header: str | None, clock: Clock) -> float | None:
    """
    Return the seconds that a server asks to wait; None for what is not understood.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - clock.date())
    except (ValueError, OverflowError):
        return None


def duration(seconds: float) -> str:
    """Return a duration in the largest unit that tells enough: 0.5 s, 42 s, 3 min 20 s, 2 h."""
    if seconds < 10:  # noqa: PLR2004  (below, a tenth tells something)
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [(hours, "h"), (minutes, "min"), (rest if not hours else 0, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
