"""
A fleet that does not rest: edits, deletions, creations and Machines that fail, all at once.

Meanwhile processes of the hooks are killed, and Metacontroller once. In the end everything has to
be as the pure function says.
"""

import random
import time
from collections.abc import Callable
from typing import NamedTuple

import psutil

from composite.models import JsonObject
from tests.bench import call_log, fleet, waits
from tests.bench.bare_cluster import OURS, BareCluster, started
from tests.bench.figures import Figure, Goal, Part, Row, Table
from tests.bench.fleet import Key
from tests.bench.heard import Heard
from tests.bench.measuring import figure
from tests.bench.wire import MERGE_PATCH, Wire
from tests.e2e.cluster.gpu_provisioner import MACHINES
from tests.e2e.faults.dumped import writes_of_a_sync
from tests.e2e.faults.rest import leaks
from tests.e2e.faults.stage import KINDS
from tests.e2e.faults.stage import collection as path_of

NAMESPACE = "bench-00"
EACH_SECOND = waits.Counts(edits=5, creations=2, deletions=2, failures=1)
KILL_EVERY_SECONDS = 20
ADAPTERS = tuple(f"{tenths / 10}" for tenths in range(1, 10))
REST_SECONDS = 180.0


class Extent(NamedTuple):
    """How many Workspaces there are, how long they are disturbed, and when a kill comes first."""

    workspaces: int
    seconds: int
    first_kill: int


FULL = Extent(300, 300, 10)
QUICK = Extent(8, 3, 2)


class Disturbed(NamedTuple):
    """What was done to a fleet, in how many seconds, and how many processes were killed."""

    done: waits.Counts
    seconds: float
    kills: int


class Found(NamedTuple):
    """What was done, how long each thing took to be right, and what was wrong in the end."""

    disturbed: Disturbed
    waits: waits.Waits
    differences: list[str]
    leaks: list[str]
    lost: list[str]
    asked: call_log.Asked
    calls: call_log.Calls


def measured(tell: Callable[[str], None], *, quick: bool) -> Part:
    """Start a control plane, disturb a fleet on it, and look at what is left."""
    extent = QUICK if quick else FULL
    with started(tell, collector=True) as cluster, Heard(cluster.address) as heard:
        found = disturbed(cluster, heard, extent, tell)
        player = cluster.bundle.player
    return Part(
        name="churn",
        title="A fleet that does not rest",
        goals=goals(found),
        tables=(table(extent, found, "Metacontroller" if player.is_real else player.name),),
    )


class Churn:
    """
    One who edits, deletes, creates and breaks, by chance, but each time the same.

    Args:
        cluster: Where.
        count: How many Workspaces there are at first.

    """

    def __init__(self, cluster: BareCluster, count: int) -> None:
        self.done = waits.Done()
        self.there = fleet.keys(count, 1)
        self._born = count
        self._wire = cluster.wire()
        self._chance = random.Random(7)  # noqa: S311  (no secret)
        self._strengths: dict[Key, str] = {}

    def edit(self) -> None:
        """Give a Workspace an adapter, or its adapter another strength."""
        key = self._chance.choice(self.there)
        adapter = {"name": "style", "image": "registry.example/adapters/style:1"}
        strength = another(self._strengths.get(key), self._chance)
        patch = {"inference": {"adapters": [{"source": adapter, "strength": strength}]}}
        at = time.time()
        path = f"{fleet.collection(key.namespace)}/{key.name}"
        edited = self._wire.send("PATCH", path, patch, MERGE_PATCH)
        self._strengths[key] = strength
        self.done.edits.append((at, key, edited["metadata"]["generation"]))

    def delete(self) -> None:
        """Delete a Workspace."""
        key = self.there.pop(self._chance.randrange(len(self.there)))
        self.done.deletions.append((time.time(), key))
        self._wire.delete(f"{fleet.collection(key.namespace)}/{key.name}")

    def create(self) -> None:
        """Create a Workspace; every fifth has two nodes."""
        key = Key(NAMESPACE, f"fleet-{self._born:04}")
        self._born += 1
        self.done.creations.append((time.time(), key))
        workspace = fleet.a_workspace(key)
        workspace["resource"]["count"] = 2 if self._born % 5 == 0 else 1
        self._wire.send("POST", fleet.collection(key.namespace), workspace)
        self.there.append(key)

    def fail(self, heard: Heard) -> None:
        """Delete the Machine of a Workspace that stays for now, as a provisioner does."""
        key = self._chance.choice(self.there)
        names = heard.machines_of(key)
        if not names:
            return
        name, at = self._chance.choice(names), time.time()
        if self._wire.delete(f"{MACHINES}/{name}"):
            self.done.failures.append((at, key, name))


def another(strength: str | None, chance: random.Random) -> str:
    """Return a strength that is not this one, so that an edit changes something."""
    return chance.choice([other for other in ADAPTERS if other != strength])


def disturbed(
    cluster: BareCluster, heard: Heard, extent: Extent, tell: Callable[[str], None]
) -> Found:
    """Return what came of a fleet that was disturbed."""
    wire = cluster.wire()
    fleet.make_namespaces(wire, 1)
    churn = Churn(cluster, extent.workspaces)
    tell(f"making {extent.workspaces} Workspaces")
    fleet.create(cluster.address, churn.there)
    heard.wait_until_ready(churn.there, REST_SECONDS)
    audit, hooks = call_log.size(cluster.audit), call_log.size(cluster.hooks_log)
    done = disturb(cluster, churn, heard, extent, tell)
    tell("waiting for rest")
    heard.wait_until_ready(churn.there, REST_SECONDS)
    cluster.wait_for_rest()
    asked = call_log.asked(cluster.audit, audit, OURS)
    tell("looking at what is left")
    everything = all_objects(wire)
    return Found(
        disturbed=done,
        waits=waits.of(churn.done, heard.log),
        differences=writes_of_a_sync(everything, NAMESPACE, cluster.bundle.hooks_url),
        leaks=leaks(everything, NAMESPACE),
        lost=lost(wire, churn.there),
        asked=asked,
        calls=call_log.calls(cluster.hooks_log, hooks),
    )


def disturb(
    cluster: BareCluster, churn: Churn, heard: Heard, extent: Extent, tell: Callable[[str], None]
) -> Disturbed:
    """
    Disturb the fleet, second by second, and return what was done, in which time.

    Where that takes longer than it should, less is done: time does not wait.
    """
    began, kills = time.monotonic(), 0
    for second in range(extent.seconds):
        time.sleep(max(0.0, began + second - time.monotonic()))
        if time.monotonic() - began > extent.seconds:
            break
        if second % KILL_EVERY_SECONDS == extent.first_kill:
            kills += kill_a_worker(cluster)
        if second == extent.seconds // 2:
            restart_metacontroller(cluster)
        for act, times in (
            (churn.edit, EACH_SECOND.edits),
            (churn.delete, EACH_SECOND.deletions),
            (churn.create, EACH_SECOND.creations),
            (lambda: churn.fail(heard), EACH_SECOND.failures),
        ):
            for _ in range(times):
                act()
        if second % 30 == 0:
            tell(f"disturbed for {second} of {extent.seconds} s")
    time.sleep(max(0.0, began + extent.seconds - time.monotonic()))
    return Disturbed(churn.done.counts, time.monotonic() - began, kills)


def kill_a_worker(cluster: BareCluster) -> int:
    """Kill a process of the hooks that answers, and return how many there were to be killed."""
    workers = psutil.Process(cluster.processes.pid("hooks")).children()
    if workers:
        workers[0].kill()
    return min(1, len(workers))


def restart_metacontroller(cluster: BareCluster) -> None:
    """Kill Metacontroller and start it again."""
    cluster.processes.kill("metacontroller")
    cluster.bundle.start_player()


def all_objects(wire: Wire) -> list[JsonObject]:
    """Return everything of all kinds that the controllers look at."""
    return [obj for kind in KINDS for obj in wire.items(path_of(kind))]


def lost(wire: Wire, there: list[Key]) -> list[str]:
    """Return which Workspaces are not there and should be, or the other way round."""
    found = {each["metadata"]["name"] for each in wire.items(fleet.collection(NAMESPACE))}
    wanted = {key.name for key in there}
    return [
        *(f"Workspace {name} is gone" for name in sorted(wanted - found)),
        *(f"Workspace {name} is still there" for name in sorted(found - wanted)),
    ]


def goals(found: Found) -> tuple[Goal, ...]:
    """Return what was to be reached."""
    unmended = found.waits.never
    return (
        goal("differences from what the pure function says, in the end", found.differences),
        goal("Machines, Nodes and children that leaked or lack", found.leaks),
        goal("Workspaces lost", found.lost),
        goal("edits, deletions and failures that were never dealt with", unmended),
    )


def goal(name: str, wrong: list[str]) -> Goal:
    """Return the goal that something is not; the first of what is are said."""
    return Goal(
        name=f"churn: {name}", figure=len(wrong), limit=0, unit="in all", seen="; ".join(wrong[:3])
    )


def table(extent: Extent, found: Found, player: str) -> Table:
    """Return how long it took until each thing was right."""
    wanted, done = EACH_SECOND, found.disturbed.done

    def cells(wanted: int, done: int, seconds: list[float]) -> tuple[float | Figure | None, ...]:
        rates = float(wanted), done / found.disturbed.seconds
        if not seconds:
            return *rates, 0.0, None, None
        return *rates, float(len(seconds)), figure(seconds).median, max(seconds)

    kinds = (
        ("edit, until it is accepted and planned", "edits"),
        ("creation, until it is ready", "creations"),
        ("deletion, until its Machines are gone", "deletions"),
        ("failure, until the next Machine is there", "failures"),
    )
    return Table(
        title="Until it is right again",
        about=f"{extent.workspaces} Workspaces in one namespace, of which each second some are "
        f"edited, deleted, created, or lose a Machine, for {found.disturbed.seconds:.0f} s; "
        f"{player} was killed once, processes of the hooks {found.disturbed.kills} times. "
        f"{found.asked.writes:,} writes, {found.asked.conflicts:,} conflicts, "
        f"{found.asked.other_failures:,} other writes that failed, "
        f"{found.calls.number.total():,} questions. Of what was done, what its Workspace's "
        "deletion overtook is not waited for.",
        columns=(
            "wanted, each s",
            "reached, each s",
            "waited for in all",
            "median, s",
            "longest, s",
        ),
        rows=tuple(
            Row(
                name=name,
                cells=cells(getattr(wanted, kind), getattr(done, kind), getattr(found.waits, kind)),
            )
            for name, kind in kinds
        ),
    )
