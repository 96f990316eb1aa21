"""Step 2: decide. Everything that needs judgement happens here, in our own words."""

from datetime import datetime
from typing import NamedTuple

from composite import names
from composite.catalog import Catalog, InstanceType, Preset, Weights
from composite.models import JsonObject
from composite.origins import DEFAULT, Chosen, Origin, Origins, seen_there, written
from composite.refusal import Refusal
from composite.workspace.adapters import resolved_images, with_images
from composite.workspace.annotations import annotation_notes, is_on
from composite.workspace.api import Inference, Resource, Workspace, WorkspaceSpec
from composite.workspace.node_need import NodeNeed
from composite.workspace.nodes import NodePlan, plan_nodes
from composite.workspace.observe import Seen, SeenWorkload, template_gpus
from composite.workspace.revisions import (
    PlannedRevision,
    last_accepted,
    plan_revisions,
    resolved_before,
    revision_data,
    served_images,
    what_runs,
)
from composite.workspace.rules import named_preset, notes, problems, read_spec
from composite.workspace.server import (
    Server,
    expected_gpus,
    gpus_of_nodes,
    gpus_per_pod,
    of_preset,
    of_row,
    plan_server,
    runtime_notes,
)
from composite.workspace.training import (
    Training,
    facts_of,
    plan_training,
    require_free_tag,
    training_hash,
)
from composite.workspace.training_config import (
    accepted_config,
    find_config,
    given_config,
    refused,
)

# The taints of GPU nodes that our pods accept, in the words of a pod.
TOLERATIONS: tuple[JsonObject, ...] = (
    {"key": names.GPU, "operator": "Exists", "effect": "NoSchedule"},
    {
        "key": names.TAINT_KEY,
        "operator": "Equal",
        "value": names.TAINT_VALUE,
        "effect": "NoSchedule",
    },
)
# What the catalog decides about a server, and a later catalog might decide otherwise.
RESOLVED = ("command", "image")

KEPT = (seen_there("what was accepted before, and has not changed since"),)

# A template brings its own disk needs; Kaito asks its provisioner for none.
TEMPLATE_DISK = "0"


class Plan(NamedTuple):
    """Every decision needed to build the children; no decision is left for later."""

    name: str
    namespace: str
    replicas: int
    labels: dict[str, str]
    node_plan: NodePlan
    server: Server | None
    training: Training | None
    trained: bool
    over: bool
    template: JsonObject | None
    distributed: bool
    load_balanced: bool
    workload: bool
    revisions: tuple[PlannedRevision, ...]
    notes: tuple[str, ...]
    origins: Origins

    @property
    def equal_revisions(self) -> frozenset[str]:
        """Numbers of the revisions that run the same: they differ by nodes to prefer, or not."""
        return frozenset(
            str(revision.number)
            for revision in self.revisions
            if what_runs(revision.data) == what_runs(self.revision.data)
        )

    @property
    def revision(self) -> PlannedRevision:
        """The revision that the workload runs."""
        return self.revisions[-1]


def plan_newest(workspace: Workspace, seen: Seen, catalog: Catalog, now: datetime) -> Plan:
    """
    Plan what the user wrote.

    Raises:
        Refusal: It cannot be done, or cannot be changed under the running model.

    """
    spec = read_spec(workspace.written)
    accepted = readable(last_accepted(seen.revisions))
    found = tuple(problems(workspace.metadata.name, spec, catalog, accepted))
    if found:
        raise Refusal(*found)
    config = None
    if spec.tuning is not None:
        namespace = workspace.metadata.namespace
        config = find_config(spec.tuning, namespace, seen.user_config, catalog)
        digest = training_hash(spec.tuning, config.value)
        require_free_tag(spec.tuning, digest, seen, workspace.status.tuning)
        # What runs keeps what it was given: the default may be another one by now.
        given = given_config(workspace.metadata.name, digest, seen)
        config = as_before(config, given)
    return make_plan(workspace, spec, config, seen, catalog, now)


def as_before(config: Chosen[JsonObject], given: Chosen[JsonObject] | None) -> Chosen[JsonObject]:
    """Return what was given, to the letter; where nothing else would be, for the same reason."""
    if given is None:
        return config
    return given._replace(origins=config.origins) if given.value == config.value else given


def readable(stored: JsonObject | None) -> WorkspaceSpec | None:
    """Return what was accepted, or None if nothing was or another version wrote it."""
    try:
        return None if stored is None else read_spec(stored)
    except Refusal:
        return None


def plan_accepted(workspace: Workspace, seen: Seen, catalog: Catalog, now: datetime) -> Plan | None:
    """
    Plan what was last accepted, or return None if nothing ever was.

    Raises:
        Refusal: Not even that can be done any more, for example since its preset was removed.

    """
    last = last_accepted(seen.revisions)
    if last is None:
        return None
    spec = read_spec(last)
    found = tuple(problems(workspace.metadata.name, spec, catalog, accepted=spec))
    if found:
        raise Refusal(*found)
    config = None
    if spec.tuning is not None:
        config = accepted_config(workspace.metadata.name, seen, workspace.status.tuning)
        if config is None:
            raise refused("the configuration that was accepted is not there any more")
    return make_plan(workspace, spec, config, seen, catalog, now)


def make_plan(
    workspace: Workspace,
    spec: WorkspaceSpec,
    config: Chosen[JsonObject] | None,
    seen: Seen,
    catalog: Catalog,
    now: datetime,
) -> Plan:
    """
    Choose nodes and what to run on them, for a spec that breaks no rule.

    Raises:
        Refusal: An adapter comes from a Workspace that has no result.

    """
    meta, resource = workspace.metadata, spec.resource
    data = revision_data(spec)
    before = resolved_before(data, seen.revisions)
    inference = with_images(
        spec.inference or Inference(), meta.namespace, seen, before, served_images(seen.revisions)
    )
    preset = named_preset(inference, catalog)
    tuned = catalog.presets.get(spec.tuning.preset.name) if spec.tuning is not None else None
    row = catalog.instance_types.get(resource.instanceType)
    digest = None
    if spec.tuning is not None and config is not None:
        digest = training_hash(spec.tuning, config.value)
    trained = is_trained(digest, seen, workspace)
    over = trained or has_failed(digest, seen)
    need = NodeNeed(
        gpus=expected_gpus(preset or tuned, row, template_gpus(inference.template or {})),
        tolerations=(*TOLERATIONS, *template_tolerations(inference)),
        disk=disk_of(preset, tuned),
        over=over,
    )
    node_plan = plan_nodes(workspace, resource, need, seen, catalog.provisioning.provisioner, now)
    if trained and is_released(workspace) and not is_pusher_seen(seen):
        node_plan = without_machines(node_plan)
    server = training = None
    if preset is not None:
        nodes = node_plan.nodes if node_plan.ready else ()
        gpus = gpus_per_pod(preset.gpu, row, resource, nodes, seen)
        server = plan_server(meta.name, meta.namespace, preset, inference, resource, catalog, gpus)
        server = as_accepted(server, before, seen.workload)
    if spec.tuning is not None and tuned is not None and config is not None:
        gpus = gpus_of_nodes(facts_of(tuned).gpu, row, resource, node_plan.nodes)
        training = plan_training(meta.name, tuned, spec.tuning, config, gpus, seen, catalog)
    return Plan(
        name=meta.name,
        namespace=meta.namespace,
        replicas=resource.count,
        labels=resource.node_labels,
        node_plan=node_plan,
        server=server,
        training=training,
        trained=trained,
        over=over,
        template=inference.template,
        distributed=is_distributed(preset),
        load_balanced=is_on(meta, names.ANNOTATION_ENABLE_LB),
        workload=is_wanted(node_plan, seen, training, trained=trained),
        revisions=plan_revisions(meta.name, data, resolved(server, inference), seen.revisions),
        notes=(
            *notes(spec, catalog),
            *annotation_notes(meta, spec),
            *runtime_notes(spec, catalog, server),
            *preference_notes(resource, node_plan),
        ),
        origins={
            **OF_EVERY_PLAN,
            "labels": of_labels(resource),
            "distributed": of_world(preset),
            "disk": of_disk(preset, tuned),
            "gpu_node": of_type(row),
        },
    )


INSTANCE_TYPE = written("resource.instanceType")
LABELS = (written("resource.labelSelector.matchLabels", alike=True),)
EXPRESSIONS = (written("resource.labelSelector"),)

# What is decided by one field, whatever the Workspace is for.
OF_EVERY_PLAN: Origins = {
    "name": (written("metadata.name"),),
    "namespace": (written("metadata.namespace"),),
    "replicas": (written("resource.count"),),
    "template": (written("inference.template", alike=True),),
    "revisions": (seen_there("what was accepted before"),),
    "revision.name": (written("metadata.name"), written("the spec")),
    "revision.number": (seen_there("how many revisions there were before"),),
    "revision.hash": (written("the spec"),),
    "revision.data": (written("", alike=True),),
    "load_balanced": (written(f'metadata.annotations["{names.ANNOTATION_ENABLE_LB}"]'),),
    "workload": (seen_there("all its nodes are Ready"),),
}


def of_labels(resource: Resource) -> tuple[Origin, ...]:
    """Return where the labels of a node are written, in one of two forms or in both."""
    return EXPRESSIONS if resource.labelSelector.matchExpressions else LABELS


def of_world(preset: Preset | None) -> tuple[Origin, ...]:
    """Return what decides whether a model is distributed."""
    return (of_preset(preset, "worldSize"),) if preset is not None else ()


def of_disk(preset: Preset | None, tuned: Preset | None) -> tuple[Origin, ...]:
    """Return the origin of what a node has for a disk."""
    if tuned is not None:
        return (of_preset(tuned, "tuning.disk"),)
    return (DEFAULT if preset is None else of_preset(preset, "disk"),)


def of_type(row: InstanceType | None) -> tuple[Origin, ...]:
    """Return what decides whether a node is one with GPUs."""
    return (of_row(row), INSTANCE_TYPE) if row is not None else (INSTANCE_TYPE,)


def is_wanted(node_plan: NodePlan, seen: Seen, training: Training | None, *, trained: bool) -> bool:
    """
    Whether there shall be pods.

    A pending pod that asks for a GPU makes a cluster autoscaler buy a node of its own, so pods come
    after the nodes; once they are there, nothing that befalls a node ends them. A training that is
    over is not begun again because somebody removed its Job.
    """
    if training is None:
        return node_plan.ready or seen.workload is not None
    exists = any(job.name == training.job for job in seen.jobs)
    return exists or (node_plan.ready and not trained)


def is_trained(digest: str | None, seen: Seen, workspace: Workspace) -> bool:
    """Whether this very training ended well, now or before its Job was removed."""
    if digest is None:
        return False
    before = workspace.status.tuning
    told = before is not None and (before.hash, before.phase) == (digest, "Succeeded")
    return told or any(job.done and job.hash == digest for job in seen.jobs)


def has_failed(digest: str | None, seen: Seen) -> bool:
    """Whether this very training failed; nothing runs then until the user does something."""
    return digest is not None and any(job.failed and job.hash == digest for job in seen.jobs)


def is_released(workspace: Workspace) -> bool:
    """Whether the user wants the nodes to go once the training is over; Kaito keeps them."""
    return is_on(workspace.metadata, names.ANNOTATION_RELEASE_NODES)


def is_pusher_seen(seen: Seen) -> bool:
    """
    Whether a pusher has still to be seen to end, for its last words hold the digest.

    A Job may be seen to be done before its pod is, and the pod goes with its node.
    """
    return any(p.step == names.PUSHER and not (p.ended or p.leaving) for p in seen.pods)


def without_machines(node_plan: NodePlan) -> NodePlan:
    """Return a plan in which no Machine is wanted any more."""
    return node_plan._replace(machines=(), lacking=(), in_use=())


def disk_of(preset: Preset | None, tuned: Preset | None) -> str:
    """Return the disk of a node: what the model needs for what is done with it."""
    if tuned is not None:
        return facts_of(tuned).disk
    return preset.disk if preset is not None else TEMPLATE_DISK


def as_accepted(server: Server, before: JsonObject | None, workload: SeenWorkload | None) -> Server:
    """
    Return the server as it was when it was accepted: a new catalog restarts nothing.

    How long a start may take moves no pod, and is what it was when the pods were made: a write to
    the workload of every Workspace would have all of them not ready for a moment.
    """
    kept = {key: value for key, value in (before or {}).items() if key in RESOLVED}
    if not kept or not all(isinstance(value, str) for value in kept.values()):
        return server
    # What was accepted without a word of weights brings its own.
    weights = (before or {}).get("weights")
    try:
        found = Weights.model_validate(weights) if weights is not None else None
    except ValueError:
        return server
    # One without a revision is Kaito's, and is only taken over.
    seen = workload.deadline_seconds if workload is not None and workload.revision else None
    kept |= {"weights": found, "deadline_seconds": seen or server.deadline_seconds}
    changed = {key: KEPT for key, value in kept.items() if value != getattr(server, key)}
    return server._replace(
        **kept, origins={**server.origins, **changed} if changed else server.origins
    )


def resolved(server: Server | None, inference: Inference) -> JsonObject | None:
    """Return what the catalog and other Workspaces made of this one, for its revision to keep."""
    if server is None:
        return None
    images = resolved_images(inference)
    chosen = {key: getattr(server, key) for key in RESOLVED}
    if server.weights is not None:
        chosen |= {"weights": server.weights.model_dump(mode="json", exclude_none=True)}
    return {**chosen, "adapters": images} if images else chosen


def preference_notes(resource: Resource, node_plan: NodePlan) -> tuple[str, ...]:
    """Say which preferred nodes are not used, since others are bought in their place."""
    labels = ", ".join(f"{key}={value}" for key, value in resource.node_labels.items())
    return tuple(
        f"resource.preferredNodes: {name} is not used: there is no such node with the labels "
        f"{labels} that is free for this Workspace"
        for name in node_plan.strangers
    )


def is_distributed(preset: Preset | None) -> bool:
    """Whether the model is split over processes that must know each other by name."""
    return preset is not None and preset.worldSize is not None


def template_tolerations(inference: Inference) -> tuple[JsonObject, ...]:
    """Return what a template's pods tolerate by themselves."""
    return tuple(((inference.template or {}).get("spec") or {}).get("tolerations") or ())
