"""What of a cluster belongs to one Workspace, and what Metacontroller would ask about it."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from composite import names
from composite.catalog import Catalog
from composite.models import JsonObject
from composite.simulate import children, objects
from composite.simulate.controllers import CLAIMS, Controller, controllers
from composite.simulate.errors import ApiError, SyncError
from composite.simulate.objects import NAMESPACE, WORKSPACE, Kind, Ref
from composite.simulate.syncing import Syncer
from hooks.answers import answer
from hooks.cli.cleaning import Api
from hooks.cli.installed_hooks import LABELS, UNTOLD, hooks_in, settings_of, workloads_in
from hooks.cli.recordings import NotReplayable, hook_of
from hooks.cli.snapshot import Snapshot
from hooks.dev.controllers import as_sent, read_controller
from hooks.dev.program import COMPOSITES, DECORATORS
from hooks.dev.webhooks import url_of
from hooks.recording.exchange import Question
from hooks.settings import Settings

EVENTS = Kind("v1", "Event", "events", status=False)
# Events of what has no namespace are there.
USUAL_NAMESPACE = "default"


class Installation(NamedTuple):
    """What is installed: its controllers, its settings, and the objects that say so."""

    controllers: tuple[Controller, ...]
    settings: Settings
    objects: tuple[JsonObject, ...]


class Still:
    """A clock that stands, for a question takes no time."""

    seconds = 0.0


class Unapplied:
    """What applies nothing, for nothing is to change."""

    def apply(
        self,
        controller: Controller,
        parent: JsonObject,
        observed: JsonObject | None,
        desired: JsonObject,
    ) -> None:
        """Apply nothing."""

    def forget(self, child: JsonObject) -> None:
        """Know nothing."""


def installation(snapshot: Snapshot, usual: Settings) -> Installation:
    """
    Return what is installed.

    Args:
        snapshot: The cluster.
        usual: The settings, where there is no Deployment that says them.

    """
    workloads = workloads_in(snapshot)
    pods = [obj for labels in LABELS for obj in snapshot.selected("Pod.v1", "", labels)]
    hooks = hooks_in(workloads)
    settings = settings_of(hooks, snapshot) if hooks is not None else None
    if hooks is not None and hooks.told.get("presets"):
        snapshot.note(f"{hooks.name} has presets of its own: the answers are made without them")
    if settings is None:
        snapshot.note(UNTOLD)
        settings = usual
    told = [obj for kind in (COMPOSITES, DECORATORS) for obj in snapshot.list_of(kind.key)]
    ours = [obj for obj in told if is_ours(obj)]
    found = [controller for obj in ours for controller in playable(obj, snapshot)]
    for each in controllers(settings.provisioner):
        if all(one.style is not each.style for one in found):
            snapshot.note(f"no {each.style.value} of ours could be read: {each.name} is assumed")
            found.append(each)
    return Installation(tuple(found), settings, (*ours, *workloads, *pods))


def is_ours(controller: JsonObject) -> bool:
    """Tell whether a controller is about Workspaces, or makes nodes."""
    spec = controller.get("spec") or {}
    named = [spec.get("parentResource"), *(spec.get("attachments") or ())]
    wanted = {(kind.api_version, kind.plural) for kind in (WORKSPACE, *CLAIMS.values())}
    return any((each.get("apiVersion"), each.get("resource")) in wanted for each in named if each)


def playable(obj: JsonObject, snapshot: Snapshot) -> Iterator[Controller]:
    """Yield what a controller object says, if its questions can be told from it."""
    try:
        told = read_controller(plain(obj), snapshot.discovery, lambda *_: {})
    except (SyncError, LookupError, TypeError, AttributeError) as error:
        snapshot.note(f"{objects.ref_of(obj)}: {error}")
        return
    yield told.controller.model_copy(update={"given": as_sent(obj)})


def plain(obj: JsonObject) -> JsonObject:
    """Return a controller object that says where its hooks are, and nothing of how to get there."""
    hooks = {
        name: {"version": "v2", "webhook": {"url": url_of(hook.get("webhook") or {})}}
        for name, hook in (obj["spec"].get("hooks") or {}).items()
        if name in ("sync", "customize") and hook
    }
    return {**obj, "spec": {**obj["spec"], "hooks": hooks, "endpointConfigs": []}}


def questions(
    snapshot: Snapshot, installed: Installation, workspace: JsonObject, catalog: Catalog
) -> Iterator[Question]:
    """Yield what Metacontroller would ask about a Workspace and its Namespace, if it asked now."""
    namespace = workspace["metadata"]["namespace"]
    for controller in installed.controllers:
        is_workspace = controller.parent.key == WORKSPACE.key
        place = Ref(NAMESPACE.key, "", namespace)
        parent = workspace if is_workspace else snapshot.read(place)
        if parent is None or not controller.cares_for(parent):
            snapshot.note(
                f"{controller.name} does not look at {objects.ref_of(parent or workspace)}"
            )
            continue
        try:
            yield from asked_by(controller, snapshot, parent, catalog)
        except (SyncError, NotReplayable) as error:
            snapshot.note(f"{controller.name}: its requests cannot be made: {error}")


def asked_by(
    controller: Controller, snapshot: Snapshot, parent: JsonObject, catalog: Catalog
) -> Iterator[Question]:
    """
    Yield what one controller asks about one parent: what else to look at, then what to make.

    Raises:
        SyncError: What is related cannot be found out.
        NotReplayable: It asks another hook than ours.

    """
    met: list[Question] = []

    def answered(url: str, body: JsonObject) -> JsonObject:
        question = Question(hook_of(url), body, None)
        met.append(question)
        return answer(question.path, body, catalog, no_clock)

    syncer = Syncer(
        controller,
        snapshot,
        applier=Unapplied(),
        clock=Still(),
        ask=answered,
        watch=lambda _: None,
    )
    observed = children.observed_children(controller, parent, snapshot)
    body = syncer.question(parent, observed)
    yield from met
    yield Question(hook_of(controller.sync_path), body, None)


def no_clock() -> datetime:
    """Tell no time: what else to look at does not depend on it."""
    raise AssertionError


def objects_of(
    snapshot: Snapshot, installed: Installation, workspace: JsonObject, asked: Iterable[Question]
) -> list[JsonObject]:
    """Return every object that belongs to a Workspace, or says what is installed, by its name."""
    namespace, name = workspace["metadata"]["namespace"], workspace["metadata"]["name"]
    uid = objects.uid_of(workspace)
    mine = f"{names.LABEL_WORKSPACE}={name},{names.LABEL_WORKSPACE_NAMESPACE}={namespace}"
    found = [
        workspace,
        *filter(None, [snapshot.read(Ref(NAMESPACE.key, "", namespace))]),
        *(each for question in asked for each in sent_with(question, uid)),
        *(
            each
            for controller in installed.controllers
            if controller.parent.key == WORKSPACE.key
            for kind in controller.child_kinds
            for each in snapshot.owned_by(kind, uid, namespace)
        ),
        *(
            each
            for kind in (*CLAIMS.values(), objects.NODE)
            if snapshot.kind(kind.api_version, kind.plural) is not None
            for each in snapshot.selected(kind.key, "", mine)
        ),
        *installed.objects,
    ]
    every = {objects.ref_of(each): each for each in found}
    events = events_of(snapshot, namespace, name, {ref.name for ref in every})
    return [each for _, each in sorted({**every, **events}.items())]


def sent_with(question: Question, uid: str) -> Iterator[JsonObject]:
    """Yield the objects of a question, if it is about the Workspace of this uid."""
    parent = question.request.get("parent") or {}
    if (parent.get("metadata") or {}).get("uid") == uid:
        for field in ("children", "related"):
            for found in (question.request.get(field) or {}).values():
                yield from found.values()


def events_of(
    snapshot: Snapshot, namespace: str, name: str, known: set[str]
) -> dict[Ref, JsonObject]:
    """Return the Events about objects of these names, and about what is called after them."""
    places = dict.fromkeys((namespace, USUAL_NAMESPACE))
    return {
        objects.ref_of(event): event
        for place in places
        for event in snapshot.selected(EVENTS.key, place)
        if (about := str((event.get("involvedObject") or {}).get("name", ""))) in known
        or (place == namespace and about.startswith(f"{name}-"))
    }


def server_version(api: Api) -> str:
    """Return the version of Kubernetes; empty where that is not told."""
    with suppress(ApiError):
        return str(api.send("GET", "/version").get("gitVersion", ""))
    return ""
