"""An API server in memory: the store of the embedded cluster."""

from collections.abc import Sequence
from typing import Literal

from composite import names
from composite.models import JsonObject
from composite.simulate import admission, objects
from composite.simulate.clock import Clock
from composite.simulate.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from composite.simulate.index import Indexed, on_node
from composite.simulate.objects import Ref, is_terminating, kind_key, kind_of, ref_of
from composite.simulate.store import Change


class MemoryStore(Indexed):
    """
    An API server in memory: same calls, same bytes.

    Names, addresses and uids come from counters and hashes; times from the virtual clock. A write
    that would change nothing is not one: it gives no new resourceVersion and no event. ``manager``
    is who writes next (the field manager).
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.manager = "user"
        self.idle_writes: list[tuple[str, Ref]] = []
        self._clock = clock
        self._changes: list[Change] = []
        self._forgotten = 0
        self._version = 0
        self._last_address = 99
        self._births: dict[Ref, int] = {}

    def pods_on(self, node: str) -> list[JsonObject]:
        """Return the Pods of a Node, or those of none: the field selector ``spec.nodeName``."""
        return self._index.having(names.PODS, on_node(node))

    def read(self, ref: Ref) -> JsonObject | None:
        """Return one object, or None: here nothing is ever out of date."""
        return self.get(ref)

    def everything(self) -> list[JsonObject]:
        """Return all objects, by kind and name."""
        return [obj for kind in self._index.kinds for obj in self.list_of(kind)]

    def create(self, obj: JsonObject) -> JsonObject:
        """Create an object, without a status."""
        new = self._placed(obj)
        ref = ref_of(new)
        if self.get(ref) is not None:
            raise AlreadyExistsError(f'{kind_of(new).plural} "{ref.name}" already exists')
        self._require_namespace(ref)
        kind = kind_of(new)
        born = self._births.get(ref, 0) + 1
        parts = (ref.kind, ref.namespace, ref.name) + ((str(born),) if born > 1 else ())
        metadata = {
            **{key: value for key, value in new["metadata"].items() if value is not None},
            "uid": new["metadata"].get("uid") or objects.derived_uid(*parts),
            "creationTimestamp": self._clock.stamp,
            **({"generation": 1} if kind.generation else {}),
        }
        if kind.status:
            new = {key: value for key, value in new.items() if key != "status"}
        admitted = admission.admitted({**new, "metadata": metadata})
        admission.require_valid(admitted)
        self._births[ref] = born
        return self._write(None, self._with_address(admitted))

    def restore(self, obj: JsonObject) -> JsonObject:
        """
        Put an object as another API server has it, with its status, its uid and its times.

        Raises:
            AlreadyExistsError: There is one already.

        """
        new = self._placed(obj)
        ref = ref_of(new)
        if self.get(ref) is not None:
            raise AlreadyExistsError(f'{kind_of(new).plural} "{ref.name}" already exists')
        given = {
            "uid": objects.derived_uid(ref.kind, ref.namespace, ref.name),
            "creationTimestamp": self._clock.stamp,
            **({"generation": 1} if kind_of(new).generation else {}),
        }
        self._births[ref] = 1
        return self._write(None, {**new, "metadata": {**given, **new["metadata"]}})

    def update(self, obj: JsonObject) -> JsonObject:
        """Replace all of an object but its status."""
        new = self._placed(obj)
        old = self._current(new)
        metadata = {
            **{k: v for k, v in new["metadata"].items() if k not in SYSTEM_METADATA},
            **_system_metadata(old),
        }
        merged = {**new, "metadata": _without_empty(metadata), "status": old.get("status")}
        if merged["status"] is None:
            del merged["status"]
        merged = self._with_address(admission.admitted(merged), old)
        if merged == old:
            self.idle_writes.append((self.manager, ref_of(old)))
            return old
        admission.require_valid(merged)
        admission.require_allowed_change(old, merged)
        if kind_of(old).generation and _wanted(merged) != _wanted(old):
            generation = old["metadata"]["generation"] + 1
            merged = objects.with_metadata(merged, generation=generation)
        if is_terminating(merged) and not _held(merged):
            return self._remove(old)
        return self._write(old, merged)

    def update_status(self, obj: JsonObject) -> JsonObject:
        """Replace the status of an object and nothing else."""
        old = self._current(self._placed(obj))
        status = obj.get("status") or {}
        if status == objects.status_of(old):
            self.idle_writes.append((self.manager, ref_of(old)))
            return old
        return self._write(old, {**old, "status": status})

    def delete(self, ref: Ref, uid: str | None = None) -> None:
        """Delete an object; one with finalizers only starts to go away."""
        old = self.get(ref)
        if old is None:
            raise NotFoundError(f"{ref} not found")
        if uid is not None and objects.uid_of(old) != uid:
            raise ConflictError(f"{ref} has another uid by now")
        if not _held(old):
            self._remove(old)
        elif not is_terminating(old):
            new = objects.with_metadata(old, deletionTimestamp=self._clock.stamp)
            if kind_of(old).generation:
                generation = old["metadata"]["generation"] + 1
                new = objects.with_metadata(new, generation=generation)
            if ref.kind == objects.NAMESPACES:
                new = {**new, "status": {**objects.status_of(old), "phase": "Terminating"}}
            self._write(old, new)

    def changes(self, after: int) -> Sequence[Change]:
        """Return every change whose number is above ``after``, as far as it is remembered."""
        return self._changes[max(after - self._forgotten, 0) :]

    def forget_changes(self) -> None:
        """Remember none of the changes so far: of a long play they take most of the memory."""
        self._forgotten = self.last_change
        self._changes = []

    @property
    def last_change(self) -> int:
        """The number of the last change, 0 before the first."""
        return self._forgotten + len(self._changes)

    def _placed(self, obj: JsonObject) -> JsonObject:
        """Put the object where its kind belongs; a namespace on a cluster-scoped one is dropped."""
        if not obj.get("kind") or not obj.get("apiVersion"):
            raise InvalidError("Object 'Kind' or 'apiVersion' is missing")
        metadata = obj.get("metadata") or {}
        if not metadata.get("name"):
            raise InvalidError(f"{obj['kind']}: metadata.name: Required value")
        if not kind_of(obj).namespaced:
            return objects.with_metadata(obj, namespace=None)
        return objects.with_metadata(obj, namespace=metadata.get("namespace") or "default")

    def _require_namespace(self, ref: Ref) -> None:
        if not ref.namespace:
            return
        namespace = self.get(Ref(objects.NAMESPACES, "", ref.namespace))
        if namespace is None:
            raise NotFoundError(f'namespaces "{ref.namespace}" not found')
        if is_terminating(namespace):
            raise ForbiddenError(
                f"{ref} is forbidden: unable to create new content in namespace {ref.namespace} "
                "because it is being terminated"
            )

    def _current(self, obj: JsonObject) -> JsonObject:
        ref = ref_of(obj)
        old = self.get(ref)
        if old is None:
            raise NotFoundError(f"{ref} not found")
        for field in ("uid", "resourceVersion"):
            sent = obj["metadata"].get(field)
            if sent is not None and sent != old["metadata"][field]:
                raise ConflictError(
                    f"{ref}: the object has been modified; please apply your changes to the "
                    f"latest version ({field})"
                )
        return old

    def _with_address(self, obj: JsonObject, old: JsonObject | None = None) -> JsonObject:
        """Return a Service with its address, which it keeps for life."""
        if kind_key(obj) != objects.SERVICE.key:
            return obj
        if old is not None:
            return {**obj, "spec": {**obj["spec"], "clusterIP": old["spec"]["clusterIP"]}}
        if obj["spec"].get("clusterIP"):
            return obj
        self._last_address += 1
        address = f"10.0.{self._last_address // 256}.{self._last_address % 256}"
        return {**obj, "spec": {**obj["spec"], "clusterIP": address}}

    def _write(self, old: JsonObject | None, new: JsonObject) -> JsonObject:
        self._version += 1
        new = objects.with_metadata(new, resourceVersion=str(self._version))
        self._index.put(new)
        self._log(old, new)
        return new

    def _remove(self, old: JsonObject) -> JsonObject:
        self._version += 1
        self._index.drop(ref_of(old))
        self._log(old, None)
        return old

    def _log(self, old: JsonObject | None, new: JsonObject | None) -> None:
        kind: Literal["ADDED", "MODIFIED", "DELETED"] = "MODIFIED"
        if old is None:
            kind = "ADDED"
        elif new is None:
            kind = "DELETED"
        self._changes.append(Change(self.last_change + 1, kind, old, new, self.manager))


# Only the API server writes these.
SYSTEM_METADATA = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
)


def _system_metadata(obj: JsonObject) -> JsonObject:
    metadata = obj["metadata"]
    return {key: metadata[key] for key in SYSTEM_METADATA if key in metadata}


def _without_empty(metadata: JsonObject) -> JsonObject:
    return {key: value for key, value in metadata.items() if value not in ({}, [])}


def _wanted(obj: JsonObject) -> JsonObject:
    """Return what is counted in metadata.generation."""
    return {key: value for key, value in obj.items() if key not in {"metadata", "status"}}


def _held(obj: JsonObject) -> bool:
    """Tell whether a finalizer keeps a deleted object from going."""
    if obj["metadata"].get("finalizers"):
        return True
    return kind_key(obj) == objects.NAMESPACES and bool(obj["spec"].get("finalizers"))
