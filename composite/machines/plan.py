"""
Step 2: which Machines of a namespace shall exist.

A Machine is deleted only if its Workspace is gone, is going, or has a current plan without it.
Whatever cannot be read keeps what it has, and never touches its neighbours.
"""

from datetime import datetime

from composite.catalog import Catalog
from composite.machines.api import WantedMachine
from composite.machines.observe import Seen
from composite.models import Value


class PlannedMachine(Value):
    """A Machine to be, for whom, and whether it is one with GPUs."""

    workspace: str
    machine: WantedMachine
    gpu: bool


class Plan(Value):
    """Machines to write out, names that stay as they are, and when to look again."""

    namespace: str
    wanted: tuple[PlannedMachine, ...]
    kept: tuple[str, ...]
    look_again: datetime | None


def make_plan(seen: Seen, catalog: Catalog, now: datetime) -> Plan:
    """Decide for each Workspace by itself."""
    wanted: list[PlannedMachine] = []
    kept: list[str] = []
    waiting: list[datetime] = []
    for workspace in seen.workspaces:
        if workspace.going:
            continue
        if workspace.plan is None:
            kept += [name for name, owner in seen.machines.items() if owner == workspace.name]
            continue
        for machine in workspace.plan.status.machines:
            exists = machine.name in seen.machines
            if machine.created and not exists:
                continue  # it was there and is gone: what comes next the Workspace has yet to plan
            later = machine.notBefore if not exists else None
            if later is not None and later > now:
                waiting.append(later)
            else:
                gpu = has_gpus(machine.instanceType, catalog)
                wanted.append(PlannedMachine(workspace=workspace.name, machine=machine, gpu=gpu))
    kept += [name for name, owner in seen.machines.items() if not owner]
    listed = {planned.machine.name for planned in wanted}
    return Plan(
        namespace=seen.namespace,
        wanted=tuple(wanted),
        kept=tuple(name for name in kept if name not in listed),
        look_again=min(waiting, default=None),
    )


def has_gpus(instance_type: str, catalog: Catalog) -> bool:
    """
    Whether nodes of this type have GPUs: all types in the table do, and Azure's N families.

    The provisioner labels its nodes by the same rule, and a Machine that asks for the other label
    never becomes Ready.
    https://github.com/Azure/gpu-provisioner/blob/v0.2.1/pkg/providers/instance/instance.go
    """
    return instance_type in catalog.instance_types or "Standard_N" in instance_type
