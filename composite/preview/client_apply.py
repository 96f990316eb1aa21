"""
What ``kubectl apply`` sends: the file, what was applied before, and what is there, made one.

A JSON merge patch of three, as kubectl makes it for kinds of a CRD: maps are merged, lists are
replaced, and what was applied before and is not in the file any more is removed.
https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/#how-apply-calculates-differences-and-merges-changes
"""

import json
from typing import Any

from composite.models import JsonObject
from composite.simulate import objects

NOTE = "kubectl.kubernetes.io/last-applied-configuration"
MAPS = ("labels", "annotations")
# What kubectl never takes from a file.
UNSENT = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")


def applied_over(known: JsonObject | None, given: JsonObject) -> JsonObject:
    """Return what an object of a file makes of what is there; ``given`` has no status."""
    if known is None:
        new: JsonObject = pruned(given)
        return new
    # kubectl always sends annotations, if none at all; a map that goes is said to be empty.
    annotations = given["metadata"].get("annotations") or {}
    wanted = objects.with_metadata(given, **dict.fromkeys(UNSENT), annotations=annotations)
    found: JsonObject = merged(known, last_applied(known), wanted)
    metadata = {key: value for key, value in found["metadata"].items() if value != {}}
    emptied: JsonObject = {
        key: {} for key in MAPS if known["metadata"].get(key) and key not in metadata
    }
    return {**found, "metadata": {**metadata, **emptied}}


def last_applied(known: JsonObject) -> JsonObject:
    """Return what was applied before, as the annotation says; nothing where it does not."""
    note = (known["metadata"].get("annotations") or {}).get(NOTE)
    try:
        found = json.loads(note) if note else {}
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def as_applied(obj: JsonObject) -> JsonObject:
    """Return an object with the note that all it says was applied."""
    annotations = obj["metadata"].get("annotations") or {}
    shown = {key: value for key, value in annotations.items() if key != NOTE}
    metadata = {"name": obj["metadata"]["name"], "annotations": shown}
    labels = obj["metadata"].get("labels")
    rest = {key: value for key, value in obj.items() if key not in {"metadata", "status"}}
    note = {**rest, "metadata": {**metadata, **({"labels": labels} if labels else {})}}
    return objects.with_metadata(
        obj, annotations={**annotations, NOTE: objects.canonical_json(note)}
    )


def merged(known: Any, last: Any, given: Any) -> Any:  # noqa: ANN401  (JSON)
    """Return one value made of three; a field of the file without a value is removed."""
    if not isinstance(given, dict):
        return given
    if not isinstance(known, dict):
        return pruned(given)
    before = last if isinstance(last, dict) else {}
    kept = {k: v for k, v in known.items() if k not in before and k not in given}
    # The order is that of what is there, so that equal values stay the same bytes.
    both = {k: merged(known.get(k), before.get(k), v) for k, v in given.items() if v is not None}
    return {**{k: both.get(k, v) for k, v in known.items() if k in kept or k in both}, **both}


def pruned(value: Any) -> Any:  # noqa: ANN401  (JSON)
    """Return JSON without fields that have no value."""
    if isinstance(value, dict):
        return {key: pruned(item) for key, item in value.items() if item is not None}
    return value
