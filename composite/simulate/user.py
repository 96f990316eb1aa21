"""The user of a scenario: does one step after the other, each when its time has come."""

from collections.abc import Iterator

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.errors import ApiError, NotFoundError
from composite.simulate.objects import Ref
from composite.simulate.provisioner import CLAIMS
from composite.simulate.scenario import Action, Step
from composite.simulate.store import Change
from composite.simulate.world import World


class User:
    """Plays the steps of a scenario on every Workspace there is."""

    name = "user"

    def __init__(self, world: World) -> None:
        self._world = world
        self._next = 0
        self._ready_at: float | None = None
        self.failed: list[str] = []

    @property
    def undone(self) -> tuple[Step, ...]:
        """Steps that have not been done yet."""
        return self._world.scenario.steps[self._next :]

    def notice(self, change: Change) -> Iterator[str]:
        """Look at the next step whenever a Workspace changes."""
        if self.undone and objects.kind_key(change.obj) == names.WORKSPACES:
            yield "next step"

    def act(self, _key: str) -> None:
        """Do every step whose time has come."""
        while self.undone and self._is_due(self.undone[0]):
            action = self.undone[0].do
            self._next += 1
            self._ready_at = None
            try:
                self._do(action)
            except ApiError as refusal:
                self.failed.append(f"step {self._next} ({action}) was refused: {refusal}")

    def start(self) -> None:
        """Set the clock for the first step."""
        self._world.agenda.add(self, "next step")

    def _is_due(self, step: Step) -> bool:
        now = self._world.clock.seconds
        if step.at is not None:
            self._ready_at = step.at
        elif self._ready_at is None and self._holds(step.when or ""):
            self._ready_at = now + step.after
        if self._ready_at is None:
            return False
        if now < self._ready_at:
            self._world.agenda.add_at(self, "next step", self._ready_at)
        return now >= self._ready_at

    def _holds(self, wanted: str) -> bool:
        kind, _, status = wanted.partition("=")
        workspaces = self._workspaces()
        found = [objects.condition_of(workspace, kind) for workspace in workspaces]
        return bool(found) and all(item is not None and item["status"] == status for item in found)

    def _workspaces(self) -> list[JsonObject]:
        return self._world.store.list_of(names.WORKSPACES)

    def _do(self, action: Action) -> None:
        store = self._world.store
        places = sorted({item["metadata"]["namespace"] for item in self._workspaces()})
        if action.apply is not None:
            for obj in _placed(action.apply, places):
                apply_object(self._world, obj)
            return
        if action.deleteNamespace:
            for place in places:
                store.delete(Ref(objects.NAMESPACES, "", place))
            return
        for workspace in self._workspaces():
            status = objects.status_of(workspace)
            if action.patchWorkspace is not None:
                store.update(objects.merge_patch(workspace, action.patchWorkspace))
            elif action.deleteWorkspace:
                store.delete(objects.ref_of(workspace))
            elif action.deleteNode is not None:
                nodes = status.get("workerNodes") or ()
                self._delete(names.NODES, dict(enumerate(nodes)).get(action.deleteNode))
            elif action.deleteMachine is not None:
                machines = {item.get("index"): item for item in status.get("machines") or ()}
                machine = machines.get(action.deleteMachine, {}).get("name")
                kinds = [kind for kind in CLAIMS if store.get(Ref(kind, "", str(machine)))]
                self._delete(kinds[0] if kinds else CLAIMS[0], machine)

    def _delete(self, kind: str, name: str | None) -> None:
        if name is None:
            raise NotFoundError(f"no such {kind.partition('.')[0]}")
        self._world.store.delete(Ref(kind, "", name))


def _placed(obj: JsonObject, places: list[str]) -> list[JsonObject]:
    """Return an object once for each of some namespaces, unless it says where it belongs."""
    if not objects.kind_of(obj).namespaced or obj["metadata"].get("namespace"):
        return [obj]
    return [objects.with_metadata(obj, namespace=place) for place in places or ["default"]]


# What a user's file may have from another cluster, and what the API server sets itself.
FOREIGN_METADATA = (
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "managedFields",
    "selfLink",
)


def apply_object(world: World, obj: JsonObject) -> JsonObject:
    """
    Create an object, or replace what is there, as ``kubectl apply`` would; return it as stored.

    A missing Namespace is created first. A status is kept, a Node's for example, but not that of a
    Workspace: it is what the play is about.
    """
    kind = objects.kind_of(obj)
    foreign = dict.fromkeys(FOREIGN_METADATA)
    namespace = obj["metadata"].get("namespace") or "default"
    scope = {"namespace": namespace if kind.namespaced else None}
    wanted = objects.with_metadata(obj, **foreign, **scope)
    ref = objects.ref_of(wanted)
    if ref.namespace and world.store.get(Ref(objects.NAMESPACES, "", ref.namespace)) is None:
        world.store.create(a_namespace(ref.namespace))
    known = world.store.get(ref)
    if known is None:
        stored = world.store.create(wanted)
    else:
        merged = {**known["metadata"], **wanted["metadata"]}
        stored = world.store.update({**wanted, "metadata": merged})
    if kind.status and "status" in obj and kind != objects.WORKSPACE:
        status = obj["status"]
        if status != objects.status_of(stored):
            return world.store.update_status({**stored, "status": status})
    return stored


def a_namespace(name: str) -> JsonObject:
    """Return a Namespace to create."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
