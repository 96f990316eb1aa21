"""
What one answer of today's hooks would do to objects that an earlier version made.

Pure: observed objects and an answer in, changes out. The observed may come from the embedded
cluster or from a real one.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from composite import names
from composite.models import JsonObject
from composite.simulate import Controller, apply, objects
from composite.simulate.admission import STATEFULSET_MUTABLE
from composite.simulate.children import desired_children
from tests.upgrades.differences import ABSENT, Difference, differences

ObjectMap = Mapping[str, Mapping[str, JsonObject]]


class Effect(StrEnum):
    """What a change does to what runs, the worst first."""

    REFUSED = "refused"
    RECREATED = "recreated"
    ROLLED = "rolled"
    DISTURBED = "disturbed"
    UPDATED = "updated"
    DEFERRED = "deferred"


# What nobody may meet by upgrading, unless the changelog says so; of the first not even then.
HARMFUL = (Effect.REFUSED, Effect.RECREATED, Effect.ROLLED, Effect.DISTURBED)

# What a change does to the Workspaces that are named after it.
MEANING = {
    Effect.REFUSED: "is refused again and again, for",
    Effect.RECREATED: "deletes, or makes anew, for",
    Effect.ROLLED: "restarts",
    Effect.DISTURBED: "cuts off, or takes the readiness of,",
    Effect.UPDATED: "is written in place, and restarts nothing, for",
    Effect.DEFERRED: "reaches only what is made anew, for",
}


class Change(NamedTuple):
    """One field of one object that would hold something else, and what comes of it."""

    kind: str
    name: str
    path: str
    before: object
    after: object
    effect: Effect

    @property
    def difference(self) -> Difference:
        """The field alone."""
        return Difference(self.path, self.before, self.after)


# Made once for a Workspace: another one costs a node, or a training.
COSTLY = frozenset(
    {
        names.MACHINES,
        names.NODECLAIMS,
        names.DEPLOYMENTS,
        names.STATEFULSETS,
        names.JOBS,
    }
)
# What a field does that can be changed in place.
REACHES_PODS = {"spec.template": Effect.ROLLED, "spec.replicas": Effect.DISTURBED}
REACHES = {
    names.DEPLOYMENTS: REACHES_PODS,
    names.STATEFULSETS: REACHES_PODS,
    names.SERVICES: dict.fromkeys(("spec.selector", "spec.ports", "spec.type"), Effect.DISTURBED),
}
# Where a status says whether all is well.
CONDITIONS = "status.conditions."
ADDRESS_FOR_LIFE = ("spec.clusterIP", "spec.clusterIPs")


def changes_of_children(
    controller: Controller, parent: JsonObject, observed: ObjectMap, answer: Iterable[JsonObject]
) -> Iterator[Change]:
    """Yield what an answer would change in the children of a parent, and what it drops or adds."""
    desired = desired_children(controller, parent, answer)
    for kind in controller.child_kinds:
        there, wanted = observed.get(kind, {}), desired.get(kind, {})
        for key in sorted({**there, **wanted}):
            yield from changes_of_child(controller.method(kind), there.get(key), wanted.get(key))


def changes_of_child(
    method: str, observed: JsonObject | None, desired: JsonObject | None
) -> Iterator[Change]:
    """Yield what becomes of one child; ``method`` is how children of its kind are updated."""
    if observed is None or desired is None:
        one = observed or desired
        if one is not None:
            yield existence(one, made=observed is None)
        return
    result = apply.applied(observed, desired)
    found = [*differences(compared(observed), compared(result))]
    if not found and method != "OnDelete" and not objects.same(result, observed):
        found = [Difference("metadata.annotations", "what was applied last", "the same anew")]
    for each in found:
        yield change(observed, each, effect_on(observed, each.path, method))


def existence(obj: JsonObject, *, made: bool) -> Change:
    """Return that an object comes or goes. Whatever goes is missed; what costs is not made anew."""
    harmless = made and objects.kind_key(obj) not in COSTLY
    name = str(obj["metadata"]["name"])
    return change(
        obj,
        Difference("metadata.name", ABSENT if made else name, name if made else ABSENT),
        Effect.UPDATED if harmless else Effect.RECREATED,
    )


def change(obj: JsonObject, found: Difference, effect: Effect) -> Change:
    """Return a difference as one of an object."""
    return Change(str(obj["kind"]), str(obj["metadata"]["name"]), *found, effect)


def compared(obj: JsonObject) -> JsonObject:
    """Return an object without its status and what only the API server and Metacontroller write."""
    plain = objects.with_metadata(apply.without_note(obj), **dict.fromkeys(apply.RESTORED_METADATA))
    return {key: value for key, value in plain.items() if key != "status"}


def effect_on(obj: JsonObject, path: str, method: str) -> Effect:
    """Return what a change of a field does."""
    if method == "OnDelete":
        return Effect.DEFERRED
    if is_immutable(obj, path):
        return Effect.REFUSED
    if method == "Recreate":
        return Effect.RECREATED
    reaches = REACHES.get(objects.kind_key(obj), {})
    return next((e for field, e in reaches.items() if is_below(path, field)), Effect.UPDATED)


def is_immutable(obj: JsonObject, path: str) -> bool:
    """
    Whether the API server refuses a change of a field.

    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#label-selector-updates
    https://kubernetes.io/docs/concepts/configuration/configmap/#configmap-immutable
    """
    match objects.kind_key(obj):
        case names.DEPLOYMENTS:
            return is_below(path, "spec.selector")
        case names.STATEFULSETS:
            mutable = any(is_below(path, f"spec.{field}") for field in STATEFULSET_MUTABLE)
            return is_below(path, "spec") and not mutable
        case names.SERVICES:
            return any(is_below(path, field) for field in ADDRESS_FOR_LIFE)
        case names.REVISIONS:
            return is_below(path, "data")
        case names.CONFIGMAPS:
            fields = ("data", "binaryData", "immutable")
            return bool(obj.get("immutable")) and any(is_below(path, field) for field in fields)
        case _:
            return False


def is_below(path: str, field: str) -> bool:
    """Whether a path leads to a field or into it."""
    return path == field or path.startswith((f"{field}.", f"{field}["))


def changes_of_status(parent: JsonObject, status: JsonObject) -> Iterator[Change]:
    """Yield what an answer would change in the status of a Workspace, conditions by their type."""
    before, after = told(parent.get("status") or {}), told(status)
    for each in differences(before, after):
        yield change(parent, each, effect_on_status(each))


def told(status: JsonObject) -> JsonObject:
    """Return a status with status and message of each condition; the rest of one follows them."""
    conditions = {
        each["type"]: {"status": each["status"], "message": each.get("message", "")}
        for each in status.get("conditions") or ()
    }
    rest = {key: value for key, value in status.items() if key != "observedGeneration"}
    return {"status": {**rest, "conditions": conditions}}


def effect_on_status(found: Difference) -> Effect:
    """Return what it means that a status says something else: bad is only what is not True now."""
    condition, _, field = found.path.removeprefix(CONDITIONS).partition(".")
    if not found.path.startswith(CONDITIONS) or field == "message":
        return Effect.UPDATED
    before = found.before if field == "status" else was(found.before)
    if before != "True":
        return Effect.UPDATED
    return Effect.REFUSED if condition == "Accepted" else Effect.DISTURBED


def was(condition: object) -> object:
    """Return the status of a condition that is gone; None if it is new."""
    return condition.get("status") if isinstance(condition, dict) else None
