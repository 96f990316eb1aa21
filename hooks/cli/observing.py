"""What there is in a cluster that decides what Workspaces would become; it is only read."""

from collections.abc import Iterable

from composite import names
from composite.catalog import Provisioner
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.controllers import CLAIMS
from composite.simulate.errors import ApiError
from composite.simulate.objects import Ref
from hooks.cli.cleaning import Api
from hooks.cli.errors import Failed
from hooks.cli.snapshot import Snapshot
from hooks.dev.discovery import Discovery

# Of these only what is in the namespaces of the Workspaces decides anything.
IN_NAMESPACES = (
    names.WORKSPACES,
    names.PODS,
    names.DEPLOYMENTS,
    names.STATEFULSETS,
    names.SERVICES,
    names.REVISIONS,
    names.CONFIGMAPS,
    names.JOBS,
)


def observed_in(api: Api, namespaces: Iterable[str], provisioner: Provisioner) -> list[JsonObject]:
    """
    Return what there is: all Nodes and Machines, and what else is in some namespaces.

    Raises:
        Failed: Something cannot be read; a plan that knows half would be wrong.

    """
    snapshot = Snapshot(api, Discovery(api))
    wanted = sorted(set(namespaces))
    kinds = [names.NODES, *([CLAIMS[provisioner].key] if provisioner in CLAIMS else [])]
    try:
        spaces = [snapshot.read(Ref(objects.NAMESPACES, "", name)) for name in wanted]
        everywhere = [obj for kind in kinds for obj in snapshot.list_of(kind)]
        inside = [
            obj for name in wanted for kind in IN_NAMESPACES for obj in snapshot.list_of(kind, name)
        ]
    except ApiError as error:
        raise Failed(str(error)) from None
    if snapshot.notes:
        raise Failed(*(f"--cluster: {note}" for note in snapshot.notes))
    return [*(each for each in spaces if each is not None), *everywhere, *inside]
