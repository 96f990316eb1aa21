"""Measures calls side by side: in turn, several times, the median of which counts."""

import gc
import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import process_time

from hooks.server import keep_what_is_loaded
from tests.bench.figures import Figure

RUNS = 7


def figure(values: Iterable[float]) -> Figure:
    """Return several measurements of one thing as one."""
    found = sorted(values)
    return Figure(median=statistics.median(found), least=found[0], most=found[-1], runs=len(found))


def ratios(ones: Iterable[float], others: Iterable[float]) -> Figure:
    """Return how often the other goes into the one, run by run."""
    return figure(one / other for one, other in zip(ones, others, strict=True))


@contextmanager
def as_served() -> Iterator[None]:
    """Collect garbage as the server does: what is loaded is not walked again and again."""
    before = gc.get_threshold()
    keep_what_is_loaded()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def seconds_each(
    calls: Mapping[str, Callable[[], object]], *, runs: int = RUNS, budget: float = 0.1
) -> dict[str, list[float]]:
    """
    Return the processor time that each call takes, in seconds: one number for each run.

    In each run all calls have their turn, each repeated for ``budget`` seconds, so that what else
    the machine does befalls all of them. Time in which others have the processor is not counted.
    """
    times = {name: repetitions(call, budget) for name, call in calls.items()}
    found: dict[str, list[float]] = {name: [] for name in calls}
    with as_served():
        for _ in range(runs):
            for name, call in calls.items():
                found[name].append(once(call, times[name]))
    return found


def repetitions(call: Callable[[], object], budget: float) -> int:
    """Return how often a call fits into so many seconds, once it is warm."""
    call()
    return max(1, math.ceil(budget / max(once(call, 3), 1e-7)))


def once(call: Callable[[], object], times: int) -> float:
    """Return the processor time of a call on average, of so many in a row."""
    started = process_time()
    for _ in range(times):
        call()
    return (process_time() - started) / times


def slope(points: Iterable[tuple[float, float]]) -> float:
    """
    Return the exponent with which y grows with x: 1 is linear, 2 the square.

    The least squares of the logarithms.
    """
    xs, ys = zip(*((math.log(x), math.log(y)) for x, y in points), strict=True)
    return statistics.linear_regression(xs, ys).slope


def line(points: Iterable[tuple[float, float]]) -> tuple[float, float, float]:
    """Return slope, intercept and R² of a straight line through the points."""
    xs, ys = zip(*points, strict=True)
    found = statistics.linear_regression(xs, ys)
    return found.slope, found.intercept, statistics.correlation(xs, ys) ** 2
