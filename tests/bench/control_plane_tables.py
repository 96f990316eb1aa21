"""The tables of the control plane: times, requests, consumption, and Kaito beside them."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.figures import Figure, Row, Table
from tests.bench.limit import Sample
from tests.bench.measuring import figure
from tests.bench.rounds import Round

if TYPE_CHECKING:
    from tests.bench.control_plane import Measured, Size

KIBI = 1024


class Kaito(NamedTuple):
    """
    What Kaito took: seconds until all Workspaces were ready, and requests for each, by Workspaces.

    Measured once on a machine of this kind (2 cores, 24 GiB), with nodes and workloads that become
    ready at once. At 1,000 it was given 480 s: v0.12.0 had 924 ready then, v0.3.2 256; the seconds
    there are those of a straight line through what was seen.
    """

    ready: Mapping[int, float]
    requests: Mapping[int, float]


KAITO = MappingProxyType(
    {
        "Kaito v0.12.0": Kaito(
            {1: 2.04, 10: 4.03, 100: 46.31, 1000: 490.0}, {1: 18.0, 10: 15.5, 100: 14.7}
        ),
        "Kaito v0.3.2": Kaito(
            {1: 3.97, 10: 10.81, 100: 102.99, 1000: 900.0}, {1: 18.0, 10: 18.1, 100: 17.4}
        ),
    }
)

Rounds = Sequence[Round]


def all_of(found: "Measured", player: str, sample: Sample) -> tuple[Table, ...]:
    """Return all tables; ``player`` is who plays Metacontroller."""
    return (
        times(found, player, sample),
        beside_kaito(found),
        requests(found, player),
        questions(found),
        payload(found),
        consumption(found, player),
        steady(found),
    )


def row_name(size: "Size") -> str:
    """Return what the row of a size is called."""
    where = "" if size.namespaces == 1 else f" over {size.namespaces} namespaces"
    return f"{size.workspaces:,}{where}"


def over(found: Rounds, value: Callable[[Round], float]) -> Figure:
    """Return a figure of several rounds as one."""
    return figure(value(one) for one in found)


def times(found: "Measured", player: str, sample: Sample) -> Table:
    """Return when what was there."""
    return Table(
        title="From the first Workspace created to the last one ready",
        about=f"Workspaces that serve phi-2 on a node each, created at once; {player} with the "
        "chart's own flags. The bare client creates the very same objects and writes the same "
        f"statuses ({sample.writes} writes for each Workspace) from 10 threads, without a look at "
        "anything, on the same API server right before. Nodes and workloads are played in both.",
        columns=(
            "all Machines, s",
            "all workloads, s",
            "first ready, s",
            "all ready, s",
            "bare client, s",
            "times the bare client",
        ),
        rows=tuple(
            Row(
                name=row_name(size),
                cells=(
                    over(all_, lambda one: one.machines),
                    over(all_, lambda one: one.workloads),
                    over(all_, lambda one: one.first),
                    over(all_, lambda one: one.last),
                    figure(found.bare[size]),
                    figure(found.ratios(size)),
                ),
            )
            for size, all_ in found.rounds.items()
        ),
    )


def beside_kaito(found: "Measured") -> Table:
    """Return our times and requests beside Kaito's."""
    ours = {size.workspaces: size for size in found.rounds if size.namespaces == 1}
    return Table(
        title="Beside Kaito",
        about="Seconds until all Workspaces are ready, and requests to the API server for each. "
        "Kaito's figures were measured once on a machine of this kind, with nodes and workloads "
        "that become ready at once; those at 1,000 are extrapolated, for it was stopped after "
        "480 s, when 924 (v0.12.0) and 256 (v0.3.2) were ready.",
        columns=(
            "ready, s",
            *(f"{name}, s" for name in KAITO),
            "requests",
            *(f"requests, {name}" for name in KAITO),
        ),
        rows=tuple(
            Row(
                name=f"{count:,}",
                cells=(
                    over(found.rounds[size], lambda one: one.last),
                    *(known.ready.get(count) for known in KAITO.values()),
                    over(found.rounds[size], lambda one: one.asked.requests / one.workspaces),
                    *(known.requests.get(count) for known in KAITO.values()),
                ),
            )
            for count, size in ours.items()
        ),
    )


def requests(found: "Measured", player: str) -> Table:
    """Return what the API server was asked."""
    verbs = ("create", "update", "patch", "delete", "get")

    def each(verb: str) -> Callable[[Round], float]:
        return lambda one: one.asked.verbs[verb] / one.workspaces

    return Table(
        title="Requests to the API server, for each Workspace",
        about=f"What {player} asks until all are ready, from the API server's audit log. Watches "
        "and lists are not counted, nor what plays nodes. A conflict writes nothing, so it is no "
        "write: what it was about had changed, or was there already.",
        columns=(*verbs, "writes", "all", "conflicts in all"),
        rows=tuple(
            Row(
                name=row_name(size),
                cells=(
                    *(over(all_, each(verb)) for verb in verbs),
                    over(all_, lambda one: one.asked.writes / one.workspaces),
                    over(all_, lambda one: one.asked.requests / one.workspaces),
                    over(all_, lambda one: one.asked.conflicts),
                ),
            )
            for size, all_ in found.rounds.items()
        ),
    )


def questions(found: "Measured") -> Table:
    """Return what the hooks were asked."""
    hooks = ("workspaces/sync", "workspaces/customize", "machines/sync", "machines/customize")

    def number(hook: str) -> Callable[[Round], float]:
        return lambda one: one.calls.number[hook]

    def largest(hook: str) -> Callable[[Round], float]:
        return lambda one: one.calls.largest.get(hook, 0) / KIBI

    return Table(
        title="Questions to the hooks",
        about="How many until all are ready, and how large the largest is.",
        columns=(
            *hooks,
            *(f"largest {hook}, KiB" for hook in (hooks[0], hooks[2])),
            "all answers, s",
        ),
        rows=tuple(
            Row(
                name=row_name(size),
                cells=(
                    *(over(all_, number(hook)) for hook in hooks),
                    *(over(all_, largest(hook)) for hook in (hooks[0], hooks[2])),
                    over(all_, lambda one: one.calls.milliseconds.total() / 1000),
                ),
            )
            for size, all_ in found.rounds.items()
        ),
    )


def payload(found: "Measured") -> Table:
    """Return what the largest question is made of."""

    def each(size: int, number: int) -> float | None:
        return size / number if number else None

    return Table(
        title="What the question about a namespace holds",
        about="With the largest fleet in one namespace, once all are ready: its Workspaces, and "
        "their Machines, as Metacontroller has them, with managedFields. Neither alone decides.",
        columns=("objects", "KiB", "bytes each", "of them managedFields"),
        rows=tuple(
            Row(
                name=f"{share.kind}s",
                cells=(
                    float(share.number),
                    share.size / KIBI,
                    each(share.size, share.number),
                    each(share.managed, share.number),
                ),
            )
            for share in found.payload
        ),
    )


def consumption(found: "Measured", player: str) -> Table:
    """Return what it takes of the machine."""

    def cpu(*programs: str) -> Callable[[Round], float]:
        return lambda one: sum(one.taken[name].cpu for name in programs)

    def memory(name: str) -> Callable[[Round], float]:
        return lambda one: one.taken[name].memory

    return Table(
        title="CPU and memory",
        about="CPU until all are ready. Memory is the most that was resident so far, of the hooks "
        "the sum of their processes, which share a part of it.",
        columns=(
            "hooks, CPU s",
            f"{player}, CPU s",
            "API server and etcd, CPU s",
            "hooks, MiB",
            f"{player}, MiB",
        ),
        rows=tuple(
            Row(
                name=row_name(size),
                cells=(
                    over(all_, cpu("hooks")),
                    over(all_, cpu("metacontroller")),
                    over(all_, cpu("kube-apiserver", "etcd")),
                    over(all_, memory("hooks")),
                    over(all_, memory("metacontroller")),
                ),
            )
            for size, all_ in found.rounds.items()
        ),
    )


def steady(found: "Measured") -> Table:
    """Return what goes on once all is done."""
    rest = found.steady
    return Table(
        title="The steady state",
        about=f"{rest.seconds:.0f} s with the largest fleet in one namespace, from when the hooks "
        "have not been asked for 16 s. Nodes are played and report nothing; the heartbeats of real "
        "ones are events, about which the hooks are asked.",
        columns=("writes", "reads", "questions to the hooks"),
        rows=(
            Row(
                name="requests",
                cells=(float(rest.writes), float(rest.reads), float(rest.calls)),
            ),
        ),
    )
