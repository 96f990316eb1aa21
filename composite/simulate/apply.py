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
    "deletionGracePeriodSeconds",
    "managedFields",
)

# What Go writes of these inside a JSON string; everything else it writes as Python does.
GO_ESCAPES = str.maketrans(
    {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\u2028": r"\u2028", "\u2029": r"\u2029"}
)


def note_of(desired: JsonObject) -> str:
    """Return an object as Go marshals it: the bytes of the annotation."""
    return objects.canonical_json(_whole(desired)).translate(GO_ESCAPES)


def _whole(value: Any) -> Any:  # noqa: ANN401  (JSON)
    """Return JSON with 1 for each 1.0, which Go does not tell apart in writing."""
    if type(value) is dict:
        return {key: _whole(item) for key, item in value.items()}
    if type(value) is list:
        return [_whole(item) for item in value]
    return int(value) if type(value) is float and value.is_integer() else value


def without_note(obj: JsonObject) -> JsonObject:
    """Return the object without the annotation, which is never the hook's to write."""
    annotations = obj["metadata"].get("annotations") or {}
    if LAST_APPLIED not in annotations:
        return obj
    kept = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
    return objects.with_metadata(obj, annotations=kept)


def with_last_applied(obj: JsonObject, desired: JsonObject) -> JsonObject:
    """Return the object with a note of what was wanted of it, for the next merge."""
    annotations = obj["metadata"].get("annotations") or {}
    note = {LAST_APPLIED: note_of(desired)}
    return objects.with_metadata(obj, annotations={**annotations, **note})


def last_applied(obj: JsonObject) -> JsonObject:
    """
    Return what was last wanted of an object, as its annotation says.

    Raises:
        InvalidError: The annotation is no JSON object.

    """
    note = (obj["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    try:
        last = json.loads(note) if note else {}
    except ValueError as error:
        raise InvalidError(f'can\'t unmarshal "{LAST_APPLIED}" annotation: {error}') from error
    if not isinstance(last, dict):
        raise InvalidError(f'can\'t unmarshal "{LAST_APPLIED}" annotation: it is no object')
    return last


def applied(observed: JsonObject, desired: JsonObject) -> JsonObject:
    """
    Return the observed object with the hook's wishes merged in; the same if nothing changes.

    Raises:
        InvalidError: The observed object's annotation cannot be read.

    """
    wanted = without_note(desired)
    result = with_last_applied(merged(observed, last_applied(observed), wanted), wanted)
    kept = {key: observed["metadata"].get(key) for key in RESTORED_METADATA}
    result = objects.with_metadata(result, **kept)
    result.pop("status", None)
    return {**result, "status": observed["status"]} if "status" in observed else result


def merged(observed: Any, last: Any, desired: Any) -> Any:  # noqa: ANN401  (JSON)
    """
    Return ``observed`` without what is in ``last`` only, and with everything in ``desired``.

    What does not have the shape of ``observed`` counts as empty.
    """
    if isinstance(observed, dict):
        return _merged_map(observed, _map(last), _map(desired))
    if isinstance(observed, list):
        lists = (observed, _list(last), _list(desired))
        key = merge_key(*lists)
        if key is not None:
            return _merged_list(key, *lists)
        return desired if isinstance(desired, list) else None
    return desired


def merge_key(*lists: list[Any]) -> str | None:
    """Return the field by which all items of all lists can be told apart, if there is one."""
    items = [item for items in lists for item in items]
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    return next((key for key in MERGE_KEYS if all(key in item for item in items)), None)


def _merged_map(observed: JsonObject, last: JsonObject, desired: JsonObject) -> JsonObject:
    result = {k: v for k, v in observed.items() if k not in last or k in desired}
    for key, value in desired.items():
        result[key] = merged(observed.get(key), last.get(key), value)
    return result


def _merged_list(key: str, observed: list[Any], last: list[Any], desired: list[Any]) -> list[Any]:
    """Merge lists as maps: items keep their places, new ones come at the end."""
    before, noted, wanted = (
        {str(item[key]): item for item in items} for items in (observed, last, desired)
    )
    result = _merged_map(before, noted, wanted)
    places = [str(item[key]) for item in observed]  # twice what is there twice
    new = dict.fromkeys(str(item[key]) for item in desired)
    places += [place for place in new if place not in before]
    return [result[place] for place in places if place in result]


def _map(value: Any) -> JsonObject:  # noqa: ANN401  (JSON)
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:  # noqa: ANN401  (JSON)
    return value if isinstance(value, list) else []
