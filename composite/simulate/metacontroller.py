"""
What Metacontroller does with the hooks, apart from where objects are kept.

Written from Metacontroller v4.17.2 with dynamic apply. The program itself is the judge wherever
the two differ. Source: https://metacontroller.github.io/metacontroller/
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from composite.models import JsonObject
from composite.simulate import children, objects
from composite.simulate.clock import Agenda
from composite.simulate.controllers import Controller, Style
from composite.simulate.errors import ConflictError, HookError, NotFoundError, SyncError
from composite.simulate.hooks import Answer, Exchange, Hooks, ask, read_answer
from composite.simulate.objects import Ref
from composite.simulate.related import Related
from composite.simulate.store import Change, Store

# client-go's default back-off of one key: 5 ms, doubling, at most 1000 s.
FIRST_RETRY_SECONDS = 0.005
LAST_RETRY_SECONDS = 1000.0


class Key(NamedTuple):
    """One parent of one controller: what is synced."""

    controller: str
    parent: Ref

    def __str__(self) -> str:
        return f"{self.parent} for {self.controller}"


class Metacontroller:
    """
    Every controller's work queue and its syncs.

    Args:
        controllers: What there is to control.
        store: Where the objects are.
        hooks: Who answers.
        agenda: When to look again.
        report: Told in a sentence what a parent's sync failed with.

    """

    name = "metacontroller"

    def __init__(
        self,
        controllers: tuple[Controller, ...],
        store: Store,
        hooks: Hooks,
        agenda: Agenda,
        report: Callable[[Ref, str], None],
    ) -> None:
        self.exchanges: list[Exchange] = []
        self.answers: dict[Key, list[JsonObject]] = {}
        self._controllers = {controller.name: controller for controller in controllers}
        self._store = store
        self._hooks = hooks
        self._agenda = agenda
        self._report = report
        self._failures: dict[Key, int] = {}
        self._related = {
            controller.name: Related(controller, store, agenda.clock, self._ask)
            for controller in controllers
        }

    def notice(self, change: Change) -> Iterator[Key]:
        """Return the parents that have to be synced because of a change."""
        for controller in self._controllers.values():
            if objects.kind_key(change.obj) == controller.parent.key:
                if not _is_ignored(controller, change):
                    yield Key(controller.name, objects.ref_of(change.obj))
            elif objects.kind_key(change.obj) in controller.child_kinds:
                for parent in self._owners(controller, change):
                    yield Key(controller.name, parent)
            for parent in self._related[controller.name].parents(change):
                yield Key(controller.name, parent)

    def resync(self) -> Iterator[Key]:
        """Return every parent, as happens at a restart or after resyncPeriodSeconds."""
        for controller in self._controllers.values():
            for parent in self._store.list_of(controller.parent.key):
                yield Key(controller.name, objects.ref_of(parent))

    def act(self, key: Key) -> None:
        """Sync one parent; after a failure nothing more is changed, and it is tried again later."""
        parent = self._store.get(key.parent)
        if parent is None:
            self._failures.pop(key, None)
            self.answers.pop(key, None)
            return
        try:
            answer = self._sync(key, self._controllers[key.controller], parent)
        except SyncError as failure:
            count = self._failures[key] = self._failures.get(key, 0) + 1
            wait = min(FIRST_RETRY_SECONDS * 2 ** min(count - 1, 64), LAST_RETRY_SECONDS)
            self._report(key.parent, f"sync of {key.controller} failed: {failure}")
        else:
            self._failures.pop(key, None)
            wait = answer.resync_after_seconds
        if wait > 0:
            self._agenda.add_at(self, key, self._agenda.clock.seconds + wait, cyclic=True)

    def _sync(self, key: Key, controller: Controller, parent: JsonObject) -> Answer:
        """
        Ask the sync hook about one parent and do what it says.

        There is no finalize hook: a parent that is going away is synced as any other, but of the
        answer only the status is used.

        Raises:
            SyncError: A hook or a write failed. The status is written even if a child was not.

        """
        observed = children.observed_children(controller, parent, self._store)
        composite = controller.style is Style.COMPOSITE
        body = {
            "controller": controller.to_json(),
            "parent" if composite else "object": parent,
            "children" if composite else "attachments": {
                kind: dict(sorted(found.items())) for kind, found in observed.items()
            },
            "related": self._related[controller.name].of(parent),
            "finalizing": False,
        }
        answer = read_answer(
            controller.style, controller.sync_path, self._ask(controller.sync_path, body)
        )
        desired = children.desired_children(controller, parent, answer.children)
        self.answers[key] = answer.children
        failures: list[SyncError] = []
        if not composite:
            self._write_decorations(parent, answer)
        if not objects.is_terminating(parent):
            failures = children.manage(controller, parent, observed, desired, self._store)
        if composite:
            self._write_status(parent, answer.status or {})
        if failures:
            raise failures[0]
        return answer

    def _write_status(self, parent: JsonObject, status: JsonObject) -> None:
        """
        Replace a composite's status whole; what the hook left out is gone.

        observedGeneration is forced to the generation that the hook saw. The parent is read again
        first, and a difference is the only reason to write.
        """
        generation = parent["metadata"].get("generation", 0)
        wanted = {**status, "observedGeneration": generation}
        current = self._store.get(objects.ref_of(parent))
        if current is None or objects.uid_of(current) != objects.uid_of(parent):
            return
        if objects.status_of(current) != wanted:
            self._store.update_status({**current, "status": wanted})

    def _write_decorations(self, parent: JsonObject, answer: Answer) -> None:
        """Write labels, annotations and status of a decorated object; a null status leaves it."""
        try:
            if answer.status is not None and answer.status != objects.status_of(parent):
                parent = self._store.update_status({**parent, "status": answer.status})
            metadata = parent["metadata"]
            wanted = {
                "labels": objects.merge_patch(metadata.get("labels"), answer.labels) or None,
                "annotations": objects.merge_patch(metadata.get("annotations"), answer.annotations)
                or None,
            }
            decorated = objects.with_metadata(parent, **wanted)
            if decorated["metadata"] != metadata:
                self._store.update(decorated)
        except (ConflictError, NotFoundError):
            return

    def _ask(self, path: str, body: JsonObject) -> JsonObject:
        seconds = self._agenda.clock.seconds
        try:
            answer = ask(self._hooks, path, body)
        except HookError as failure:
            self.exchanges.append(Exchange(seconds, path, body, None, str(failure)))
            raise
        self.exchanges.append(Exchange(seconds, path, body, answer))
        return answer

    def _owners(self, controller: Controller, change: Change) -> Iterator[Ref]:
        """Return the parents of a child that changed: owner before, owner after, adopter."""
        for child in (change.old, change.new):
            if child is None:
                continue
            owner = objects.controller_of(child)
            namespace = child["metadata"].get("namespace", "")
            if owner is not None:
                kind = f"{owner['kind']}.{owner['apiVersion']}"
                if kind == controller.parent.key:
                    scope = namespace if controller.parent.namespaced else ""
                    yield from self._known(Ref(kind, scope, owner["name"]), owner["uid"])
            elif controller.style is Style.COMPOSITE:
                uid = objects.labels_of(child).get(children.CONTROLLER_UID)
                if uid is None or (controller.parent.namespaced and not namespace):
                    continue
                for parent in self._store.list_of(controller.parent.key, namespace):
                    if objects.uid_of(parent) == uid:
                        yield objects.ref_of(parent)

    def _known(self, ref: Ref, uid: str) -> Iterator[Ref]:
        parent = self._store.get(ref)
        if parent is not None and objects.uid_of(parent) == uid:
            yield ref


def _is_ignored(controller: Controller, change: Change) -> bool:
    """
    Tell whether ignoreStatusChanges drops an update of a parent.

    It does if generation, labels and annotations are equal and the parent is not going away.
    """
    if not controller.ignore_status_changes or change.old is None or change.new is None:
        return False
    if objects.is_terminating(change.new):
        return False
    fields = ("generation", "labels", "annotations")
    old, new = change.old["metadata"], change.new["metadata"]
    return all(old.get(field) == new.get(field) for field in fields)
