"""Play one scenario from the beginning to the end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from composite.catalog import Provisioner
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.clock import Clock
from composite.simulate.cluster import Cluster
from composite.simulate.hooks import Exchange, Hooks
from composite.simulate.objects import Ref
from composite.simulate.promise import broken
from composite.simulate.scenario import Scenario
from composite.simulate.timeline import Entry
from composite.simulate.world import ONE_GPU, Gpus


@dataclass(frozen=True)
class Run:
    """
    What came of a play.

    ``reasons`` says in sentences what of the promise was not kept. ``settled``: nothing would
    change any more; otherwise the time limit ended it. ``idle_writes`` are updates that changed
    nothing, each a request per sync for ever; their cause is a manifest that is not canonical.
    """

    scenario: Scenario
    timeline: tuple[Entry, ...]
    final: tuple[JsonObject, ...]
    desired: tuple[JsonObject, ...]
    requests: tuple[Exchange, ...]
    reasons: tuple[str, ...]
    settled: bool
    seconds: float
    idle_writes: tuple[tuple[str, Ref], ...]

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return not self.reasons

    def to_json(self) -> JsonObject:
        """Return the story and its end; without the requests, which are long."""
        return {
            "scenario": self.scenario.name,
            "kept": self.kept,
            "reasons": list(self.reasons),
            "settled": self.settled,
            "seconds": self.seconds,
            "timeline": [entry.to_json() for entry in self.timeline],
            "objects": list(self.final),
        }


def simulate(
    given: Iterable[JsonObject],
    scenario: Scenario,
    hooks: Hooks,
    *,
    clock: Clock | None = None,
    provisioner: Provisioner = Provisioner.MACHINE,
    gpus: Mapping[str, Gpus] | None = None,
    other_gpus: Gpus = ONE_GPU,
) -> Run:
    """
    Play a scenario with some Workspaces and what else there is.

    Args:
        given: Workspaces, and Nodes, ConfigMaps and so on that are there already. Everything but
            the Workspaces is in place before them.
        scenario: The story.
        hooks: Who answers Metacontroller. In-process hooks that need the time share ``clock``.
        clock: The virtual clock.
        provisioner: What nodes are made with.
        gpus: What a Node of an instance type shows.
        other_gpus: What a Node of any other type shows.

    Raises:
        HotLoop: Something is done over and over without any time passing.
        MetacontrollerCrash: A hook's answer would end the Metacontroller process.

    """
    cluster = Cluster(
        hooks, scenario, clock=clock, provisioner=provisioner, gpus=gpus, other_gpus=other_gpus
    )
    for obj in sorted(given, key=lambda obj: obj["kind"] == "Workspace"):
        cluster.apply(obj)
    settled = cluster.run()
    final = tuple(cluster.store.everything())
    first = len(scenario.steps) - len(cluster.user.undone) + 1
    undone = [
        f"step {number} ({step.do}) was never done: {step.when} was not seen in time"
        for number, step in enumerate(cluster.user.undone, first)
    ]
    jobs_made = sum(
        entry.what == "created" and entry.about.startswith(f"{objects.JOB.kind} ")
        for entry in cluster.timeline
    )
    return Run(
        scenario=scenario,
        timeline=tuple(cluster.timeline),
        final=final,
        desired=tuple(cluster.desired()),
        requests=tuple(cluster.requests),
        reasons=(*cluster.user.failed, *undone, *broken(scenario.promise, final, jobs_made)),
        settled=settled,
        seconds=cluster.clock.seconds,
        idle_writes=tuple(cluster.store.idle_writes),
    )
