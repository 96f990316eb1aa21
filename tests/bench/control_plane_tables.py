"""The tables of the control plane: times, requests, consumption, and Kaito beside them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tests.bench.figures import Figure, Row, Table
from tests.bench.kaito import KAITO
from tests.bench.measuring import figure
from tests.bench.rounds import Round

if TYPE_CHECKING:
    from tests.bench.control_plane import Measured, Size

KIBI = 1024


Rounds = Sequence[Round]


def all_of(found: "Measured", player: str) -> tuple[Table, ...]:
    """Return all tables; ``player`` is who plays Metacontroller."""
    return (
        times(found, player),
        bare_client(found),
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


def times(found: "Measured", player: str) -> Table:
    """Return when what was there."""
    return Table(
        title="From the first Workspace created to the last one ready",
        about=f"Workspaces that serve phi-2 on a node each, created at once; {player} with the "
        "chart's own flags. The bare client creates the very same objects and writes the same "
        "statuses from 10 threads, without a look at anything, on the same API server right "
        "after. Nodes and workloads are played in both. A single run where no spread is given.",
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
                    figure(bare.seconds for bare in found.bare[size]),
                    figure(found.ratios(size)),
                ),
            )
            for size, all_ in found.rounds.items()
        ),
    )


def bare_client(found: "Measured") -> Table:
    """Return what the bare client does, and whether it is itself what takes the time."""
    return Table(
        title="What the bare client does",
        about="Writes for each Workspace that have succeeded, the Workspace's own creation "
        "included: of a round by the API server's log, and of the client after it, which writes as "
        "many statuses of each Workspace as that log has. Its bodies are made before. CPU is that "
        "of its own process, and that as a part of the time that it took: where it comes near to "
        "100 % the client is the limit, and not the API server.",
        columns=(
            "writes of the round",
            "writes of the client",
            "the client's CPU, s",
            "of its time, %",
        ),
        rows=tuple(
            Row(
                name=row_name(size),
                cells=(
                    over(found.rounds[size], lambda one: one.writes),
                    figure(bare.writes for bare in all_),
                    figure(bare.cpu for bare in all_),
                    figure(100 * bare.cpu / bare.seconds for bare in all_),
                ),
            )
            for size, all_ in found.bare.items()
        ),
    )


def beside_kaito(found: "Measured") -> Table:
    """Return our times and requests beside Kaito's."""
    ours = {size.workspaces: size for size in found.rounds if size.namespaces == 1}
    return Table(
        title="Beside Kaito",
        about="Seconds until all Workspaces are ready, and requests to the API server for each. "
        "Kaito's figures are not of this run: they were measured once on a machine of this kind, "
        "with nodes and workloads that become ready at once. Those at 1,000 are estimates, for it "
        "was stopped after 480 s, when 924 (v0.12.0) and 256 (v0.3.2) were ready: by the pace of "
        "the last ones (v0.12.0), by its 20 requests a second, and by ten times what 100 took "
        "(v0.3.2).",
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
                    *(known.cell(count) for known in KAITO.values()),
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
        "and lists are not counted, nor what plays nodes. Writes are what has succeeded. A "
        "conflict (409) has not: what it was about had changed, or was there already.",
        columns=(*verbs, "writes", "all", "conflicts in all", "other failed writes in all"),
        rows=tuple(
            Row(
                name=row_name(size),
                cells=(
                    *(over(all_, each(verb)) for verb in verbs),
                    over(all_, lambda one: one.asked.writes / one.workspaces),
                    over(all_, lambda one: one.asked.requests / one.workspaces),
                    over(all_, lambda one: one.asked.conflicts),
                    over(all_, lambda one: one.asked.other_failures),
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
