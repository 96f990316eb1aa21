"""Step 2: decide. Everything that needs judgement happens here, in our own words."""

from datetime import datetime

from composite import names
from composite.catalog import Catalog, Preset
from composite.models import JsonObject, Value
from composite.refusal import Refusal
from composite.workspace.api import Inference, Resource, Workspace, WorkspaceSpec
from composite.workspace.nodes import NodeNeed, NodePlan, plan_nodes
from composite.workspace.observe import Seen, template_gpus
from composite.workspace.revisions import (
    PlannedRevision,
    last_accepted,
    plan_revisions,
    resolved_before,
    what_runs,
)
from composite.workspace.rules import named_preset, notes, problems, read_spec
from composite.workspace.server import Server, expected_gpus, gpus_per_pod, plan_server

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

# A template brings its own disk needs; Kaito asks its provisioner for none.
TEMPLATE_DISK = "0"


class Plan(Value):
    """Every decision needed to build the children; no decision is left for later."""

    name: str
    namespace: str
    replicas: int
    labels: dict[str, str]
    node_plan: NodePlan
    server: Server | None
    template: JsonObject | None
    distributed: bool
    load_balanced: bool
    workload: bool
    revisions: tuple[PlannedRevision, ...]
    notes: tuple[str, ...]

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
    return make_plan(workspace, spec, seen, catalog, now)


def readable(written: JsonObject | None) -> WorkspaceSpec | None:
    """Return what was accepted, or None if nothing was or another version wrote it."""
    try:
        return None if written is None else read_spec(written)
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
    found = tuple(problems(workspace.metadata.name, spec, catalog, accepted=None))
    if found:
        raise Refusal(*found)
    return make_plan(workspace, spec, seen, catalog, now)


def make_plan(
    workspace: Workspace, spec: WorkspaceSpec, seen: Seen, catalog: Catalog, now: datetime
) -> Plan:
    """Choose nodes and what to run on them, for a spec that breaks no rule."""
    meta, resource = workspace.metadata, spec.resource
    inference = spec.inference or Inference()
    preset = named_preset(inference, catalog)
    row = catalog.instance_types.get(resource.instanceType)
    asked = template_gpus(inference.template or {})
    need = NodeNeed(
        gpus=expected_gpus(preset, row, asked),
        tolerations=(*TOLERATIONS, *template_tolerations(inference)),
        disk=preset.disk if preset is not None else TEMPLATE_DISK,
    )
    node_plan = plan_nodes(workspace, resource, need, seen, catalog.provisioning.provisioner, now)
    server = None
    if preset is not None:
        gpus = gpus_per_pod(preset, row, resource, node_plan.nodes, seen.workload)
        server = plan_server(meta.name, meta.namespace, preset, inference, resource, catalog, gpus)
        server = as_accepted(server, resolved_before(spec, seen.revisions))
    return Plan(
        name=meta.name,
        namespace=meta.namespace,
        replicas=resource.count,
        labels=resource.node_labels,
        node_plan=node_plan,
        server=server,
        template=inference.template,
        distributed=is_distributed(preset),
        load_balanced=(meta.annotations or {}).get(names.ANNOTATION_ENABLE_LB) == "True",
        # A pending pod that asks for a GPU makes a cluster autoscaler buy a node of its own, so
        # pods come after the nodes; once they are there, nothing that befalls a node ends them.
        workload=node_plan.ready or seen.workload is not None,
        revisions=plan_revisions(meta.name, spec, resolved(server), seen.revisions),
        notes=(*notes(spec, catalog), *preference_notes(resource, node_plan)),
    )


def as_accepted(server: Server, before: JsonObject | None) -> Server:
    """Return the server as it was when it was accepted: a new catalog restarts nothing."""
    kept = {key: value for key, value in (before or {}).items() if key in RESOLVED}
    return (
        server.model_copy(update=kept) if all(isinstance(v, str) for v in kept.values()) else server
    )


def resolved(server: Server | None) -> JsonObject | None:
    """Return what the catalog made of a Workspace, for its revision to keep."""
    return server.model_dump(include=set(RESOLVED)) if server is not None else None


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
