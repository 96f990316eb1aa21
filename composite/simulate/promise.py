"""Whether a play ended as its scenario promises, and if not, why not."""

from collections.abc import Iterable, Iterator
from typing import Literal

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.provisioner import CLAIMS, is_provisioned
from composite.simulate.scenario import Promise
from composite.simulate.timeline import condition_text

# What must not be left of a Workspace that is gone.
TRACES = (
    names.WORKSPACES,
    names.DEPLOYMENTS,
    names.STATEFULSETS,
    names.JOBS,
    names.SERVICES,
    names.REVISIONS,
    names.PODS,
    *CLAIMS,
)
# The same, if they have an owner: others belong to the user.
MAYBE_GIVEN = (names.NODES, names.CONFIGMAPS)


def broken(promise: Promise, final: Iterable[JsonObject], jobs_made: int) -> Iterator[str]:
    """Return a sentence for everything that is not as promised."""
    everything = list(final)
    workspaces = _of(everything, names.WORKSPACES)
    if promise.gone:
        yield from _left(everything)
    elif not workspaces:
        yield "there is no Workspace any more"
    for workspace in workspaces:
        yield from _unlike(promise, workspace)
    planned = sum(len(objects.status_of(each).get("machines") or ()) for each in workspaces)
    machines = sum(len(_of(everything, kind)) for kind in CLAIMS)
    nodes = _of(everything, names.NODES)
    made = sum(map(is_provisioned, nodes))
    yield from _miscounted("Machines", promise.machines, machines, machines, planned)
    yield from _miscounted("Nodes", promise.nodes, len(nodes), made, planned)
    jobs = len(_of(everything, names.JOBS))
    yield from _miscounted("Jobs", promise.jobs, jobs, jobs, planned)
    yield from _miscounted("Jobs made", promise.jobsMade, jobs_made, jobs_made, planned)


def _miscounted(
    name: str, promised: int | Literal["planned"] | None, count: int, made: int, planned: int
) -> Iterator[str]:
    if promised == "planned" and made != planned:
        yield f"{name}: {made}, {planned} are planned"
    elif isinstance(promised, int) and count != promised:
        yield f"{name}: {count}, promised {promised}"


def _of(everything: list[JsonObject], kind: str) -> list[JsonObject]:
    return [obj for obj in everything if objects.kind_key(obj) == kind]


def _left(everything: list[JsonObject]) -> Iterator[str]:
    for obj in everything:
        kind = objects.kind_key(obj)
        made = kind in MAYBE_GIVEN and objects.controller_of(obj) is not None
        if kind in TRACES or made:
            yield f"{objects.ref_of(obj)} is still there"


def _unlike(promise: Promise, workspace: JsonObject) -> Iterator[str]:
    about = objects.ref_of(workspace)
    for kind, status in promise.conditions.items():
        found = objects.condition_of(workspace, kind)
        if found is None:
            yield f"{about}: no condition {kind}, promised {status}"
        elif found["status"] != status:
            yield f"{about}: {condition_text(found)}; promised {kind}={status}"
    for kind, text in promise.contains.items():
        message = (objects.condition_of(workspace, kind) or {}).get("message", "")
        if text not in message:
            yield f"{about}: the message of {kind} is {message!r}, promised was {text!r} in it"
    if promise.attempts is not None:
        attempts = [
            machine.get("attempt", 0) + 1
            for machine in objects.status_of(workspace).get("machines") or ()
            if machine.get("index") == 0
        ]
        if max(attempts, default=0) < promise.attempts:
            yield f"{about}: attempts {max(attempts, default=0)}, promised {promise.attempts}"
