"""What there is in a cluster that decides what Workspaces would become; it is only read."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from composite import names
from composite.catalog import Provisioner
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.controllers import CLAIMS
from composite.simulate.errors import ApiError
from composite.simulate.objects import Ref
from hooks.cli.about import installed
from hooks.cli.cleaning import Api
from hooks.cli.errors import Failed
from hooks.cli.installed_hooks import (
    UNTOLD,
    Hooks,
    hooks_in,
    presets_of,
    settings_of,
    workloads_in,
    write_presets,
)
from hooks.cli.snapshot import Snapshot
from hooks.dev.discovery import Discovery
from hooks.settings import Settings

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


@contextmanager
def installed_in(api: Api, usual: Settings) -> Iterator[Installed]:
    """
    Give the settings of the hooks in a cluster; their own presets are there within the context.

    Args:
        api: The cluster.
        usual: Those of here. They are taken where nothing in the cluster tells its own; presets of
            here always are, if there are any.

    Raises:
        Failed: Nobody answers.

    """
    snapshot = Snapshot(api, Discovery(api))
    hooks = found_in(snapshot)
    found = settings_of(hooks, snapshot) if hooks is not None else None
    if hooks is None or found is None:
        yield Installed(usual, (*snapshot.notes, f"{UNTOLD}: {in_words(usual)}"))
        return
    if hooks.version not in ("", installed()):
        snapshot.note(
            f"{hooks.name} is of metakaito {hooks.version}, and this is {installed()}: "
            "what it would do may differ"
        )
    if usual.presets is not None:
        snapshot.note(f"the presets of here are taken for those of the cluster: {usual.presets}")
        yield Installed(with_presets(found, usual.presets), tuple(snapshot.notes))
        return
    files = presets_of(hooks, snapshot)
    if files is None:
        snapshot.note("only the presets of this version are known: give the others with --presets")
    with tempfile.TemporaryDirectory(prefix="presets-of-the-cluster-") as folder:
        write_presets(files or {}, Path(folder))
        settings = with_presets(found, Path(folder)) if files else found
        yield Installed(settings, tuple(snapshot.notes))


def with_presets(settings: Settings, presets: Path) -> Settings:
    """Return settings with a directory of presets of one's own."""
    return settings.model_copy(update={"presets": presets})


def found_in(snapshot: Snapshot) -> Hooks | None:
    """
    Return the hooks of a cluster.

    Raises:
        Failed: Nobody answers.

    """
    try:
        return hooks_in(workloads_in(snapshot))
    except ApiError as error:
        raise Failed(f"--cluster: {error}") from None


def in_words(settings: Settings) -> str:
    """Return the settings that decide most."""
    where = f"provisioner {settings.provisioner.value}, cloud {settings.cloud.value}"
    return where if settings.presets is None else f"{where}, presets {settings.presets}"


def observed_in(api: Api, namespaces: Iterable[str], provisioner: Provisioner) -> list[JsonObject]:
    """
    Return what there is: all Nodes, Machines or NodeClaims, and what else is in some namespaces.

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
        others = [*claims_of_others(api, snapshot.discovery, provisioner)]
    except ApiError as error:
        raise Failed(f"--cluster: {error}") from None
    if snapshot.notes:
        raise Failed(*(f"--cluster: {note}" for note in snapshot.notes))
    return [*(each for each in spaces if each is not None), *everywhere, *others, *inside]


def claims_of_others(
    api: Api, discovery: Discovery, provisioner: Provisioner
) -> Iterator[JsonObject]:
    """
    Yield what Workspaces have of the kinds that another provisioner makes.

    Most clusters have no such kind, and who plans need not be allowed to read it: it only tells
    that the provisioner may be a wrong one.

    Raises:
        ApiError: Nobody answers.

    """
    snapshot = Snapshot(api, discovery)
    for other, kind in CLAIMS.items():
        if other is not provisioner:
            yield from snapshot.selected(kind.key, "", names.LABEL_WORKSPACE)
