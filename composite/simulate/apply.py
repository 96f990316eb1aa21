"""
Dynamic apply: what Metacontroller makes of an observed child and the one a hook wants.

A three-way merge in the manner of ``kubectl apply``, on plain JSON without knowing the kinds.
Source: https://github.com/metacontroller/metacontroller/blob/v4.17.2/pkg/dynamic/apply/apply.go
"""

import json
from typing import Any

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.errors import InvalidError

LAST_APPLIED = "metacontroller.k8s.io/last-applied-configuration"

# A list whose items all have one of these, tried in this order, is merged as a map by it.
MERGE_KEYS = ("containerPort", "port", "mountPath", "name", "uid", "ip", "path")

# What a hook cannot change, whatever it answers.
RESTORED_METADATA = (
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "managedFields",
)


def with_last_applied(obj: JsonObject, desired: JsonObject) -> JsonObject:
    """Return the object with a note of what was wanted of it, for the next merge."""
    annotations = obj["metadata"].get("annotations") or {}
    note = {LAST_APPLIED: objects.canonical_json(desired)}
    return objects.with_metadata(obj, annotations={**annotations, **note})


def applied(observed: JsonObject, desired: JsonObject) -> JsonObject:
    """
    Return the observed object with the hook's wishes merged in; equal to it if nothing changes.

    Raises:
        InvalidError: A field is an object on one side and something else on the other.

    """
    annotations = observed["metadata"].get("annotations") or {}
    last = json.loads(annotations.get(LAST_APPLIED, "{}"))
    result = with_last_applied(merged(observed, last, desired), desired)
    kept = {key: observed["metadata"].get(key) for key in RESTORED_METADATA}
    result = objects.with_metadata(result, **kept)
    result.pop("status", None)
    return {**result, "status": observed["status"]} if "status" in observed else result


def merged(observed: Any, last: Any, desired: Any, path: str = "") -> Any:  # noqa: ANN401  (JSON)
    """
    Return ``observed`` without what is in ``last`` only, and with everything in ``desired``.

    Raises:
        InvalidError: The three do not have the same shape.

    """
    if isinstance(observed, dict):
        return _merged_map(observed, _map(last, path), _map(desired, path), path)
    if isinstance(observed, list):
        lists = (observed, _list(last, path), _list(desired, path))
        key = merge_key(*lists)
        return _merged_list(key, *lists, path) if key else lists[2]
    return desired


def merge_key(*lists: list[Any]) -> str | None:
    """Return the field by which all items of all lists can be told apart, if there is one."""
    items = [item for items in lists for item in items]
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    return next((key for key in MERGE_KEYS if all(key in item for item in items)), None)


def _merged_map(
    observed: JsonObject, last: JsonObject, desired: JsonObject, path: str
) -> JsonObject:
    result = {k: v for k, v in observed.items() if k not in last or k in desired}
    for key, value in desired.items():
        result[key] = merged(observed.get(key), last.get(key), value, f"{path}.{key}")
    return result


def _merged_list(
    key: str, observed: list[Any], last: list[Any], desired: list[Any], path: str
) -> list[Any]:
    """Merge lists as maps: items keep their places, new ones come at the end."""
    before, noted, wanted = (
        {str(item[key]): item for item in items} for items in (observed, last, desired)
    )
    result = _merged_map(before, noted, wanted, path)
    places = dict.fromkeys(str(item[key]) for item in (*observed, *desired))
    return [result[place] for place in places if place in result]


def _map(value: Any, path: str) -> JsonObject:  # noqa: ANN401  (JSON)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidError(f"{path.lstrip('.')}: an object is needed, not {type(value).__name__}")
    return value


def _list(value: Any, path: str) -> list[Any]:  # noqa: ANN401  (JSON)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidError(f"{path.lstrip('.')}: a list is needed, not {type(value).__name__}")
    return value
