"""
Up to 10,000 Workspaces in the embedded cluster: does each cost the same, however many there are?

Real hooks, and Metacontroller with the rest of a cluster as ``composite.simulate`` plays them, with
a virtual clock. So this measures how the work grows and how much of it there is, not waiting.
"""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import groupby
from multiprocessing import get_context
from time import process_time
from typing import NamedTuple

from composite import names
from composite.models import JsonObject
from composite.simulate import Clock, Cluster, objects
from composite.simulate.in_process import InProcess
from tests.bench import questions
from tests.bench.consumption import PROC, peak
from tests.bench.figures import Figure, Goal, Part, Picture, Row, Series, Table
from tests.bench.measuring import as_served, figure, slope

OF_A_NAMESPACE = 100
PROCESSES = 2
MILLI = 1e3


class Play(NamedTuple):
    """What is played: so many Workspaces at once, so many of them in each namespace."""

    workspaces: int
    of_a_namespace: int = OF_A_NAMESPACE

    @property
    def is_crowded(self) -> bool:
        """Whether all are in one namespace, of those sizes that have more than one otherwise."""
        return self.of_a_namespace > OF_A_NAMESPACE


class Played(NamedTuple):
    """
    What came of a play.

    ``seconds`` of processor time; ``calls`` of the hooks by path; ``writes`` by who wrote;
    ``memory`` is the most that was resident, in MiB; ``virtual`` the seconds until all are at rest.
    """

    play: Play
    seconds: float
    calls: Mapping[str, int]
    writes: Mapping[str, int]
    memory: float
    virtual: float

    @property
    def syncs(self) -> float:
        """How often each Workspace was synced until all were at rest."""
        return self.calls[questions.WORKSPACES] / self.play.workspaces


# The largest first: one process has enough to do with it, while the other plays the rest.
FULL = (
    Play(10_000),
    Play(3_000),
    Play(1_000),
    *(Play(300),) * 3,
    *(Play(100),) * 5,
    Play(1_000, of_a_namespace=1_000),
)
QUICK = (Play(100), Play(50))


def measured(tell: Callable[[str], None], *, quick: bool) -> Part:
    """Play every size, each in a process of its own."""
    found = sorted(all_played(QUICK if quick else FULL, tell), key=lambda one: one.play)
    return Part(
        name="scale",
        title="Ten thousand Workspaces in the embedded cluster",
        goals=goals(found),
        tables=(table(found),),
        pictures=(picture(found),),
    )


def all_played(plays: Iterable[Play], tell: Callable[[str], None]) -> Iterator[Played]:
    """Yield what came of each play as soon as it has ended."""
    context = get_context("spawn")  # a process that begins with nothing of this one's memory
    with ProcessPoolExecutor(PROCESSES, mp_context=context, max_tasks_per_child=1) as pool:
        for ended in as_completed([pool.submit(played, play) for play in plays]):
            one = ended.result()
            tell(f"{one.play.workspaces:,} Workspaces: {one.seconds:.0f} s, {one.memory:.0f} MiB")
            yield one


def played(play: Play) -> Played:
    """
    Play some Workspaces from nothing until nothing changes any more.

    Raises:
        RuntimeError: They did not come to rest, or not all of them serve.

    """
    clock = Clock()
    hooks = Counting(clock)
    cluster = Cluster(hooks, clock=clock, gpus=questions.gpus())
    cluster.remembers = False
    workspaces = [a_workspace(number, play) for number in range(play.workspaces)]
    with as_served():
        started = process_time()
        for workspace in workspaces:
            cluster.apply(workspace)
        settled = cluster.run()
        seconds = process_time() - started
    if not settled:
        raise RuntimeError(f"{play}: not at rest after {clock.seconds} virtual seconds")
    found = unready(cluster)
    machines = len(cluster.store.list_of(names.MACHINES))
    if found or machines != play.workspaces:
        raise RuntimeError(f"{play}: {machines} Machines, {len(found)} do not serve: {found[:3]}")
    memory = peak((PROC / "self" / "status").read_text())
    return Played(play, seconds, dict(hooks.calls), dict(cluster.writes), memory, clock.seconds)


class Counting(InProcess):
    """Our hooks, and how often each was asked."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(questions.catalog(), clock)
        self.calls: Counter[str] = Counter()

    def call(self, path: str, body: JsonObject) -> JsonObject:
        """Return the answer to one request."""
        self.calls[path] += 1
        return super().call(path, body)


def a_workspace(number: int, play: Play) -> JsonObject:
    """Return a Workspace whose nodes have a label of their own, as in Kaito's examples."""
    workspace = questions.a_workspace(f"bench-{number}")
    return objects.with_metadata(workspace, namespace=f"team-{number // play.of_a_namespace}")


def unready(cluster: Cluster) -> list[str]:
    """Return the Workspaces that do not serve."""
    return [
        str(objects.ref_of(workspace))
        for workspace in cluster.store.list_of(names.WORKSPACES)
        if not objects.is_true(workspace, "WorkspaceReady")
    ]


def goals(found: Iterable[Played]) -> tuple[Goal, ...]:
    """Return what has to be reached."""
    sizes = points(found)
    least, most = sizes[0][0], sizes[-1][0]
    return (
        Goal(
            name=f"scale: growth exponent of time from {least:,.0f} to {most:,.0f}",
            figure=slope(sizes),
            limit=1.1,
            unit="(1 is linear)",
        ),
    )


def points(found: Iterable[Played], *, crowded: bool = False) -> tuple[tuple[float, float], ...]:
    """Return the median of the times of each size, in the order of the sizes."""
    times: dict[float, list[float]] = {}
    for one in found:
        if one.play.is_crowded is crowded:
            times.setdefault(float(one.play.workspaces), []).append(one.seconds)
    return tuple((size, statistics.median(times[size])) for size in sorted(times))


def table(found: Iterable[Played]) -> Table:
    """Return a line for each size; ``found`` is in the order of the plays."""
    same = [(play, list(ones)) for play, ones in groupby(found, lambda one: one.play)]
    return Table(
        title="All created at once, until nothing changes any more",
        about="Each Workspace wants one node with a label of its own; "
        f"{OF_A_NAMESPACE} to a namespace, unless it is said otherwise. Seconds are processor time "
        "of one process, hooks included, each size in a process of its own; a single run where no "
        "spread is given. Requests are over no network, and every wait is virtual.",
        columns=(
            "seconds",
            "ms for each Workspace",
            "syncs for each Workspace",
            "hook calls",
            "Metacontroller's writes for each Workspace",
            "all writes for each Workspace",
            "peak MiB",
            "virtual seconds",
        ),
        rows=tuple(Row(name=name_of(play), cells=cells(play, ones)) for play, ones in same),
    )


def name_of(play: Play) -> str:
    """Return what a play is called."""
    crowded = " in one namespace" if play.is_crowded else ""
    return f"{play.workspaces:,} Workspaces{crowded}"


def cells(play: Play, ones: list[Played]) -> tuple[Figure | float, ...]:
    """Return what there is to say of the plays of one size, of which all but the time is alike."""
    last = ones[-1]
    seconds = [one.seconds for one in ones]
    return (
        figure(seconds),
        figure(each * MILLI / play.workspaces for each in seconds),
        last.syncs,
        float(sum(last.calls.values())),
        last.writes["metacontroller"] / play.workspaces,
        sum(last.writes.values()) / play.workspaces,
        figure(one.memory for one in ones),
        last.virtual,
    )


def picture(found: Iterable[Played]) -> Picture:
    """Return the times by the number of Workspaces, beside a straight line through the first."""
    sizes = points(found)
    (first, seconds), (last, _) = sizes[0], sizes[-1]
    straight = ((first, seconds), (last, seconds * last / first))
    return Picture(
        name="scale",
        title="Time until all Workspaces of the embedded cluster are at rest",
        x="Workspaces",
        y="seconds of processor time",
        series=(
            Series(name="measured", points=sizes),
            Series(name="linear", points=straight),
        ),
    )
