"""Lines that tell how far a transfer is, for whoever watches the log of a Pod."""

from hooks.steps.patience import Clock, Say, duration

EVERY_SECONDS = 2.0
UNITS = ("KiB", "MiB", "GiB", "TiB")
STEP = 1024


class Progress:
    """
    How far one transfer is; a line at most every two seconds.

    Args:
        what: What is transferred, at the beginning of each line.
        total: Its size in bytes, None where nobody knows.
        clock: Tells the time.
        say: Told each line.
        begun_at: Bytes that were there already.

    """

    def __init__(
        self, what: str, total: int | None, clock: Clock, say: Say, begun_at: int = 0
    ) -> None:
        self._what = what
        self._total = total
        self._clock = clock
        self._say = say
        self._begun = self._said = clock.now()
        self._begun_at = begun_at

    def at(self, position: int) -> None:
        """Tell that so many bytes are there, if it is time for a line."""
        now = self._clock.now()
        if now - self._said < EVERY_SECONDS:
            return
        self._said = now
        speed = max(0, position - self._begun_at) / (now - self._begun)
        self._say(f"{self._what}: {progress_words(position, self._total, speed)}")


def progress_words(position: int, total: int | None, speed: float) -> str:
    """Return how far it is, with the speed in bytes a second: 1 of 4 MiB (25 %), 2 MiB/s, ..."""
    rate = f"{size_words(round(speed))}/s"
    if not total:
        return f"{size_words(position)}, {rate}"
    left = f", {duration((total - position) / speed)} left" if speed and position < total else ""
    share = 100 * position // total
    return f"{size_words(position)} of {size_words(total)} ({share} %), {rate}{left}"


def size_words(size: int) -> str:
    """Return a size as people read it: 17 bytes, 4.0 KiB, 1.5 GiB."""
    if size < STEP:
        return "1 byte" if size == 1 else f"{size} bytes"
    value = size / STEP
    for unit in UNITS[:-1]:
        if value < STEP:
            return f"{value:.1f} {unit}"
        value /= STEP
    return f"{value:.1f} {UNITS[-1]}"
