"""What was found about the server, as goals, tables and a picture."""

from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

from tests.bench.figures import Bound, Figure, Goal, Part, Picture, Row, Series, Table
from tests.bench.load import Told
from tests.bench.measuring import figure, ratios
from tests.bench.questions import Question

# Metacontroller with 10 workers for each of our two controllers asks so many at once.
CONNECTIONS = 20
NEAR_PEAK = 80
# Workspaces in the Namespace that the mix asks about.
WORKSPACES_OF_MIX = 10
MILLI = 1e3


class Peak(NamedTuple):
    """What one run at full speed came to."""

    told: Told
    cpu: float  # seconds of the workers

    @property
    def cpu_each(self) -> float:
        """CPU of the workers for each request, in seconds."""
        return self.cpu / len(self.told.latencies)


class Pair(NamedTuple):
    """The hooks and the no-op, measured in turn with the same questions."""

    name: str
    asked: tuple[Question, ...]
    answer: float  # bytes, on average
    ours: list[Peak]
    nothing: list[Peak]

    @property
    def ratio(self) -> Figure:
        """Requests per second of ours for each of the no-op's."""
        return ratios(rates(self.ours), rates(self.nothing))


class Memory(NamedTuple):
    """Resident memory of a worker in MiB, after a number of requests."""

    requests: int
    mib: float


class Start(NamedTuple):
    """Seconds to the first answer, and to import what is imported in any case."""

    answer: list[float]
    imports: list[float]


def part(
    pairs: Sequence[Pair],
    by_rate: Sequence[tuple[int, Told]],
    near: Sequence[Told],
    memory: Sequence[Memory],
    start: Start,
) -> Part:
    """Return what was measured as it is written."""
    return Part(
        name="server",
        title="The server",
        goals=goals(pairs[0], near, memory, start),
        tables=(
            peaks_table(pairs),
            latency_table(by_rate, near),
            memory_table(memory),
            start_table(start),
        ),
        pictures=(picture(by_rate),),
    )


def goals(
    pair: Pair, near: Sequence[Told], memory: Sequence[Memory], start: Start
) -> tuple[Goal, ...]:
    """Return the goals of the server."""
    return (
        Goal(
            name="server: throughput",
            figure=pair.ratio.median,
            bound=Bound.AT_LEAST,
            limit=0.5,
            unit="of the requests per second of a no-op",
        ),
        Goal(
            name="server: p99 at 80 % of the peak",
            figure=tail(near).median,
            limit=5,
            unit="times p50",
        ),
        Goal(
            name="server: memory of a worker stays",
            figure=growth(memory),
            limit=5,
            unit=f"% more after {memory[-1].requests:,} requests than after {memory[1].requests:,}",
        ),
        Goal(
            name="server: start to the first answer",
            figure=figure(start.answer).median,
            limit=1,
            unit="s",
        ),
    )


def tail(near: Sequence[Told]) -> Figure:
    """Return how often p50 goes into p99."""
    return ratios((t.percentile(99) for t in near), (t.percentile(50) for t in near))


def growth(memory: Sequence[Memory]) -> float:
    """Return by how many percent a worker has grown since it was warm."""
    return (memory[-1].mib / memory[1].mib - 1) * 100


def peaks_table(pairs: Sequence[Pair]) -> Table:
    """Return how many requests are answered in a second, beside the no-op."""
    shares = figure(
        peak.told.client / (peak.told.client + peak.cpu)
        for pair in pairs
        for peak in (*pair.ours, *pair.nothing)
    )
    return Table(
        title="As fast as it goes",
        about=f"{CONNECTIONS} connections, as many to each worker, each asked again as soon as it "
        "has answered; bodies with managedFields. The no-op is a Flask route that reads the body "
        "and returns as many bytes, under the same gunicorn with the same worker, processes and "
        "threads; both in turn. "
        "Client and server share the processors of the machine: of the CPU time that both took "
        f"the client had {shares.least:.0%} to {shares.most:.0%}. The mix asks in turn about a "
        "fresh Workspace, one that serves, one that trains, and a Namespace with "
        f"{WORKSPACES_OF_MIX} Workspaces.",
        columns=(
            "bytes asked",
            "bytes answered",
            "requests/s",
            "of the no-op's",
            "p50, ms",
            "p99, ms",
            "CPU of the server, ms per request",
        ),
        rows=tuple(
            row
            for pair in pairs
            for row in (
                peak_row(pair.name, pair, pair.ours, pair.ratio),
                peak_row(f"{pair.name}: no-op", pair, pair.nothing, None),
            )
        ),
    )


def peak_row(name: str, pair: Pair, peaks: Sequence[Peak], ratio: Figure | None) -> Row:
    """Return what one server came to."""
    return Row(
        name=name,
        cells=(
            mean(len(question.body) for question in pair.asked),
            pair.answer,
            figure(rates(peaks)),
            ratio,
            figure(peak.told.percentile(50) * MILLI for peak in peaks),
            figure(peak.told.percentile(99) * MILLI for peak in peaks),
            figure(peak.cpu_each * MILLI for peak in peaks),
        ),
    )


def latency_table(by_rate: Sequence[tuple[int, Told]], near: Sequence[Told]) -> Table:
    """Return the latency at each rate, and near the peak that of several runs."""
    return Table(
        title="At a steady pace",
        about="Requests arrive at a steady rate, whatever the server does, and their latency "
        "counts from when they were due (no coordinated omission). Rates are parts of the peak "
        "above, “converged, 1 node”; "
        f"the last row is the median of {len(near)} runs.",
        columns=("requests/s", "p50, ms", "p99, ms", "p99/p50"),
        rows=(
            *(latency_row(f"{percent} % of the peak", [told]) for percent, told in by_rate),
            latency_row(f"{NEAR_PEAK} %, {len(near)} runs", near),
        ),
    )


def latency_row(name: str, runs: Sequence[Told]) -> Row:
    """Return what one rate came to."""
    return Row(
        name=name,
        cells=(
            figure(told.rate for told in runs),
            figure(told.percentile(50) * MILLI for told in runs),
            figure(told.percentile(99) * MILLI for told in runs),
            tail(runs),
        ),
    )


def memory_table(memory: Sequence[Memory]) -> Table:
    """Return how large a worker is."""
    return Table(
        title="Memory of a worker",
        about="Resident memory, the mean of the workers. What they share with the process that "
        "forked them counts for each.",
        columns=("MiB",),
        rows=tuple(
            Row(name=f"after {found.requests:,} requests", cells=(found.mib,)) for found in memory
        ),
    )


def start_table(start: Start) -> Table:
    """Return how long a start takes, beside that of the libraries."""
    return Table(
        title="Start",
        about="From the start of `python -m hooks.cli serve` to the first answer about a "
        "Workspace, in turn with `import flask, pydantic, gunicorn` alone.",
        columns=("s", "times the imports"),
        rows=(
            Row(
                name="to the first answer",
                cells=(figure(start.answer), ratios(start.answer, start.imports)),
            ),
            Row(name="the imports alone", cells=(figure(start.imports), None)),
        ),
    )


def picture(by_rate: Sequence[tuple[int, Told]]) -> Picture:
    """Return the latency by the rate."""
    return Picture(
        name="server",
        title="Latency by rate, “converged, 1 node”",
        x="% of the peak",
        y="ms",
        series=tuple(
            Series(
                name=f"p{percent}",
                points=tuple(
                    (float(part), told.percentile(percent) * MILLI) for part, told in by_rate
                ),
            )
            for percent in (50, 99)
        ),
    )


def rates(peaks: Sequence[Peak]) -> list[float]:
    """Return the requests per second of each run."""
    return [peak.told.rate for peak in peaks]
