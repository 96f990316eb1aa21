"""
What the API server does with a Workspace between kubectl and storage, as far as the CRD says.

It drops fields without a value, refuses unknown ones (kubectl asks for that), fills in defaults,
checks the schema, then the CEL rules if the schema was content.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from cel import evaluate
from jsonschema import ValidationError, validators

from composite.crd import RULES
from composite.models import JsonObject
from composite.names import API_VERSION, KIND
from tests.schemas.walking import SCHEMA

PRESERVED = "x-kubernetes-preserve-unknown-fields"


def refusals(document: JsonObject, old: JsonObject | None = None) -> list[str]:
    """Return why a Workspace cannot be created, or cannot become what ``old`` is."""
    new = completed(document)
    before = completed(old) if old is not None else None
    wrong = list(_unknown(new, SCHEMA, "")) + list(_misshapen(new))
    return wrong or list(broken_rules(new, before, SCHEMA, ""))


def completed(document: JsonObject) -> JsonObject:
    """Return a document as stored: nulls gone, defaults written."""
    new: JsonObject = deepcopy(_without_nulls(document))
    _fill(new, SCHEMA)
    return new


def matches_schema(value: object, schema: JsonObject) -> bool:
    """Whether ``value`` is what ``schema`` describes, its CEL rules aside."""
    return not list(_checker(schema).iter_errors(value)) and not list(_unknown(value, schema, ""))


def holds(rule: str, value: object, old: object = None) -> bool:
    """Whether a CEL rule holds for ``value``, which was ``old`` before."""
    verdict = evaluate(rule, {"self": value, "oldSelf": old})
    assert isinstance(verdict, bool), f"{rule} is not a yes or no"
    return verdict


def broken_rules(value: object, old: object, schema: JsonObject, path: str) -> Iterator[str]:
    """Yield the message of every CEL rule that ``value`` breaks."""
    for rule in schema.get(RULES, ()):
        compares = "oldSelf" in rule["rule"]
        if (old is not None or not compares) and not holds(rule["rule"], value, old):
            yield f"{path}: {rule['message']}"
    match value:
        case dict():
            before = old if isinstance(old, dict) else {}
            for name, child in schema.get("properties", {}).items():
                if name in value:
                    at = f"{path}.{name}".removeprefix(".")
                    yield from broken_rules(value[name], before.get(name), child, at)
        case list():
            # The entries of an atomic list have no earlier self.
            for index, entry in enumerate(value):
                yield from broken_rules(entry, None, schema["items"], f"{path}[{index}]")


def _without_nulls(value: object) -> Any:  # noqa: ANN401  (what json.loads gives)
    match value:
        case dict():
            return {k: _without_nulls(v) for k, v in value.items() if v is not None}
        case list():
            return [_without_nulls(entry) for entry in value]
        case _:
            return value


def _fill(value: object, schema: JsonObject) -> None:
    match value:
        case dict():
            for name, child in schema.get("properties", {}).items():
                if "default" in child:
                    value.setdefault(name, deepcopy(child["default"]))
                if name in value:
                    _fill(value[name], child)
        case list():
            for entry in value:
                _fill(entry, schema.get("items", {}))


def _unknown(value: object, schema: JsonObject, path: str) -> Iterator[str]:
    if schema.get(PRESERVED) or path == "metadata":
        return
    match value:
        case dict():
            for name, entry in value.items():
                child = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
                at = f"{path}.{name}".removeprefix(".")
                if child is None:
                    yield f"{at}: unknown field"
                else:
                    yield from _unknown(entry, child, at)
        case list():
            for index, entry in enumerate(value):
                yield from _unknown(entry, schema.get("items", {}), f"{path}[{index}]")


def _misshapen(document: JsonObject) -> Iterator[str]:
    # The path of the request names these three; a body that says otherwise is refused.
    if (document.get("apiVersion"), document.get("kind")) != (API_VERSION, KIND):
        yield "the request is for another kind"
    metadata = document.get("metadata")
    if isinstance(metadata, dict) and not isinstance(metadata.get("name"), str):
        yield "metadata.name: required"
    for error in _whole_schema.iter_errors(document):
        yield f"{error.json_path}: {error.message}"


def _pattern(_: object, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    # RE2: $ is the end of the text.
    if isinstance(value, str) and not re.search(pattern.replace("$", r"\Z"), value):
        yield ValidationError(f"{value!r} does not match {pattern}")


_extend: Any = validators.extend
_checker: Any = _extend(validators.Draft7Validator, {"pattern": _pattern})
_whole_schema = _checker(SCHEMA | {"required": [*SCHEMA["required"], "metadata"]})
