"""
Who cleans up: the garbage collector, the namespace controller and the Pod garbage collector.

Sources: https://kubernetes.io/docs/concepts/architecture/garbage-collection/ and
https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
"""

from collections.abc import Iterable, Iterator

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.objects import KINDS, Ref
from composite.simulate.pod_status import is_over
from composite.simulate.store import Change
from composite.simulate.world import World, WorldActor, condition

# Both work off queues and watches of their own, so they come a little later than everybody else.
COLLECT_SECONDS = 1
EMPTY_SECONDS = 5

NODE_IS_GONE = condition(
    "DisruptionTarget", "True", "DeletionByPodGC", "PodGC: node no longer exists"
)


class GarbageCollector(WorldActor):
    """
    Deletes what has owners and none of them exists any more, in the background.

    An owner is looked for in the object's own namespace, or is cluster-scoped. A cluster-scoped
    object whose owner has a namespace is never collected: the reference is invalid.
    """

    name = "garbage-collector"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._dependents: dict[str, dict[Ref, None]] = {}

    def notice(self, change: Change) -> Iterator[Ref]:
        """Look at objects with owners, and at the dependents of what is gone."""
        if change.new is None:
            yield from self._dependents.pop(objects.uid_of(change.obj), ())
            return
        references = change.new["metadata"].get("ownerReferences") or ()
        ref = objects.ref_of(change.new)
        for owner in references:
            self._dependents.setdefault(owner["uid"], {})[ref] = None
        if references and change.type == "ADDED":
            yield ref

    def act(self, key: Ref) -> None:
        """Delete one object if all its owners are gone."""
        obj = self.store.get(key)
        if obj is None or objects.is_terminating(obj):
            return
        owners = obj["metadata"].get("ownerReferences") or ()
        if not owners or any(self._may_exist(key, owner) for owner in owners):
            return
        if self.passed(obj, "collect", COLLECT_SECONDS):
            self.store.delete(key, objects.uid_of(obj))

    def _may_exist(self, dependent: Ref, owner: JsonObject) -> bool:
        kind = objects.kind_of(owner)
        if kind.namespaced and not dependent.namespace:
            return True
        namespace = dependent.namespace if kind.namespaced else ""
        found = self.store.get(Ref(kind.key, namespace, owner["name"]))
        return found is not None and objects.uid_of(found) == owner["uid"]


class NamespaceController(WorldActor):
    """Empties a Namespace that was deleted, and lets it go when nothing is left in it."""

    name = "namespace-controller"

    def notice(self, change: Change) -> Iterator[Ref]:
        """Look at Namespaces, and at the one that lost an object."""
        ref = objects.ref_of(change.obj)
        if ref.kind == objects.NAMESPACES:
            yield ref
        elif ref.namespace and change.new is None:
            yield Ref(objects.NAMESPACES, "", ref.namespace)

    def act(self, key: Ref) -> None:
        """Delete everything in one Namespace, then release it."""
        namespace = self.store.get(key)
        if namespace is None or not objects.is_terminating(namespace):
            return
        if not self.passed(namespace, "empty", EMPTY_SECONDS):
            return
        for obj in self._content(key.name):
            ref = objects.ref_of(obj)
            if not objects.is_terminating(obj) and self.store.get(ref) is not None:
                self.store.delete(ref, objects.uid_of(obj))
        if not self._content(key.name):
            self.store.update({**namespace, "spec": {**namespace["spec"], "finalizers": []}})

    def _content(self, namespace: str) -> list[JsonObject]:
        kinds: Iterable[str] = (kind.key for kind in KINDS.values() if kind.namespaced)
        return [obj for kind in kinds for obj in self.store.list_of(kind, namespace)]


class PodGarbageCollector(WorldActor):
    """
    Deletes the Pods of a Node that is gone.

    A Pod that somebody waits for, as Jobs do for theirs, is marked as failed before, and as not
    having failed by itself. Of others the mark would not be seen: they are gone at once.
    """

    name = "pod-garbage-collector"

    def notice(self, change: Change) -> Iterator[Ref]:
        """Look at the Pods of a Node that is gone, and at one that went before it had a Node."""
        kind = objects.kind_key(change.obj)
        if kind == names.PODS and change.new is not None:
            if objects.is_terminating(change.new) and not change.new["spec"].get("nodeName"):
                yield objects.ref_of(change.new)
        elif kind == names.NODES and change.new is None:
            for pod in self.store.pods_on(change.obj["metadata"]["name"]):
                yield objects.ref_of(pod)

    def act(self, key: Ref) -> None:
        """Delete one Pod, unless it has got a Node in the meantime."""
        pod = self.store.get(key)
        if pod is None:
            return
        node = pod["spec"].get("nodeName")
        if not node and objects.is_terminating(pod):
            self._fail(pod)
        elif node and self.store.get(Ref(names.NODES, "", node)) is None:
            if pod["metadata"].get("finalizers"):
                self._fail(pod, NODE_IS_GONE)
            if not objects.is_terminating(pod):
                self.store.delete(key, objects.uid_of(pod))

    def _fail(self, pod: JsonObject, *conditions: JsonObject) -> None:
        status = objects.status_of(pod)
        if is_over(pod):
            return
        known = status.get("conditions") or ()
        found = objects.with_conditions(known, self.world.clock.stamp, *conditions)
        self.write_status(pod, {**status, "phase": "Failed", "conditions": found})
