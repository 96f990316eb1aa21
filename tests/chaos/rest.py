"""Laws of the rest that every story comes to, and of the hours after it."""

from collections.abc import Iterator

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.objects import Ref
from composite.simulate.pod_status import is_over, is_ready
from composite.simulate.provisioner import CLAIMS
from composite.simulate.workloads import (
    POD_TEMPLATE_HASH,
    REVISION_HASH,
    revision_of,
    template_hash,
)
from tests.chaos.answers import condition, is_up, named
from tests.chaos.events import Recreate, Writes
from tests.chaos.hooks import SYNC
from tests.chaos.playing import METACONTROLLER, Played
from tests.chaos.way import is_end

# What the hooks say where nothing can be planned any more.
UNPLANNABLE = (
    "what was accepted cannot be planned any more",
    "the Workspace is refused, and no revision tells what was accepted",
    "the Workspace is refused, and revision ",
)


def quiet(played: Played) -> Iterator[str]:
    """
    At rest nothing is written, in hours of time nor after a restart that looks at everything.

    Where things only go round in circles, a status may still tell how often.
    """
    if not played.settled:
        yield "it never came to rest"
        return
    for name, start, end in (
        ("hours later", played.rest, played.hours_later),
        ("after a restart", played.hours_later, played.restarted),
    ):
        for change in played.changes[start.changes : end.changes]:
            ref = objects.ref_of(change.obj)
            if played.circles and (change.manager != METACONTROLLER or is_status(change.old, ref)):
                continue
            yield f"{name}: {ref} is {change.type.lower()} by {change.manager}"
        for manager, ref in played.cluster.store.idle_writes[start.idle_writes : end.idle_writes]:
            yield f"{name}: {manager} writes {ref} for nothing"
        excused = {str(objects.ref_of(found)) for found in living(played) if is_lost(played, found)}
        for entry in played.cluster.timeline[start.entries : end.entries]:
            if entry.what == "failed" and entry.about not in excused:
                yield f"{name}: {entry.about}: {entry.details[0]}"
    ways = {write for write in played.cluster.store.idle_writes if write[0] == METACONTROLLER}
    yield from (f"on the way: {who} writes {ref} for nothing" for who, ref in sorted(ways))


def is_status(old: JsonObject | None, ref: Ref) -> bool:
    """Whether a change of this object can be one of a status only."""
    return old is not None and ref.kind == names.WORKSPACES


def living(played: Played) -> list[JsonObject]:
    """Return the Workspaces at the end."""
    return played.cluster.store.list_of(names.WORKSPACES)


def staying(played: Played) -> list[JsonObject]:
    """Return the Workspaces that are not on their way out."""
    return [workspace for workspace in living(played) if not objects.is_terminating(workspace)]


def as_wanted(played: Played) -> Iterator[str]:
    """Every child and claim that the hooks want is there, and each status is about the newest."""
    if not played.settled:
        return
    owners = {objects.uid_of(workspace) for workspace in living(played)}
    for child in played.cluster.desired():
        ref = objects.ref_of(child)
        found = played.cluster.store.get(ref)
        if found is None:
            yield f"{ref} is wanted and not there"
            continue
        owner = objects.controller_of(found)
        if owner is None:
            yield f"{ref} is nobody's"
        elif ref.namespace and owner["uid"] not in owners:
            yield f"{ref} is somebody's who is gone"
    for workspace in staying(played):
        status = objects.status_of(workspace)
        known = status.get("observedGeneration") == workspace["metadata"]["generation"]
        if not (known and status.get("conditions")) and not is_lost(played, workspace):
            yield f"{named(workspace)}: its newest generation was not looked at"
        for machine in status.get("machines") or ():
            if claim_named(played, machine["name"]) is None and not played.circles:
                yield f"{named(workspace)}: {machine['name']} is planned and not there"


def answered(played: Played) -> Iterator[str]:
    """The last question about each Workspace got an answer, but where nothing can be planned."""
    for workspace in living(played):
        failure = last_failure(played, workspace)
        if failure is not None and not is_lost(played, workspace):
            yield f"{named(workspace)}: {failure}"


def last_failure(played: Played, workspace: JsonObject) -> str | None:
    """Return why the last sync of a Workspace failed; None if it was answered."""
    uid = objects.uid_of(workspace)
    asked = (x for x in reversed(played.exchanges) if x.path == SYNC)
    mine = (x for x in asked if objects.uid_of(x.request["parent"]) == uid)
    last = next(mine, None)
    return None if last is None or last.response is not None else last.error or "no answer"


def is_lost(played: Played, workspace: JsonObject) -> bool:
    """
    Whether nothing can be planned for a Workspace any more, and the hooks say so.

    It takes an edit of it or of the configuration that it names, which is refused, and that no
    revision and no copy of the configuration tells what was before: somebody deleted one, or it
    could not be made, since a write failed or that of an earlier Workspace was there. Of one on its
    way out the namespace controller may have taken both before it.
    """
    failure = last_failure(played, workspace)
    if failure is None or not any(reason in failure for reason in UNPLANNABLE):
        return False
    if objects.is_terminating(workspace):
        return True
    was_edited = workspace["metadata"]["generation"] > 1 or has_edited_config(played)
    unmade = any(isinstance(event, Writes | Recreate) for event in played.story.events)
    return was_edited and (unmade or has_lost_record(played, objects.uid_of(workspace)))


def has_edited_config(played: Played) -> bool:
    """Whether somebody changed or deleted a ConfigMap."""
    return any(
        change.manager == "user"
        and change.type != "ADDED"
        and objects.kind_key(change.obj) == names.CONFIGMAPS
        for change in played.changes
    )


def has_lost_record(played: Played, uid: str) -> bool:
    """Whether somebody deleted a revision of a Workspace, or its copy of a configuration."""
    return any(
        change.manager == "user"
        and is_end(change)
        and objects.kind_key(change.obj) in (names.REVISIONS, names.CONFIGMAPS)
        and (objects.controller_of(change.obj) or {}).get("uid") == uid
        for change in played.changes
    )


def nothing_left(played: Played) -> Iterator[str]:
    """Every claim has a Workspace that wants it, every Pod an owner, every made Node a claim."""
    store = played.cluster.store
    wanted: dict[str, str] = {}
    for workspace in staying(played):
        machines = objects.status_of(workspace).get("machines") or ()
        wanted |= {machine["name"]: objects.uid_of(workspace) for machine in machines}
        claims = [m for m in machines if claim_named(played, m["name"]) is not None]
        asked = int(workspace["resource"].get("count", 1))
        accepted = condition(objects.status_of(workspace), "Accepted") == "True"
        if accepted and len(claims) > asked and not raised_and_lowered(played, workspace):
            yield f"{named(workspace)} has {len(claims)} claims and asks for {asked}"
    for kind in CLAIMS:
        for claim in store.list_of(kind):
            if claim["metadata"]["name"] not in wanted and not is_held(played, claim):
                yield f"{objects.ref_of(claim)} is wanted by nobody"
    known = {objects.uid_of(obj) for obj in store.everything()}
    for obj in store.everything():
        owner = objects.controller_of(obj)
        if owner is not None and owner["uid"] not in known:
            yield f"{objects.ref_of(obj)} has outlived its {owner['kind']}"


def is_held(played: Played, claim: JsonObject) -> bool:
    """Whether the Namespace of a claim is on its way out: Metacontroller leaves what it owns."""
    owner = objects.controller_of(claim)
    named_there = Ref("Namespace.v1", "", owner["name"] if owner is not None else "")
    namespace = played.cluster.store.get(named_there)
    return namespace is not None and objects.is_terminating(namespace)


def raised_and_lowered(played: Played, workspace: JsonObject) -> bool:
    """Whether more nodes were asked for once: a planned Machine stays planned."""
    now = int(workspace["resource"].get("count", 1))
    uid = objects.uid_of(workspace)
    seen = (
        int(change.new["resource"].get("count", 1))
        for change in played.changes
        if change.new is not None
        and objects.kind_key(change.new) == names.WORKSPACES
        and objects.uid_of(change.new) == uid
    )
    return max(seen) > now


def claim_named(played: Played, name: str) -> JsonObject | None:
    """Return a Machine or NodeClaim."""
    found = (played.cluster.store.get(Ref(kind, "", name)) for kind in CLAIMS)
    return next((claim for claim in found if claim is not None), None)


def ready_is_ready(played: Played) -> Iterator[str]:
    """
    A Workspace that says it is ready has living nodes, and ready pods of its newest template.

    Except where nothing can be said any more: the hooks answer 500, and that is in its events.
    """
    store = played.cluster.store
    for workspace in living(played):
        if is_lost(played, workspace):
            continue
        status = objects.status_of(workspace)
        if condition(status, "ResourceReady") == "True" and not is_over_by(workspace):
            nodes = [store.get(Ref(names.NODES, "", n)) for n in status["workerNodes"]]
            up = [node for node in nodes if is_up(node)]
            if len(up) < asked_nodes(workspace, status):
                yield f"{named(workspace)}: ResourceReady with {len(up)} nodes"
        if condition(status, "WorkspaceReady") == "True" and not is_over_by(workspace):
            pods = list(new_pods(played, workspace))
            on = [store.get(Ref(names.NODES, "", pod["spec"]["nodeName"])) for pod in pods]
            if not pods or not all(map(is_ready, pods)) or None in on:
                found = ", ".join(str(objects.ref_of(pod)) for pod in pods)
                yield f"{named(workspace)}: WorkspaceReady with these pods: {found or 'none'}"


def asked_nodes(workspace: JsonObject, status: JsonObject) -> int:
    """Return how many nodes what was accepted asks for, or at least."""
    accepted = condition(status, "Accepted") == "True"
    return int(workspace["resource"].get("count", 1)) if accepted else 1


def is_over_by(workspace: JsonObject) -> bool:
    """Whether it is a training that is over, which needs nothing any more."""
    return (objects.status_of(workspace).get("tuning") or {}).get("phase") in (
        "Succeeded",
        "Failed",
    )


def new_pods(played: Played, workspace: JsonObject) -> Iterator[JsonObject]:
    """Return the pods of a Workspace that are of the newest template of its workload."""
    store = played.cluster.store
    namespace, name = workspace["metadata"]["namespace"], workspace["metadata"]["name"]
    for kind, label, digest in (
        (names.DEPLOYMENTS, POD_TEMPLATE_HASH, template_hash),
        (names.STATEFULSETS, REVISION_HASH, revision_of),
    ):
        workload = store.get(Ref(kind, namespace, name))
        if workload is None:
            continue
        for pod in store.list_of(names.PODS, namespace):
            owner = objects.controller_of(pod)
            if owner is None or owner["uid"] != objects.uid_of(workload) or is_over(pod):
                continue
            if objects.labels_of(pod).get(label) == digest(workload):
                yield pod
