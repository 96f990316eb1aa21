"""Step 1: from Metacontroller's JSON to the few facts a Workspace depends on."""

import re
from datetime import datetime
from typing import NamedTuple

from pydantic_core import from_json

from composite import names, observed
from composite.catalog import Provisioner
from composite.metacontroller import SyncRequest, sent_objects
from composite.models import JsonObject, sorted_json
from composite.quantity import parse_quantity
from composite.workspace.api import SeenTraining, Workspace
from composite.workspace.seen_jobs import (
    SeenConfig,
    SeenJob,
    own_configs,
    seen_jobs,
    seen_trainings,
    user_config,
)
from composite.workspace.seen_pods import SeenPod, seen_pod
from composite.workspace.template import Template

CLAIM_KINDS = {
    Provisioner.MACHINE: names.MACHINES,
    Provisioner.NODECLAIM: names.NODECLAIMS,
}
# A revision's number as we write it; somebody may have written something else over it.
NUMBER = re.compile("[0-9]{1,18}")
# The steps of a Machine, in the order of their happening.
CLAIM_STEPS = ("Launched", "Registered", "Initialized", "Ready")
NOT_REPORTED = "its provisioner has not reported yet, is it running?"


class SeenNode(NamedTuple):
    """A node that carries the labels the Workspace asks for."""

    name: str
    labels: dict[str, str]
    taints: tuple[observed.Taint, ...]
    ready: bool
    why_not_ready: str
    changed: datetime | None
    deleting: bool
    cordoned: bool
    gpus: int

    @property
    def instance_type(self) -> str:
        """What the cloud calls this kind of node; empty where nobody said."""
        return self.labels.get(names.LABEL_INSTANCE_TYPE, "")


class SeenClaim(NamedTuple):
    """A Machine or NodeClaim of this Workspace."""

    name: str
    node: str
    ready: bool
    deleting: bool
    failed: bool
    unavailable: bool
    message: str


class SeenWorkload(NamedTuple):
    """The Deployment or StatefulSet that serves."""

    kind: str
    replicas: int
    ready_replicas: int
    updated_replicas: int
    settled: bool
    revision: str
    gpus: int
    deadline_seconds: int | None
    failure: str


class SeenRevision(NamedTuple):
    """What was accepted of the Workspace at some time."""

    name: str
    number: int
    hash: str
    data: JsonObject
    server: JsonObject | None = None


class Seen(NamedTuple):
    """The world as last observed; nothing here is a wish."""

    claims: dict[str, SeenClaim]
    nodes: tuple[SeenNode, ...]
    workload: SeenWorkload | None
    revisions: tuple[SeenRevision, ...]
    pods: tuple[SeenPod, ...]
    jobs: tuple[SeenJob, ...]
    own_configs: tuple[SeenConfig, ...]
    user_config: SeenConfig | None
    trainings: dict[str, SeenTraining | None]
    children: int

    @property
    def pod_problems(self) -> tuple[str, ...]:
        """What keeps the pods from serving."""
        return tuple(problem for pod in self.pods for problem in pod.problems)

    @property
    def pod_nodes(self) -> frozenset[str]:
        """The nodes that pods of this Workspace are on."""
        return frozenset(pod.node for pod in self.pods if pod.node)

    def stranded(self, labels: dict[str, str]) -> tuple[str, ...]:
        """
        Return which pods are on nodes that are gone or lost these labels, each as a sentence.

        A node without the labels is sent for a while after an edit, and then no more: it counts as
        gone from the beginning.
        Until they are collected, a minute later, whoever counts pods takes them for ready.
        https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection
        """
        wanted = labels.items()
        known = {"", *(node.name for node in self.nodes if wanted <= node.labels.items())}
        return tuple(
            f"pod {pod.name} is on {pod.node}, which is gone or no node of it any more"
            for pod in self.pods
            if pod.node not in known and not (pod.job or pod.leaving or pod.ended)
        )

    @property
    def newest_made(self) -> int:
        """The highest number of a revision that something was made of; 0 where none tells."""
        told = [job.revision for job in self.jobs]
        told += [self.workload.revision] if self.workload is not None else []
        return max((int(number) for number in told if NUMBER.fullmatch(number)), default=0)

    @property
    def homeless_since(self) -> datetime | None:
        """Since when the scheduler finds no node for a pod; None while every pod has one."""
        waiting = [pod.homeless_since for pod in self.pods if pod.homeless_since is not None]
        return min(waiting, default=None)


def observe(request: SyncRequest[Workspace], provisioner: Provisioner) -> Seen:
    """
    Read the facts.

    Raises:
        Unplannable: A kind was not sent at all, so that its absence says nothing.

    """
    claims: dict[str, SeenClaim] = {}
    if provisioner is not Provisioner.NONE:
        sent = sent_objects(request.related, CLAIM_KINDS[provisioner])
        claims = {name: seen_claim(claim) for name, claim in sent.items()}
    nodes = sent_objects(request.related, names.NODES)
    pods = sent_objects(request.related, names.PODS)
    revisions = sent_objects(request.children, names.REVISIONS)
    return Seen(
        claims=claims,
        nodes=tuple(seen_node(nodes[name]) for name in sorted(nodes)),
        workload=seen_workload(request),
        revisions=seen_revisions(revisions),
        pods=tuple(seen_pod(pods[key]) for key in sorted(pods)),
        jobs=seen_jobs(request),
        own_configs=own_configs(request),
        user_config=user_config(request),
        trainings=seen_trainings(request),
        children=sum(len(group) for group in request.children.values()),
    )


def seen_claim(sent: JsonObject) -> SeenClaim:
    """Read a Machine (conditions MachineLaunched ...) or a NodeClaim (Launched ...)."""
    claim = observed.Claim.read(sent)
    told = {condition.type: condition for condition in claim.status.conditions}
    steps = [claim_step(told, step) for step in CLAIM_STEPS]
    undone = next((step for step in steps if step.status != "True"), steps[-1])
    message = ": ".join(filter(None, (undone.type, undone.message or undone.reason)))
    return SeenClaim(
        name=claim.metadata.name,
        node=claim.status.nodeName,
        ready=steps[-1].status == "True",
        deleting=claim.metadata.deletionTimestamp is not None,
        failed=steps[0].status == "False",
        unavailable=steps[0].status == "False" and names.UNAVAILABLE in steps[0].message,
        message=message if told else NOT_REPORTED,
    )


def claim_step(told: dict[str, observed.Condition], step: str) -> observed.Condition:
    """Return the condition of a step, whichever of its two names it goes by."""
    return told.get(f"Machine{step}") or told.get(step) or observed.Condition(type=step)


def seen_node(sent: JsonObject) -> SeenNode:
    """Read a Node."""
    node = observed.Node.read(sent)
    ready = node.status.condition("Ready")
    return SeenNode(
        name=node.metadata.name,
        labels=node.metadata.labels,
        taints=node.spec.taints,
        ready=ready.status == "True",
        why_not_ready=ready.message or ready.reason or "it has not reported yet",
        changed=ready.lastTransitionTime,
        deleting=node.metadata.deletionTimestamp is not None,
        cordoned=node.spec.unschedulable,
        gpus=whole(node.status.allocatable.get(names.GPU, 0)),
    )


def seen_workload(request: SyncRequest[Workspace]) -> SeenWorkload | None:
    """Read the Deployment or StatefulSet, or None if there is none yet."""
    meta = request.parent.metadata
    for kind in (names.DEPLOYMENTS, names.STATEFULSETS):
        sent = sent_objects(request.children, kind).get(f"{meta.namespace}/{meta.name}")
        if sent is not None:
            return as_workload(kind.partition(".")[0], observed.Workload.read(sent))
    return None


def as_workload(kind: str, workload: observed.Workload) -> SeenWorkload:
    """
    Judge what the workload's own controller has reported.

    It is settled when the report is about the present template and every pod is of that template;
    the ready pods of an old template say nothing about the new one.
    """
    status = workload.status
    current = status.observedGeneration >= workload.metadata.generation
    progressing = status.condition("Progressing")
    return SeenWorkload(
        kind=kind,
        replicas=workload.spec.replicas,
        ready_replicas=status.readyReplicas,
        updated_replicas=status.updatedReplicas if current else 0,
        settled=current
        and status.currentRevision == status.updateRevision
        and status.updatedReplicas == status.replicas == workload.spec.replicas,
        revision=workload.metadata.annotations.get(names.ANNOTATION_REVISION, ""),
        gpus=template_gpus(workload.spec.template),
        deadline_seconds=workload.spec.progressDeadlineSeconds,
        failure=progressing.message or progressing.reason if progressing.status == "False" else "",
    )


def template_gpus(template: JsonObject) -> int:
    """Return how many NVIDIA GPUs the containers of a pod template ask for together."""
    containers = Template.read(template).spec.containers or ()
    limits = [container.resources.limits or {} for container in containers if container.resources]
    return sum(whole(limit.get(names.GPU, 0)) for limit in limits)


def whole(amount: object) -> int:
    """Return a number of pieces; 0 where nobody can tell how many are meant."""
    try:
        return int(parse_quantity(str(amount)))
    except ValueError:
        return 0


def seen_revisions(sent: dict[str, JsonObject]) -> tuple[SeenRevision, ...]:
    """Read the history, oldest first; numbers may be equal while the cache is behind."""
    found = [seen_revision(sent[key]) for key in sorted(sent)]
    known = {revision.name: revision for revision in found}
    return tuple(sorted(known.values(), key=lambda revision: (revision.number, revision.name)))


def seen_revision(sent: JsonObject) -> SeenRevision:
    """Read a ControllerRevision."""
    revision = observed.ControllerRevision.read(sent)
    return SeenRevision(
        name=revision.metadata.name,
        number=revision.revision,
        hash=revision.metadata.annotations.get(names.ANNOTATION_HASH, ""),
        data=sorted_json(revision.data),
        server=resolved_server(revision.metadata.annotations.get(names.ANNOTATION_SERVER)),
    )


def resolved_server(text: str | None) -> JsonObject | None:
    """Read what a revision was resolved to; one of Kaito's says nothing."""
    try:
        found = from_json(text, allow_inf_nan=False) if text is not None else None
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    if "adapters" not in found:
        return found
    images = found["adapters"] if isinstance(found["adapters"], dict) else {}
    return {**found, "adapters": {k: v for k, v in images.items() if isinstance(v, str)}}
