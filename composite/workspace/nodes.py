"""Which nodes a Workspace uses, which it still lacks, and which Machines shall be made for it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from composite import names
from composite.catalog import Provisioner
from composite.workspace.api import ParentMeta, PlannedMachine, Resource, SeenMachine, Workspace
from composite.workspace.attempts import advanced, is_failing
from composite.workspace.lacking import no_gpus, nobody, unmade, unusable
from composite.workspace.node_need import NodeNeed, accepts
from composite.workspace.observe import Seen, SeenClaim, SeenNode
from composite.workspace.related import machine_name, own_machines

# How long the scheduler may find no room for a pod before the existing nodes on which none of this
# Workspace's pods is are taken for somebody else's, and nodes are bought.
ROOM_GRACE = timedelta(minutes=1)

# How long an existing node that is in use may be NotReady before a new one is bought in its
# place: the time after which Kubernetes moves its pods elsewhere.
# https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
NODE_GRACE = timedelta(minutes=5)


class NodePlan(NamedTuple):
    """
    The chosen nodes, the Machines that shall exist, and what the missing nodes wait for.

    ``in_use`` names the chosen nodes and those that are NotReady and waited for; ``strangers`` the
    preferred nodes that cannot be used, for they are not there or lack the labels.
    """

    machines: tuple[PlannedMachine, ...]
    nodes: tuple[SeenNode, ...]
    in_use: tuple[str, ...]
    strangers: tuple[str, ...]
    lacking: tuple[str, ...]
    failing: bool
    look_again: datetime | None

    @property
    def ready(self) -> bool:
        """Whether every wanted node is there, Ready and shows its GPUs."""
        return not self.lacking


def plan_nodes(
    workspace: Workspace,
    resource: Resource,
    need: NodeNeed,
    seen: Seen,
    provisioner: Provisioner,
    now: datetime,
) -> NodePlan:
    """
    Choose among the nodes there are, and plan Machines for those that lack.

    Existing nodes that qualify are used first. A planned Machine stays planned, whatever else
    turns up, until its provisioner gives it up; then the next attempt takes its place.
    """
    meta = workspace.metadata
    seen = with_labels(seen, resource)
    previous = workspace.status.workerNodes
    own_nodes = {c.node for c in seen.claims.values() if c.node and not c.deleting}
    leaving = {c.node for c in seen.claims.values() if c.deleting}
    mine = [n for n in seen.nodes if n.name not in leaving and belongs(n, meta, own_nodes)]
    full = full_nodes(seen, own_nodes, now)
    candidates = [n for n in mine if n.name not in full and qualifies(n, resource, own_nodes)]
    usable = [n for n in candidates if n.ready and accepts(n, need, in_use=n.name in previous)]
    selected = sorted(
        sorted(usable, key=lambda node: rank(node, resource, previous, provisioner))[
            : resource.count
        ],
        key=lambda node: node.name,
    )
    recovering = [n for n in candidates if is_recovering(n, own_nodes, previous, now)]
    kept_in_use = [n for n in candidates if n.name in own_nodes and n.name in previous]
    existing = sum(n.name not in own_nodes for n in usable) + len(recovering)
    listed = listed_machines(workspace, resource, need.disk, seen)
    if provisioner is Provisioner.NONE:
        machines = tuple(PlannedMachine(**m.model_dump()) for m in listed)
    else:
        going = need.over or meta.deletionTimestamp is not None
        if need.over:
            listed = tuple(m for m in listed if is_there(seen.claims.get(m.name)))
        # Of one that there is beyond what is asked for, no other takes the place.
        next_ones = ((m, advanced(m, meta.uid, seen, now, going=going)) for m in listed)
        kept = [new for m, new in next_ones if new.name == m.name or m.index < resource.count]
        wanted = 0 if going else resource.count - existing
        machines = with_missing(kept, meta.uid, resource, need.disk, wanted)
    lacking = [*no_gpus(selected, resource, need)]
    if len(selected) < resource.count:
        lacking = [
            *lacking,
            *unusable(candidates, usable, need),
            *unmade(machines, seen, now, leaving=meta.deletionTimestamp is not None),
            *nobody(resource, seen, meta, mine, machines, provisioner),
        ] or [f"{len(selected)} of {resource.count} nodes are Ready"]
    return NodePlan(
        machines=machines,
        nodes=tuple(selected),
        in_use=tuple(sorted({node.name for node in (*selected, *recovering, *kept_in_use)})),
        strangers=strangers(resource, mine),
        lacking=tuple(lacking),
        failing=any(is_failing(machine, seen.claims.get(machine.name)) for machine in machines),
        look_again=min(look_again_at(seen, recovering, now), default=None),
    )


def listed_machines(
    workspace: Workspace, resource: Resource, disk: str, seen: Seen
) -> tuple[SeenMachine, ...]:
    """
    Return the Machines of the last plan: one for each node, as the Workspace asks for it.

    Those that exist are what they are. Of others the status is no proof, so they get the type, the
    labels and the disk that are asked for, and there is none for a node that is not.
    """
    found: dict[int, SeenMachine] = {}
    for machine in own_machines(workspace):
        if machine.name in seen.claims:
            found[machine.index] = machine
        elif machine.index < resource.count:
            wanted = {"instanceType": resource.instanceType, "labels": resource.node_labels}
            asked_for = machine.model_copy(update={**wanted, "disk": disk})
            found.setdefault(machine.index, asked_for)
    return tuple(found.values())


def with_labels(seen: Seen, resource: Resource) -> Seen:
    """
    Return what is seen without the nodes that lack the labels.

    After an edit those that are in use are sent by their names too, and somebody may have taken
    the labels from one: it is another's then, and nothing is said of it.
    """
    wanted = resource.node_labels.items()
    nodes = tuple(node for node in seen.nodes if wanted <= node.labels.items())
    return seen._replace(nodes=nodes)


def belongs(node: SeenNode, meta: ParentMeta, own_nodes: Iterable[str]) -> bool:
    """Whether a node is this Workspace's or nobody's; one made for another is never taken."""
    if node.name in own_nodes:
        return True
    owner = node.labels.get(names.LABEL_WORKSPACE)
    namespace = node.labels.get(names.LABEL_WORKSPACE_NAMESPACE)
    return owner is None or (owner, namespace) == (meta.name, meta.namespace)


def qualifies(node: SeenNode, resource: Resource, own_nodes: Iterable[str]) -> bool:
    """Whether a node has the labels and the instance type; preferred nodes may be of any type."""
    wanted = resource.node_labels.items()
    return (
        not node.deleting
        and wanted <= node.labels.items()
        and (
            node.name in (resource.preferredNodes or ())
            or node.instance_type == resource.instanceType
            or node.name in own_nodes
        )
    )


def rank(
    node: SeenNode, resource: Resource, previous: Iterable[str], provisioner: Provisioner
) -> tuple[bool, bool, bool, bool, str]:
    """Return what sorts the nodes as Kaito does: preferred, in use, made for Kaito, by name."""
    return (
        node.name not in (resource.preferredNodes or ()),
        node.name not in previous,
        names.LABEL_MACHINE_TYPE not in node.labels,
        provisioner is Provisioner.NODECLAIM and names.LABEL_NODEPOOL not in node.labels,
        node.name,
    )


def is_recovering(
    node: SeenNode, own_nodes: Iterable[str], previous: Iterable[str], now: datetime
) -> bool:
    """Whether an existing node that is in use went NotReady so lately that it may come back."""
    return (
        not node.ready
        and node.name in previous
        and node.name not in own_nodes
        and node.changed is not None
        and now - node.changed < NODE_GRACE
    )


def with_missing(
    kept: list[PlannedMachine], uid: str, resource: Resource, disk: str, wanted: int
) -> tuple[PlannedMachine, ...]:
    """Return the kept Machines, and new ones at the lowest free indices, until they are enough."""
    taken = {machine.index for machine in kept}
    free = [index for index in range(resource.count) if index not in taken]
    new = [
        PlannedMachine(
            name=machine_name(uid, index, 0),
            index=index,
            attempt=0,
            instanceType=resource.instanceType,
            disk=disk,
            labels=resource.node_labels,
        )
        for index in free[: max(wanted - len(kept), 0)]
    ]
    return tuple(sorted([*kept, *new], key=lambda machine: machine.index))


def full_nodes(seen: Seen, own_nodes: Iterable[str], now: datetime) -> frozenset[str]:
    """
    Return the existing nodes that have no room, as far as a Workspace can tell.

    For too long there is none for a pod of its, and none of its pods is on them. Of one with fewer
    GPUs than the pods ask for that says nothing.
    """
    since = seen.homeless_since
    if since is None or now - since < ROOM_GRACE:
        return frozenset()
    asked = seen.workload.gpus if seen.workload is not None else 0
    others = (n.name for n in seen.nodes if n.name not in own_nodes and n.gpus >= asked)
    return frozenset(name for name in others if name not in seen.pod_nodes)


def look_again_at(seen: Seen, recovering: list[SeenNode], now: datetime) -> Iterable[datetime]:
    """Yield the times at which waiting ends."""
    # A clock that is ahead of ours makes nobody wait longer than from now on.
    yield from (min(n.changed, now) + NODE_GRACE for n in recovering if n.changed is not None)
    if seen.homeless_since is not None and now - seen.homeless_since < ROOM_GRACE:
        yield min(seen.homeless_since, now) + ROOM_GRACE


def strangers(resource: Resource, mine: list[SeenNode]) -> tuple[str, ...]:
    """Return the preferred nodes that are not there, are another's, or lack the labels."""
    known = {node.name for node in mine}
    return tuple(name for name in resource.preferredNodes or () if name not in known)


def is_there(claim: SeenClaim | None) -> bool:
    """Whether a Machine exists and is not on its way out."""
    return claim is not None and not claim.deleting
