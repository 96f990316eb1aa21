"""Edits of a Workspace that the API server refuses, in the sentences of the CRD's rules."""

from collections.abc import Iterator

from composite import names
from composite.models import JsonObject
from composite.refusal import Problem, Refusal
from composite.simulate.admission import with_workspace_defaults
from composite.workspace.api import IMMUTABLE
from composite.workspace.rules import read_spec

EXCHANGED = "cannot be exchanged: create another Workspace"
# ``self == oldSelf``, where both are there.
FIXED = (
    "resource.count",
    "resource.instanceType",
    "inference.preset",
    "tuning.preset",
    "tuning.method",
)


def edit_problems(before: JsonObject, after: JsonObject) -> Iterator[Problem]:
    """Yield what the rules about earlier values say, which :mod:`composite.workspace.api` has."""
    old, new = with_workspace_defaults(before), with_workspace_defaults(after)
    if has(old, "inference") != has(new, "inference"):
        yield Problem(field="inference", message=f"inference and tuning {EXCHANGED}")
    for path in FIXED:
        one, other = value_at(old, path), value_at(new, path)
        if one is not None and other is not None and one != other:
            yield Problem(field=path, message=IMMUTABLE)
    if labels_of(old) != labels_of(new):
        yield Problem(field="resource.labelSelector", message=IMMUTABLE)
    both = [use for use in ("inference", "tuning") if has(old, use) and has(new, use)]
    if "inference" in both and has(old, "inference.preset") != has(new, "inference.preset"):
        yield Problem(field="inference", message=f"preset and template {EXCHANGED}")
    path = "tuning.input.name"
    if "tuning" in both and (value_at(old, path) or "") != (value_at(new, path) or ""):
        yield Problem(field="tuning", message=f"input.name: {IMMUTABLE}")


def has(workspace: JsonObject, path: str) -> bool:
    """Whether a field holds something."""
    return value_at(workspace, path) is not None


def value_at(workspace: JsonObject, path: str) -> object:
    """Return what a field holds; None where there is none."""
    found: object = workspace
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def labels_of(workspace: JsonObject) -> object:
    """Return the labels that a selector asks for, in whichever form."""
    written = {key: workspace[key] for key in names.SPEC_FIELDS if workspace.get(key) is not None}
    try:
        return read_spec(written).resource.labelSelector.labels
    except Refusal:  # it is refused for its form
        return value_at(workspace, "resource.labelSelector")
