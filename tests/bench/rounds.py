"""One round: Workspaces made at once on a control plane, and what came of it."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from tests.bench import call_log, consumption, fleet, limit
from tests.bench.bare_cluster import OURS, BareCluster
from tests.bench.call_log import Asked, Calls
from tests.bench.consumption import Taken
from tests.bench.fleet import Key, Watcher
from tests.bench.limit import Sample, Written

PROGRAMS = ("hooks", "metacontroller", "kube-apiserver", "etcd")
# For one Workspace of a round that goes as it does; a round that takes longer has failed.
MOST_SECONDS_EACH = 0.6
LEAST_SECONDS = 60.0
SAMPLES = "bench-samples"
# Enough for a Workspace with every number of statuses that is common in a fleet.
SAMPLE_SIZE = 20


class Round(NamedTuple):
    """
    What one round was like.

    Times are in seconds since the first Workspace was created: when all Machines and workloads were
    there, and when the first and the last Workspace was ready. ``statuses`` tells how often that of
    each Workspace was written, ``taken`` is by program.
    """

    workspaces: int
    namespaces: int
    machines: float
    workloads: float
    first: float
    last: float
    asked: Asked
    statuses: Mapping[Key, int]
    calls: Calls
    taken: dict[str, Taken]

    @property
    def writes(self) -> float:
        """How much was written for each Workspace, itself included."""
        return 1 + self.asked.writes / self.workspaces


class Steady(NamedTuple):
    """What was asked for in some seconds in which nothing happened; ``writes`` that fail too."""

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
        statuses=call_log.statuses(cluster.audit, audit, OURS),
        calls=call_log.calls(cluster.hooks_log, hooks),
        taken={name: after[name] - before[name] for name in PROGRAMS},
    )


def last_of(cluster: BareCluster, since: int, what: str) -> float:
    """Return when the last request of a kind was answered, as a time of the clock."""
    last = call_log.moments(cluster.audit, since, OURS, what)[-1]
    return datetime.fromisoformat(last).timestamp()


def a_sample(cluster: BareCluster) -> Sample:
    """
    Return what the Workspaces of a fleet become; one stays, while others are measured.

    Metacontroller stands still afterwards.
    """
    wire = cluster.wire()
    wanted = [Key(SAMPLES, f"the-sample-{number:02}") for number in range(SAMPLE_SIZE)]
    wire.send("POST", "/api/v1/namespaces", {"metadata": {"name": SAMPLES}})
    watcher = Watcher(cluster.address, keep=True)
    try:
        fleet.create(cluster.address, wanted)
        watcher.wait(wanted, LEAST_SECONDS)
        cluster.wait_for_quiet()
    finally:
        watcher.stop()
    sample = limit.sample(wire, wanted, watcher.statuses)
    cluster.stop_metacontroller()
    clear(cluster, wanted)
    fleet.create(cluster.address, wanted[:1])
    return sample


def the_limit(cluster: BareCluster, sample: Sample, statuses: Mapping[Key, int]) -> Written:
    """
    Return what the bare client takes for what a round has written, right after that round.

    Metacontroller stands still from then on, and nothing is left of either.
    """
    wanted = list(statuses)
    cluster.stop_metacontroller()
    clear(cluster, wanted)
    bare = limit.written(cluster.client, sample, statuses)
    time.sleep(1)  # the last Node is made
    clear(cluster, wanted)
    return bare


def clear(cluster: BareCluster, wanted: list[Key]) -> None:
    """Delete all that a round has left; Metacontroller must not be at work."""
    fleet.clear(cluster.address, (key.namespace for key in wanted))


def steady(cluster: BareCluster, seconds: float) -> Steady:
    """Return what is asked for in some seconds, once everything is ready and was looked at."""
    cluster.wait_for_rest()
    audit, hooks = call_log.size(cluster.audit), call_log.size(cluster.hooks_log)
    time.sleep(seconds)
    asked = call_log.asked(cluster.audit, audit, OURS)
    return Steady(
        seconds,
        asked.attempts,
        asked.requests - asked.attempts,
        call_log.calls(cluster.hooks_log, hooks).number.total(),
    )
