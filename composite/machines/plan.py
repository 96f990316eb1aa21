"""
Step 2: which Machines of a namespace shall exist.

A Machine is deleted only if its Workspace is gone, is going, or has a current plan without it. One
is made only if its Workspace asks for it too: a plan stands in the status, which is no proof.
Whatever cannot be read keeps what it has, and never touches its neighbours.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from composite.catalog import Catalog
from composite.machines.api import WantedMachine, Workspace
from composite.machines.observe import Seen
from composite.origins import Origins, seen_there, setting, written

# When to look again for a Machine that was to be made. Metacontroller may never hear of one that
# came and went while its watch was broken; nobody would plan the next attempt then.
LOOK_FOR_MACHINES = timedelta(seconds=15)


class PlannedMachine(NamedTuple):
    """A Machine to be, for whom, and whether it is one with GPUs."""

    workspace: str
    machine: WantedMachine
    gpu: bool


# Where what a Machine is made of comes from; the plan of the Workspace knows the rest.
OF_EVERY_MACHINE: Origins = {
    "namespace": (written("metadata.namespace"),),
    "planned.workspace": (written("metadata.name"),),
    "planned.machine.name": (
        seen_there("the Workspace's uid, which of its nodes it is, and at which attempt"),
    ),
    "planned.machine.instanceType": (written("resource.instanceType"),),
    "provisioning.provisioner": (setting("PROVISIONER"),),
    "provisioning.cloud": (setting("CLOUD"),),
    "provisioning.node_class.group": (setting("NODE_CLASS_GROUP"),),
    "provisioning.node_class.kind": (setting("NODE_CLASS_KIND"),),
    "provisioning.node_class.name": (setting("NODE_CLASS_NAME"),),
}


class Plan(NamedTuple):
    """Machines to write out, names that stay as they are, and when to look again."""

    namespace: str
    wanted: tuple[PlannedMachine, ...]
    kept: tuple[str, ...]
    look_again: datetime | None


def make_plan(seen: Seen, catalog: Catalog, now: datetime) -> Plan:
    """Decide for each Workspace by itself."""
    wanted: dict[str, PlannedMachine] = {}
    kept: list[str] = []
    waiting: list[datetime] = []
    for workspace in seen.workspaces:
        if workspace.going:
            continue
        if workspace.plan is None:
            kept += [name for name, each in seen.machines.items() if workspace.may_keep(name, each)]
            continue
        for machine in to_be(workspace.name, workspace.plan, seen):
            later = machine.notBefore if machine.name not in seen.machines else None
            if later is not None and later > now:
                waiting.append(later)
            else:
                gpu = has_gpus(machine.instanceType, catalog)
                planned = PlannedMachine(workspace=workspace.name, machine=machine, gpu=gpu)
                wanted.setdefault(machine.name, planned)
    if wanted.keys() - seen.machines.keys():
        waiting.append(now + LOOK_FOR_MACHINES)
    kept += [name for name, machine in seen.machines.items() if not machine.owner]
    return Plan(
        namespace=seen.namespace,
        wanted=tuple(wanted.values()),
        kept=tuple(name for name in dict.fromkeys(kept) if name not in wanted),
        look_again=min(waiting, default=None),
    )


def to_be(name: str, workspace: Workspace, seen: Seen) -> list[WantedMachine]:
    """
    Return the planned Machines that are there or shall be made.

    One that was there and is gone is not made again: what comes next the Workspace has yet to plan.
    Nor is one that the Workspace does not ask for, or one more than it asks for. It is told by its
    name or by its label: one of another Workspace's is none of its own, whatever the status says.
    """
    listed = [
        machine
        for machine in workspace.status.machines
        if workspace.names_as_its_own(machine) or seen.owner_of(machine.name) == name
    ]
    there = [machine for machine in listed if machine.name in seen.machines]
    new = [
        machine
        for machine in listed
        if machine.name not in seen.machines and not machine.created and workspace.asks_for(machine)
    ]
    return [*there, *new[: max(workspace.resource.count - len(there), 0)]]


def has_gpus(instance_type: str, catalog: Catalog) -> bool:
    """
    Whether nodes of this type have GPUs: all types in the table do, and Azure's N families.

    The provisioner labels its nodes by the same rule, and a Machine that asks for the other label
    never becomes Ready.
    https://github.com/Azure/gpu-provisioner/blob/v0.2.1/pkg/providers/instance/instance.go
    """
    return instance_type in catalog.instance_types or "Standard_N" in instance_type
