"""What the Machine controller reads: a Namespace, and what its Workspaces planned."""

from datetime import datetime

from pydantic import Field, ValidationError

from composite.models import JsonObject, Observed
from composite.observed import ObjectMeta


class Namespace(Observed):
    """v1 Namespace; the owner of the Machines, for a namespaced object cannot own them."""

    metadata: ObjectMeta


class WantedMachine(Observed):
    """A node that a Workspace planned, as its status has it."""

    name: str = Field(pattern=r"^ws[0-9a-f]{9}$")
    instanceType: str = Field(min_length=1)
    disk: str = Field(min_length=1)
    labels: dict[str, str]
    created: bool | None = None
    notBefore: datetime | None = None


class WorkspaceStatus(Observed):
    """The part of a Workspace's status that is a plan."""

    observedGeneration: int
    machines: tuple[WantedMachine, ...]


class Workspace(Observed):
    """A Workspace with a plan."""

    metadata: ObjectMeta
    status: WorkspaceStatus


def read_workspace(sent: JsonObject) -> Workspace | None:
    """Read a Workspace, or return None if it has no plan yet or one that cannot be read."""
    try:
        return Workspace.model_validate(sent)
    except ValidationError:
        return None
