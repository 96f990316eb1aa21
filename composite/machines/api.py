"""What the Machine controller reads: a Namespace, and what its Workspaces planned."""

from pydantic import AwareDatetime, Field, ValidationError

from composite import names
from composite.models import JsonObject, Observed
from composite.observed import ObjectMeta
from composite.workspace.api import Resource
from composite.workspace.related import machine_name


class Namespace(Observed):
    """v1 Namespace; the owner of the Machines, for a namespaced object cannot own them."""

    metadata: ObjectMeta


class WantedMachine(Observed):
    """A node that a Workspace planned, as its status has it."""

    name: str = Field(pattern=r"^ws[0-9a-f]{9}$")
    index: int = Field(default=0, ge=0)
    attempt: int = Field(default=0, ge=0)
    instanceType: str = Field(min_length=1)
    disk: str = Field(min_length=1)
    labels: dict[str, str]
    created: bool | None = None
    notBefore: AwareDatetime | None = None

    @property
    def users_labels(self) -> dict[str, str]:
        """Its labels by name, without those that are ours to set."""
        found = sorted(self.labels.items())
        return {key: value for key, value in found if key not in names.RESERVED_LABELS}


class WorkspaceStatus(Observed):
    """The part of a Workspace's status that is a plan."""

    observedGeneration: int
    machines: tuple[WantedMachine, ...]


class Workspace(Observed):
    """
    A Workspace with a plan, and what its author asks for.

    The plan is our own word, but a status can be written by whoever was given the right to; what
    costs money is therefore held against what admission has seen.
    """

    metadata: ObjectMeta
    resource: Resource
    status: WorkspaceStatus

    def names_as_its_own(self, machine: WantedMachine) -> bool:
        """Whether a planned node has the name that it has in this Workspace and in no other."""
        return machine.name == machine_name(self.metadata.uid, machine.index, machine.attempt)

    def asks_for(self, machine: WantedMachine) -> bool:
        """Whether a planned node is of the type and has the labels that the author asks for."""
        wanted = (self.resource.instanceType, self.resource.node_labels)
        return (machine.instanceType, machine.users_labels) == wanted


def read_workspace(sent: JsonObject) -> Workspace | None:
    """Read a Workspace, or return None if it has no plan yet or one that cannot be read."""
    try:
        return Workspace.model_validate(sent)
    except ValidationError:
        return None
