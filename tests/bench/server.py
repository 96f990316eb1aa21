"""The hooks behind HTTP: requests per second, latency, memory and start, beside a no-op."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import mean
from time import sleep
from typing import NamedTuple

from tests.bench import questions
from tests.bench.figures import Part
from tests.bench.load import Client, Told, as_fast_as_it_goes, paced, request
from tests.bench.measuring import figure
from tests.bench.questions import WORKSPACES, Question
from tests.bench.server_tables import (
    CONNECTIONS,
    NEAR_PEAK,
    WORKSPACES_OF_MIX,
    Memory,
    Pair,
    Peak,
    Start,
    part,
    rates,
)
from tests.bench.serving import (
    HOOKS,
    NOTHING,
    Served,
    seconds_to_first_answer,
    seconds_to_import,
    served,
)

Tell = Callable[[str], None]

# So that what one measurement leaves behind is no part of the next.
REST_SECONDS = 0.2


class Size(NamedTuple):
    """How much is measured; ``requests`` is over how many memory has to stay flat."""

    runs: int
    seconds: float
    percents: tuple[int, ...]
    warm: int
    requests: int
    starts: int


FULL = Size(5, 1.5, (20, 40, 60, NEAR_PEAK, 100), 2_000, 100_000, 5)
QUICK = Size(2, 0.2, (NEAR_PEAK,), 500, 750, 1)


def measured(tell: Tell, *, quick: bool) -> Part:
    """Measure the server of the hooks beside one that does nothing."""
    size = QUICK if quick else FULL
    tell("making the questions")
    one, mixed = (questions.converged(),), mix()
    with tempfile.TemporaryDirectory(prefix="metakaito-bench-") as folder:
        lines = Path(folder)
        tell("starting")
        start = starts(one[0], lines, size)
        with served(HOOKS, lines / "hooks.log") as server:
            asked = warm(server, one, CONNECTIONS)
            fresh = Memory(asked, server.memory())
            asked += warm(server, mixed, size.warm - asked)
            before = (fresh, Memory(asked, server.memory()))
            found = []
            for name, texts in {"converged, 1 node": one, "mix": mixed}.items():
                tell(f"{name}: as fast as it goes, in turn with the no-op")
                with beside(server, texts, lines) as nothing:
                    found.append(side_by_side(name, texts, server, nothing, size))
            tell("at a steady pace")
            peak = figure(rates(found[0].ours)).median
            by_rate = at_rates(server, one, peak, size)
            near = near_peak(server, one, peak, size)
            told = [
                *(p.told for pair in found for p in pair.ours),
                *(told for _, told in by_rate),
                *near,
            ]
            asked += sum(len(each.latencies) for each in told)
            tell(f"memory, up to {size.requests:,} requests")
            asked += fill(server, mixed, size.requests - asked)
            memory = (*before, Memory(asked, server.memory()))
    return part(found, by_rate, near, memory, start)


def mix() -> tuple[Question, ...]:
    """Return what is asked in a cluster in which something happens."""
    plain = questions.settled(questions.a_workspace("bench"))
    tuning = questions.settled(questions.a_tuning("bench"))
    return (
        questions.first_question(plain, WORKSPACES),
        questions.last_question(plain, WORKSPACES),
        questions.last_question(tuning, WORKSPACES),
        questions.namespace_of(WORKSPACES_OF_MIX),
    )


def starts(question: Question, lines: Path, size: Size) -> Start:
    """Return how long the start takes, in turn with the imports alone."""
    found = [
        (seconds_to_first_answer(question, lines / "start.log"), seconds_to_import())
        for _ in range(size.starts)
    ]
    return Start([answer for answer, _ in found], [imports for _, imports in found])


def texts_of(asked: Sequence[Question]) -> list[bytes]:
    """Return the requests as they are sent."""
    return [request(question) for question in asked]


def warm(server: Served, asked: Sequence[Question], number: int) -> int:
    """Ask so often that all threads have answered, and return how often that was."""
    with server.client(CONNECTIONS) as client:
        return len(as_fast_as_it_goes(client, texts_of(asked), most=number).latencies)


@contextmanager
def beside(server: Served, asked: Sequence[Question], lines: Path) -> Iterator[Served]:
    """Start a no-op whose answer is as large as those to these questions are on average."""
    bytes_each = round(answer_bytes(server, asked))
    with served((*NOTHING, str(bytes_each)), lines / "nothing.log") as nothing:
        warm(nothing, asked, CONNECTIONS * 10)
        yield nothing


def answer_bytes(server: Served, asked: Sequence[Question]) -> float:
    """Return how many bytes the body of an answer has, on average."""
    with server.client(len(server.workers())) as client:
        return mean(client.body_bytes(text) for text in texts_of(asked))


def side_by_side(
    name: str, asked: tuple[Question, ...], server: Served, nothing: Served, size: Size
) -> Pair:
    """Measure the peaks of both, in turn."""
    texts = texts_of(asked)
    found: list[tuple[Peak, Peak]] = []
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(each.client(CONNECTIONS)) for each in (server, nothing))
        for _ in range(size.runs):
            found.append(  # noqa: PERF401  (they are measured one after the other)
                (
                    peak_of(server, ours, texts, size.seconds),
                    peak_of(nothing, theirs, texts, size.seconds),
                )
            )
    answer = answer_bytes(server, asked)
    return Pair(name, asked, answer, [one for one, _ in found], [other for _, other in found])


def peak_of(server: Served, client: Client, texts: Sequence[bytes], seconds: float) -> Peak:
    """Measure one server at full speed."""
    sleep(REST_SECONDS)
    before = server.cpu()
    told = as_fast_as_it_goes(client, texts, seconds=seconds)
    return Peak(told, server.cpu() - before)


def at_rates(
    server: Served, asked: Sequence[Question], peak: float, size: Size
) -> list[tuple[int, Told]]:
    """Measure the latency at several parts of the peak, in percent."""
    return [(percent, at_pace(server, asked, peak, percent, size)) for percent in size.percents]


def near_peak(server: Served, asked: Sequence[Question], peak: float, size: Size) -> list[Told]:
    """Measure the latency near the peak, several times."""
    return [at_pace(server, asked, peak, NEAR_PEAK, size) for _ in range(size.runs)]


def at_pace(
    server: Served, asked: Sequence[Question], peak: float, percent: int, size: Size
) -> Told:
    """Measure the latency at a part of the peak, on connections of its own."""
    sleep(REST_SECONDS)
    with server.client(CONNECTIONS) as client:
        return paced(client, texts_of(asked), rate=peak * percent / 100, seconds=size.seconds)


def fill(server: Served, asked: Sequence[Question], number: int) -> int:
    """Ask so often, if at all, and return how often that was."""
    return warm(server, asked, number) if number > 0 else 0
