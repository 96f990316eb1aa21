"""The play: a copy of the cluster, Workspaces applied to it, and what is written until it rests."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from composite import names
from composite.catalog import Catalog
from composite.models import JsonObject
from composite.preview.client_apply import applied_over
from composite.preview.transitions import edit_problems
from composite.refusal import Problem
from composite.simulate import Clock, Cluster, Gpus, HotLoop, MetacontrollerCrash, Ref, objects
from composite.simulate.errors import ApiError
from composite.simulate.in_process import InProcess
from composite.simulate.metacontroller import Metacontroller
from composite.simulate.provisioner import CLAIMS
from composite.simulate.store import Change

PARENTS = (names.WORKSPACES, objects.NAMESPACES)
# A sync that fails less often has met what was still to come.
FAILURES = 5


class Unforeseeable(Exception):  # noqa: N818  (it says what the world is like)
    """What is observed lacks something without which nothing can be said."""


class World(NamedTuple):
    """
    What there is, what shall be, and when.

    Args:
        observed: Objects as the API server has them, with uids, owners and statuses.
        beside: Other objects to be applied before the Workspaces.
        wanted: Workspaces to be applied.
        gpus: What a Node of an instance type shows.
        now: The time.

    """

    observed: Sequence[JsonObject]
    beside: Sequence[JsonObject]
    wanted: Sequence[JsonObject]
    gpus: Mapping[str, Gpus]
    now: datetime


class Write(NamedTuple):
    """What all writes to one object come to: before the first and after the last; None: nothing."""

    before: JsonObject | None
    after: JsonObject | None
    anew: bool


class Played(NamedTuple):
    """
    What came of a play.

    ``applied`` are the user's writes, ``writes`` Metacontroller's to objects that are no
    Workspaces, ``rejected`` what the API server says no to, by Workspace. ``before`` and ``found``
    are the Workspaces as they are at first and in the end, ``claims`` the Machines and NodeClaims
    at both times, whoever made or removed them. ``failing`` says what goes wrong with a parent
    again and again, ``foreign`` are children that are there and somebody else's, each with the
    parent that wants it.
    """

    applied: Mapping[Ref, Write]
    writes: Mapping[Ref, Write]
    rejected: Mapping[Ref, tuple[Problem, ...]]
    before: Mapping[Ref, JsonObject]
    found: Mapping[Ref, JsonObject]
    claims: tuple[Mapping[Ref, JsonObject], Mapping[Ref, JsonObject]]
    failing: Mapping[str, str]
    foreign: tuple[tuple[Ref, JsonObject], ...]


def play(world: World, catalog: Catalog) -> Played:
    """
    Play until the nodes are there.

    Nodes come up without trouble; pods are left as they are, since what they do is not known. So
    nothing of a training's end is foreseen.

    Raises:
        Unforeseeable: What is observed contradicts itself, or the play does not come to rest.

    """
    clock = Clock(world.now)
    cluster = Cluster(
        InProcess(catalog, clock),
        clock=clock,
        provisioner=catalog.provisioning.provisioner,
        gpus=world.gpus,
        plays_pods=False,
    )
    require_nodes(world.observed)
    for obj in completed(world.observed):
        cluster.restore(obj)
    mark, before, claims = cluster.store.last_change, workspaces_in(cluster), claims_in(cluster)
    for obj in world.beside:
        try:
            cluster.apply(beside(obj, cluster))
        except ApiError as error:
            raise Unforeseeable(str(error)) from error
    rejected = {
        workspace_ref(each): found
        for each in world.wanted
        if (found := tuple(apply_workspace(each, cluster)))
    }
    try:
        cluster.run()
    except (HotLoop, MetacontrollerCrash) as error:
        raise Unforeseeable(f"the played cluster cannot go on: {error}") from error
    changes = cluster.store.changes(mark)
    return Played(
        applied={
            ref: write
            for ref, write in net(changes, cluster.user.name).items()
            if ref.kind != objects.NAMESPACES or ref in {objects.ref_of(e) for e in world.beside}
        },
        writes={
            ref: write
            for ref, write in net(changes, Metacontroller.name).items()
            if ref.kind not in PARENTS
        },
        rejected=rejected,
        before=before,
        found=workspaces_in(cluster),
        claims=(claims, claims_in(cluster)),
        failing=failing(cluster),
        foreign=foreign(cluster),
    )


def apply_workspace(workspace: JsonObject, cluster: Cluster) -> Iterator[Problem]:
    """Apply a Workspace as kubectl does, or yield why the API server refuses it."""
    known = cluster.store.get(workspace_ref(workspace))
    wanted = over(workspace, known)
    problems = [*edit_problems(known, wanted)] if known is not None else []
    yield from problems
    if problems:
        return
    try:
        cluster.apply(wanted)
    except ApiError as error:
        field, colon, rest = str(error).partition(": ")
        yield Problem(field=field if colon else "spec", message=rest or str(error))


def beside(obj: JsonObject, cluster: Cluster) -> JsonObject:
    """Return another object of a file as kubectl sends it, with its status where it says one."""
    place = objects.namespace_of(obj) if objects.kind_of(obj).namespaced else ""
    known = cluster.store.get(objects.ref_of(obj)._replace(namespace=place))
    if known is None:
        return obj
    stored, given = ({k: v for k, v in each.items() if k != "status"} for each in (known, obj))
    merged = applied_over(stored, given)
    return {**merged, "status": obj["status"]} if "status" in obj else merged


def foreign(cluster: Cluster) -> tuple[tuple[Ref, JsonObject], ...]:
    """Return the children that are wanted and stand under somebody else, or nobody."""
    parents = cluster.store.list_of(names.WORKSPACES) + cluster.store.list_of(objects.NAMESPACES)
    uids = {objects.uid_of(each) for each in parents}
    wanted = (
        (parent, cluster.store.get(objects.ref_of(child)))
        for parent, child in cluster.desired_by_parent()
    )
    return tuple(
        (parent, child)
        for parent, child in wanted
        if child is not None and (objects.controller_of(child) or {}).get("uid") not in uids
    )


def failing(cluster: Cluster) -> dict[str, str]:
    """Return the last words of each parent whose sync fails as often as it is tried."""
    told: dict[str, list[str]] = {}
    for entry in cluster.timeline:
        if entry.what == "failed":
            told.setdefault(entry.about, []).append(entry.details[0])
    return {about: texts[-1] for about, texts in told.items() if len(texts) >= FAILURES}


def workspaces_in(cluster: Cluster) -> dict[Ref, JsonObject]:
    """Return the Workspaces as they are now."""
    return {objects.ref_of(each): each for each in cluster.store.list_of(names.WORKSPACES)}


def workspace_ref(workspace: JsonObject) -> Ref:
    """Return where a Workspace of a file is found."""
    place = objects.namespace_of(workspace)
    return Ref(names.WORKSPACES, place, workspace["metadata"]["name"])


def claims_in(cluster: Cluster) -> dict[Ref, JsonObject]:
    """Return the Machines and NodeClaims as they are now."""
    return {objects.ref_of(each): each for kind in CLAIMS for each in cluster.store.list_of(kind)}


def over(workspace: JsonObject, known: JsonObject | None) -> JsonObject:
    """Return a Workspace as ``kubectl apply`` sends it."""
    metadata = workspace["metadata"]
    kept = ("name", "namespace", "labels", "annotations", "uid")
    plain = {key: metadata[key] for key in kept if metadata.get(key)}
    spec = {key: workspace[key] for key in names.SPEC_FIELDS if key in workspace}
    kind = {"apiVersion": names.API_VERSION, "kind": names.KIND}
    return applied_over(known, {**kind, "metadata": plain, **spec})


def require_nodes(observed: Sequence[JsonObject]) -> None:
    """
    Refuse a world whose Machines have Nodes, none of which was given: all would be bought anew.

    Raises:
        Unforeseeable: With both names.

    """
    if any(objects.kind_key(obj) == names.NODES for obj in observed):
        return
    for obj in observed:
        node = objects.status_of(obj).get("nodeName")
        if objects.kind_key(obj) in CLAIMS and node and not objects.is_terminating(obj):
            raise Unforeseeable(
                f"{obj['kind']} {obj['metadata']['name']} has the Node {node}, and what is "
                "observed holds no Node: give the Nodes too"
            )


def completed(observed: Sequence[JsonObject]) -> Iterator[JsonObject]:
    """
    Yield the namespaces first, and then all else.

    A Namespace that was not given has the uid that its Machines know of.
    """
    given = [obj for obj in observed if objects.kind_key(obj) == objects.NAMESPACES]
    yield from given
    there = {obj["metadata"]["name"] for obj in given}
    placed = (obj for obj in observed if objects.kind_of(obj).namespaced)
    for name in sorted({objects.namespace_of(obj) for obj in placed} - there):
        metadata = {"name": name, **uid_in_machines(name, observed)}
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata, "spec": {}}
    yield from (obj for obj in observed if objects.kind_key(obj) != objects.NAMESPACES)


def uid_in_machines(namespace: str, observed: Sequence[JsonObject]) -> JsonObject:
    """Return the uid of a Namespace that owns Machines, as those have it."""
    for obj in observed:
        owner = objects.controller_of(obj) if objects.kind_key(obj) in CLAIMS else None
        if owner is not None and (owner["kind"], owner["name"]) == ("Namespace", namespace):
            return {"uid": owner["uid"]}
    return {}


def net(changes: Sequence[Change], writer: str) -> dict[Ref, Write]:
    """Return what the writes of one writer to each object come to, statuses left aside."""
    found: dict[Ref, Write] = {}
    for change in changes:
        ref = objects.ref_of(change.obj)
        if change.manager != writer:
            continue
        after = change.new
        if after is not None and objects.is_terminating(after):
            after = None
        known = found.get(ref)
        if known is None:
            found[ref] = Write(change.old, after, anew=False)
            continue
        anew = known.anew or (known.before is not None and known.after is None)
        found[ref] = Write(known.before, after, anew=anew and after is not None)
    return {ref: write for ref, write in found.items() if write.before or write.after}
