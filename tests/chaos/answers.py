"""Laws of each answer of the hooks, held against its question."""

import json
from collections.abc import Iterator

from composite import names
from composite.models import JsonObject
from composite.simulate import Exchange, objects
from composite.simulate.provisioner import CLAIMS
from composite.simulate.workloads import replicas_of
from tests.chaos.hooks import SYNC
from tests.chaos.playing import Played

# What a refused Workspace must keep.
RUNNING = (names.DEPLOYMENTS, names.STATEFULSETS, names.JOBS, names.SERVICES)


def condition(status: JsonObject, kind: str) -> str:
    """Return the status of a condition; empty where it is absent."""
    found = (c["status"] for c in status.get("conditions") or () if c["type"] == kind)
    return next(found, "")


def syncs(played: Played) -> Iterator[tuple[int, JsonObject, JsonObject]]:
    """Yield each answered question about a Workspace, with its number."""
    for number, exchange in enumerate(played.exchanges):
        if exchange.path == SYNC and exchange.response is not None:
            yield number, exchange.request, exchange.response


def named(workspace: JsonObject) -> str:
    """Return which Workspace it is."""
    return objects.ref_of(workspace).key


def true_answers(played: Played) -> Iterator[str]:
    """No answer says that all is ready unless that is to be seen in its question."""
    for number, request, response in syncs(played):
        status, related = response["status"], request["related"]
        place = f"{named(request['parent'])}, question {number}"
        if request["parent"].get("tuning") or not serves(request):
            continue
        nodes = related.get(names.NODES, {})
        ready = [name for name in status.get("workerNodes", ()) if is_up(nodes.get(name))]
        workload = seen_workload(request)
        if condition(status, "ResourceReady") == "True" and not ready:
            yield f"{place}: ResourceReady without a node that is Ready"
        if condition(status, "WorkspaceReady") == "True":
            if workload is None:
                yield f"{place}: WorkspaceReady without a workload"
            elif not has_arrived(workload, asked := wanted_pods(response)):
                yield f"{place}: WorkspaceReady, and its pods are not all new and ready"
            elif len(ready) < asked:
                yield f"{place}: WorkspaceReady with {len(ready)} of {asked} nodes"


def serves(request: JsonObject) -> bool:
    """Whether what was accepted last is a model to serve."""
    return not any(request["children"][names.JOBS])


def seen_workload(request: JsonObject) -> JsonObject | None:
    """Return the Deployment or StatefulSet of a question."""
    kinds = (names.DEPLOYMENTS, names.STATEFULSETS)
    found = [obj for kind in kinds for obj in request["children"][kind].values()]
    return next(iter(found), None)


def wanted_pods(response: JsonObject) -> int:
    """Return how many pods shall serve; by hand somebody may have asked for more."""
    kinds = ("Deployment", "StatefulSet")
    return max(replicas_of(c) for c in response["children"] if c["kind"] in kinds)


def has_arrived(workload: JsonObject, asked: int) -> bool:
    """Whether the controller of a workload says that all its pods are new, and enough ready."""
    status = objects.status_of(workload)
    return bool(
        status.get("observedGeneration", 0) >= workload["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == status.get("replicas", 0)
        and status.get("readyReplicas", 0) >= asked
    )


def is_up(node: JsonObject | None) -> bool:
    """Whether a Node is there, Ready, and not going away."""
    return node is not None and objects.is_true(node, "Ready") and not objects.is_terminating(node)


def kept_children(played: Played) -> Iterator[str]:
    """An answer that refuses leaves out nothing that runs."""
    for number, request, response in syncs(played):
        if condition(response["status"], "Accepted") != "False":
            continue
        wanted = {(child["kind"], child["metadata"]["name"]) for child in response["children"]}
        for kind in RUNNING:
            for child in request["children"][kind].values():
                name = child["metadata"]["name"]
                if objects.is_terminating(child) or (child["kind"], name) in wanted:
                    continue
                place = f"{named(request['parent'])}, question {number}"
                yield f"{place}: refused, and {child['kind']} {name} is left out"


def kept_templates(played: Played) -> Iterator[str]:
    """A pod template changes only when what it is made of does."""
    before: dict[str, tuple[str, str]] = {}
    for number, request, response in syncs(played):
        parent = request["parent"]
        uid, made_of = objects.uid_of(parent), what_runs(parent)
        made = [c for c in response["children"] if c["kind"] in ("Deployment", "StatefulSet")]
        if not made or seen_workload(request) is None or is_forgotten(request):
            before.pop(uid, None)
            continue
        template = objects.canonical_json(made[0]["spec"]["template"])
        refused = condition(response["status"], "Accepted") == "False"
        known = before.get(uid)
        if known is not None and waits_for_room(request):
            known = known[0], with_gpus_of(known[1], template)
        if known is not None and template != known[1] and (refused or made_of == known[0]):
            yield f"{named(parent)}, question {number}: other pods, and nothing was changed"
        before[uid] = (known[0] if refused and known is not None else made_of, template)


def waits_for_room(request: JsonObject) -> bool:
    """Whether the scheduler finds no node for a pod: of fewer GPUs there may be some."""
    pods = request["related"].get(names.PODS, {}).values()
    scheduled = [objects.condition_of(pod, "PodScheduled") for pod in pods]
    return any(found is not None and found["status"] == "False" for found in scheduled)


def with_gpus_of(template: str, other: str) -> str:
    """Return a pod template with the GPUs of another, where those are fewer."""
    before, after = json.loads(template), json.loads(other)
    for container, new in zip(
        before["spec"]["containers"], after["spec"]["containers"], strict=False
    ):
        had, has = gpus_of(container), gpus_of(new)
        if has and had and has < had:
            container["resources"] = new["resources"]
    return objects.canonical_json(before)


def gpus_of(container: JsonObject) -> int:
    """Return how many GPUs a container asks for."""
    return int(((container.get("resources") or {}).get("limits") or {}).get(names.GPU, 0))


def is_forgotten(request: JsonObject) -> bool:
    """Whether nothing tells what was accepted: what is written is accepted anew."""
    return not request["children"][names.REVISIONS]


def what_runs(parent: JsonObject) -> str:
    """Return what of a Workspace its pods are made of."""
    resource = {k: v for k, v in parent["resource"].items() if k != "preferredNodes"}
    return objects.canonical_json([resource, parent.get("inference")])


def kept_claims(played: Played) -> Iterator[str]:
    """
    Metacontroller deletes no claim whose Workspace wants it, and makes none for one that is gone.

    As far as the question told that was asked before: Metacontroller may have heard of a Workspace
    some time ago, and nothing that a hook can say keeps it from acting on that.
    """
    for number, exchange in enumerate(played.exchanges):
        if exchange.path != "/machines/sync" or exchange.response is None:
            continue
        yield from (f"question {number}: {how}" for how in wrong_attachments(exchange))


def wrong_attachments(exchange: Exchange) -> Iterator[str]:
    """Say what an answer takes away that is wanted, and makes that is not."""
    assert exchange.response is not None
    wanting = wanted_claims(exchange.request)
    answered = {child["metadata"]["name"] for child in exchange.response["attachments"]}
    there = {
        name: claim
        for kind in CLAIMS
        for name, claim in exchange.request["attachments"].get(kind, {}).items()
    }
    for name in sorted(there.keys() & wanting.keys() - answered):
        if not objects.is_terminating(there[name]):
            yield f"{name} is left out, which {wanting[name][0]} wants"
    for name in sorted(answered - there.keys() - wanting.keys()):
        yield f"{name} is made, which nobody wants"
    for name, owners in wanting.items():
        if len(owners) > 1:
            yield f"{name} is wanted by {' and '.join(owners)}"


def wanted_claims(request: JsonObject) -> dict[str, list[str]]:
    """Return which Workspaces of a question want each claim."""
    found: dict[str, list[str]] = {}
    for workspace in request["related"][names.WORKSPACES].values():
        if not objects.is_terminating(workspace):
            for machine in objects.status_of(workspace).get("machines") or ():
                found.setdefault(machine["name"], []).append(named(workspace))
    return found
