"""Plays one story in the embedded cluster, up to its rest and beyond."""

import functools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from composite import names
from composite.catalog import Catalog, Cloud, NodeClass, Provisioner, Provisioning
from composite.simulate import Clock, Cluster, Exchange, Gpus, gpus_in, objects
from composite.simulate.errors import ApiError
from composite.simulate.informers import AT_ONCE, Delivery
from composite.simulate.objects import Ref
from composite.simulate.scenario import Delays, Faults, Promise, Scenario
from composite.simulate.store import Change
from composite.simulate.syncing import LAST_RETRY_SECONDS
from presets import load_catalog
from tests.chaos import events
from tests.chaos.allowed import WRITTEN, require_allowed
from tests.chaos.events import Event, Story, kind_of_event
from tests.chaos.hooks import Troubled, has_forgotten

METACONTROLLER = "metacontroller"
# Longer than any story takes: the longest back-off, the longest training, and many of both.
DAYS = 10 * 24 * 3600.0
HOURS = 3 * 3600.0
# Long enough to see once more what only goes round in circles.
ROUNDS = 900.0


@dataclass(frozen=True)
class Played:
    """
    What came of a story.

    ``exchanges`` and ``changes`` are all there were; the marks tell how many of them there were
    when the last event was over, at rest, some hours later, and after a restart.
    """

    story: Story
    cluster: Cluster
    exchanges: tuple[Exchange, ...]
    changes: tuple[Change, ...]
    events: Counter[str]
    ended: "Mark"
    rest: "Mark"
    hours_later: "Mark"
    restarted: "Mark"
    settled: bool
    circles: bool


class Mark(NamedTuple):
    """How much has happened."""

    exchanges: int
    changes: int
    idle_writes: int
    entries: int
    seconds: float


@functools.cache
def catalog_of(provisioner: Provisioner) -> Catalog:
    """Return the shipped catalog for an installation with these nodes."""
    if provisioner is Provisioner.NODECLAIM:
        karpenter = NodeClass(group="karpenter.azure.com", kind="AKSNodeClass")
        return load_catalog(
            provisioning=Provisioning(
                provisioner=provisioner, cloud=Cloud.AZURE, node_class=karpenter
            )
        )
    return load_catalog(provisioning=Provisioning(provisioner=provisioner))


@functools.cache
def gpus_of(provisioner: Provisioner) -> dict[str, Gpus]:
    """Return what nodes show."""
    return gpus_in(catalog_of(provisioner))


class Stage:
    """A cluster with what a story needs to be played in it."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.happened: Counter[str] = Counter()
        self._late_until = math.inf
        catalog, self._clock = catalog_of(story.provisioner), Clock()
        self.hooks = Troubled(catalog, self._clock)
        scenario = Scenario(
            name="chaos",
            description="Anything goes wrong.",
            delays=Delays.model_validate(story.delays),
            faults=Faults.model_validate(story.faults),
            promise=Promise(),
            timeLimit=DAYS,
        )
        self.cluster = Cluster(
            self.hooks,
            scenario,
            clock=self._clock,
            provisioner=story.provisioner,
            gpus=gpus_of(story.provisioner),
        )

    def play(self) -> Played:
        """Play it to its end, to rest, for some hours more, and through a restart."""
        for obj in self.story.given:
            self.cluster.apply(obj)
        for event in self.story.events:
            self._until(self._clock.seconds + event.after)
            self._do(event)
        self._heal()
        ended = self.mark()
        self.hooks.counts = True
        settled = self._rest()
        if self._has_missed_something():
            self.cluster.resync()
            settled = self._rest()
        rest = self.mark()
        circles = not self.cluster.is_quiet
        self.cluster.run(until=self._clock.seconds + (ROUNDS if circles else HOURS))
        hours_later = self.mark()
        self.cluster.stop()
        self.cluster.start()
        self.cluster.run(until=self._clock.seconds + 1)
        restarted = self.mark()
        return Played(
            self.story,
            self.cluster,
            tuple(self.cluster.requests),
            tuple(self.cluster.store.changes(0)),
            self.happened,
            ended,
            rest,
            hours_later,
            restarted,
            settled,
            circles,
        )

    def mark(self) -> Mark:
        cluster = self.cluster
        return Mark(
            len(cluster.requests),
            cluster.store.last_change,
            len(cluster.store.idle_writes),
            len(cluster.timeline),
            cluster.clock.seconds,
        )

    def _rest(self) -> bool:
        """
        Play until nothing changes any more, and tell whether that came about.

        Where something goes round in circles, a sync that failed while the hooks were away may be
        tried again only later: each is within the longest back-off.
        """
        settled = self.cluster.run()
        if settled and not self.cluster.is_quiet:
            self.cluster.run(until=self._clock.seconds + LAST_RETRY_SECONDS)
            settled = self.cluster.run()
        return settled

    def _has_missed_something(self) -> bool:
        """
        Whether Metacontroller may have dropped an event: it looks again at its next resync.

        It drops one of a related object where the customize hook fails and its last answer is no
        longer remembered, and one of a parent that was made anew while its watch was broken: that
        looks like an edit that changes nothing.
        """
        cut = (event.cut for event in self.story.events if isinstance(event, events.Watches))
        return any(names.WORKSPACES in kinds for kinds in cut) or has_forgotten(
            self.cluster.requests
        )

    def _until(self, seconds: float) -> None:
        """Play up to a moment; what is due at that very moment is done or not, by its turn."""
        if self._late_until < seconds:
            self.cluster.run(until=self._late_until)
            self.cluster.deliver(AT_ONCE)
            self._late_until = math.inf
        if seconds > self._clock.seconds:
            self.cluster.run(until=seconds)

    def _heal(self) -> None:
        """From now on nothing more goes wrong, but what the story's faults have still in store."""
        if self.cluster.informers is not None:
            self.cluster.informers.upsets.clear()
        self.cluster.start()
        self.cluster.deliver(AT_ONCE)
        self.hooks.fail_until = min(self.hooks.fail_until, self._clock.seconds)

    def _do(self, event: Event) -> None:
        """Let one thing happen, unless there is nothing that it can happen to."""
        before = self.cluster.store.last_change
        try:
            self._happen(event)
        except ApiError:
            self.happened["came to nothing"] += 1
            return
        counted = isinstance(event, events.Apply | events.Patch | events.Delete)
        if counted and self.cluster.store.last_change == before:
            self.happened["came to nothing"] += 1
        else:
            self.happened[kind_of_event(event)] += 1

    def _happen(self, event: Event) -> None:  # noqa: C901, PLR0912  (one case for each)
        cluster = self.cluster
        match event:
            case events.Apply(_, obj):
                require_allowed(cluster.store.get(objects.ref_of(obj)), obj)
                cluster.apply(obj)
            case events.Patch(_, kind, nth, patch):
                for ref in self._nth(kind, nth, next((p for p in WRITTEN if p in patch), None)):
                    known = cluster.store.get(ref)
                    require_allowed(known, objects.merge_patch(known, patch))
                    cluster.patch(ref, patch)
            case events.Delete(_, kind, nth):
                for ref in self._nth(kind, nth):
                    cluster.delete(ref)
            case events.Recreate(_, name, gap):
                self._recreate(name, gap)
            case events.NodeReady(_, nth, ready):
                for ref in self._nth(names.NODES, nth):
                    self._report(ref, ready=ready)
            case events.HooksFail(_, seconds):
                self.hooks.fail_until = self._clock.seconds + seconds
            case events.HooksClock(_, seconds):
                self.hooks.skewed.beside = seconds
            case events.Watches(_, seconds, lags, cut):
                cluster.deliver(Delivery(lags=lags, cut=frozenset(cut)))
                self._late_until = self._clock.seconds + seconds
            case events.Writes(_, skipped, upset):
                cluster.upset(*[None] * skipped, upset)
            case events.Restart(_, seconds):
                cluster.stop()
                self._until(self._clock.seconds + seconds)
                cluster.start()
            case events.RestartProvisioner():
                cluster.restart_provisioner()
            case events.Resync():
                cluster.resync()

    def _recreate(self, name: str, gap: float) -> None:
        for obj in self.story.given:
            if obj["kind"] == names.KIND and obj["metadata"]["name"] == name:
                self.cluster.delete(objects.ref_of(obj))
                self._until(self._clock.seconds + gap)
                if self.cluster.store.get(objects.ref_of(obj)) is None:
                    self.cluster.apply(obj)

    def _nth(self, kind: str, nth: int, part: str | None = None) -> Iterator[Ref]:
        """Yield the n-th object of a kind, or of those that have a part; nothing if none does."""
        listed = self.cluster.store.list_of(kind)
        found = [obj for obj in listed if part is None or part in obj]
        if found:
            yield objects.ref_of(found[nth % len(found)])

    def _report(self, ref: Ref, *, ready: bool) -> None:
        node = self.cluster.store.get(ref)
        assert node is not None
        told = {
            "type": "Ready",
            "status": "True" if ready else "Unknown",
            "reason": "KubeletReady" if ready else "NodeStatusUnknown",
        }
        status = objects.status_of(node)
        known = status.get("conditions") or ()
        conditions = objects.with_conditions(known, self._clock.stamp, told)
        self.cluster.store.manager = "kubelet"
        self.cluster.store.update_status({**node, "status": {**status, "conditions": conditions}})


def play(story: Story) -> Played:
    """
    Play a story.

    Raises:
        HotLoop: Something is done over and over without any time passing.
        RestlessError: Something is done over and over, and never comes to rest.

    """
    return Stage(story).play()
