"""What is written to an object, as the user is told it: fields, effects, pods, and no secrets."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from composite import names
from composite.differences import Absent, Difference, differences
from composite.models import JsonObject
from composite.preview.api import Action, FieldChange, ObjectChange
from composite.preview.effects import Effect, compared, effect_on
from composite.preview.playing import Write
from composite.redaction import Redactor, shown_to_people
from composite.simulate import Controller, Ref, objects, selectors

WORKLOADS = (names.DEPLOYMENTS, names.STATEFULSETS, names.JOBS)
# What stops the pods of a workload, or of one that is gone.
STOPPING = (Effect.ROLLED, Effect.RECREATED)


def object_change(
    ref: Ref, write: Write, controllers: Sequence[Controller], observed: Iterable[JsonObject]
) -> ObjectChange:
    """Return a write in words; ``observed`` are the objects among which its pods are."""
    action = action_of(write)
    shown = write.after or write.before or {}
    fields = tuple(field_changes(ref, write, controllers))
    stops = action in {"removed", "recreated"} or any(each.effect in STOPPING for each in fields)
    pods = pods_of(write.before, observed) if stops and write.before else []
    return ObjectChange(
        action=action,
        apiVersion=shown["apiVersion"],
        kind=shown["kind"],
        namespace=ref.namespace,
        name=ref.name,
        about=tuple(about(shown)),
        fields=fields,
        restarts=tuple(map(name_of, filter(is_running, pods))),
        unseen=0 if pods or write.before is None or not stops else told_pods(write.before),
    )


def action_of(write: Write) -> Action:
    """Return what the writes come to."""
    if write.anew:
        return "recreated"
    if write.before is None:
        return "added"
    return "changed" if write.after is not None else "removed"


def field_changes(
    ref: Ref, write: Write, controllers: Sequence[Controller]
) -> Iterator[FieldChange]:
    """Yield the fields of an object that stays which would hold something else."""
    if write.before is None or write.after is None or write.anew:
        return
    # Equal secrets become equal words, so that what differs still does.
    redactor = Redactor()
    before, after = redactor.request([compared(write.before), compared(write.after)])
    found = [*differences(before, after)]
    if not found:  # it is written all the same
        found = [Difference("metadata.annotations", "what was applied last", "the same anew")]
    method = next((c.method(ref.kind) for c in controllers if ref.kind in c.child_kinds), "InPlace")
    for each in found:
        yield FieldChange(
            path=each.path,
            before=shown(each.before),
            after=shown(each.after),
            effect=effect_on(write.before, each.path, method),
        )


def shown(value: Any) -> Any:  # noqa: ANN401  (JSON)
    """Return a value that is redacted as it is shown; None if absent."""
    return None if isinstance(value, Absent) else shown_to_people(value)


def pods_of(workload: JsonObject, observed: Iterable[JsonObject]) -> list[JsonObject]:
    """Return the pods of a workload that are there, in whatever state, by their names."""
    if objects.kind_key(workload) not in WORKLOADS:
        return []
    selector = workload["spec"].get("selector")
    found = (
        obj
        for obj in observed
        if objects.kind_key(obj) == names.PODS
        and objects.namespace_of(obj) == objects.namespace_of(workload)
        and selector
        and selectors.matches_labels(selector, objects.labels_of(obj))
    )
    return sorted(found, key=name_of)


def name_of(obj: JsonObject) -> str:
    """Return the name of an object."""
    return str(obj["metadata"]["name"])


def is_running(pod: JsonObject) -> bool:
    """Whether a pod can be stopped: it has not ended, and nobody stops it already."""
    ended = objects.status_of(pod).get("phase") in ("Succeeded", "Failed")
    return not ended and not objects.is_terminating(pod)


def told_pods(workload: JsonObject) -> int:
    """Return how many pods a workload has by its status; the API server omits zeros."""
    if objects.kind_key(workload) not in WORKLOADS:
        return 0
    status = objects.status_of(workload)
    return max(int(status.get(key) or 0) for key in ("replicas", "readyReplicas", "active"))


def about(obj: JsonObject) -> Iterator[str]:
    """Yield what an object is, in a few words each."""
    spec = objects.spec_of(obj)
    match objects.kind_key(obj):
        case names.MACHINES | names.NODECLAIMS:
            yield instance_type_of(obj)
            requests = (spec.get("resources") or {}).get("requests") or {}
            yield from (f"disk {size}" for size in requests.values())
        case names.SERVICES:
            kind = "headless" if spec.get("clusterIP") == "None" else spec.get("type", "ClusterIP")
            ports = ", ".join(f"{p['port']}→{p.get('targetPort')}" for p in spec.get("ports") or ())
            yield kind
            yield f"port {ports}"
        case names.DEPLOYMENTS | names.STATEFULSETS:
            replicas = spec.get("replicas", 1)
            yield f"{replicas} replica" if replicas == 1 else f"{replicas} replicas"
            yield from images(spec)
        case names.JOBS:
            yield from images(spec)
        case names.REVISIONS:
            yield "what the Workspace says, to return to"
        case names.CONFIGMAPS:
            yield ", ".join(sorted(obj.get("data") or {}))


def images(spec: JsonObject) -> Iterator[str]:
    """Yield the images of a pod template, those that run before the others first."""
    pod = spec["template"]["spec"]
    containers = [*(pod.get("initContainers") or ()), *(pod.get("containers") or ())]
    yield from dict.fromkeys(f"image {container['image']}" for container in containers)


def instance_type_of(claim: JsonObject) -> str:
    """Return the instance type that a Machine or NodeClaim asks for."""
    for each in objects.spec_of(claim).get("requirements") or ():
        if each.get("key") == names.LABEL_INSTANCE_TYPE:
            return ", ".join(each.get("values") or ())
    return ""
