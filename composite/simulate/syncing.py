"""
One controller: which parents a change concerns, and what a sync of one does.

Written from Metacontroller v4.17.2, pkg/controller/composite/controller.go and
pkg/controller/decorator/controller.go. The program itself is the judge wherever the two differ.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from composite.models import JsonObject
from composite.simulate import children, objects
from composite.simulate.appliers import Applier
from composite.simulate.clock import Seconds
from composite.simulate.controllers import Controller, Style
from composite.simulate.errors import (
    ConflictError,
    NotFoundError,
    SyncError,
    TooManyRequestsError,
    during,
    together,
)
from composite.simulate.hooks import Answer, read_answer
from composite.simulate.objects import Kind, Ref
from composite.simulate.related import Related
from composite.simulate.store import Change, Store, rewrite

# client-go's default back-off of one key: 5 ms, doubling, at most 1000 s.
FIRST_RETRY_SECONDS = 0.005
LAST_RETRY_SECONDS = 1000.0


class Key(NamedTuple):
    """One parent of one controller: what is synced."""

    controller: str
    parent: Ref

    def __str__(self) -> str:
        return f"{self.parent} for {self.controller}"


class Backoff:
    """How long each key waits after it has failed so often in a row."""

    def __init__(self) -> None:
        self._failures: dict[Key, int] = {}

    def after(self, key: Key, failure: SyncError) -> float:
        """Return how long to wait after one more failure, in seconds."""
        if isinstance(failure, TooManyRequestsError):
            return failure.after_seconds
        count = self._failures[key] = self._failures.get(key, 0) + 1
        return min(FIRST_RETRY_SECONDS * 2.0 ** min(count - 1, 64), LAST_RETRY_SECONDS)

    def forget(self, key: Key) -> None:
        """Begin anew with a key: it did not fail, or is gone."""
        self._failures.pop(key, None)


class Syncer:
    """
    One controller at work, apart from when it works.

    Args:
        controller: What it was told.
        store: Where the objects are.
        applier: How children become what is wanted.
        clock: When answers of the customize hook are forgotten.
        ask: Asks a hook, by its path.
        watch: Has the objects of a kind known from now on; NotSyncedError if they are not yet.

    """

    def __init__(
        self,
        controller: Controller,
        store: Store,
        *,
        applier: Applier,
        clock: Seconds,
        ask: Callable[[str, JsonObject], JsonObject],
        watch: Callable[[Kind], None],
    ) -> None:
        self.controller = controller
        self._store = store
        self._applier = applier
        self._ask = ask
        self._related = Related(controller, store, clock, ask, watch)

    def parents(self) -> Iterator[Ref]:
        """Return every parent there is, as after a restart or a resyncPeriodSeconds."""
        for parent in self._store.list_of(self.controller.parent.key):
            if self.controller.cares_for(parent):
                yield objects.ref_of(parent)

    def notice(self, change: Change) -> Iterator[Ref]:
        """Return the parents that have to be synced because of a change."""
        kind = objects.kind_key(change.obj)
        if kind == self.controller.parent.key:
            if self.controller.cares_for(change.obj) and not self._is_ignored(change):
                yield objects.ref_of(change.obj)
        elif kind in self.controller.child_kinds:
            yield from self._owners(change)
        yield from self._related.parents(change)

    def sync(self, parent: JsonObject, heard: Callable[[Answer], None]) -> None:
        """
        Ask the sync hook about one parent and do what it says.

        There is no finalize hook: a parent that is going away is synced as any other, but of the
        answer only the status is used.

        Args:
            parent: As it was last heard of.
            heard: Told the answer, whatever comes of it.

        Raises:
            MetacontrollerCrash: A child in the answer is null.
            SyncError: A hook or a write failed. The status is written even if a child was not.

        """
        controller, store = self.controller, self._store
        if not controller.cares_for(parent):
            return
        parent = self._without_finalizer(parent)
        observed = children.observed_children(controller, parent, store)
        answer = self._answer(parent, observed)
        heard(answer)
        desired = children.desired_children(controller, parent, answer.children)
        composite = controller.style is Style.COMPOSITE
        if not composite and not self._write_decorations(parent, answer):
            return
        failures: list[SyncError] = []
        if not objects.is_terminating(parent):
            failures = children.manage(controller, parent, observed, desired, store, self._applier)
        if composite and not self._write_status(parent, answer.status or {}):
            return
        if failures:
            with during(f"can't reconcile children for {_named(parent)}"):
                raise together(failures)

    def question(self, parent: JsonObject, observed: children.ObjectsByKind) -> JsonObject:
        """
        Return what the sync hook is asked about a parent.

        Raises:
            HookError: The customize hook failed, or a rule cannot be followed.
            NotSyncedError: The objects of a kind are not known yet.

        """
        controller = self.controller
        composite = controller.style is Style.COMPOSITE
        return {
            "controller": controller.to_json(),
            "parent" if composite else "object": parent,
            "children" if composite else "attachments": {
                kind: dict(sorted(observed[kind].items())) for kind in controller.child_kinds
            },
            "related": self._related.of(parent),
            "finalizing": False,
        }

    def _answer(self, parent: JsonObject, observed: children.ObjectsByKind) -> Answer:
        """Return what the sync hook says about a parent."""
        controller = self.controller
        composite = controller.style is Style.COMPOSITE
        body = self.question(parent, observed)
        place = f"sync hook failed for {_named(parent)}: " if composite else ""
        with during(f"{place}sync hook failed (version=v2)"):
            answer = self._ask(controller.sync_path, body)
            return read_answer(controller.style, answer)

    def _without_finalizer(self, parent: JsonObject) -> JsonObject:
        """Take away the finalizer of an earlier version of the controller."""
        finalizer = self.controller.finalizer
        if finalizer not in (parent["metadata"].get("finalizers") or ()):
            return parent

        def without(current: JsonObject) -> JsonObject | None:
            held = current["metadata"].get("finalizers") or []
            left = [item for item in held if item != finalizer]
            return None if left == held else objects.with_metadata(current, finalizers=left or None)

        with during(f"can't sync finalizer for {_named(parent)}"):
            return rewrite(self._store, parent, without, self._store.update)

    def _write_status(self, parent: JsonObject, status: JsonObject) -> bool:
        """
        Replace a composite's status whole; what the hook left out is gone.

        observedGeneration is forced to the generation that the hook saw. The parent is read again
        first, and a difference is the only reason to write. Tell whether it is still there.
        """
        generation = parent["metadata"].get("generation", 0)
        wanted = {**status, "observedGeneration": generation}

        def reporting(current: JsonObject) -> JsonObject | None:
            if objects.same(current.get("status"), wanted):
                return None
            return {**current, "status": wanted}

        try:
            with during(f"can't update status for {_named(parent)}"):
                rewrite(self._store, parent, reporting, self._store.update_status)
        except (ConflictError, NotFoundError):
            return False
        return True

    def _write_decorations(self, parent: JsonObject, answer: Answer) -> bool:
        """
        Write labels, annotations and status of a decorated object; a null status leaves it.

        Tell whether it is still as it was heard of; if not, the next event tells what it is.
        """
        metadata = parent["metadata"]
        wanted = {
            field: objects.merge_patch(metadata.get(field), patch) or None
            for field, patch in (("labels", answer.labels), ("annotations", answer.annotations))
        }
        decorated = objects.with_metadata(parent, **wanted)
        reports = answer.status is not None and not objects.same(
            answer.status, objects.status_of(parent)
        )
        if not reports and decorated["metadata"] == metadata:
            return True
        try:
            if reports:
                decorated = {**decorated, "status": answer.status}
                if self.controller.parent.status:
                    written = self._store.update_status(decorated)
                    version = written["metadata"]["resourceVersion"]
                    decorated = objects.with_metadata(decorated, resourceVersion=version)
            self._store.update(decorated)
        except (ConflictError, NotFoundError):
            return False
        return True

    def _owners(self, change: Change) -> Iterator[Ref]:
        """Return the parent of a child that changed, or those that may adopt an orphan."""
        child = change.obj
        namespace = child["metadata"].get("namespace", "")
        parent = self.controller.parent
        owner = objects.controller_of(child)
        if owner is not None:
            group = owner["apiVersion"].rpartition("/")[0]
            if (group, owner["kind"]) == (parent.group, parent.kind):
                yield from self._known(owner, namespace if parent.namespaced else "")
        elif self.controller.style is Style.COMPOSITE and not _is_going(change):
            uid = objects.labels_of(child).get(children.CONTROLLER_UID)
            if uid is None or (parent.namespaced and not namespace):
                return
            for candidate in self._store.list_of(
                parent.key, namespace if parent.namespaced else ""
            ):
                if objects.uid_of(candidate) == uid and self.controller.cares_for(candidate):
                    yield objects.ref_of(candidate)

    def _known(self, owner: JsonObject, namespace: str) -> Iterator[Ref]:
        ref = Ref(self.controller.parent.key, namespace, owner["name"])
        parent = self._store.get(ref)
        if parent is None or objects.uid_of(parent) != owner["uid"]:
            return
        if self.controller.cares_for(parent):
            yield ref

    def _is_ignored(self, change: Change) -> bool:
        """
        Tell whether ignoreStatusChanges drops an update of a parent.

        It does if generation, labels and annotations are equal and the parent is not going away.
        """
        if change.old is None or change.new is None or not self.controller.ignore_status_changes:
            return False
        if objects.is_terminating(change.new):
            return False
        fields = ("generation", "labels", "annotations")
        old, new = change.old["metadata"], change.new["metadata"]
        return all(old.get(field) == new.get(field) for field in fields)


def _is_going(change: Change) -> bool:
    return change.new is None or objects.is_terminating(change.new)


def _named(obj: JsonObject) -> str:
    """Return an object as Metacontroller's messages name it."""
    metadata = obj["metadata"]
    return f"{obj['kind']} {metadata.get('namespace', '')}/{metadata['name']}"
