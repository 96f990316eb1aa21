"""What the nodes that are not there yet wait for, in words."""

from collections.abc import Iterable
from datetime import datetime

from composite import names
from composite.catalog import Provisioner
from composite.workspace.api import ParentMeta, PlannedMachine, Resource
from composite.workspace.node_need import NodeNeed, untolerated
from composite.workspace.observe import Seen, SeenNode


def no_gpus(selected: list[SeenNode], resource: Resource, need: NodeNeed) -> Iterable[str]:
    """Name the nodes that do not show the GPUs the pods will ask for."""
    for node in selected:
        # Of a preferred node of another type it is not known how many GPUs it should show.
        wanted = min(need.gpus, 1 if node.instance_type != resource.instanceType else need.gpus)
        if node.gpus < wanted:
            yield (
                f"node {node.name} shows {node.gpus} of {wanted} {names.GPU}: "
                "does the GPU device plugin run on it?"
            )


def unusable(candidates: list[SeenNode], usable: list[SeenNode], need: NodeNeed) -> Iterable[str]:
    """Say of each node that would do why it does not."""
    for node in candidates:
        if node in usable:
            continue
        if not node.ready:
            yield f"node {node.name} is not Ready: {node.why_not_ready}"
        elif node.cordoned:
            yield f"node {node.name} is cordoned"
        else:
            taints = ", ".join(f"{t.key}={t.value}:{t.effect}" for t in untolerated(node, need))
            yield f"node {node.name} has a taint that the pods do not tolerate: {taints}"


def unmade(
    machines: Iterable[PlannedMachine], seen: Seen, now: datetime, *, leaving: bool
) -> Iterable[str]:
    """Say of each Machine that has no node yet how far it is, and what became of the last."""
    known = {node.name for node in seen.nodes}
    for machine in machines:
        claim = seen.claims.get(machine.name)
        last = f"; {machine.lastFailure}" if machine.lastFailure else ""
        if claim is None and leaving:
            yield f"{machine.name} is not made any more, the Workspace is being deleted{last}"
        elif claim is None:
            yield f"{waiting_for(machine, now)}{last}"
        elif not claim.node or not claim.ready:
            yield f"{claim.name} is not Ready: {claim.message}{last}"
        elif claim.node not in known:
            yield f"{claim.name} is Ready, its node {claim.node} does not carry the labels yet"


def waiting_for(machine: PlannedMachine, now: datetime) -> str:
    """Say why a Machine is not there."""
    if machine.notBefore is None or machine.notBefore <= now:
        return f"{machine.name} is about to be made"
    times = f"{machine.failures} failed attempt{'s' if machine.failures != 1 else ''}"
    return f"{machine.name} waits until {machine.notBefore:%Y-%m-%dT%H:%M:%SZ} after {times}"


def nobody(
    resource: Resource,
    seen: Seen,
    meta: ParentMeta,
    mine: list[SeenNode],
    machines: tuple[PlannedMachine, ...],
    provisioner: Provisioner,
) -> Iterable[str]:
    """Say what an existing node would need, where none is made and none is there."""
    if machines or provisioner is not Provisioner.NONE:
        return
    labels = ", ".join(f"{key}={value}" for key, value in resource.node_labels.items())
    others = [n.name for n in seen.nodes if n not in mine]
    wrong = [f"{n.name} ({n.instance_type or 'unknown type'})" for n in mine]
    found = f"; nodes with these labels: {', '.join(wrong)}" if wrong else ""
    owned = f"; nodes of other Workspaces: {', '.join(others)}" if others else ""
    nodes = "existing nodes" if resource.count > 1 else "existing node"
    are = "are" if resource.count > 1 else "is"
    yield (
        f"{meta.name} needs {resource.count} {nodes} with the labels {labels} that {are} of "
        f"instance type {resource.instanceType} or named in resource.preferredNodes{found}{owned}"
    )
