"""
Kubernetes objects as plain JSON: kinds, references, conditions, copies and patches.

An object that is in a store is never edited in place. Whoever wants it different builds another
one that shares the unchanged parts, so reading costs nothing and a recorded request keeps.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from composite import names
from composite.models import JsonObject

NAMESPACES = "Namespace.v1"


class Kind(NamedTuple):
    """
    What has to be known of a kind to store it.

    ``generation``: the API server counts the changes of what is wanted in metadata.generation.
    ``status``: it has a status that only the status subresource writes.
    """

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True
    generation: bool = False
    status: bool = True

    @property
    def key(self) -> str:
        """``Kind.group/version``, as Metacontroller names it in a request."""
        return f"{self.kind}.{self.api_version}"

    @property
    def group(self) -> str:
        """The API group, empty for the core's."""
        return self.api_version.rpartition("/")[0]

    @property
    def sort_key(self) -> tuple[str, str, str]:
        """Group, version, kind: the order in which Metacontroller manages children."""
        return self.group, self.api_version.rpartition("/")[2], self.kind


WORKSPACE = Kind(names.API_VERSION, names.KIND, "workspaces", generation=True)
MACHINE = Kind(names.MACHINE_API_VERSION, "Machine", "machines", namespaced=False, generation=True)
NODECLAIM = Kind(
    names.NODECLAIM_API_VERSION, "NodeClaim", "nodeclaims", namespaced=False, generation=True
)
NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
NODE = Kind("v1", "Node", "nodes", namespaced=False)
POD = Kind("v1", "Pod", "pods")
SERVICE = Kind("v1", "Service", "services")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments", generation=True)
STATEFULSET = Kind("apps/v1", "StatefulSet", "statefulsets", generation=True)
CONTROLLER_REVISION = Kind("apps/v1", "ControllerRevision", "controllerrevisions", status=False)
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps", status=False)
JOB = Kind("batch/v1", "Job", "jobs", generation=True)

KINDS = {
    kind.key: kind
    for kind in (
        WORKSPACE,
        MACHINE,
        NODECLAIM,
        NAMESPACE,
        NODE,
        POD,
        SERVICE,
        DEPLOYMENT,
        STATEFULSET,
        CONTROLLER_REVISION,
        CONFIG_MAP,
        JOB,
        Kind("v1", "Secret", "secrets", status=False),
    )
}
RESOURCES = {(kind.api_version, kind.plural): kind for kind in KINDS.values()}


class Ref(NamedTuple):
    """Which object: ``kind`` is ``Kind.group/version``, ``namespace`` empty if it has none."""

    kind: str
    namespace: str
    name: str

    @property
    def key(self) -> str:
        """``namespace/name``, or ``name``: the inner key of a v2 hook's request."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def __str__(self) -> str:
        return f"{self.kind.partition('.')[0]} {self.key}"


def kind_key(obj: Mapping[str, Any]) -> str:
    """Return ``Kind.group/version`` of an object."""
    return f"{obj['kind']}.{obj['apiVersion']}"


def kind_of(obj: Mapping[str, Any]) -> Kind:
    """Return the kind of an object; one nobody here knows is taken for a plain namespaced one."""
    known = KINDS.get(kind_key(obj))
    return known or Kind(obj["apiVersion"], obj["kind"], f"{obj['kind'].lower()}s")


def ref_of(obj: Mapping[str, Any]) -> Ref:
    """Return where an object is found."""
    metadata = obj["metadata"]
    return Ref(kind_key(obj), metadata.get("namespace", ""), metadata["name"])


def namespace_of(obj: Mapping[str, Any]) -> str:
    """Return where an object of a namespaced kind is put, or would be if it could be read."""
    metadata = obj.get("metadata")
    return str((metadata.get("namespace") if isinstance(metadata, dict) else None) or "default")


def labels_of(obj: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels, of which there may be none."""
    return obj["metadata"].get("labels") or {}


def uid_of(obj: Mapping[str, Any]) -> str:
    """Return the uid of a stored object."""
    return str(obj["metadata"]["uid"])


def is_terminating(obj: Mapping[str, Any]) -> bool:
    """Tell whether the object has been deleted and only a finalizer holds it."""
    return "deletionTimestamp" in obj["metadata"]


def spec_of(obj: Mapping[str, Any]) -> JsonObject:
    """Return the spec; a Node that was given may have none."""
    return obj.get("spec") or {}


def status_of(obj: Mapping[str, Any]) -> JsonObject:
    """Return the status, of which there may be none."""
    return obj.get("status") or {}


def with_metadata(obj: JsonObject, **fields: Any) -> JsonObject:  # noqa: ANN401  (JSON)
    """Return the object with other metadata fields; ``None`` takes a field away."""
    metadata = {**obj["metadata"], **fields}
    return {**obj, "metadata": {key: value for key, value in metadata.items() if value is not None}}


def controller_of(obj: Mapping[str, Any]) -> JsonObject | None:
    """Return the one owner reference that says ``controller: true``."""
    owners: Iterable[JsonObject] = obj["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def same(one: Any, other: Any) -> bool:  # noqa: ANN401  (JSON)
    """Compare JSON as Go does: 1, 1.0 and true are three different values."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if type(one) is dict:
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if type(one) is list:
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def owner_reference(owner: Mapping[str, Any], *, controller: bool = True) -> JsonObject:
    """Return the reference that makes ``owner`` the owner."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": controller,
        "blockOwnerDeletion": True,
    }


def condition_of(obj: Mapping[str, Any], kind: str) -> JsonObject | None:
    """Return one condition of the status by its type."""
    conditions: Iterable[JsonObject] = status_of(obj).get("conditions") or ()
    return next((item for item in conditions if item.get("type") == kind), None)


def is_true(obj: Mapping[str, Any], kind: str) -> bool:
    """Tell whether a condition is there and True."""
    condition = condition_of(obj, kind)
    return condition is not None and condition["status"] == "True"


def with_conditions(
    known: Iterable[JsonObject], now: str, *conditions: JsonObject
) -> list[JsonObject]:
    """Return the conditions with some of them replaced; a time changes only with its status."""
    result = {item["type"]: item for item in known}
    for condition in conditions:
        before = result.get(condition["type"])
        unchanged = before is not None and before["status"] == condition["status"]
        since = before["lastTransitionTime"] if before is not None and unchanged else now
        result[condition["type"]] = {**condition, "lastTransitionTime": since}
    return list(result.values())


def clone(value: Any) -> Any:  # noqa: ANN401  (JSON in, JSON out)
    """Return a copy that shares nothing, as a trip over the wire gives."""
    return from_json(to_json(value))


def merge_patch(target: Any, patch: Any) -> Any:  # noqa: ANN401  (JSON in, JSON out)
    """
    Return ``target`` with a JSON merge patch applied.

    Source: https://www.rfc-editor.org/rfc/rfc7386
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def canonical_json(value: Any) -> str:  # noqa: ANN401  (JSON)
    """Return JSON as Go writes a map: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def short_hash(value: Any, length: int = 10) -> str:  # noqa: ANN401  (JSON)
    """Return a name part that stands for a value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


def derived_uid(*parts: str) -> str:
    """Return a uid that is always the same for the same parts, in the shape of a UUID."""
    digest = hashlib.sha256("/".join(parts).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
