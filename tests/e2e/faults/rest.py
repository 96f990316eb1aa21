"""
What must hold once nothing happens any more, whatever has happened before.

Everything is what the pure function says, nothing has leaked, and from then on the bundle writes
nothing: also while it is itself restarted, or others are in trouble.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from composite import names
from composite.simulate import objects
from composite.simulate.children import CONTROLLER_UID
from tests.e2e.cluster import audit
from tests.e2e.faults.dumped import writes_of_a_sync
from tests.e2e.faults.stage import QUIET_SECONDS, RealStage

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
REST_SECONDS = 60.0


@dataclass(frozen=True)
class AtRest:
    """A namespace at rest, since when, and the uids of the Machines that it had then, by name."""

    stage: RealStage
    since: datetime
    machines: Mapping[str, str]


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)  # noqa: TID251  (a test on a real cluster)


def come_to_rest(stage: RealStage, seconds: float = 120.0) -> AtRest:
    """
    Wait until nobody asks about a namespace any more, and return what it is like then.

    Raises:
        AssertionError: It does not come to rest, or is not as it must be.

    """
    stage.until(lambda: stage.quiet_for() > QUIET_SECONDS, seconds)
    since = now()
    found = stage.everything()
    assert writes_of_a_sync(found, stage.namespace, stage.bundle.hooks_url) == []
    assert leaks(found, stage.namespace) == []
    return AtRest(stage, since, machine_uids(stage))


def machine_uids(stage: RealStage) -> Mapping[str, str]:
    """Return the uids of the Machines of a namespace, by name."""
    return {each["metadata"]["name"]: objects.uid_of(each) for each in stage.machines()}


def leaks(found: list[dict[str, Any]], namespace: str) -> list[str]:
    """
    Return what is there and should not be, or lacks, in sentences.

    There are as many Machines as the Workspaces ask for, and those that they plan; Nodes are those
    of the Machines; children are of Workspaces that live.
    """
    mine = [obj for obj in found if namespace in owners_namespace(obj)]
    workspaces = [obj for obj in mine if objects.kind_key(obj) == names.WORKSPACES]
    machines = {
        obj["metadata"]["name"]: obj for obj in mine if objects.kind_key(obj) == names.MACHINES
    }
    nodes = {obj["metadata"]["name"] for obj in mine if objects.kind_key(obj) == names.NODES}
    planned = {
        machine["name"]
        for workspace in workspaces
        for machine in objects.status_of(workspace).get("machines") or ()
    }
    asked_for = sum(int(workspace["resource"].get("count", 1)) for workspace in workspaces)
    made = {
        str(name)
        for machine in machines.values()
        if (name := objects.status_of(machine).get("nodeName"))
    }
    living = {objects.uid_of(workspace) for workspace in workspaces}
    orphans = [
        str(objects.ref_of(obj))
        for obj in mine
        if (uid := objects.labels_of(obj).get(CONTROLLER_UID)) and uid not in living
    ]
    return [
        *(f"Machine {name} is wanted by nobody" for name in sorted(machines.keys() - planned)),
        *(f"Machine {name} is wanted and not there" for name in sorted(planned - machines.keys())),
        *(f"Node {name} has no Machine" for name in sorted(nodes - made)),
        *(f"Node {name} is gone, its Machine is not" for name in sorted(made - nodes)),
        *(f"{name} is of a Workspace that is gone" for name in orphans),
        *([f"{len(machines)} Machines for {asked_for}"] if len(machines) != asked_for else []),
    ]


def owners_namespace(obj: dict[str, Any]) -> tuple[str, ...]:
    """Return the namespace an object is in or was made for."""
    labels = objects.labels_of(obj)
    return (
        obj["metadata"].get("namespace", ""),
        labels.get(names.LABEL_WORKSPACE_NAMESPACE, ""),
    )


def writes(rest: AtRest, log: Path) -> tuple[list[str], list[str]]:
    """
    Return what the bundle wrote about a namespace before it came to rest, and since, and when.

    Its Machines belong to it, though they are in none. Events are left out: one reports, and while
    the hooks are down it has to.
    """
    before: list[str] = []
    since: list[str] = []
    for event in audit.requests(log):
        what = event["objectRef"]
        at = datetime.fromisoformat(event["requestReceivedTimestamp"])
        if event["verb"] in WRITES and is_about(what, rest):
            asked = f"{event['verb']} {audit.resource(event)} {what.get('name', '')}"
            (since if at > rest.since else before).append(f"{at - rest.since}: {asked}")
    return before, since


def is_about(what: dict[str, Any], rest: AtRest) -> bool:
    """Tell whether a request to the API server is about a namespace that came to rest."""
    if what.get("resource") == "machines":
        return what.get("name") in rest.machines
    return what.get("namespace") == rest.stage.namespace and what.get("resource") != "events"


def told_since(rest: AtRest) -> list[str]:
    """Return what the hooks have answered about a namespace since it came to rest, and when."""
    return [
        f"{each.at - rest.since}: {condition['type']}={condition['status']} {condition['message']}"
        for each in rest.stage.proxy.about(rest.stage.namespace)
        if each.at > rest.since
        for condition in (each.answer.get("status") or {}).get("conditions") or ()
        if condition["type"] == "ResourceReady"
    ]
