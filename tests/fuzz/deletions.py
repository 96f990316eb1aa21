"""
What an answer may leave out: Metacontroller deletes each child and each Machine that is not in it.

The laws are told from the question and the answer, with none of the product's judgement. Of the
product they use its names, and which name a Machine has for its Workspace, its node and the attempt
at it. A child may be left out for one of these reasons, and no other:

* it is a stray, which no Workspace of this name would make;
* it is a Service or a workload, and the newest revision in the answer is of the other half of the
  API; or a Deployment gives way to a StatefulSet of the same name, or the other way round;
* it is a Job of another training than the one that the answer tells of, or a ConfigMap that no Job
  in the answer reads;
* it is one of more than ten revisions, and older than all that are kept.

After a refusal there is one reason less: what the newest observed revision runs is what is run.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from composite import names
from composite.models import JsonObject
from composite.workspace.related import machine_name

HISTORY = 10
WORKLOADS = ("Deployment", "StatefulSet")
KINDS = {"machine": names.MACHINES, "nodeclaim": names.NODECLAIMS}


def lost_children(question: JsonObject, answer: JsonObject) -> Iterator[str]:
    """Yield each observed child that the answer to ``/workspaces/sync`` has no reason to delete."""
    meta = question["parent"]["metadata"]
    name, key = meta["name"], f"{meta['namespace']}/{meta['name']}"
    children = question["children"]
    wanted = {(c["kind"], c["metadata"]["name"]): c for c in answer["children"]}
    if any(children.values()) and not wanted:
        yield "everything is deleted"
        return
    newest = newest_of(revisions_of(answer))
    served = newest.get("inference")
    serves, tunes = isinstance(served, dict), isinstance(newest.get("tuning"), dict)
    there = [kind for kind in WORKLOADS if key in (children.get(f"{kind}.apps/v1") or {})]
    if there and serves and not any((kind, name) in wanted for kind in WORKLOADS):
        yield f"the {there[0]} of a model that is served"
    preset = isinstance(served, dict) and "preset" in served
    if preset and key in (children.get(names.SERVICES) or {}) and ("Service", name) not in wanted:
        yield "the Service of a model that is served"
    yield from lost_revisions(question, answer)
    if tunes:
        yield from lost_jobs(question, answer)
    accepted = newest_of((children.get(names.REVISIONS) or {}).values())
    if is_refused(answer) and accepted and shape(accepted) != shape(newest):
        yield "what was accepted, for something else, after a refusal"


def lost_jobs(question: JsonObject, answer: JsonObject) -> Iterator[str]:
    """
    Yield a training under way whose Job, or whose configuration, is left out.

    Which training is under way the status of the answer tells. One that tells of none may not leave
    out that which the last status tells of, unless another revision is run by now.
    """
    told = part(answer["status"], "tuning").get("hash")
    if told is None and is_as_before(question, answer):
        told = part(part(question["parent"], "status"), "tuning").get("hash")
    jobs = {c["metadata"]["name"]: c for c in answer["children"] if c["kind"] == "Job"}
    there = [
        job["metadata"]["name"]
        for job in (question["children"].get(names.JOBS) or {}).values()
        if told is not None
        and (job["metadata"].get("annotations") or {}).get(names.ANNOTATION_TRAINING_HASH) == told
    ]
    if there and not any(job in jobs for job in there):
        yield "the Job of the training that the status tells of"
    configs = {c["metadata"]["name"] for c in answer["children"] if c["kind"] == "ConfigMap"}
    for job in jobs.values():
        volumes = job["spec"]["template"]["spec"]["volumes"]
        read = {v["configMap"]["name"] for v in volumes if v["name"] == "config-volume"}
        if not read <= configs:
            yield "the ConfigMap that a Job reads"


def is_as_before(question: JsonObject, answer: JsonObject) -> bool:
    """Whether the newest revision of an answer is the newest that was there."""
    there = (question["children"].get(names.REVISIONS) or {}).values()
    return last_name(revisions_of(answer)) == last_name(there)


def lost_revisions(question: JsonObject, answer: JsonObject) -> Iterator[str]:
    """Yield what is forgotten of the history; after a refusal nothing of it may be."""
    there = (question["children"].get(names.REVISIONS) or {}).values()
    order = {revision["metadata"]["name"]: revision_order(revision) for revision in there}
    kept = {c["metadata"]["name"] for c in revisions_of(answer)}
    lost = order.keys() - kept
    if lost and len(kept) < HISTORY:
        yield "a revision, and there is room for it"
    # One that was taken back gets a new number, and is among the oldest by its old one.
    older = [order[name] for name in order.keys() & kept if name != last_name(revisions_of(answer))]
    if older and any(order[name] > min(older) for name in lost):
        yield "a revision that is newer than one that is kept"
    if is_refused(answer) and order and max(order.values())[1] not in kept:
        yield "the revision that was accepted last, after a refusal"


def newest_of(revisions: Iterable[JsonObject]) -> JsonObject:
    """Return what the newest revision says; nothing if there is none."""
    found = max(revisions, key=revision_order, default=None)
    return (found.get("data") or {}) if found is not None else {}


def revision_order(revision: JsonObject) -> tuple[int, str]:
    """Return what the newest revision has most of."""
    return int(revision.get("revision", 0)), revision["metadata"]["name"]


def shape(data: JsonObject) -> tuple[object, ...]:
    """Return what a revision runs, as far as it decides which kinds of children there are."""
    serves, tunes = part(data, "inference"), part(data, "tuning")
    named = part(serves, "preset").get("name"), part(tunes, "preset").get("name")
    return (*named, serves.get("template") is not None)


def part(whole: JsonObject, key: str) -> JsonObject:
    """Return an object in an object; an empty one where it is none."""
    found = whole.get(key)
    return found if isinstance(found, dict) else {}


def revisions_of(answer: JsonObject) -> list[JsonObject]:
    """Return the revisions among the children of an answer."""
    return [c for c in answer["children"] if c["kind"] == "ControllerRevision"]


def last_name(revisions: Iterable[JsonObject]) -> str:
    """Return the name of the newest revision; an empty one if there is none."""
    newest = max(revisions, key=revision_order, default=None)
    return str(newest["metadata"]["name"]) if newest is not None else ""


def is_refused(answer: JsonObject) -> bool:
    """Whether an answer says no to what was written."""
    return any(
        (c["type"], c["status"]) == ("Accepted", "False") for c in answer["status"]["conditions"]
    )


def dropped_plans(question: JsonObject, answer: JsonObject, provisioner: str) -> Iterator[str]:
    """
    Yield each Machine of the last plan that the new one drops though nobody gave it up.

    Given up is one that was there and is gone or going, or that cannot be had; one that was never
    made, where the author asks for another; and all that are not there once a training is over.
    """
    if provisioner not in KINDS:
        return
    meta, status = question["parent"]["metadata"], question["parent"].get("status") or {}
    planned = {machine["name"] for machine in answer["status"]["machines"]}
    tuned = (answer["status"].get("tuning") or {}).get("phase")
    if tuned in ("Succeeded", "Failed"):
        return
    claims = question["related"].get(KINDS[provisioner]) or {}
    for machine in status.get("machines") or ():
        name, index = machine["name"], int(machine.get("index") or 0)
        attempt = int(machine.get("attempt") or 0)
        own = name == machine_name(meta["uid"], index, attempt) and index < 100
        claim = claims.get(name)
        if own and claim is not None and not is_given_up(claim) and name not in planned:
            yield "a Machine that is there, from the plan"


def is_given_up(claim: JsonObject) -> bool:
    """Whether a Machine is going, or its provisioner says that it cannot be had."""
    said = [str(c.get("message")) for c in (claim.get("status") or {}).get("conditions") or ()]
    going = claim["metadata"].get("deletionTimestamp") is not None
    return going or any(names.UNAVAILABLE in message for message in said)


def lost_machines(question: JsonObject, answer: JsonObject, provisioner: str) -> Iterator[str]:
    """
    Yield each Machine that the answer to ``/machines/sync`` deletes and a living Workspace names.

    One that is another's by its name and by its label is not the Workspace's to name. A Workspace
    lives as long as it is sent without a time of its deletion, be the rest of it what
    it may. One without a readable plan keeps those that are labelled for it as well, but for those
    that are older than it.
    """
    kept = {each["metadata"]["name"] for each in answer["attachments"]}
    there: JsonObject = question["attachments"].get(KINDS.get(provisioner, "")) or {}
    for key, workspace in (question["related"].get(names.WORKSPACES) or {}).items():
        if is_going(workspace):
            continue
        named, own = named_machines(workspace), own_names(workspace)
        for name in there:
            mine = name in own or labelled(there[name]) in (None, key.partition("/")[2])
            if name in named and mine and name not in kept:
                yield "a Machine that a living Workspace names"
            if name in kept or has_plan(workspace):
                continue
            if labelled(there[name]) == key.partition("/")[2] and not older(there[name], workspace):
                yield "a Machine that is labelled for a living Workspace without a plan"


def older(machine: JsonObject, workspace: JsonObject) -> bool:
    """Whether a Machine may have been there before a Workspace: one of its name had it then."""
    metas = [each.get("metadata") for each in (machine, workspace)]
    told = [meta.get("creationTimestamp") for meta in metas if isinstance(meta, dict)]
    texts = [text for text in told if isinstance(text, str)]
    try:
        times = [datetime.fromisoformat(text) for text in texts]
        return len(times) == len(metas) and times[0] < times[1]
    except (TypeError, ValueError):  # what the API server never writes may be read as any time
        return True


def is_going(workspace: JsonObject) -> bool:
    """Whether somebody deleted it."""
    meta = workspace.get("metadata")
    going = meta.get("deletionTimestamp") if isinstance(meta, dict) else None
    return isinstance(going, str) and re.match(r"\d{4}-\d\d-\d\d[T ]", going) is not None


def listed_machines(workspace: JsonObject) -> list[JsonObject]:
    """Return what a status lists as Machines, as far as it can be read."""
    status = workspace.get("status")
    listed = status.get("machines") if isinstance(status, dict) else None
    return [m for m in listed if isinstance(m, dict)] if isinstance(listed, list) else []


def named_machines(workspace: JsonObject) -> set[str]:
    """Return the Machines that a status names."""
    found = [machine.get("name") for machine in listed_machines(workspace)]
    return {name for name in found if isinstance(name, str)}


def own_names(workspace: JsonObject) -> set[str]:
    """Return which of the Machines that a status lists have a name that is this Workspace's."""
    meta = workspace.get("metadata")
    uid = meta.get("uid") if isinstance(meta, dict) else None
    numbers = [(m.get("index", 0), m.get("attempt", 0)) for m in listed_machines(workspace)]
    return {
        machine_name(str(uid), index, attempt)
        for index, attempt in numbers
        if isinstance(index, int) and isinstance(attempt, int)
    }


def has_plan(workspace: JsonObject) -> bool:
    """Whether a Workspace says which Machines it wants, even if none."""
    status = workspace.get("status")
    return isinstance(status, dict) and isinstance(status.get("machines"), list)


def labelled(machine: Any) -> str | None:  # noqa: ANN401  (JSON)
    """Return the Workspace that a Machine is labelled for."""
    labels = machine["metadata"].get("labels") or {}
    return str(labels[names.LABEL_WORKSPACE]) if names.LABEL_WORKSPACE in labels else None
