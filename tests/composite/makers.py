"""
Small makers of what a hook is asked; each states only what matters to a test.

Everything is JSON as Metacontroller sends it. The defaults together are one Workspace, ``phi``,
that serves phi-3-mini on one Standard_NC6s_v3, and a world in which nothing exists yet. With
``a_tuner`` it is one that tunes the same model on one Standard_NC24ads_A100_v4.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from composite import machines, workspace
from composite.catalog import (
    Catalog,
    Cloud,
    NodeClass,
    Provisioner,
    Provisioning,
    Runtime,
    Weights,
)
from composite.models import JsonObject
from composite.workspace.api import Workspace, WorkspaceSpec
from composite.workspace.observe import Seen, observe
from composite.workspace.related import machine_name
from composite.workspace.rules import read_spec

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
EARLIER = "2026-01-01T11:00:00Z"
UID = "3f0c2b5e-6f5a-4c55-9b0e-1f6c2d7a9e01"
LABELS = {"apps": "phi-3"}
TYPE = "Standard_NC6s_v3"
RUNTIME = "registry.example/runtime:1"
TUNING_TYPE = "Standard_NC24ads_A100_v4"
UNAVAILABLE = "all requested instance types were unavailable during launch"

CHILD_KINDS = (
    "ConfigMap.v1",
    "ControllerRevision.apps/v1",
    "Deployment.apps/v1",
    "Job.batch/v1",
    "Service.v1",
    "StatefulSet.apps/v1",
)
KINDS_OF_NODES_AND_PODS = (
    "Machine.karpenter.sh/v1alpha5",
    "NodeClaim.karpenter.sh/v1",
    "Node.v1",
    "Pod.v1",
)
RELATED_KINDS = ("Machine.karpenter.sh/v1alpha5", "Node.v1", "Pod.v1")

# The steps of a training as its pod has them, one after the other; the last is the container.
STEPS = ("data-downloader", "phi", "pusher")


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- what users write ---------------------------------------------------------------------------


def a_resource(**changes: object) -> JsonObject:
    standard: JsonObject = {
        "count": 1,
        "instanceType": TYPE,
        "labelSelector": {"matchLabels": LABELS},
    }
    return without_none(standard | changes)


def a_preset(name: str = "phi-3-mini-4k-instruct", **changes: object) -> JsonObject:
    return {"preset": {"name": name, "accessMode": "public"} | changes}


def a_private_preset(name: str, image: str = "myacr.azurecr.io/model:0.0.3") -> JsonObject:
    return {"preset": {"name": name, "accessMode": "private", "presetOptions": {"image": image}}}


def an_adapter(name: str = "poems", **changes: object) -> JsonObject:
    source = {"name": name, "image": f"myacr.azurecr.io/{name}:0.0.1"}
    return {"source": source, "strength": "0.5"} | changes


def a_template(**changes: object) -> JsonObject:
    container = {"name": "server", "image": "docker.io/library/nginx:1.27"}
    return {"template": {"spec": {"containers": [container]} | changes}}


def a_tuning(**changes: object) -> JsonObject:
    standard: JsonObject = {
        "preset": {"name": "phi-3-mini-4k-instruct"},
        "method": "qlora",
        "input": {"urls": ["https://data.example/train.parquet"]},
        "output": {"image": "registry.example/adapters/phi:0.0.1", "imagePushSecret": "push"},
    }
    return without_none(standard | changes)


def a_workspace(
    name: str = "phi",
    *,
    resource: object = None,
    inference: object = None,
    tuning: object = None,
    status: JsonObject | None = None,
    **metadata: object,
) -> JsonObject:
    standard = {"name": name, "namespace": "default", "uid": UID, "generation": 1}
    return without_none(
        {
            "apiVersion": "kaito.sh/v1alpha1",
            "kind": "Workspace",
            "metadata": standard | metadata,
            "resource": a_resource() if resource is None else resource,
            "inference": a_preset() if inference is None and tuning is None else inference,
            "tuning": tuning,
            "status": status,
        }
    )


def a_tuner(name: str = "phi", *, resource: object = None, **tuning: object) -> JsonObject:
    """Return a Workspace that tunes; ``tuning`` are the fields to have instead."""
    chosen = a_resource(instanceType=TUNING_TYPE) if resource is None else resource
    return a_workspace(name, resource=chosen, tuning=a_tuning(**tuning))


def a_spec(**changes: object) -> WorkspaceSpec:
    return read_spec(a_workspace_spec(**changes))


def a_workspace_spec(**changes: object) -> JsonObject:
    standard: JsonObject = {"resource": a_resource(), "inference": a_preset()}
    return without_none(standard | changes)


# --- what others report -------------------------------------------------------------------------


def a_condition(type_: str, status: str, message: str = "", **more: object) -> JsonObject:
    """Return a condition; ``status`` is True, False or Unknown, as a text."""
    found: JsonObject = {"type": type_, "status": status, "lastTransitionTime": EARLIER}
    return found | ({"message": message} if message else {}) | more


def a_machine(
    name: str | None = None,
    *,
    node: str = "",
    steps: Iterable[tuple[str, str, str]] | None = None,
    claim: bool = False,
    **metadata: object,
) -> JsonObject:
    """
    Return a Machine (or NodeClaim): Ready on ``node``, or launching.

    ``steps`` are the conditions to have instead: step, status, message.
    """
    ready = (("Launched", "True", ""), ("Registered", "True", ""), ("Ready", "True", ""))
    launching = (("Launched", "Unknown", "launching"), ("Ready", "False", "not launched yet"))
    found = steps if steps is not None else ready if node else launching
    prefix = "" if claim else "Machine"
    conditions = [
        a_condition(step if step == "Ready" else f"{prefix}{step}", status, message)
        for step, status, message in found
    ]
    labels = {"kaito.sh/workspace": "phi", "kaito.sh/workspacenamespace": "default"}
    status: JsonObject = {"conditions": conditions} | ({"nodeName": node} if node else {})
    return {
        "apiVersion": "karpenter.sh/v1" if claim else "karpenter.sh/v1alpha5",
        "kind": "NodeClaim" if claim else "Machine",
        "metadata": {"name": name or machine_name(UID, 0, 0), "labels": labels} | metadata,
        "status": status,
    }


def a_node(  # noqa: PLR0913  (each test names the one that it is about)
    name: str = "node-1",
    *,
    gpus: int = 1,
    ready: bool | None = True,
    why: str = "",
    since: datetime | None = None,
    instance_type: str | None = TYPE,
    owner: str | None = None,
    labels: dict[str, str] | None = None,
    taints: Iterable[str] = (),
    cordoned: bool = False,
    **metadata: object,
) -> JsonObject:
    """Return a node; ``owner`` is the Workspace of ``default`` it was made for."""
    known = dict(LABELS)
    if instance_type is not None:
        known["node.kubernetes.io/instance-type"] = instance_type
    if owner is not None:
        known |= {"kaito.sh/workspace": owner, "kaito.sh/workspacenamespace": "default"}
        known |= {"kaito.sh/machine-type": "gpu"}
    spec = {"taints": [a_taint(taint) for taint in taints], "unschedulable": cordoned}
    changed = stamp(since) if since is not None else EARLIER
    status = {True: "True", False: "False", None: "Unknown"}[ready]
    condition = a_condition("Ready", status, why, lastTransitionTime=changed)
    shown = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": known | (labels or {})} | metadata,
        "spec": {key: value for key, value in spec.items() if value},
        "status": {"conditions": [condition], "capacity": shown, "allocatable": shown},
    }


def a_taint(text: str) -> JsonObject:
    """Read ``key=value:effect``."""
    pair, _, effect = text.partition(":")
    key, _, value = pair.partition("=")
    return {"key": key, "value": value, "effect": effect}


def a_pod(
    name: str = "phi-7c9d",
    *,
    waiting: JsonObject | None = None,
    terminated: JsonObject | None = None,
    last: JsonObject | None = None,
    restarts: int = 0,
    init: str = "",
    job: str = "",
    **status: object,
) -> JsonObject:
    """Return a pod whose container, or whose init container called ``init``, is in trouble."""
    state = {"waiting": waiting} if waiting else {"terminated": terminated} if terminated else {}
    container = {
        "name": init or "phi",
        "ready": False,
        "restartCount": restarts,
        "state": state or {"running": {"startedAt": EARLIER}},
        "lastState": {"terminated": last} if last else {},
    }
    kind = "initContainerStatuses" if init else "containerStatuses"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": {"kaito.sh/workspace": "phi"} | ({"job-name": job} if job else {}),
        },
        "status": {"phase": "Pending", kind: [container]} | status,
    }


def a_config(
    sections: object = None, *, name: str = "mine", data: JsonObject | None = None
) -> JsonObject:
    """Return a ConfigMap of the user's with these sections of a training configuration."""
    chosen = {"QuantizationConfig": {"load_in_4bit": True}} if sections is None else sections
    document = json.dumps({"training_config": chosen}, ensure_ascii=False)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": {"training_config.yaml": document} if data is None else data,
    }


def a_training_pod(
    doing: str = "",
    *,
    job: str = "phi",
    steps: tuple[str, ...] = STEPS,
    ended: JsonObject | None = None,
    **metadata: object,
) -> JsonObject:
    """
    Return the pod of a training that does a step, none yet, or is "done".

    ``ended`` is how the step ended, if it runs no more: exitCode, reason, message.
    """
    reached = len(steps) if doing == "done" else steps.index(doing) if doing else -1
    now = {"terminated": ended} if ended is not None else {"running": {"startedAt": EARLIER}}
    statuses = [
        {
            "name": name,
            "ready": index < reached or (index == reached and ended is None),
            "restartCount": 0,
            "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}
            if index < reached
            else now
            if index == reached
            else {"waiting": {"reason": "PodInitializing"}},
        }
        for index, name in enumerate(steps)
    ]
    running = "Running" if reached == len(steps) - 1 else "Pending"
    phase = "Failed" if ended else "Succeeded" if reached == len(steps) else running
    standard = {
        "name": f"{job}-abcde",
        "namespace": "default",
        "labels": {"kaito.sh/workspace": "phi", "batch.kubernetes.io/job-name": job},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": standard | metadata,
        "status": {
            "phase": phase,
            "initContainerStatuses": statuses[:-1],
            "containerStatuses": statuses[-1:],
        },
    }


def a_workload(desired: JsonObject, *, ready: int | None = None, **status: object) -> JsonObject:
    """Return a Deployment or StatefulSet of ours as it is once its pods are ready."""
    replicas = desired["spec"]["replicas"]
    reported = {
        "observedGeneration": 1,
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": replicas if ready is None else ready,
    }
    return {
        **desired,
        "metadata": {**desired["metadata"], "generation": 1},
        "status": reported | status,
    }


def a_revision(
    number: int, spec: JsonObject, *, name: str = "", digest: str = "", workspace: str = "phi"
) -> JsonObject:
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": name or f"{workspace}-{number:05d}",
            "namespace": "default",
            "labels": {"workspace.kaito.io/name": workspace},
            "annotations": {"workspace.kaito.io/hash": digest or f"{number:064d}"},
        },
        "revision": number,
        "data": spec,
    }


# --- what Metacontroller asks -------------------------------------------------------------------


def a_request(
    parent: JsonObject | None = None,
    *,
    children: Iterable[JsonObject] = (),
    related: Iterable[JsonObject] = (),
    kinds: Iterable[str] = RELATED_KINDS,
) -> JsonObject:
    """Return a request; ConfigMaps and Workspaces are related where the parent names one."""
    whole = a_workspace() if parent is None else parent
    named = [
        *(["ConfigMap.v1"] if '"config": ' in json.dumps(whole.get("tuning")) else []),
        *(["Workspace.kaito.sh/v1alpha1"] if '"workspace": ' in json.dumps(whole) else []),
    ]
    return {
        "parent": whole,
        "children": by_kind(CHILD_KINDS, children),
        "related": by_kind((*kinds, *named), related),
        "finalizing": False,
    }


def a_namespace_request(
    workspaces: Iterable[JsonObject] = (), attachments: Iterable[JsonObject] = ()
) -> JsonObject:
    namespace = {"name": "default", "uid": "7d1f2c9e-0b1c-4f33-8d8e-5f1a2b3c4d5e"}
    return {
        "object": {"apiVersion": "v1", "kind": "Namespace", "metadata": namespace},
        "attachments": by_kind(RELATED_KINDS[:1], attachments),
        "related": by_kind(("Workspace.kaito.sh/v1alpha1",), workspaces),
        "finalizing": False,
    }


def by_kind(kinds: Iterable[str], objects: Iterable[JsonObject]) -> dict[str, JsonObject]:
    """Sort objects as Metacontroller does: by kind, then by ``namespace/name``."""
    found: dict[str, JsonObject] = {kind: {} for kind in kinds}
    for each in objects:
        group, _, version = each["apiVersion"].rpartition("/")
        kind = f"{each['kind']}.{group}/{version}" if group else f"{each['kind']}.{version}"
        meta = each["metadata"]
        key = f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]
        found.setdefault(kind, {})[key] = each
    return found


def selected(parent: JsonObject, world: Iterable[JsonObject], catalog: Catalog) -> list[JsonObject]:
    """Return what Metacontroller would send of the world: whatever a rule of ours asks for."""
    question = workspace.CustomizeQuestion.model_validate({"parent": parent})
    rules = workspace.customize(question, catalog).to_json()["relatedResources"]
    return [each for each in world if any(asks_for(rule, each) for rule in rules)]


def asks_for(rule: JsonObject, each: JsonObject) -> bool:
    """Whether a rule means an object; by ``names``, or by ``labelSelector``."""
    meta = each["metadata"]
    wanted = rule.get("labelSelector", {}).get("matchLabels", {})
    return (
        rule["resource"] == f"{each['kind'].lower()}s"
        and meta["name"] in rule.get("names", [meta["name"]])
        and wanted.items() <= meta.get("labels", {}).items()
    )


# --- answers ------------------------------------------------------------------------------------


def synced(request: JsonObject, catalog: Catalog, now: datetime = NOW) -> JsonObject:
    return workspace.sync(workspace.Request.model_validate(request), catalog, now).to_json()


def machines_synced(request: JsonObject, catalog: Catalog, now: datetime = NOW) -> JsonObject:
    return machines.sync(machines.Request.model_validate(request), catalog, now).to_json()


def seen_by(request: JsonObject, provisioner: Provisioner = Provisioner.MACHINE) -> Seen:
    return observe(workspace.Request.model_validate(request), provisioner)


def parsed(written: JsonObject) -> Workspace:
    return Workspace.model_validate(written)


def on_existing_nodes(catalog: Catalog) -> Catalog:
    return provisioned(catalog, provisioner=Provisioner.NONE)


def on_nodeclaims(catalog: Catalog) -> Catalog:
    return provisioned(catalog, provisioner=Provisioner.NODECLAIM)


def on_aws(catalog: Catalog) -> Catalog:
    node_class = NodeClass(group="karpenter.k8s.aws", kind="EC2NodeClass")
    return provisioned(
        catalog, provisioner=Provisioner.NODECLAIM, cloud=Cloud.AWS, node_class=node_class
    )


def on_our_runtime(catalog: Catalog) -> Catalog:
    """Return a catalog whose models metakaito's runtime serves and tunes, where it can."""
    return provisioned(catalog, runtime=Runtime.METAKAITO, runtime_image=RUNTIME)


def weighing(catalog: Catalog, weights: JsonObject | None, **changes: object) -> Catalog:
    """Return a catalog in which phi-3-mini-4k-instruct has its weights from elsewhere."""
    preset = catalog.presets["phi-3-mini-4k-instruct"]
    found = None if weights is None else Weights.model_validate(weights)
    other = preset.model_copy(update={"weights": found} | changes)
    return catalog.model_copy(update={"presets": catalog.presets | {preset.name: other}})


def provisioned(catalog: Catalog, **changes: object) -> Catalog:
    provisioning = Provisioning.model_validate(catalog.provisioning.model_dump() | changes)
    return catalog.model_copy(update={"provisioning": provisioning})


def the(answer: JsonObject, kind: str, name: str = "phi") -> JsonObject:
    """Return the one child of a kind and name."""
    [found] = [c for c in answer["children"] if (c["kind"], c["metadata"]["name"]) == (kind, name)]
    return dict(found)


def kinds_of(answer: JsonObject) -> list[str]:
    return [child["kind"] for child in answer["children"]]


def condition(answer: JsonObject, type_: str) -> tuple[str, str, str]:
    """Return status, reason and message of a condition."""
    [found] = [c for c in answer["status"]["conditions"] if c["type"] == type_]
    return found["status"], found["reason"], found["message"]


def statuses(answer: JsonObject) -> dict[str, str]:
    return {c["type"]: c["status"] for c in answer["status"]["conditions"]}


def without_none(fields: JsonObject) -> JsonObject:
    return {key: value for key, value in fields.items() if value is not None}


# --- the world after an answer ------------------------------------------------------------------


def afterwards(
    request: JsonObject,
    answer: JsonObject,
    *,
    related: Iterable[JsonObject] | None = None,
    parent: JsonObject | None = None,
    ready: int | None = 0,
) -> JsonObject:
    """
    Return the request that follows once an answer has been applied.

    Children are there, the workload with ``ready`` pods (None: all); the status is stored.
    ``related`` and ``parent`` are what else changed, the fields of ``parent`` one by one.
    """
    children = [
        a_workload(child, ready=ready) if child["kind"] in ("Deployment", "StatefulSet") else child
        for child in answer["children"]
    ]
    kinds = [kind for kind in request["related"] if kind in KINDS_OF_NODES_AND_PODS]
    following = a_request(
        request["parent"] | {"status": answer["status"]} | (parent or {}),
        children=children,
        related=() if related is None else related,
        kinds=kinds,
    )
    return following if related is not None else following | {"related": request["related"]}


def serving(catalog: Catalog, parent: JsonObject | None = None, **node: Any) -> JsonObject:  # noqa: ANN401
    """Return a request about a Workspace that serves, on a node that its Machine brought."""
    first = a_request(parent)
    planned = synced(first, catalog)
    [machine] = planned["status"]["machines"]
    world = [
        a_machine(machine["name"], node="node-1"),
        a_node(**{"owner": first["parent"]["metadata"]["name"]} | node),
    ]
    made = afterwards(first, planned, related=world)
    return afterwards(made, synced(made, catalog), ready=None)


def training(
    catalog: Catalog,
    parent: JsonObject | None = None,
    *,
    world: Iterable[JsonObject] = (),
    **node: Any,  # noqa: ANN401
) -> JsonObject:
    """
    Return a request about a Workspace whose Job has just been made, on a node of its own.

    ``world`` is what else there is: the user's ConfigMap, for one.
    """
    first = a_request(a_tuner() if parent is None else parent, related=world)
    planned = synced(first, catalog)
    [machine] = planned["status"]["machines"]
    standard = {
        "owner": first["parent"]["metadata"]["name"],
        "instance_type": first["parent"]["resource"]["instanceType"],
    }
    nodes = [a_machine(machine["name"], node="node-1"), a_node(**standard | node)]
    made = afterwards(first, planned, related=[*nodes, *world])
    return afterwards(made, synced(made, catalog))


def with_job(request: JsonObject, name: str = "phi", **status: object) -> JsonObject:
    """Return the request with this reported by the Job; ``done`` and ``failed`` are its ends."""
    ends = {
        "done": {"succeeded": 1, "conditions": [a_condition("Complete", "True")]},
        "failed": {
            "failed": 1,
            "conditions": [
                a_condition(
                    "Failed",
                    "True",
                    "Job has reached the specified backoff limit",
                    reason="BackoffLimitExceeded",
                )
            ],
        },
    }
    end = status.pop("end", None)
    reported = {**status, **(ends[str(end)] if end is not None else {})}
    jobs = request["children"]["Job.batch/v1"]
    job = {**jobs[f"default/{name}"], "status": reported}
    children = {**request["children"], "Job.batch/v1": {**jobs, f"default/{name}": job}}
    return {**request, "children": children}


def without_job(request: JsonObject) -> JsonObject:
    """Return the request after somebody removed the Job."""
    return {**request, "children": {**request["children"], "Job.batch/v1": {}}}


def with_related(request: JsonObject, *others: JsonObject) -> JsonObject:
    """Return the request with these objects in the place of those of their kinds and names."""
    related = {kind: dict(found) for kind, found in request["related"].items()}
    for kind, found in by_kind((), others).items():
        related.setdefault(kind, {}).update(found)
    return {**request, "related": related}


def without_related(request: JsonObject, *kinds: str) -> JsonObject:
    """Return the request in which there is nothing of these kinds any more."""
    return {**request, "related": {**request["related"], **{kind: {} for kind in kinds}}}
