"""The embedded cluster: everybody who acts in it, one clock, and what has happened so far."""

from collections import Counter
from collections.abc import Mapping

from composite.catalog import Provisioner as ProvisionerKind
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.children import placed_children
from composite.simulate.clock import Actor, Agenda, Clock
from composite.simulate.controllers import LISTING_ORDER, controllers
from composite.simulate.errors import NotFoundError
from composite.simulate.hooks import Exchange, Hooks
from composite.simulate.informers import AT_ONCE, Delivery, Informers, Killed, Upset
from composite.simulate.janitor import GarbageCollector, NamespaceController, PodGarbageCollector
from composite.simulate.job_kubelet import JobKubelet
from composite.simulate.jobs import JobController
from composite.simulate.kubelet import Kubelet
from composite.simulate.memory import MemoryStore
from composite.simulate.metacontroller import Metacontroller
from composite.simulate.objects import Ref
from composite.simulate.picture import Picture
from composite.simulate.provisioner import DevicePlugin, Provisioner
from composite.simulate.scenario import Promise, Scenario
from composite.simulate.scheduler import Scheduler
from composite.simulate.timeline import Entry, entry
from composite.simulate.user import User, apply_object
from composite.simulate.workloads import DeploymentController, StatefulSetController
from composite.simulate.world import ONE_GPU, Gpus, World

PLAIN = Scenario(name="all-goes-well", description="Nothing goes wrong.", promise=Promise())

# So often in a row nothing new may come of going round in circles before that counts as settled.
REPETITIONS = 8


class Cluster:
    """
    An API server in memory, Metacontroller with our controllers, and the rest of a cluster.

    Apply, patch and delete as a user would, then ``run``: it plays until nothing changes any more.
    What befalls Metacontroller is told by ``deliver``, ``upset``, ``stop`` and ``start``.
    ``writes`` counts who wrote how often. ``timeline``, ``requests`` and the changes of the store
    take most of the memory in a play of thousands of Workspaces; ``remembers`` False keeps none.

    Args:
        hooks: Who answers Metacontroller. In-process hooks that need the time share ``clock``.
        scenario: How long things take, what goes wrong, what the user does.
        clock: The virtual clock; by default one that starts at 2026-01-01T00:00:00Z.
        provisioner: What nodes are made with.
        gpus: What a Node of an instance type shows.
        other_gpus: What a Node of any other type shows.
        plays_nodes: What makes Nodes of Machines and NodeClaims.
        plays_pods: Whether Pods are made, run and end; else those that are there stay as they are.

    """

    def __init__(  # noqa: PLR0913  (all but one have a default)
        self,
        hooks: Hooks,
        scenario: Scenario = PLAIN,
        *,
        clock: Clock | None = None,
        provisioner: ProvisionerKind = ProvisionerKind.MACHINE,
        gpus: Mapping[str, Gpus] | None = None,
        other_gpus: Gpus = ONE_GPU,
        plays_nodes: type[Provisioner] = Provisioner,
        plays_pods: bool = True,
    ) -> None:
        self.clock = clock or Clock()
        self.store = MemoryStore(self.clock)
        self.timeline: list[Entry] = []
        self.writes: Counter[str] = Counter()
        self.remembers = True
        self._picture = Picture()
        self._agenda = Agenda(self.clock)
        self._world = World(self.store, self._agenda, scenario, gpus or {}, other_gpus)
        self._seen = 0
        self._hooks = hooks
        self._controllers = controllers(provisioner)
        self._delivery = AT_ONCE
        self._requests: list[Exchange] = []
        self._metacontroller: Metacontroller | None = self._new_metacontroller()
        self.user = User(self._world)
        self._provisioner = plays_nodes(self._world)
        with_pods: tuple[Actor, ...] = (
            DeploymentController(self._world),
            StatefulSetController(self._world),
            JobController(self._world),
            Scheduler(self._world),
            Kubelet(self._world),
            JobKubelet(self._world),
            GarbageCollector(self._world),
            NamespaceController(self._world),
            PodGarbageCollector(self._world),
        )
        self._others: tuple[Actor, ...] = (
            self.user,
            self._provisioner,
            DevicePlugin(self._world),
            *(with_pods if plays_pods else ()),
        )

    @property
    def requests(self) -> list[Exchange]:
        """Every question to the hooks with its answer, from the beginning."""
        return list(self._requests)

    @property
    def informers(self) -> Informers | None:
        """What Metacontroller has heard of; None while it is stopped."""
        return self._metacontroller.informers if self._metacontroller is not None else None

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is ahead, not even what only goes round in circles."""
        return self._agenda.next_due is None

    def restore(self, obj: JsonObject) -> None:
        """Put an object as another cluster has it, its status and its uid included."""
        self.store.manager = self.user.name
        self.store.restore(obj)

    def apply(self, obj: JsonObject) -> JsonObject:
        """Create an object or replace what is there; a missing Namespace is created too."""
        self.store.manager = self.user.name
        return apply_object(self._world, obj)

    def patch(self, ref: Ref, patch: JsonObject) -> JsonObject:
        """Change an object by a JSON merge patch."""
        self.store.manager = self.user.name
        found = self.store.get(ref)
        if found is None:
            raise NotFoundError(f"{ref} not found")
        return self.store.update(objects.merge_patch(found, patch))

    def delete(self, ref: Ref) -> None:
        """Delete an object."""
        self.store.manager = self.user.name
        self.store.delete(ref)

    def resync(self) -> None:
        """Have every parent synced again, as after ``resyncPeriodSeconds``."""
        if self._metacontroller is not None:
            for key in self._metacontroller.resync():
                self._agenda.add(self._metacontroller, key)

    def deliver(self, delivery: Delivery) -> None:
        """Let changes come to Metacontroller another way from now on, also after a restart."""
        self._deliver()
        self._delivery = delivery
        if self._metacontroller is not None:
            for key in self._metacontroller.deliver(delivery):
                self._agenda.add(self._metacontroller, key)

    def upset(self, *upsets: Upset | None) -> None:
        """Say what befalls the next writes of Metacontroller's, one after the other; None: none."""
        if self._metacontroller is not None:
            self._metacontroller.informers.upsets.extend(upsets)

    def stop(self) -> None:
        """End Metacontroller: its queue, its alarms and all it has heard are gone."""
        if self._metacontroller is not None:
            self._agenda.drop(self._metacontroller)
            self._metacontroller = None

    def start(self) -> None:
        """Start Metacontroller, unless it runs: it lists everything and syncs every parent."""
        if self._metacontroller is None:
            self._metacontroller = self._new_metacontroller()
            self.resync()

    def restart_provisioner(self) -> None:
        """Have the provisioner forget how far it was with what; it looks at all of it again."""
        for key in self._provisioner.restart():
            self._agenda.add(self._provisioner, key)

    def run(self, until: float | None = None) -> bool:
        """
        Play until nothing changes any more, or to a time; tell whether it has settled.

        Without a time, the scenario's time limit ends it at the latest, and what only goes round
        in circles (back-offs, resyncs) does not keep it from settling: it counts as settled once
        nothing new has come of that several times in a row. With a time it is then that time.

        Raises:
            HotLoop: Something is done over and over without any time passing.
            MetacontrollerCrash: A hook's answer would end the Metacontroller process.

        """
        limit = self._world.scenario.timeLimit if until is None else until
        self.user.start()
        self._drain()
        pictures: set[int] = set()
        repetitions = 0
        while (due := self._agenda.next_due) is not None and due <= limit:
            if until is None and self._agenda.only_cyclic:
                picture = self._picture.taken()
                repetitions = repetitions + 1 if picture in pictures else 0
                pictures.add(picture)
                if repetitions >= REPETITIONS:
                    return True
            self._agenda.advance(due)
            self._drain()
        settled = due is None
        if not settled or until is not None:
            self._agenda.advance(max(limit, self.clock.seconds))
        return settled

    def desired(self) -> list[JsonObject]:
        """
        Return the children that the hooks want now, with their namespaces.

        Of all parents that live: first the Machines or NodeClaims, then the Services, the
        workloads, and the rest. Nothing while Metacontroller is stopped.
        """
        return [child for _, child in self.desired_by_parent()]

    def desired_by_parent(self) -> list[tuple[Ref, JsonObject]]:
        """Return the same, each child with the parent for which it is wanted."""
        answers = self._metacontroller.answers if self._metacontroller is not None else {}
        found = [
            ((*LISTING_ORDER, ref.kind).index(ref.kind), ref, key.parent, child)
            for key, answer in answers.items()
            if (parent := self.store.get(key.parent)) and not objects.is_terminating(parent)
            for ref, child in placed_children(parent, answer)
        ]
        return [(each[2], each[3]) for each in sorted(found, key=lambda item: item[:2])]

    def _drain(self) -> None:
        """Let everybody see what changed and act on it, until nobody has anything to do now."""
        while True:
            self._deliver()
            work = self._agenda.take()
            if work is None:
                return
            actor, key = work
            self.store.manager = actor.name
            if actor is not self._metacontroller:  # its delaying queue forgets nothing
                self._agenda.forget(actor, key)
            try:
                actor.act(key)
            except Killed:
                self.stop()
                self.start()

    def _deliver(self) -> None:
        for change in self.store.changes(self._seen):
            self._seen = change.number
            self.writes[change.manager] += 1
            self._picture.notice(change)
            if self.remembers:
                self.timeline.append(entry(change, self.clock))
            for actor in (*filter(None, [self._metacontroller]), *self._others):
                for key in actor.notice(change):
                    self._agenda.add(actor, key)
        if not self.remembers:
            self.store.forget_changes()

    def _new_metacontroller(self) -> Metacontroller:
        informers = Informers(self.store, self.clock, self._delivery)
        return Metacontroller(
            self._controllers, informers, self._hooks, self._agenda, self._record, self._report
        )

    def _record(self, exchange: Exchange) -> None:
        if self.remembers:
            self._requests.append(exchange)

    def _report(self, about: Ref, failure: str) -> None:
        self.timeline.append(
            Entry(self.clock.seconds, Metacontroller.name, "failed", str(about), (failure,))
        )
