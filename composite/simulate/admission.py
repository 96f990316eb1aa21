"""
What the API server does to an object on its way in: defaults, canonical form, validation.

Only what a hook's author can stumble over. A manifest in another form than the canonical one
differs from the stored one for ever, and Metacontroller sends an update at each sync that changes
nothing; ``MemoryStore.idle_writes`` lists those.
"""

from typing import Any

from composite import names
from composite.models import JsonObject
from composite.quantity import canonical_quantity
from composite.simulate import objects
from composite.simulate.errors import InvalidError
from composite.simulate.job_admission import (
    container_mistakes,
    job_change,
    job_mistakes,
    with_job_defaults,
)
from composite.simulate.selectors import matches_labels

# Fields that Go leaves out when they hold their zero value, and that people like to write.
# Source: ``omitempty`` without a pointer in k8s.io/api core/v1 at v0.33.
OMITTED_ZEROS = frozenset(
    {
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "initialDelaySeconds",
        "minReadySeconds",
        "publishNotReadyAddresses",
        "readOnly",
        "stdin",
        "subPath",
        "tty",
    }
)
# Maps that Go leaves out when empty; other empty objects (``emptyDir: {}``) are a choice.
OMITTED_MAPS = frozenset(
    {"annotations", "labels", "limits", "matchLabels", "nodeSelector", "requests"}
)
QUANTITY_MAPS = frozenset({"limits", "requests"})
WORKLOADS = frozenset({names.DEPLOYMENTS, names.STATEFULSETS})
NORMALISED = WORKLOADS | {names.SERVICES}

# Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/, and
# ValidateStatefulSetUpdate in pkg/apis/apps/validation at v1.33.
STATEFULSET_MUTABLE = frozenset(
    {
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
        "revisionHistoryLimit",
    }
)


def admitted(obj: JsonObject) -> JsonObject:
    """Return the object with the defaults of its kind, in the form it is stored in."""
    kind = objects.kind_key(obj)
    if kind == names.WORKSPACES:
        return with_workspace_defaults(obj)
    if kind == objects.NAMESPACES:
        return with_namespace_defaults(obj)
    if kind == names.JOBS:
        return with_job_defaults({**obj, "spec": canonical(obj.get("spec") or {})})
    if kind in NORMALISED:
        return {**obj, "spec": canonical(obj.get("spec") or {})}
    return obj


def with_workspace_defaults(obj: JsonObject) -> JsonObject:
    """Return a Workspace with the defaults of the CRD; without ``resource`` none is added there."""
    result = dict(obj)
    if isinstance(obj.get("resource"), dict):
        result["resource"] = {
            "count": 1,
            "instanceType": "Standard_NC12s_v3",
            **obj["resource"],
        }
    for use in ("inference", "tuning"):
        wanted = obj.get(use)
        if not isinstance(wanted, dict):
            continue
        if isinstance(wanted.get("preset"), dict):
            wanted = {**wanted, "preset": {"accessMode": "public", **wanted["preset"]}}
        if isinstance(wanted.get("adapters"), list):
            adapters = [
                {"strength": "1.0", **adapter} if isinstance(adapter, dict) else adapter
                for adapter in wanted["adapters"]
            ]
            wanted = {**wanted, "adapters": adapters}
        result[use] = wanted
    return result


def with_namespace_defaults(obj: JsonObject) -> JsonObject:
    """Return a Namespace with its own label and the finalizer that its content waits for."""
    metadata = obj["metadata"]
    own = {"kubernetes.io/metadata.name": metadata["name"]}
    return {
        **obj,
        "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **own}},
        "spec": {"finalizers": ["kubernetes"], **(obj.get("spec") or {})},
        "status": {"phase": "Active", **(obj.get("status") or {})},
    }


def canonical(value: Any, key: str = "") -> Any:  # noqa: ANN401  (JSON in, JSON out)
    """Return JSON as the API server writes it back: no nulls, no empty values, plain quantities."""
    if isinstance(value, dict):
        if key in QUANTITY_MAPS:
            return {name: _quantity(amount) for name, amount in value.items()}
        fields = {name: canonical(item, name) for name, item in value.items()}
        return {name: item for name, item in fields.items() if not _omitted(name, item, fields)}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value


def _omitted(key: str, value: Any, beside: JsonObject) -> bool:  # noqa: ANN401  (JSON)
    if value is None or value == []:
        return True
    if value == "" and key == "value":
        return "name" in beside  # an environment variable, not a label that is called "value"
    return (value == {} and key in OMITTED_MAPS) or (not value and key in OMITTED_ZEROS)


def _quantity(amount: str | float) -> str:
    try:
        return canonical_quantity(amount)
    except ValueError as error:
        raise InvalidError(str(error)) from error


def require_valid(obj: JsonObject) -> None:
    """
    Refuse a workload whose Pods could not be made.

    Raises:
        InvalidError: In the words of the API server.

    """
    kind = objects.kind_key(obj)
    if kind != names.JOBS and kind not in WORKLOADS:
        return
    spec, where = obj["spec"], "spec.template"
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not spec.get("selector"):
        raise InvalidError(_invalid(obj, "spec.selector: Required value"))
    if not matches_labels(spec["selector"], labels):
        cause = "Invalid value: `selector` does not match template `labels`"
        raise InvalidError(_invalid(obj, f"{where}.metadata.labels: {cause}"))
    pod = template.get("spec") or {}
    if not pod.get("containers"):
        raise InvalidError(_invalid(obj, f"{where}.spec.containers: Required value"))
    mistakes = [*container_mistakes(pod), *(job_mistakes(obj) if kind == names.JOBS else ())]
    if mistakes:
        raise InvalidError(_invalid(obj, mistakes[0]))


def require_allowed_change(old: JsonObject, new: JsonObject) -> None:
    """
    Refuse a change of what cannot be changed.

    Raises:
        InvalidError: In the words of the API server.

    """
    kind = objects.kind_key(old)
    before, after = old.get("spec") or {}, new.get("spec") or {}
    field: str | None = None
    if kind == names.DEPLOYMENTS and before.get("selector") != after.get("selector"):
        field = "spec.selector: Invalid value: field is immutable"
    elif kind == names.STATEFULSETS and _fixed(before) != _fixed(after):
        mutable = ", ".join(f"'{name}'" for name in sorted(STATEFULSET_MUTABLE))
        field = (
            f"spec: Forbidden: updates to statefulset spec for fields other than {mutable} "
            "are forbidden"
        )
    elif kind == names.JOBS:
        field = job_change(before, after)
    elif kind == names.REVISIONS and old.get("data") != new.get("data"):
        field = "data: Invalid value: field is immutable"
    elif kind == names.NODECLAIMS and before != after:
        field = "spec: Invalid value: spec is immutable"
    if field is not None:
        raise InvalidError(_invalid(old, field))


def _invalid(obj: JsonObject, cause: str) -> str:
    return f'{obj["kind"]} "{obj["metadata"]["name"]}" is invalid: {cause}'


def _fixed(spec: JsonObject) -> JsonObject:
    return {key: value for key, value in spec.items() if key not in STATEFULSET_MUTABLE}
