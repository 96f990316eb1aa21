"""A namespace of the embedded cluster as a stage."""

from collections.abc import Callable, Mapping
from typing import Any

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.clock import Clock
from composite.simulate.cluster import Cluster
from composite.simulate.hooks import Hooks
from composite.simulate.objects import Kind, Ref
from composite.simulate.provisioner import Provisioner
from composite.simulate.scenario import Delays, Promise, Scenario
from composite.simulate.world import World, condition
from tests.e2e.cluster.gpu_provisioner import SAID_SECONDS, SLOW_SECONDS, launch
from tests.stories.stage import Json, Stage, owner

# So often it is looked whether something is to be seen.
EVERY_SECONDS = 0.05
# As on a control plane whose nodes and Pods are only played: everything happens within a moment.
MOMENT = 0.1
IN_A_MOMENT = Scenario(
    name="in-a-moment",
    description="Everything happens within a moment.",
    promise=Promise(),
    delays=Delays.model_validate(
        dict.fromkeys((field.alias or name for name, field in Delays.model_fields.items()), MOMENT)
    ),
)


class EmbeddedStage(Stage):
    """
    One namespace of a cluster of its own.

    Args:
        namespace: The namespace.
        story: What is played there.
        hooks: Who answers Metacontroller.
        clock: What they take for the time.

    """

    def __init__(self, namespace: str, story: str, hooks: Hooks, clock: Clock) -> None:
        super().__init__(namespace, story)
        self.cluster = Cluster(hooks, IN_A_MOMENT, clock=clock, plays_nodes=LabelledProvisioner)

    def create(self, *documents: Mapping[str, Any]) -> None:
        """Create objects in the namespace."""
        for document in documents:
            metadata = {**document["metadata"], "namespace": self.namespace}
            self.cluster.apply({**document, "metadata": metadata})

    def get(self, kind: Kind, name: str) -> Json | None:
        """Return one object, or None."""
        return self.cluster.store.get(self._ref(kind, name))

    def patch(self, kind: Kind, name: str, patch: Json, part: str = "") -> None:
        """Change an object by a JSON merge patch."""
        if not part:
            self.cluster.patch(self._ref(kind, name), patch)
            return
        store = self.cluster.store
        found = store.get(self._ref(kind, name))
        assert found is not None
        store.update_status(objects.merge_patch(found, patch))

    def delete(self, kind: Kind, name: str) -> None:
        """Delete an object."""
        self.cluster.delete(self._ref(kind, name))

    def items(self, kind: Kind, **labels: str) -> list[Json]:
        """Return the objects of a kind: those in the namespace, or all of the cluster."""
        found = self.cluster.store.list_of(kind.key, self.namespace if kind.namespaced else "")
        return [obj for obj in found if labels.items() <= objects.labels_of(obj).items()]

    def until(self, seen: Callable[[], object], seconds: float = 60.0) -> float:
        """Look until something true is seen, and return after how many seconds it was."""
        clock = self.cluster.clock
        began = clock.seconds
        while not seen():
            passed = clock.seconds - began
            assert passed < seconds, f"not seen within {seconds:.0f} s\n{self.told()}"
            self.wait(EVERY_SECONDS)
        return clock.seconds - began

    def wait(self, seconds: float) -> None:
        """Let some time pass."""
        self.cluster.run(self.cluster.clock.seconds + seconds)

    def exchanges(self) -> list[tuple[Json, Json]]:
        """Return all questions about Workspaces with their answers."""
        return [
            (each.request, each.response)
            for each in self.cluster.requests
            if each.path == "/workspaces/sync" and each.response is not None
        ]

    def _ref(self, kind: Kind, name: str) -> Ref:
        return Ref(kind.key, self.namespace if kind.namespaced else "", name)


class LabelledProvisioner(Provisioner):
    """Plays what the stand-in on a real control plane plays: a label says what goes wrong."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._first_launches: dict[str, str] = {}

    def act(self, key: Ref) -> None:
        """Bring one claim a step further; one that nothing holds gets no finalizer."""
        claim = self.store.get(key)
        if claim is None or launch(claim) != "unheld":
            super().act(key)
        elif self._has_lost_its_node(claim):
            self.store.delete(key, objects.uid_of(claim))
        elif not objects.is_true(claim, "Ready"):
            self._make(claim)

    def _make(self, claim: JsonObject) -> None:
        match launch(claim):
            case "never":
                return
            case "slowly" | "unheld" if not self.passed(claim, "slowly", SLOW_SECONDS):
                return
            case "unregistered":
                self._report(claim, 1)
            case _:
                super()._make(claim)

    def _is_unavailable(self, claim: JsonObject) -> bool:
        uid = objects.uid_of(claim)
        first = self._first_launches.setdefault(owner(claim), uid) == uid
        return first and launch(claim) == "unavailable-once"

    def _give_up(self, claim: JsonObject) -> None:
        """Say that there is none, and a moment later delete the claim."""
        said = [condition(kind, "False", "LaunchFailed", names.UNAVAILABLE) for kind in UNMADE]
        claim = self.write_status(claim, self._with_conditions(claim, *said))
        if self.passed(claim, "unavailable", SAID_SECONDS):
            self.store.delete(objects.ref_of(claim), objects.uid_of(claim))


UNMADE = ("MachineLaunched", "Ready")
