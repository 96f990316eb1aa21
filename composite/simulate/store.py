"""
Where objects are kept: what Metacontroller needs of an API server.

It uses :class:`Store` only, so that a real API server can stand in the place of the memory that
the embedded cluster lives in.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.errors import ConflictError, NotFoundError
from composite.simulate.objects import Kind, Ref, ref_of


class Change(NamedTuple):
    """
    One event of a watch, with the object before and after it, and who made it happen.

    ``old`` is None for an object that was added, ``new`` for one that is gone.
    """

    number: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    old: JsonObject | None
    new: JsonObject | None
    manager: str

    @property
    def obj(self) -> JsonObject:
        """The object as it is, or as it was last."""
        found = self.new if self.new is not None else self.old
        assert found is not None  # noqa: S101  (there is no change of nothing)
        return found


class Store(Protocol):
    """
    An API server, as far as Metacontroller needs one.

    ``read`` asks it now, all other reading tells what was last heard of it. Objects that are
    returned must not be edited.
    """

    def kind(self, api_version: str, plural: str) -> Kind | None:
        """Return the kind behind a resource, or None if there is none."""
        ...

    def get(self, ref: Ref) -> JsonObject | None:
        """Return one object, or None."""
        ...

    def list_of(self, kind: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind (``Kind.group/version``) in the order of their names."""
        ...

    def owned_by(self, kind: str, uid: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind that have an owner for their controller."""
        ...

    def orphans(self, kind: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind that have no controller."""
        ...

    def labelled(
        self, kind: str, labels: Mapping[str, str], namespace: str = ""
    ) -> list[JsonObject]:
        """Return the objects of a kind that carry some labels, in the order of their names."""
        ...

    def follow(self, kind: str) -> Callable[[], list[Ref]]:
        """
        Return what tells, at each call, which objects may be others than at the call before.

        At the first call it tells of all there are.
        """
        ...

    def read(self, ref: Ref) -> JsonObject | None:
        """Return one object as it is at this moment, or None."""
        ...

    def create(self, obj: JsonObject) -> JsonObject:
        """
        Create an object, without a status.

        Raises:
            AlreadyExistsError: There is one of this name.
            ForbiddenError: Its namespace is going away.
            InvalidError: It is malformed.
            NotFoundError: Its namespace does not exist.

        """
        ...

    def update(self, obj: JsonObject) -> JsonObject:
        """
        Replace all of an object but its status.

        Raises:
            ConflictError: It has been changed since, or is another one by now.
            InvalidError: A field was changed that cannot be.
            NotFoundError: It is gone.

        """
        ...

    def update_status(self, obj: JsonObject) -> JsonObject:
        """
        Replace the status of an object and nothing else.

        Raises:
            ConflictError: It has been changed since, or is another one by now.
            NotFoundError: It is gone.

        """
        ...

    def delete(self, ref: Ref, uid: str | None = None) -> None:
        """
        Delete an object; one with finalizers only starts to go away. Its dependents go later.

        Raises:
            ConflictError: It is another one by now.
            NotFoundError: It is gone.

        """
        ...


class Listing(ABC):
    """What a store of the kinds that are played here tells by its lists alone."""

    @abstractmethod
    def list_of(self, kind: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind (``Kind.group/version``) in the order of their names."""

    def kind(self, api_version: str, plural: str) -> Kind | None:
        """Return the kind behind a resource, or None if there is none."""
        return objects.RESOURCES.get((api_version, plural))

    def owned_by(self, kind: str, uid: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind that have an owner for their controller."""
        return [
            obj
            for obj in self.list_of(kind, namespace)
            if (owner := objects.controller_of(obj)) is not None and owner["uid"] == uid
        ]

    def orphans(self, kind: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind that have no controller."""
        found = self.list_of(kind, namespace)
        return [obj for obj in found if objects.controller_of(obj) is None]

    def labelled(
        self, kind: str, labels: Mapping[str, str], namespace: str = ""
    ) -> list[JsonObject]:
        """Return the objects of a kind that carry some labels."""
        found = self.list_of(kind, namespace)
        return [obj for obj in found if labels.items() <= objects.labels_of(obj).items()]

    def follow(self, kind: str) -> Callable[[], list[Ref]]:
        """Return what tells, at each call, which objects may be others than at the call before."""
        known: dict[Ref, JsonObject] = {}

        def told() -> list[Ref]:
            now = {objects.ref_of(obj): obj for obj in self.list_of(kind)}
            new = [ref for ref, obj in now.items() if known.get(ref) is not obj]
            gone = [ref for ref in known if ref not in now]
            known.clear()
            known.update(now)
            return new + gone

        return told


# How often client-go writes anew what somebody else wrote meanwhile (retry.DefaultBackoff).
ATTEMPTS = 4


def rewrite(
    store: Store,
    obj: JsonObject,
    change: Callable[[JsonObject], JsonObject | None],
    write: Callable[[JsonObject], JsonObject],
) -> JsonObject:
    """
    Change an object whatever has become of it meanwhile, and return it.

    Args:
        store: Where it is.
        obj: Which object; what it says otherwise does not matter.
        change: Return another one, or None if it can stay as it is.
        write: ``store.update`` or ``store.update_status``.

    Raises:
        ConflictError: Somebody else is faster, again and again.
        NotFoundError: It is gone, or is another one by now.

    """
    ref = ref_of(obj)
    for attempt in range(ATTEMPTS):
        current = store.read(ref)
        if current is None or objects.uid_of(current) != objects.uid_of(obj):
            raise NotFoundError(f"{ref} not found")
        changed = change(current)
        if changed is None:
            return current
        try:
            return write(changed)
        except ConflictError:
            if attempt + 1 == ATTEMPTS:
                raise
    raise AssertionError  # the last attempt returns or raises
