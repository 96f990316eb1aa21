"""Laws of the way to rest, held against every change there was in the store."""

from collections.abc import Iterator

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.pod_status import is_ready
from composite.simulate.provisioner import CLAIMS
from composite.simulate.store import Change
from composite.workspace.related import ATTEMPTS, machine_name
from tests.chaos.playing import METACONTROLLER, Played

WORKLOADS = (names.DEPLOYMENTS, names.STATEFULSETS)
KEEPERS = ("deployment-controller", "statefulset-controller", "garbage-collector")
MOST_NODES = 8


class History:
    """
    The Workspaces as they are while the changes pass by, and since when they are made of what.

    ``asked`` and ``made_of`` are the numbers of the changes since which a Workspace asks for the
    same nodes, and runs the same; ``touched`` of the last one by hand of a workload; ``born`` of
    the first of any object; ``forgotten`` of the last revision that somebody deleted. ``owners`` is
    whose an object is, both by their uid.
    """

    def __init__(self) -> None:
        self.workspaces: dict[tuple[str, str], JsonObject] = {}
        self.asked: dict[str, int] = {}
        self.made_of: dict[str, int] = {}
        self.touched: dict[tuple[str, str], int] = {}
        self.born: dict[str, int] = {}
        self.forgotten: dict[str, int] = {}
        self.owners: dict[str, str] = {}

    def pass_by(self, change: Change) -> None:
        """Take note of a change."""
        ref = objects.ref_of(change.obj)
        place = ref.namespace, ref.name
        if change.old is None:
            self.born[objects.uid_of(change.obj)] = change.number
        owner = objects.controller_of(change.obj)
        if owner is not None:
            self.owners[objects.uid_of(change.obj)] = owner["uid"]
        if ref.kind in WORKLOADS and change.manager == "user":
            self.touched[place] = change.number
        if ref.kind == names.REVISIONS and change.manager == "user" and owner is not None:
            self.forgotten[owner["uid"]] = change.number
        if ref.kind != names.WORKSPACES:
            return
        if change.new is None:
            self.workspaces.pop(place, None)
            return
        self.workspaces[place] = change.new
        uid = objects.uid_of(change.new)
        if change.old is None or nodes_of(change.old) != nodes_of(change.new):
            self.asked[uid] = change.number
        if change.old is None or pods_of(change.old) != pods_of(change.new):
            self.made_of[uid] = change.number

    def living(self, obj: JsonObject) -> JsonObject | None:
        """Return the Workspace that an object is labelled for, if it is not on its way out."""
        labels = objects.labels_of(obj)
        namespace = obj["metadata"].get("namespace") or labels.get(names.LABEL_WORKSPACE_NAMESPACE)
        found = self.workspaces.get((namespace or "", labels.get(names.LABEL_WORKSPACE, "")))
        return None if found is None or objects.is_terminating(found) else found


def nodes_of(workspace: JsonObject) -> JsonObject:
    """Return what decides which nodes are bought."""
    resource = {k: v for k, v in workspace["resource"].items() if k != "preferredNodes"}
    annotations = workspace["metadata"].get("annotations") or {}
    return {**resource, "release": annotations.get(names.ANNOTATION_RELEASE_NODES)}


def pods_of(workspace: JsonObject) -> list[object]:
    """Return what decides how the pods of a Workspace are."""
    return [nodes_of(workspace), workspace.get("inference"), workspace.get("tuning")]


def is_end(change: Change) -> bool:
    """Whether an object begins to go away, or is gone at once."""
    if change.old is None or objects.is_terminating(change.old):
        return False
    return change.new is None or objects.is_terminating(change.new)


def taken_away(played: Played) -> Iterator[str]:
    """
    Say which nodes and pods were taken from a Workspace that nobody had asked to give them up.

    A claim is deleted by Metacontroller only if its Workspace is gone, asks for other nodes than
    when it was made, says that its nodes may be released, or if the cloud has no such machine. A
    pod that is ready and serves is deleted only if what it is made of was edited, or by hand.
    """
    history = History()
    for change in played.changes:
        kind = objects.kind_key(change.obj)
        if is_end(change) and kind in CLAIMS and change.manager == METACONTROLLER:
            yield from lost_claim(change, history)
        if is_end(change) and kind == names.PODS and change.manager in KEEPERS:
            yield from lost_pod(change, history)
        history.pass_by(change)


def lost_claim(change: Change, history: History) -> Iterator[str]:
    """Say that a claim was deleted for nothing."""
    claim = change.obj
    workspace = history.living(claim)
    if workspace is None or is_unavailable(claim) or releases_nodes(workspace):
        return
    uid = objects.uid_of(workspace)
    own = {machine_name(uid, i, a) for i in range(MOST_NODES) for a in range(ATTEMPTS)}
    if (
        claim["metadata"]["name"] in own
        and history.asked[uid] < history.born[objects.uid_of(claim)]
    ):
        yield f"change {change.number}: {objects.ref_of(claim)} is deleted, and nobody asked for it"


def releases_nodes(workspace: JsonObject) -> bool:
    """Whether the nodes may go when a training is over."""
    annotations = workspace["metadata"].get("annotations") or {}
    return "tuning" in workspace and annotations.get(names.ANNOTATION_RELEASE_NODES) == "True"


def is_unavailable(claim: JsonObject) -> bool:
    """Whether the provisioner says that there is no such machine."""
    launched = [objects.condition_of(claim, kind) for kind in ("MachineLaunched", "Launched")]
    return any(found is not None and found["status"] == "False" for found in launched)


def lost_pod(change: Change, history: History) -> Iterator[str]:
    """Say that a pod that was ready was deleted for nothing."""
    pod = change.old
    assert pod is not None
    workspace, born = history.living(pod), history.born[objects.uid_of(pod)]
    if workspace is None or "tuning" in workspace or not is_ready(pod):
        return
    uid, place = objects.uid_of(workspace), objects.ref_of(workspace)
    edited = max(history.made_of[uid], history.forgotten.get(uid, 0))
    if history.owners.get(history.owners[objects.uid_of(pod)]) != uid or edited > born:
        return
    if history.touched.get((place.namespace, place.name), 0) > history.born[uid]:
        return
    ref = objects.ref_of(pod)
    yield f"change {change.number}: {ref} is deleted by {change.manager}, and nobody asked for it"


def too_many(played: Played) -> Iterator[str]:
    """
    Say where more nodes were bought for a Workspace than it asked for and lost.

    Of each claim there can be one more only after one is gone, or is on its way out.
    """
    history = History()
    there: dict[str, set[str]] = {}
    for change in played.changes:
        history.pass_by(change)
        ref = objects.ref_of(change.obj)
        if ref.kind not in CLAIMS:
            continue
        workspace = history.living(change.obj)
        if workspace is None:
            continue
        claims = there.setdefault(objects.uid_of(workspace), set())
        if change.new is None or objects.is_terminating(change.new):
            claims.discard(str(ref))
        elif change.old is None:
            claims.add(str(ref))
            asked = int(workspace["resource"].get("count", 1))
            same = (
                history.asked[objects.uid_of(workspace)] == history.born[objects.uid_of(workspace)]
            )
            if len(claims) > asked and same:
                yield f"change {change.number}: {len(claims)} nodes are bought, {asked} asked for"
