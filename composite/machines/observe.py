"""Step 1: which Machines there are, whose they are, and what each Workspace says."""

from pydantic import ValidationError

from composite import names, observed
from composite.catalog import Provisioner
from composite.machines.api import Deletion, Namespace, Workspace, read_workspace
from composite.metacontroller import DecoratorRequest
from composite.models import JsonObject, Value
from composite.refusal import Unplannable

KINDS = {Provisioner.MACHINE: names.MACHINES, Provisioner.NODECLAIM: names.NODECLAIMS}


class SeenWorkspace(Value):
    """
    A Workspace of the namespace; ``plan`` is None where it says nothing that can be acted on.

    ``named`` holds the Machines that its status names, as far as that can be read at all.
    """

    name: str
    plan: Workspace | None
    named: frozenset[str]
    going: bool


class Seen(Value):
    """The Machines of a namespace by name, with the Workspace each is labelled for."""

    namespace: str
    machines: dict[str, str]
    workspaces: tuple[SeenWorkspace, ...]


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
            name: observed.Object.read(sent).metadata.labels.get(names.LABEL_WORKSPACE, "")
            for name, sent in sorted(request.attachments[kind].items())
        },
        workspaces=tuple(
            SeenWorkspace(
                name=key.partition("/")[2],
                plan=current(read_workspace(sent)),
                named=named_machines(sent),
                going=is_going(sent),
            )
            for key, sent in sorted(workspaces.items())
        ),
    )


def is_going(sent: JsonObject) -> bool:
    """Whether somebody deleted a Workspace; what is no time says nothing of the kind."""
    meta = sent.get("metadata")
    if not isinstance(meta, dict) or not isinstance(meta.get("deletionTimestamp"), str):
        return False
    try:
        return Deletion.model_validate(meta).deletionTimestamp is not None
    except ValidationError:
        return False


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
