"""What a change of a field does to what runs: restarts it, makes it anew, or neither."""

from enum import StrEnum

from composite import names
from composite.models import JsonObject
from composite.simulate import apply, objects
from composite.simulate.admission import STATEFULSET_MUTABLE


class Effect(StrEnum):
    """What a change does to what runs, the worst first."""

    REFUSED = "refused"
    RECREATED = "recreated"
    ROLLED = "rolled"
    DISTURBED = "disturbed"
    UPDATED = "updated"
    DEFERRED = "deferred"


# What a field does that can be changed in place.
REACHES_PODS = {"spec.template": Effect.ROLLED, "spec.replicas": Effect.DISTURBED}
REACHES = {
    names.DEPLOYMENTS: REACHES_PODS,
    names.STATEFULSETS: REACHES_PODS,
    names.SERVICES: dict.fromkeys(("spec.selector", "spec.ports", "spec.type"), Effect.DISTURBED),
}
ADDRESS_FOR_LIFE = ("spec.clusterIP", "spec.clusterIPs")


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
