"""
The whole of it on a real API server: from a Workspace to a model that serves, and a thousand.

Nodes and workloads become ready as soon as they are seen (:mod:`.ready_at_once`), so that what is
measured is what the bundle takes, Metacontroller included, and the API server for it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tests.bench import control_plane_tables as tables
from tests.bench import fleet, rounds
from tests.bench.bare_cluster import BareCluster, started
from tests.bench.figures import Goal, Part, Picture, Series
from tests.bench.kaito import KAITO
from tests.bench.limit import Sample, Written
from tests.bench.measuring import figure
from tests.bench.payload import Share, shares
from tests.bench.rounds import Round, Steady

MEBI = 1024 * 1024


class Size(NamedTuple):
    """So many Workspaces over so many namespaces, and how often that is measured."""

    workspaces: int
    namespaces: int = 1
    times: int = 1


class Extent(NamedTuple):
    """How much is measured: at which sizes, and how long nothing is to happen at rest."""

    sizes: tuple[Size, ...]
    rest: float

    @property
    def wide(self) -> Size:
        """The largest size in one namespace."""
        return max(size for size in self.sizes if size.namespaces == 1)

    @property
    def middle(self) -> Size:
        """The largest below that."""
        return max(
            s for s in self.sizes if s.namespaces == 1 and s.workspaces < self.wide.workspaces
        )

    def spread(self, size: Size) -> Size | None:
        """Return the size of as many Workspaces over many namespaces, if it is measured."""
        found = (s for s in self.sizes if s.workspaces == size.workspaces and s.namespaces > 1)
        return next(found, None)


FULL = Extent(
    (Size(1, 1, 5), Size(10, 1, 5), Size(100, 1, 5), Size(100, 50), Size(1000), Size(1000, 50)),
    rest=60.0,
)
QUICK = Extent((Size(5), Size(20)), rest=1.0)


class Measured(NamedTuple):
    """
    The rounds of each size, and beside each round what the bare client took.

    ``payload`` is what the question about the widest namespace was made of in the end.
    """

    rounds: Mapping[Size, Sequence[Round]]
    bare: Mapping[Size, Sequence[Written]]
    steady: Steady
    payload: tuple[Share, ...]

    def ratios(self, size: Size) -> list[float]:
        """Return how often the bare client's time goes into ours, round by round."""
        pairs = zip(self.rounds[size], self.bare[size], strict=True)
        return [found.last / bare.seconds for found, bare in pairs]

    def ready(self, size: Size) -> float:
        """Return when the last Workspace was ready, in seconds: the median of the rounds."""
        return figure(found.last for found in self.rounds[size]).median


def measured(tell: Callable[[str], None], *, quick: bool) -> Part:
    """Start a control plane, and measure fleets of every size on it."""
    extent = QUICK if quick else FULL
    with started(tell) as cluster:
        sample = rounds.a_sample(cluster)
        found = on(cluster, sample, extent, tell)
        player = cluster.bundle.player
    return Part(
        name="control-plane",
        title="On a control plane",
        goals=goals(extent, found),
        tables=tables.all_of(found, "Metacontroller" if player.is_real else player.name),
        pictures=(picture(found),),
    )


def on(
    cluster: BareCluster, sample: Sample, extent: Extent, tell: Callable[[str], None]
) -> Measured:
    """Return what was measured on a control plane."""
    found: dict[Size, list[Round]] = {}
    bare: dict[Size, list[Written]] = {}
    rest: Steady | None = None
    payload: tuple[Share, ...] = ()
    for size in extent.sizes:
        for number in range(size.times):
            wanted = fleet.keys(size.workspaces, size.namespaces)
            cluster.start_metacontroller()
            one = rounds.a_round(cluster, wanted)
            if size == extent.wide and rest is None:
                tell(f"waiting for rest, then for {extent.rest:.0f} s")
                rest = rounds.steady(cluster, extent.rest)
                payload = shares(cluster.wire(), wanted[0].namespace)
            written = rounds.the_limit(cluster, sample, one.statuses)
            found.setdefault(size, []).append(one)
            bare.setdefault(size, []).append(written)
            tell(said(size, number, one, written))
    assert rest is not None
    return Measured(found, bare, rest, payload)


def said(size: Size, number: int, found: Round, bare: Written) -> str:
    """Say what a round was like."""
    return (
        f"{size.workspaces} over {size.namespaces}, {number + 1} of {size.times}: all ready after "
        f"{found.last:.2f} s, the bare client {bare.seconds:.2f} s"
    )


def goals(extent: Extent, found: Measured) -> tuple[Goal, ...]:
    """Return what was to be reached."""
    wide, middle = extent.wide, extent.middle
    last = found.rounds[wide][-1]
    largest = max(max(one.calls.largest.values()) for one in found.rounds[wide])
    return (
        limit_goal("a fleet", middle, found),
        limit_goal("a large fleet", wide, found),
        Goal(
            name="control plane: growth of the time",
            figure=found.ready(wide) / found.ready(middle),
            limit=1.2 * wide.workspaces / middle.workspaces,
            unit=f"times from {middle.workspaces:,} to {wide.workspaces:,} Workspaces",
        ),
        Goal(
            name="control plane: the first Workspace ready, of the time of the last",
            figure=100 * last.first / last.last,
            limit=3,
            unit=f"%, at {wide.workspaces:,} Workspaces",
        ),
        writes_goal("a fleet", middle, found),
        writes_goal("a large fleet", wide, found),
        *(
            spread_goal(which, size, spread, found)
            for which, size in (("a fleet", middle), ("a large fleet", wide))
            if (spread := extent.spread(size))
        ),
        Goal(
            name="control plane: writes in the steady state",
            figure=found.steady.writes,
            limit=0,
            unit=f"requests in {found.steady.seconds:.0f} s, {wide.workspaces:,} Workspaces",
        ),
        Goal(
            name="control plane: questions to the hooks in the steady state",
            figure=found.steady.calls,
            limit=0,
            unit=f"questions in {found.steady.seconds:.0f} s, {wide.workspaces:,} Workspaces",
        ),
        Goal(
            name="control plane: the largest question to the hooks",
            figure=largest / MEBI,
            limit=2,
            unit=f"MiB, {wide.workspaces:,} Workspaces in a namespace",
        ),
    )


def limit_goal(which: str, size: Size, found: Measured) -> Goal:
    """Return how near to the bare client we have to be."""
    return Goal(
        name=f"control plane: {which} ready, against the bare client",
        figure=figure(found.ratios(size)).median,
        limit=1.8,
        unit=f"times its time, {size.workspaces:,} Workspaces",
    )


def writes_goal(which: str, size: Size, found: Measured) -> Goal:
    """Return how many writes a Workspace may take."""
    each = figure(one.asked.writes / one.workspaces for one in found.rounds[size])
    return Goal(
        name=f"control plane: writes for each Workspace of {which}",
        figure=each.median,
        limit=7,
        unit=f"until it is ready, {size.workspaces:,} Workspaces",
    )


def spread_goal(which: str, size: Size, spread: Size, found: Measured) -> Goal:
    """Return how much longer one namespace may take than many."""
    return Goal(
        name=f"control plane: {which} in one namespace, against many",
        figure=found.ready(size) / found.ready(spread),
        limit=1.5,
        unit=f"times as long as over {spread.namespaces}, {size.workspaces:,} Workspaces",
    )


def picture(found: Measured) -> Picture:
    """Return how the time grows with the fleet, beside what Kaito's was elsewhere."""
    ours = [size for size in found.rounds if size.namespaces == 1]
    bare = {s.workspaces: figure(b.seconds for b in found.bare[s]).median for s in ours}
    return Picture(
        name="control-plane",
        title="All Workspaces of a fleet ready",
        x="Workspaces created at once",
        y="seconds",
        series=(
            Series(name="metakaito", points=tuple((s.workspaces, found.ready(s)) for s in ours)),
            Series(name="bare client", points=tuple(bare.items())),
            *(series for name, known in KAITO.items() for series in known.series(name)),
        ),
    )
