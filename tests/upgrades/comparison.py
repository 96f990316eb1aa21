"""
What one answer of today's hooks would do to objects that an earlier version made.

Pure: observed objects and an answer in, changes out. The observed may come from the embedded
cluster or from a real one.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from composite import names
from composite.differences import ABSENT, Difference, differences
from composite.models import JsonObject
from composite.preview.effects import Effect, compared, effect_on
from composite.simulate import Controller, apply, objects
from composite.simulate.children import desired_children

ObjectMap = Mapping[str, Mapping[str, JsonObject]]


# What nobody may meet by upgrading, unless the changelog says so; of the first not even then.
HARMFUL = (Effect.REFUSED, Effect.RECREATED, Effect.ROLLED, Effect.DISTURBED)

# What a change does to the Workspaces that are named after it.
MEANING = {
    Effect.REFUSED: "is refused again and again, for",
    Effect.RECREATED: "deletes, or makes anew, for",
    Effect.ROLLED: "restarts",
    Effect.DISTURBED: "cuts off, or takes the readiness of,",
    Effect.UPDATED: "is written in place, and restarts nothing, for",
    Effect.DEFERRED: "reaches only what is made anew, for",
}


class Change(NamedTuple):
    """One field of one object that would hold something else, and what comes of it."""

    kind: str
    name: str
    path: str
    before: object
    after: object
    effect: Effect

    @property
    def difference(self) -> Difference:
        """The field alone."""
        return Difference(self.path, self.before, self.after)


# Made once for a Workspace: another one costs a node, or a training.
COSTLY = frozenset(
    {
        names.MACHINES,
        names.NODECLAIMS,
        names.DEPLOYMENTS,
        names.STATEFULSETS,
        names.JOBS,
    }
)
# Where a status says whether all is well.
CONDITIONS = "status.conditions."


def changes_of_children(
    controller: Controller, parent: JsonObject, observed: ObjectMap, answer: Iterable[JsonObject]
) -> Iterator[Change]:
    """Yield what an answer would change in the children of a parent, and what it drops or adds."""
    desired = desired_children(controller, parent, answer)
    for kind in controller.child_kinds:
        there, wanted = observed.get(kind, {}), desired.get(kind, {})
        for key in sorted({**there, **wanted}):
            yield from changes_of_child(controller.method(kind), there.get(key), wanted.get(key))


def changes_of_child(
    method: str, observed: JsonObject | None, desired: JsonObject | None
) -> Iterator[Change]:
    """Yield what becomes of one child; ``method`` is how children of its kind are updated."""
    if observed is None or desired is None:
        one = observed or desired
        if one is not None:
            yield existence(one, made=observed is None)
        return
    result = apply.applied(observed, desired)
    found = [*differences(compared(observed), compared(result))]
    if not found and method != "OnDelete" and not objects.same(result, observed):
        found = [Difference("metadata.annotations", "what was applied last", "the same anew")]
    for each in found:
        yield change(observed, each, effect_on(observed, each.path, method))


def existence(obj: JsonObject, *, made: bool) -> Change:
    """Return that an object comes or goes. Whatever goes is missed; what costs is not made anew."""
    harmless = made and objects.kind_key(obj) not in COSTLY
    name = str(obj["metadata"]["name"])
    return change(
        obj,
        Difference("metadata.name", ABSENT if made else name, name if made else ABSENT),
        Effect.UPDATED if harmless else Effect.RECREATED,
    )


def change(obj: JsonObject, found: Difference, effect: Effect) -> Change:
    """Return a difference as one of an object."""
    return Change(str(obj["kind"]), str(obj["metadata"]["name"]), *found, effect)


def changes_of_status(parent: JsonObject, status: JsonObject) -> Iterator[Change]:
    """Yield what an answer would change in the status of a Workspace, conditions by their type."""
    before, after = told(parent.get("status") or {}), told(status)
    for each in differences(before, after):
        yield change(parent, each, effect_on_status(each))


def told(status: JsonObject) -> JsonObject:
    """Return a status with status and message of each condition; the rest of one follows them."""
    conditions = {
        each["type"]: {"status": each["status"], "message": each.get("message", "")}
        for each in status.get("conditions") or ()
    }
    rest = {key: value for key, value in status.items() if key != "observedGeneration"}
    return {"status": {**rest, "conditions": conditions}}


def effect_on_status(found: Difference) -> Effect:
    """Return what it means that a status says something else: bad is only what is not True now."""
    condition, _, field = found.path.removeprefix(CONDITIONS).partition(".")
    if not found.path.startswith(CONDITIONS) or field == "message":
        return Effect.UPDATED
    before = found.before if field == "status" else was(found.before)
    if before != "True":
        return Effect.UPDATED
    return Effect.REFUSED if condition == "Accepted" else Effect.DISTURBED


def was(condition: object) -> object:
    """Return the status of a condition that is gone; None if it is new."""
    return condition.get("status") if isinstance(condition, dict) else None
