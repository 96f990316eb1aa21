"""Step 1: which Machines there are, whose they are, and what each Workspace says."""

from composite import names, observed
from composite.catalog import Provisioner
from composite.machines.api import Namespace, Workspace, read_workspace
from composite.metacontroller import DecoratorRequest
from composite.models import Value
from composite.refusal import Unplannable

KINDS = {Provisioner.MACHINE: names.MACHINES, Provisioner.NODECLAIM: names.NODECLAIMS}


class SeenWorkspace(Value):
    """A Workspace of the namespace; ``plan`` is None where it says nothing that can be acted on."""

    name: str
    plan: Workspace | None
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
            name: observed.Object.model_validate(sent).metadata.labels.get(
                names.LABEL_WORKSPACE, ""
            )
            for name, sent in sorted(request.attachments[kind].items())
        },
        workspaces=tuple(
            SeenWorkspace(
                name=key.partition("/")[2],
                plan=current(read_workspace(sent)),
                going=isinstance(sent.get("metadata"), dict)
                and sent["metadata"].get("deletionTimestamp") is not None,
            )
            for key, sent in sorted(workspaces.items())
        ),
    )


def current(workspace: Workspace | None) -> Workspace | None:
    """Return a Workspace whose plan is about what it says now; one that lags plans nothing."""
    if workspace is None:
        return None
    lags = workspace.status.observedGeneration < workspace.metadata.generation
    return None if lags else workspace
