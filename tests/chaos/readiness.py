"""
The law that what can be ready is ready, and what of a story may keep a Workspace from it.

Without it hooks that never did anything would break no law.
"""

from collections.abc import Iterator

from composite import names
from composite.catalog import Provisioner
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.objects import Ref
from composite.simulate.provisioner import CLAIMS
from tests.chaos.answers import condition, is_up, named
from tests.chaos.hooks import SYNC
from tests.chaos.playing import Played
from tests.chaos.rest import last_failure


def can_be_ready_is_ready(played: Played) -> Iterator[str]:
    """
    Every accepted Workspace has all its nodes, and is ready, or has a Job that trains.

    None is refused that was accepted as it is. Of a training that is over nothing is said, for it
    needs nothing any more, nor of what is on its way out, nor where nothing can be planned any
    more: that this is so another law holds.
    """
    if not played.settled:
        return
    for workspace in played.cluster.store.list_of(names.WORKSPACES):
        status = objects.status_of(workspace)
        if is_over(status) or is_going(played, workspace) or last_failure(played, workspace):
            continue
        if condition(status, "Accepted") == "True":
            yield from lacks(played, workspace)
        elif was_accepted(played, workspace):
            yield f"{named(workspace)} is refused, and was accepted as it is"


def lacks(played: Played, workspace: JsonObject) -> Iterator[str]:
    """Say what an accepted Workspace has not, and nothing of the story hinders it."""
    asked = int(workspace["resource"].get("count", 1))
    claims, nodes = own_claims(played, workspace), fitting_nodes(played, workspace)
    there = len(claims) + len(nodes)
    if there < asked and played.story.provisioner is not Provisioner.NONE:
        yield f"{named(workspace)} has {there} claims and nodes, and asks for {asked}"
    if any(
        hindrances(played, workspace, lacking=asked - there + len(taken(played, workspace, nodes)))
    ):
        return
    if "tuning" in workspace and not has_job(played, workspace):
        yield f"{named(workspace)} trains nothing, and nothing hinders it"
    ready = condition(objects.status_of(workspace), "WorkspaceReady") == "True"
    if "tuning" not in workspace and not ready:
        yield f"{named(workspace)} is not ready, and nothing hinders it"


def hindrances(played: Played, workspace: JsonObject, lacking: int) -> Iterator[str]:
    """Yield what of the story keeps a Workspace from being ready for as long as it is in force."""
    if lacking > 0:
        yield "nobody buys nodes, and those that somebody brought are too few, or not fit"
    if played.story.faults.get("imageCannotBePulled") and "tuning" not in workspace:
        yield "no image can be pulled"
    for name in sorted(own_nodes(played, workspace)):
        node = played.cluster.store.get(Ref(names.NODES, "", name))
        if node is not None and not (is_open(node) and has_labels(node, workspace)):
            yield f"{name} is not Ready or is cordoned, or somebody took its labels"


def own_nodes(played: Played, workspace: JsonObject) -> set[str]:
    """Return the names of the Nodes of a Workspace's claims, and of those that its pods are on."""
    pods = played.cluster.store.list_of(names.PODS, workspace["metadata"]["namespace"])
    name = workspace["metadata"]["name"]
    mine = [pod for pod in pods if objects.labels_of(pod).get(names.LABEL_WORKSPACE) == name]
    claimed = [objects.status_of(c).get("nodeName", "") for c in own_claims(played, workspace)]
    return {*claimed, *(pod["spec"].get("nodeName", "") for pod in mine)}


def was_accepted(played: Played, workspace: JsonObject) -> bool:
    """
    Whether the newest generation of a Workspace that serves was accepted once.

    Of no others, for what those name may change: the configuration of a training, and the Workspace
    that an adapter comes from.
    """
    inference = workspace.get("inference") or {}
    if "tuning" in workspace or any(
        "workspace" in a["source"] for a in inference.get("adapters") or ()
    ):
        return False
    uid, generation = objects.uid_of(workspace), workspace["metadata"]["generation"]
    return any(
        condition(exchange.response["status"], "Accepted") == "True"
        for exchange in played.exchanges
        if exchange.path == SYNC
        and exchange.response is not None
        and objects.uid_of(exchange.request["parent"]) == uid
        and exchange.request["parent"]["metadata"]["generation"] == generation
    )


def is_going(played: Played, workspace: JsonObject) -> bool:
    """Whether somebody deleted the Workspace, or the Namespace that it is in."""
    namespace = Ref("Namespace.v1", "", workspace["metadata"]["namespace"])
    found = played.cluster.store.get(namespace)
    return objects.is_terminating(workspace) or (
        found is not None and objects.is_terminating(found)
    )


def is_over(status: JsonObject) -> bool:
    """Whether a training is over, which needs no node any more."""
    return (status.get("tuning") or {}).get("phase") in ("Succeeded", "Failed")


def own_claims(played: Played, workspace: JsonObject) -> list[JsonObject]:
    """Return the Machines or NodeClaims that are labelled for a Workspace, and stay."""
    return [
        claim
        for kind in CLAIMS
        for claim in played.cluster.store.list_of(kind)
        if is_labelled(claim, workspace) and not objects.is_terminating(claim)
    ]


def is_labelled(obj: JsonObject, workspace: JsonObject) -> bool:
    """Whether an object was made for a Workspace."""
    labels, meta = objects.labels_of(obj), workspace["metadata"]
    whose = labels.get(names.LABEL_WORKSPACE), labels.get(names.LABEL_WORKSPACE_NAMESPACE)
    return whose == (meta["name"], meta["namespace"])


def fitting_nodes(played: Played, workspace: JsonObject) -> list[JsonObject]:
    """Return the Nodes that somebody brought and that fit a Workspace, or are to its wish."""
    in_use = own_nodes(played, workspace)
    return [
        node
        for node in played.cluster.store.list_of(names.NODES)
        if objects.controller_of(node) is None
        and fits(node, workspace, in_use=node["metadata"]["name"] in in_use)
    ]


def fits(node: JsonObject, workspace: JsonObject, *, in_use: bool) -> bool:
    """
    Whether a Node is up, has the labels, the type or the name, and is nobody else's.

    One that is in use stays in use though it is cordoned: its pods are there already.
    """
    resource, labels = workspace["resource"], objects.labels_of(node)
    return (
        (is_open(node) or (in_use and is_up(node)))
        and has_labels(node, workspace)
        and (names.LABEL_WORKSPACE not in labels or is_labelled(node, workspace))
        and (
            labels.get(names.LABEL_INSTANCE_TYPE) == resource["instanceType"]
            or node["metadata"]["name"] in (resource.get("preferredNodes") or ())
        )
    )


def taken(played: Played, workspace: JsonObject, nodes: list[JsonObject]) -> list[JsonObject]:
    """Return the Nodes on which only pods of others are: each has all the GPUs of its node."""
    mine = own_nodes(played, workspace)
    used = {pod["spec"].get("nodeName") for pod in played.cluster.store.list_of(names.PODS)} - mine
    return [node for node in nodes if node["metadata"]["name"] in used]


def is_open(node: JsonObject) -> bool:
    """Whether a Node is up, and new pods may come to it."""
    return is_up(node) and not objects.spec_of(node).get("unschedulable")


def has_labels(node: JsonObject, workspace: JsonObject) -> bool:
    """Whether a Node has the labels that a Workspace asks for, but those that are ours."""
    asked = workspace["resource"]["labelSelector"]["matchLabels"].items()
    wanted = {key: value for key, value in asked if key not in names.RESERVED_LABELS}
    return wanted.items() <= objects.labels_of(node).items()


def has_job(played: Played, workspace: JsonObject) -> bool:
    """Whether there is a Job that trains, or has trained."""
    meta, uid = workspace["metadata"], objects.uid_of(workspace)
    jobs = played.cluster.store.list_of(names.JOBS, meta["namespace"])
    return any((objects.controller_of(job) or {}).get("uid") == uid for job in jobs)
