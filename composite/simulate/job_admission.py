"""
What the API server does to a Job on its way in.

Sources: pkg/apis/batch/v1/defaults.go, pkg/registry/batch/job/strategy.go and
pkg/apis/batch/validation of Kubernetes v1.33.
"""

from collections.abc import Iterator

from composite.models import JsonObject
from composite.simulate.objects import uid_of

MAX_LABEL = 63
RESTART_POLICIES = ("OnFailure", "Never")

IMMUTABLE = (
    "completions",
    "selector",
    "template",
    "completionMode",
    "podFailurePolicy",
    "backoffLimitPerIndex",
)


def with_job_defaults(job: JsonObject) -> JsonObject:
    """Return a Job with the defaults of its spec, and with the labels its Pods are found by."""
    uid, name, spec = uid_of(job), job["metadata"]["name"], job["spec"]
    template = spec.get("template") or {}
    metadata = template.get("metadata") or {}
    labels = {
        **(metadata.get("labels") or {}),
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    count = {"completions": 1} if "parallelism" not in spec else {}
    policy = spec.get("podFailurePolicy")
    spec = {
        "parallelism": 1,
        **count,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "podReplacementPolicy": "Failed" if policy else "TerminatingOrFailed",
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}},
        **spec,
        "template": {**template, "metadata": {**metadata, "labels": labels}},
    }
    if policy:
        rules = policy.get("rules") or ()
        spec["podFailurePolicy"] = {"rules": [_with_status(rule) for rule in rules]}
    return {**job, "spec": spec}


def _with_status(rule: JsonObject) -> JsonObject:
    wanted = rule.get("onPodConditions")
    if wanted is None:
        return rule
    return {**rule, "onPodConditions": [{"status": "True", **item} for item in wanted]}


def job_mistakes(job: JsonObject) -> Iterator[str]:
    """Return what is wrong with a Job beside its containers, in the words of the API server."""
    spec, name = job["spec"], job["metadata"]["name"]
    policy = spec["template"]["spec"].get("restartPolicy")
    where = "spec.template.spec.restartPolicy"
    if policy in {None, "Always"}:
        yield f'{where}: Required value: valid values: "OnFailure", "Never"'
    elif policy not in RESTART_POLICIES:
        yield f'{where}: Unsupported value: "{policy}": supported values: "OnFailure", "Never"'
    elif spec.get("podFailurePolicy") and policy != "Never":
        cause = 'only "Never" is supported when podFailurePolicy is specified'
        yield f'{where}: Invalid value: "{policy}": {cause}'
    if len(name) > MAX_LABEL:
        cause = f"must be no more than {MAX_LABEL} characters"
        yield f'spec.template.labels: Invalid value: "{name}": {cause}'


def container_mistakes(spec: JsonObject) -> Iterator[str]:
    """Return what is wrong with the containers of a Pod, in the words of the API server."""
    volumes = {volume["name"] for volume in spec.get("volumes") or ()}
    seen: set[str] = set()
    for field in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(field) or ()):
            where = f"spec.template.spec.{field}[{number}]"
            for required in ("name", "image"):
                if not container.get(required):
                    yield f"{where}.{required}: Required value"
            name = container.get("name", "")
            if name in seen:
                yield f'{where}.name: Duplicate value: "{name}"'
            seen.add(name)
            yield from _mount_mistakes(container, where, volumes)


def _mount_mistakes(container: JsonObject, where: str, volumes: set[str]) -> Iterator[str]:
    paths: set[str] = set()
    for number, mount in enumerate(container.get("volumeMounts") or ()):
        place = f"{where}.volumeMounts[{number}]"
        if mount["name"] not in volumes:
            yield f'{place}.name: Not found: "{mount["name"]}"'
        if mount["mountPath"] in paths:
            yield f'{place}.mountPath: Invalid value: "{mount["mountPath"]}": must be unique'
        paths.add(mount["mountPath"])


def job_change(before: JsonObject, after: JsonObject) -> str | None:
    """Return the first field of a Job's spec that was changed and cannot be."""
    changed = [field for field in IMMUTABLE if before.get(field) != after.get(field)]
    return f"spec.{changed[0]}: Invalid value: field is immutable" if changed else None
