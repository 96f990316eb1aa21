"""What of an object a plan depends on, so that no heartbeat or counter makes it another one."""

from collections.abc import Mapping

from composite import names
from composite.models import JsonObject
from composite.preview.client_apply import NOTE
from composite.simulate import objects
from composite.simulate.apply import LAST_APPLIED

# What of the status decides anything, by kind; of conditions, whether they hold.
STATUS: Mapping[str, tuple[str, ...]] = {
    names.WORKSPACES: ("machines", "workerNodes", "tuning"),
    names.MACHINES: ("nodeName",),
    names.NODECLAIMS: ("nodeName",),
    names.PODS: ("phase",),
    names.DEPLOYMENTS: ("replicas", "readyReplicas"),
    names.STATEFULSETS: ("replicas", "readyReplicas"),
    names.JOBS: ("active", "failed", "succeeded"),
}
CONDITIONS: Mapping[str, tuple[str, ...]] = {
    names.WORKSPACES: ("Accepted",),
    names.MACHINES: ("MachineLaunched", "MachineRegistered", "MachineInitialized", "Ready"),
    names.NODECLAIMS: ("Launched", "Registered", "Initialized", "Ready"),
    names.NODES: ("Ready",),
    names.PODS: ("PodScheduled", "Ready"),
    names.JOBS: ("Complete", "Failed"),
}
# Of Nodes others write many annotations, and new ones every few seconds.
READ_PREFIXES = (f"{names.GROUP}/", "workspace.kaito.io/", LAST_APPLIED, NOTE)


def lasting(obj: JsonObject) -> JsonObject:
    """Return an object with its identity, what is wanted of it, and what is read of its status."""
    kind, metadata, status = objects.kind_key(obj), obj["metadata"], objects.status_of(obj)
    annotations = metadata.get("annotations") or {}
    kept = {
        "name": metadata["name"],
        "namespace": metadata.get("namespace"),
        "uid": metadata.get("uid"),
        "labels": metadata.get("labels") or {},
        "annotations": {k: v for k, v in annotations.items() if k.startswith(READ_PREFIXES)},
        "ownerReferences": metadata.get("ownerReferences") or [],
        "leaving": objects.is_terminating(obj),
    }
    told = {key: status.get(key) for key in STATUS.get(kind, ())}
    for name in CONDITIONS.get(kind, ()):
        told[name] = (objects.condition_of(obj, name) or {}).get("status")
    wanted = {key: value for key, value in obj.items() if key not in {"metadata", "status"}}
    if kind == names.NODES:
        spec = objects.spec_of(obj)
        wanted["spec"] = {key: spec.get(key) for key in ("taints", "unschedulable")}
        told["gpus"] = {k: v for k, v in (status.get("allocatable") or {}).items() if "gpu" in k}
    return {**wanted, "metadata": kept, "status": told}
