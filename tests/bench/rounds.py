"""One round: Workspaces made at once on a control plane, and what came of it."""

import time
from datetime import datetime
from typing import NamedTuple

from tests.bench import call_log, consumption, fleet, limit
from tests.bench.bare_cluster import OURS, BareCluster, until
from tests.bench.call_log import Asked, Calls
from tests.bench.consumption import Taken
from tests.bench.fleet import Key, Watcher

PROGRAMS = ("hooks", "metacontroller", "kube-apiserver", "etcd")
# For one Workspace of a round that goes as it does; a round that takes longer has failed.
MOST_SECONDS_EACH = 0.6
LEAST_SECONDS = 60.0
# The hooks ask to be asked again about what was still to come, so long after they saw it last.
LOOK_AGAIN_SECONDS = 16.0
SAMPLE = Key("samples", "the-sample")


class Round(NamedTuple):
    """
    What one round was like.

    Times are in seconds since the first Workspace was created: when all Machines and workloads were
    there, and when the first and the last Workspace was ready. ``taken`` is by program.
    """

    workspaces: int
    namespaces: int
    machines: float
    workloads: float
    first: float
    last: float
    asked: Asked
    calls: Calls
    taken: dict[str, Taken]


class Steady(NamedTuple):
    """What was asked for in some seconds in which nothing happened."""

    seconds: float
    writes: int
    reads: int
    calls: int


def a_round(cluster: BareCluster, wanted: list[Key]) -> Round:
    """Make Workspaces at once, and return what it took until all were ready."""
    wire = cluster.wire()
    spaces = len({key.namespace for key in wanted})
    fleet.make_namespaces(wire, spaces)
    cluster.wait_for_quiet()
    watcher = Watcher(cluster.address)
    audit, hooks = call_log.size(cluster.audit), call_log.size(cluster.hooks_log)
    before = {name: consumption.taken(cluster.processes.pid(name)) for name in PROGRAMS}
    began = time.time()
    try:
        fleet.create(cluster.address, wanted)
        watcher.wait(wanted, max(LEAST_SECONDS, MOST_SECONDS_EACH * len(wanted)))
    finally:
        watcher.stop()
    after = {name: consumption.taken(cluster.processes.pid(name)) for name in PROGRAMS}
    ready = [watcher.ready_at[key] - began for key in wanted]
    return Round(
        workspaces=len(wanted),
        namespaces=spaces,
        machines=last_of(cluster, audit, "create machines") - began,
        workloads=last_of(cluster, audit, "create deployments") - began,
        first=min(ready),
        last=max(ready),
        asked=call_log.asked(cluster.audit, audit, OURS),
        calls=call_log.calls(cluster.hooks_log, hooks),
        taken={name: after[name] - before[name] for name in PROGRAMS},
    )


def last_of(cluster: BareCluster, since: int, what: str) -> float:
    """Return when the last request of a kind was answered, as a time of the clock."""
    last = call_log.moments(cluster.audit, since, OURS, what)[-1]
    return datetime.fromisoformat(last).timestamp()


def a_sample(cluster: BareCluster) -> limit.Sample:
    """Return what one Workspace becomes; it stays, and serves while others are measured."""
    wire = cluster.wire()
    wire.send("POST", "/api/v1/namespaces", {"metadata": {"name": SAMPLE.namespace}})
    watcher = Watcher(cluster.address, keep=True)
    try:
        fleet.create(cluster.address, [SAMPLE])
        watcher.wait([SAMPLE], LEAST_SECONDS)
        cluster.wait_for_quiet()
    finally:
        watcher.stop()
    return limit.sample(wire, SAMPLE, watcher.statuses)


def beside_the_limit(
    cluster: BareCluster, sample: limit.Sample, wanted: list[Key]
) -> tuple[float, Round]:
    """
    Return what the bare client takes for some Workspaces, and a round with the same ones.

    Metacontroller stands still while the client writes, and afterwards nothing is left of that.
    """
    cluster.stop_metacontroller()
    fleet.make_namespaces(cluster.wire(), len({key.namespace for key in wanted}))
    bare = limit.seconds_to_write(cluster.client, sample, wanted)
    time.sleep(1)  # the last Node is made
    clear(cluster, wanted)
    cluster.start_metacontroller()
    return bare, a_round(cluster, wanted)


def clear(cluster: BareCluster, wanted: list[Key]) -> None:
    """Delete all that a round has left; Metacontroller must not be at work."""
    fleet.clear(cluster.address, (key.namespace for key in wanted))


def steady(cluster: BareCluster, seconds: float) -> Steady:
    """Return what is asked for in some seconds, once everything is ready and was looked at."""
    until(
        lambda: call_log.age(cluster.hooks_log) > LOOK_AGAIN_SECONDS,
        "the hooks are left alone",
        seconds=600,
    )
    audit, hooks = call_log.size(cluster.audit), call_log.size(cluster.hooks_log)
    time.sleep(seconds)
    asked = call_log.asked(cluster.audit, audit, OURS)
    return Steady(
        seconds,
        asked.writes,
        asked.requests - asked.writes,
        call_log.calls(cluster.hooks_log, hooks).number.total(),
    )
