"""
How one child becomes what is wanted: Metacontroller's two apply strategies.

Source: pkg/controller/common/manage_children.go of Metacontroller v4.17.2.
"""

from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple, Protocol

from pydantic_core import to_json

from composite.models import JsonObject
from composite.simulate import apply, objects
from composite.simulate.controllers import Controller
from composite.simulate.errors import (
    AlreadyExistsError,
    ApiError,
    ConflictError,
    NotFoundError,
    SyncError,
)
from composite.simulate.objects import Ref
from composite.simulate.store import Store


class Applier(Protocol):
    """One of the strategies."""

    def apply(
        self,
        controller: Controller,
        parent: JsonObject,
        observed: JsonObject | None,
        desired: JsonObject,
    ) -> None:
        """
        Make one child what is wanted.

        Args:
            controller: What is said about its kind.
            parent: Whose child it is.
            observed: As it was when the sync began, or None.
            desired: As it should be.

        Raises:
            SyncError: It cannot be.

        """
        ...

    def forget(self, child: JsonObject) -> None:
        """Take note that a child is deleted."""
        ...


class DynamicApply:
    """
    The default: merge here, as ``kubectl apply`` once did, and replace the object.

    Most merges change nothing. Of those it is remembered which object met which wish, since both
    are mostly the same at the next sync.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._met: dict[Ref, tuple[JsonObject, bytes]] = {}

    def apply(
        self,
        controller: Controller,
        parent: JsonObject,
        observed: JsonObject | None,
        desired: JsonObject,
    ) -> None:
        """Make one child what is wanted; somebody else's object of its name stays as it is."""
        if observed is None:
            noted = owned(apply.with_last_applied(desired, desired), parent)
            with suppress(AlreadyExistsError):
                self._store.create(noted)
            return
        ref, wish = objects.ref_of(observed), sha256(to_json(desired)).digest()
        seen, met = self._met.get(ref, (None, b""))
        if seen is observed and met == wish:
            return
        wanted = apply.applied(observed, desired)
        if objects.same(wanted, observed):
            self._met[ref] = observed, wish
            return
        if objects.is_terminating(observed):
            return
        match controller.method(objects.kind_key(observed)):
            case "Recreate":
                delete_first(self._store, observed)
            case "InPlace":
                with suppress(ConflictError, NotFoundError):  # the next event tells
                    self._store.update(wanted)

    def forget(self, child: JsonObject) -> None:
        """Take note that a child is deleted."""
        self._met.pop(objects.ref_of(child), None)


class ApplyingStore(Store, Protocol):
    """An API server that can merge by itself."""

    def apply(self, obj: JsonObject, *, dry_run: bool = False) -> JsonObject:
        """
        Apply what one field manager wants, by force, and return what comes of it.

        Args:
            obj: Its name and every field that is wanted.
            dry_run: Only say what would come of it.

        Raises:
            ApiError: It is refused.

        """
        ...

    def remove_annotation(self, ref: Ref, annotation: str) -> None:
        """
        Take away an annotation that is there.

        Raises:
            ApiError: It is not there any more, or the object is gone.

        """
        ...


class Remembered(NamedTuple):
    """What was applied last, and what came of it."""

    wanted: str
    generation: int
    version: str
    uid: str


class ServerSideApply:
    """
    Let the API server merge, and only if there is a reason to.

    The reason is another wish, another object of the name, or another generation; for kinds without
    generation, any change. One memory serves all controllers, and is lost at a restart.
    """

    def __init__(self, store: ApplyingStore) -> None:
        self._store = store
        self._memory: dict[tuple[str, str, str, str], Remembered] = {}

    def apply(
        self,
        controller: Controller,
        parent: JsonObject,
        observed: JsonObject | None,
        desired: JsonObject,
    ) -> None:
        """Make one child what is wanted; an object of its name is taken over."""
        if observed is not None and objects.is_terminating(observed):
            return
        wanted = _sanitized(owned(desired, parent))
        wish = objects.short_hash(wanted, 32)
        if observed is not None:
            if not self._is_reason(observed, wish):
                return
            match controller.method(objects.kind_key(observed)):
                case "OnDelete":
                    self._remember(observed, wish)
                    return
                case "Recreate":
                    self._recreate(observed, wanted, wish)
                    return
                case _ if apply.LAST_APPLIED in (observed["metadata"].get("annotations") or {}):
                    try:
                        self._store.remove_annotation(objects.ref_of(observed), apply.LAST_APPLIED)
                    except NotFoundError:
                        return
        try:
            made = self._store.apply(wanted)
        except ConflictError:
            return
        self._remember(made, wish)

    def forget(self, child: JsonObject) -> None:
        """Take note that a child is deleted."""
        self._memory.pop(_place(child), None)

    def _recreate(self, observed: JsonObject, wanted: JsonObject, wish: str) -> None:
        """Delete a child that would become another one, so that the next sync makes it."""
        try:
            outcome = self._store.apply(wanted, dry_run=True)
        except ApiError as refusal:
            if refusal.code in (400, 403):
                self._remember(observed, wish)
                return
            refusal.during += "dry run failed for server-side apply: "
            raise
        before, after = observed["metadata"], outcome["metadata"]
        if (before.get("generation"), before["uid"]) != (after.get("generation"), after["uid"]):
            raise SyncError("generation or UID changed during dry run for server-side apply")
        if objects.same(_sanitized(outcome), _sanitized(observed)):
            self._remember(observed, wish)
            return
        delete_first(self._store, observed)
        self.forget(observed)

    def _is_reason(self, observed: JsonObject, wish: str) -> bool:
        known = self._memory.get(_place(observed))
        if known is None:
            return True
        seen = _remembered(observed, wish)
        if (seen.uid, seen.wanted, seen.generation) != (known.uid, known.wanted, known.generation):
            return True
        return seen.generation == 0 and seen.version != known.version

    def _remember(self, obj: JsonObject, wish: str) -> None:
        self._memory[_place(obj)] = _remembered(obj, wish)


def owned(desired: JsonObject, parent: JsonObject) -> JsonObject:
    """Return a child with its parent among its owners."""
    owners = list(desired["metadata"].get("ownerReferences") or ())
    if any(owner["uid"] == objects.uid_of(parent) for owner in owners):
        return desired
    owners.append(objects.owner_reference(parent))
    return objects.with_metadata(desired, ownerReferences=owners)


def delete_first(store: Store, observed: JsonObject) -> None:
    """Delete a child now; the next sync makes it anew."""
    with suppress(NotFoundError):
        store.delete(objects.ref_of(observed), objects.uid_of(observed))


def _sanitized(obj: JsonObject) -> JsonObject:
    """Return an object without what only the API server writes."""
    nothing = dict.fromkeys(apply.RESTORED_METADATA)
    plain = objects.with_metadata(apply.without_note(obj), **nothing)
    return {key: value for key, value in plain.items() if key != "status"}


def _place(obj: JsonObject) -> tuple[str, str, str, str]:
    group = obj["apiVersion"].rpartition("/")[0]
    ref = objects.ref_of(obj)
    return group, obj["kind"], ref.namespace, ref.name


def _remembered(obj: JsonObject, wish: str) -> Remembered:
    metadata = obj["metadata"]
    return Remembered(
        wish, metadata.get("generation", 0), metadata["resourceVersion"], metadata["uid"]
    )
