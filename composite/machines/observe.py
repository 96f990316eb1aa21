"""Step 1: which Machines there are, whose they are, and what each Workspace says."""

from datetime import datetime
from typing import NamedTuple

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from composite import names, observed
from composite.catalog import Provisioner
from composite.machines.api import Namespace, Workspace, read_workspace
from composite.metacontroller import DecoratorRequest
from composite.models import JsonObject
from composite.refusal import Unplannable

TIME: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)
KINDS = {Provisioner.MACHINE: names.MACHINES, Provisioner.NODECLAIM: names.NODECLAIMS}


class SeenMachine(NamedTuple):
    """A Machine, with the name of the Workspace that it is labelled for, and as it was sent."""

    owner: str
    sent: JsonObject


class SeenWorkspace(NamedTuple):
    """
    A Workspace of the namespace; ``plan`` is None where it says nothing that can be acted on.

    ``named`` holds the Machines that its status names, as far as that can be read at all; ``sent``
    is all of it.
    """

    name: str
    plan: Workspace | None
    named: frozenset[str]
    going: bool
    sent: JsonObject

    def may_keep(self, name: str, machine: SeenMachine) -> bool:
        """
        Whether a Machine may be this Workspace's, so far as can be told without its plan.

        One that is older than it was an earlier Workspace's of the same name.
        """
        if name in self.named:
            return True
        return machine.owner == self.name and not is_older(machine.sent, self.sent)


class Seen(NamedTuple):
    """The Machines of a namespace by name, and its Workspaces."""

    namespace: str
    machines: dict[str, SeenMachine]
    workspaces: tuple[SeenWorkspace, ...]

    def owner_of(self, name: str) -> str | None:
        """Return the Workspace that a Machine is labelled for; None where there is no Machine."""
        return self.machines[name].owner if name in self.machines else None


def observe(request: DecoratorRequest[Namespace], provisioner: Provisioner) -> Seen:
    """
    Read the facts.

    Raises:
        Unplannable: A kind was not sent at all, or none is to be made, so that an empty answer
            would delete what there is.

    """
    if provisioner not in KINDS:
        raise Unplannable("this installation makes no nodes: its provisioner is none")
    kind = KINDS[provisioner]
    for sent, needed in ((request.attachments, kind), (request.related, names.WORKSPACES)):
        if needed not in sent:
            raise Unplannable(f"the request holds no {needed}: are both hooks of version v2?")
    workspaces = request.related[names.WORKSPACES]
    return Seen(
        namespace=request.object.metadata.name,
        machines={
            name: SeenMachine(
                owner=observed.Object.read(sent).metadata.labels.get(names.LABEL_WORKSPACE, ""),
                sent=sent,
            )
            for name, sent in sorted(request.attachments[kind].items())
        },
        workspaces=tuple(
            SeenWorkspace(
                name=key.partition("/")[2],
                plan=current(read_workspace(sent)),
                named=named_machines(sent),
                going=time_of(sent, "deletionTimestamp") is not None,
                sent=sent,
            )
            for key, sent in sorted(workspaces.items())
        ),
    )


def is_older(one: JsonObject, other: JsonObject) -> bool:
    """Whether an object is known to have been made before another."""
    made, later = time_of(one, "creationTimestamp"), time_of(other, "creationTimestamp")
    return made is not None and later is not None and made < later


def time_of(sent: JsonObject, field: str) -> datetime | None:
    """Return a time in an object's metadata; None where there is none, or what is no time."""
    meta = sent.get("metadata")
    told = meta.get(field) if isinstance(meta, dict) else None
    if not isinstance(told, str):
        return None
    try:
        return TIME.validate_python(told)
    except ValidationError:
        return None


def named_machines(sent: JsonObject) -> frozenset[str]:
    """Return the Machines that a status names, be the rest of the Workspace what it may."""
    status = sent.get("status")
    machines = status.get("machines") if isinstance(status, dict) else None
    listed = machines if isinstance(machines, list) else []
    found = [machine.get("name") for machine in listed if isinstance(machine, dict)]
    return frozenset(name for name in found if isinstance(name, str))


def current(workspace: Workspace | None) -> Workspace | None:
    """Return a Workspace whose plan is about what it says now; one that lags plans nothing."""
    if workspace is None:
        return None
    lags = workspace.status.observedGeneration < workspace.metadata.generation
    return None if lags else workspace
