"""What is wrong with a Workspace document, in the words of someone who writes one."""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from composite.models import JsonObject, Value
from composite.refusal import Problem
from composite.spelling import either
from composite.workspace.api import PLACEHOLDER, REPLACE_IT
from schemas.fitting import fits, strict

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

SCHEMA_FILE = Path(__file__).with_name("workspace.schema.json")

# More places than these are no help to someone who looks for one.
MOST_PLACES = 3
ANY_ENTRY = ""

At = tuple[str | int, ...]
Schema = JsonObject  # as composite.crd has it, which takes longer to import

# What a type of JSON Schema is to someone who writes YAML, and how to write one.
TYPES = {
    "string": ("text", "put it in quotes"),
    "integer": ("a whole number", "write it in digits, without quotes"),
    "boolean": ("true or false", "write true or false, without quotes"),
    "array": ("a list", "start each entry with '- '"),
    "object": ("a map", "write its entries below it, as key: value"),
}


# What to write where a required field is missing, by its path. A constant is written as it is.
EXAMPLES = {
    "metadata": "{name: my-model}",
    "metadata.name": "my-model",
    "resource": "{instanceType: Standard_NC24ads_A100_v4, labelSelector: {matchLabels: "
    "{apps: my-model}}}",
    "resource.labelSelector": "{matchLabels: {apps: my-model}}",
    "resource.labelSelector.matchExpressions[].key": "apps",
    "resource.labelSelector.matchExpressions[].operator": "In",
    "inference.preset.name": "phi-3-mini-4k-instruct",
    "inference.adapters[].source": "{name: my-adapter, image: registry.example/my-adapter:1.0}",
    "inference.adapters[].source.name": "my-adapter",
    "tuning.preset": "{name: phi-3-mini-4k-instruct}",
    "tuning.preset.name": "phi-3-mini-4k-instruct",
    "tuning.method": "qlora",
    "tuning.input": "{urls: ['https://data.example/train.parquet']}",
    "tuning.output": "{image: registry.example/tuned:1.0, imagePushSecret: my-secret}",
}


class Finding(Value):
    """One problem, and what is needed to see whether it only follows from another."""

    at: At
    message: str
    kind: Literal["rule", "missing", "unknown", "type", "value"] = "value"
    # Where the user may have meant to write what stands in an unknown field.
    meant: tuple[At, ...] = ()

    @property
    def spoils(self) -> At:
        """The part of the document of which nothing more can be said."""
        return self.at[:-1] if self.kind == "unknown" else self.at


def problems(document: object) -> list[Problem]:
    """
    Return everything that is wrong with the form of a Workspace, in the order of its fields.

    A field without a value counts as absent, as it does for the API server. Rules between the
    fields of one object are held back while one of those fields is misspelt or of another type:
    what they would say may follow from that.
    """
    written = _as_json(document)
    if fits(written, _schema()):
        return []
    errors: Iterable[ValidationError] = validator().iter_errors(written)
    findings = [finding for error in errors for finding in _findings(error)]
    wanted = [finding for finding in findings if not _follows(finding, findings)]
    found = [Problem(field=_field(finding), message=finding.message) for finding in wanted]
    return list(dict.fromkeys(found))


def _field(finding: Finding) -> str:
    """Return the field to change; a rule about all of a Workspace is about what it is for."""
    about_all = finding.kind == "rule" and not finding.at
    return "inference" if about_all else field_path(finding.at)


def field_path(at: At) -> str:
    """Return a path as users write it: ``inference.adapters[0].source.name``."""
    text = "".join(_step(step) for step in at).removeprefix(".")
    return text or "document"


def _step(step: str | int) -> str:
    is_word = isinstance(step, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", step)
    return f".{step}" if is_word else f"[{step}]"


@cache
def _schema() -> Schema:
    schema: Schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return schema


@cache
def validator() -> "Validator":
    """Return what finds every mistake in a document; importing it is slow."""
    from jsonschema import validators  # noqa: PLC0415

    with_pattern = validators.extend(  # type: ignore[no-untyped-call]
        validators.Draft202012Validator, {"pattern": _pattern}
    )
    found: Validator = with_pattern(_schema())
    return found


def _pattern(_: object, pattern: str, value: object, __: object) -> "Iterator[ValidationError]":
    """Match as the API server does: its ``$`` is the end, Python's also the line break before."""
    from jsonschema import ValidationError  # noqa: PLC0415

    if isinstance(value, str) and not re.search(strict(pattern), value):
        yield ValidationError(pattern)


def _as_json(value: object) -> Any:  # noqa: ANN401  (what json.loads gives)
    """Return what the API server gets: no field without a value, and every key is text."""
    match value:
        case dict():
            return {_key(k): _as_json(v) for k, v in value.items() if v is not None}
        case list():
            return [_as_json(entry) for entry in value]
        case _:
            return value


def _key(key: object) -> str:
    return key if isinstance(key, str) else json.dumps(key, default=str).strip('"')


def _findings(error: "ValidationError") -> list[Finding]:
    at: At = tuple(error.absolute_path)
    schema, rule = _schema_and_rule(error)
    if rule:
        return [Finding(at=at, message=rule.removeprefix(f"{field_path(at)}: "), kind="rule")]
    if "propertyNames" in error.absolute_schema_path:
        at = (*at, str(error.instance))
    return _SAID_BY[str(error.validator)](at, error.instance, schema)


def _schema_and_rule(error: "ValidationError") -> tuple[Schema, str | None]:
    """Return the schema that the error came from, and the message of the rule around it."""
    node: Any = _schema()
    rule = None
    for step in list(error.absolute_schema_path)[:-1]:
        node = node[step]
        rule = node.get("errorMessage", rule) if isinstance(node, dict) else rule
    return node, rule


def _follows(finding: Finding, findings: list[Finding]) -> bool:
    match finding.kind:
        case "rule":
            return any(
                other.kind != "rule" and finding.at in {other.at, other.spoils}
                for other in findings
            )
        case "missing":
            return any(finding.at in other.meant for other in findings)
        case "value":
            return any((other.at, other.kind) == (finding.at, "type") for other in findings)
        case _:
            return False


def _unknown(at: At, value: JsonObject, schema: Schema) -> list[Finding]:
    known = schema["properties"]
    return [_unknown_field(at, name, value, known) for name in value if name not in known]


def _unknown_field(at: At, name: str, value: JsonObject, known: JsonObject) -> Finding:
    if not at and name == "spec":
        written = value["spec"] if isinstance(value["spec"], dict) else {}
        return Finding(
            at=("spec",),
            message="a Workspace has no spec: write resource and inference or tuning beside "
            "metadata",
            kind="unknown",
            meant=tuple((field,) for field in written),
        )
    similar = _nearest(name, list(known))
    places = [] if similar else _places(name, at)
    hint = ""
    if similar:
        hint = f"did you mean {similar!r}? "
    elif places:
        hint = f"it is a field of {either([field_path(place) for place in places])}; "
    return Finding(
        at=(*at, name),
        message=f"is not a field here; {hint}allowed: {', '.join(sorted(known))}",
        kind="unknown",
        meant=((*at, similar),) if similar else tuple((*place, name) for place in places),
    )


def _nearest(word: str, words: list[str]) -> str | None:
    lower = {known.lower(): known for known in words}
    close = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return lower[close[0]] if close else None


def _places(name: str, at: At) -> list[At]:
    """Return the objects nearest to ``at`` that have a field of this name, if they are few."""
    places = [place for place, fields in _objects((), _schema()) if name in fields]
    shared = {place: _shared_steps(place, at) for place in places}
    nearest = [place for place in places if shared[place] == max(shared.values())]
    return nearest if len(nearest) <= MOST_PLACES else []


def _objects(at: At, node: Schema) -> Iterator[tuple[At, JsonObject]]:
    if "properties" in node and at != ("metadata",):
        yield at, node["properties"]
        for name, child in node["properties"].items():
            yield from _objects((*at, name), child)
    if "items" in node:
        yield from _objects((*at, ANY_ENTRY), node["items"])


def _shared_steps(place: At, at: At) -> int:
    there = (ANY_ENTRY if isinstance(step, int) else step for step in at)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(place, there, strict=False))))


def _missing(at: At, value: JsonObject, schema: Schema) -> list[Finding]:
    return [
        Finding(
            at=(*at, name),
            message=f"is missing: write {_written((*at, name), schema['properties'][name])}",
            kind="missing",
        )
        for name in schema["required"]
        if name not in value
    ]


def _written(at: At, schema: Schema) -> str:
    """Return a line that can be copied: ``for example labelSelector: {...}``."""
    if "const" in schema:
        return f"{at[-1]}: {schema['const']}"
    place = field_path(tuple(ANY_ENTRY if isinstance(step, int) else step for step in at))
    return f"for example {at[-1]}: {EXAMPLES[place]}"


def _of_another_type(at: At, value: object, schema: Schema) -> list[Finding]:
    wanted, advice = TYPES[schema["type"]]
    if "properties" in schema:
        advice = f"write its fields below it: {', '.join(schema['properties'])}"
    elif isinstance(value, dict | list) and schema["type"] not in ("array", "object"):
        advice = "write one value"
    elif isinstance(value, float) and schema["type"] == "integer":
        advice = "leave the fraction out"
    message = f"must be {wanted}, is {_said(value)}: {advice}"
    return [Finding(at=at, message=message, kind="type")]


def _said(value: object) -> str:
    match value:
        case str():
            return f"the text {value!r}"
        case dict() | list():
            return "a map" if isinstance(value, dict) else "a list"
        case bool() | None:
            return json.dumps(value)
        case int() | float():
            return f"the number {value}"
        case _:
            return f"the date {value}" if isinstance(value, date) else repr(value)


def _not_one_of(at: At, value: object, schema: Schema) -> list[Finding]:
    allowed = [str(choice) for choice in schema.get("enum", [schema.get("const")])]
    similar = _nearest(str(value), allowed)
    hint = f"; did you mean {similar!r}?" if similar and len(allowed) > 1 else ""
    return [Finding(at=at, message=f"must be {either(allowed)}, is {_said(value)}{hint}")]


def _without_pattern(at: At, value: object, schema: Schema) -> list[Finding]:
    unfilled = isinstance(value, str) and PLACEHOLDER.search(value)
    said = REPLACE_IT if unfilled else schema["patternErrorMessage"]
    return [Finding(at=at, message=f"{said}; is {_said(value)}")]


def _too_small(at: At, value: object, schema: Schema) -> list[Finding]:
    return [Finding(at=at, message=f"must be at least {schema['minimum']}, is {value}")]


def _too_big(at: At, value: object, schema: Schema) -> list[Finding]:
    return [Finding(at=at, message=f"must be at most {schema['maximum']}, is {value}")]


def _empty(at: At, value: object, schema: Schema) -> list[Finding]:  # noqa: ARG001
    return [Finding(at=at, message="must not be empty: write a value")]


def _too_long(at: At, value: str, schema: Schema) -> list[Finding]:
    limit, length = schema["maxLength"], len(value)
    return [Finding(at=at, message=f"must be at most {limit} characters long, has {length}")]


def _too_many(at: At, value: JsonObject | list[object], schema: Schema) -> list[Finding]:
    limit = schema.get("maxItems", schema.get("maxProperties"))
    return [Finding(at=at, message=f"must have at most {limit} entries, has {len(value)}")]


# By the word of JSON Schema that the document breaks.
_SAID_BY: dict[str, Callable[[At, Any, Schema], list[Finding]]] = {
    "additionalProperties": _unknown,
    "const": _not_one_of,
    "enum": _not_one_of,
    "maxItems": _too_many,
    "maxLength": _too_long,
    "maxProperties": _too_many,
    "maximum": _too_big,
    "minLength": _empty,
    "minimum": _too_small,
    "pattern": _without_pattern,
    "required": _missing,
    "type": _of_another_type,
}
