"""What there is in a cluster that decides what Workspaces would become; it is only read."""

from collections.abc import Iterable
from typing import NamedTuple

from composite import names
from composite.catalog import Provisioner
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.controllers import CLAIMS
from composite.simulate.errors import ApiError
from composite.simulate.objects import Ref
from hooks.cli.cleaning import Api
from hooks.cli.collecting import OURS, THEIRS, settings_in
from hooks.cli.errors import Failed
from hooks.cli.snapshot import Snapshot
from hooks.dev.discovery import Discovery
from hooks.settings import Settings

UNTOLD = "no Deployment tells the settings of the hooks: those of here are used"

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


class Installed(NamedTuple):
    """With which settings the hooks of a cluster answer, and what is to be said of that."""

    settings: Settings
    notes: tuple[str, ...]


def installed_in(api: Api, usual: Settings) -> Installed:
    """
    Return the settings of the hooks in a cluster.

    Args:
        api: The cluster.
        usual: Those of here. They are taken where nothing in the cluster tells its own; presets
            always are, for they lie in files.

    Raises:
        Failed: Nobody answers.

    """
    snapshot = Snapshot(api, Discovery(api))
    try:
        workloads = [
            obj
            for kind in (objects.DEPLOYMENT, objects.STATEFULSET)
            for labels in (OURS, THEIRS)
            for obj in snapshot.selected(kind.key, "", labels)
        ]
    except ApiError as error:
        raise Failed(str(error)) from None
    found = settings_in(workloads, snapshot)
    if found is None:
        return Installed(usual, (*snapshot.notes, f"{UNTOLD}: {in_words(usual)}"))
    if usual.presets is None:
        return Installed(found, tuple(snapshot.notes))
    taken = f"the presets of here are taken for those of the cluster: {usual.presets}"
    return Installed(found.model_copy(update={"presets": usual.presets}), (taken,))


def in_words(settings: Settings) -> str:
    """Return the settings that decide most."""
    where = f"provisioner {settings.provisioner.value}, cloud {settings.cloud.value}"
    return where if settings.presets is None else f"{where}, presets {settings.presets}"


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
