"""
Where every field of every child comes from.

The plan of a Workspace carries the origin of each decision, put there where it was made. Spelling
decides nothing, so which decisions a field was spelled from is found by spelling again with one of
them changed (docs/decisions/0019). Nothing is planned a second time.
"""

from datetime import datetime
from typing import NamedTuple

from composite.catalog import Catalog, Provisioner, Provisioning
from composite.explain.tracing import Traced, traced
from composite.machines.api import WantedMachine
from composite.machines.children import build_attachments
from composite.machines.plan import OF_EVERY_MACHINE, PlannedMachine, has_gpus
from composite.machines.plan import Plan as MachinesPlan
from composite.models import JsonObject
from composite.origins import DEFAULT, Origin, Origins
from composite.workspace import Request
from composite.workspace.children import build_children
from composite.workspace.nodes import NodePlan
from composite.workspace.observe import observe
from composite.workspace.plan import Plan, plan_newest

__all__ = ["Explained", "explain"]


# The nodes in a plan are not for the children, as a test shows, and there may be many.
NOBODY = NodePlan((), (), (), (), (), failing=False, look_again=None)

# What brings objects, containers and volumes that are not there without it.
OPTIONAL = frozenset(
    {
        *("server.adapters", "server.pull_secrets", "server.weights"),
        *("training.source.image", "training.source.urls", "training.source.volumeSource"),
        *("training.destination.image", "training.destination.volumeSource"),
        *("training.pull_secrets", "training.weights", "training.fetch_networks"),
    }
)


class Explained(NamedTuple):
    """
    A child as it is asked for, and where its fields come from, by path.

    The path ``""`` is the child as a whole. A field without an origin of its own is the same
    wherever that which holds it is there at all.
    """

    content: JsonObject
    origins: dict[str, tuple[Origin, ...]]

    def origins_of(self, path: str) -> tuple[Origin, ...]:
        """Return the origins of a field; of one that never differs, that it is the default."""
        return self.origins.get(path, (DEFAULT,))


class PlannedNode(NamedTuple):
    """What one Machine or NodeClaim is spelled from."""

    namespace: str
    planned: PlannedMachine
    provisioning: Provisioning


def explain(request: Request, catalog: Catalog, now: datetime) -> list[Explained]:
    """
    Return the Machines and the children of a Workspace, with the origin of every field.

    Args:
        request: What Metacontroller would ask of it.
        catalog: Presets and instance types.
        now: The time.

    Raises:
        Refusal: What is written is refused.

    """
    seen = observe(request, catalog.provisioning.provisioner)
    plan = plan_newest(request.parent, seen, catalog, now)
    origins = origins_of(plan)
    nodes = [found for node in planned_nodes(plan, catalog) for found in traced(spelled_node, node)]
    machine_origins = {
        **OF_EVERY_MACHINE,
        "planned.machine.labels": plan.origins["labels"],
        "planned.machine.disk": plan.origins["disk"],
        "planned.gpu": plan.origins["gpu_node"],
    }
    return [
        *(explained(node, machine_origins) for node in nodes),
        *(
            explained(child, origins)
            for child in traced(spelled, plan._replace(node_plan=NOBODY, notes=()), OPTIONAL)
        ),
    ]


def spelled(plan: Plan) -> list[JsonObject]:
    """Return the children of a plan as they are sent."""
    return [child.to_json() for child in build_children(plan)]


def spelled_node(node: PlannedNode) -> list[JsonObject]:
    """Return one Machine as it is sent."""
    plan = MachinesPlan(node.namespace, (node.planned,), (), None)
    return [child.to_json() for child in build_attachments(plan, node.provisioning)]


def planned_nodes(plan: Plan, catalog: Catalog) -> list[PlannedNode]:
    """Return what the Machines of a Workspace are spelled from."""
    where = catalog.provisioning
    if where.provisioner is Provisioner.NONE:
        return []
    return [
        PlannedNode(
            plan.namespace,
            PlannedMachine(
                plan.name,
                WantedMachine.model_validate(machine.to_json()),
                has_gpus(machine.instanceType, catalog),
            ),
            where,
        )
        for machine in plan.node_plan.machines
    ]


def origins_of(plan: Plan) -> Origins:
    """Return every origin that a plan carries, by the path of the decision in the plan."""
    newest = f"revisions[{len(plan.revisions) - 1}]"
    found = {key.replace("revision.", f"{newest}.", 1): told for key, told in plan.origins.items()}
    if plan.server is not None:
        found |= {f"server.{key}": told for key, told in plan.server.origins.items()}
        found |= {f"{newest}.server.{key}": told for key, told in plan.server.origins.items()}
    if plan.training is not None:
        found |= {f"training.{key}": told for key, told in plan.training.origins.items()}
    return found


def explained(child: Traced, origins: Origins) -> Explained:
    """Return a child with origins in the place of decisions."""
    found = {
        path: tuple(
            dict.fromkeys(
                origin for decision in decisions for origin in origins_behind(decision, origins)
            )
        )
        for path, decisions in child.decisions.items()
    }
    return Explained(child.content, found)


def origins_behind(decision: str, origins: Origins) -> tuple[Origin, ...]:
    """Return the origins of a decision, or of the innermost that holds it."""
    holder = max((key for key in origins if is_below(decision, key)), key=len, default=None)
    if holder is None:
        raise LookupError(f"nothing says where {decision} comes from")
    below = decision[len(holder) :]
    return tuple(
        origin._replace(field=f"{origin.field}{below}".removeprefix("."), alike=False)
        if origin.alike
        else origin
        for origin in origins[holder]
    )


def is_below(path: str, holder: str) -> bool:
    """Whether a path is another one, or inside of it."""
    return path == holder or (path.startswith(holder) and path[len(holder)] in ".[")
