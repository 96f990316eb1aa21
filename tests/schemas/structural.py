"""
What the API server demands of a CRD before it takes it, written down once more.

Sources: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
and k8s.io/apiextensions-apiserver, ``pkg/apiserver/schema/validation.go`` and
``pkg/apis/apiextensions/validation/validation.go``.
"""

import re
from collections.abc import Iterator

from composite.models import JsonObject
from tests.schemas.admission import matches_schema
from tests.schemas.walking import nodes

TYPES = {"array", "boolean", "integer", "number", "object", "string"}
FORMATS = {"byte", "date", "date-time", "double", "float", "int32", "int64", "password"}
LOGIC = ("allOf", "anyOf", "oneOf")
NOT_IN_LOGIC = {
    "additionalProperties", "default", "description", "nullable", "title", "type",
    "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}  # fmt: skip
WORDS = {
    "additionalProperties", "allOf", "anyOf", "default", "description", "enum", "example",
    "exclusiveMaximum", "exclusiveMinimum", "externalDocs", "format", "items", "maxItems",
    "maxLength", "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum",
    "multipleOf", "not", "nullable", "oneOf", "pattern", "properties", "required", "title", "type",
    *NOT_IN_LOGIC,
}  # fmt: skip
RULE_WORDS = {"rule", "message", "messageExpression", "reason", "fieldPath", "optionalOldSelf"}
COLUMN_TYPES = {"boolean", "date", "integer", "number", "string"}
NAME = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")


def violations(crd: JsonObject) -> list[str]:
    """Return everything about a CRD that the API server would refuse."""
    return [*_of_names(crd), *_of_versions(crd)]


def _of_names(crd: JsonObject) -> Iterator[str]:
    spec = crd["spec"]
    names = spec["names"]
    if crd["metadata"]["name"] != f"{names['plural']}.{spec['group']}":
        yield "metadata.name: must be plural.group"
    for name in (names["plural"], names["singular"], *names["shortNames"], *names["categories"]):
        if not NAME.match(name):
            yield f"names: {name!r} is no DNS label"
    if names["kind"] == names["listKind"]:
        yield "names: kind and listKind are the same"


def _of_versions(crd: JsonObject) -> Iterator[str]:
    versions = crd["spec"]["versions"]
    if sum(version["storage"] for version in versions) != 1:
        yield "versions: exactly one is stored"
    for version in versions:
        yield from _of_columns(version.get("additionalPrinterColumns", []))
        yield from schema_violations(version["schema"]["openAPIV3Schema"])


def _of_columns(columns: list[JsonObject]) -> Iterator[str]:
    for column in columns:
        if column["type"] not in COLUMN_TYPES:
            yield f"column {column['name']}: unknown type"
        if not column["jsonPath"].startswith("."):
            yield f"column {column['name']}: the path must start with a dot"
    if len({column["name"] for column in columns}) != len(columns):
        yield "columns: two have the same name"


def schema_violations(root: JsonObject) -> Iterator[str]:
    """Yield everything about one schema that is not structural."""
    if root.get("type") != "object" or "additionalProperties" in root:
        yield "the root must be an object with properties"
    for path, node in nodes(root):
        yield from (f"{path}: {wrong}" for wrong in _of_node(node, path))
    properties = root.get("properties", {})
    if properties.get("metadata", {"type": "object"}) != {"type": "object"}:
        yield "metadata: must be a bare object"
    for name in ("apiVersion", "kind"):
        if properties.get(name, {}).get("type", "string") != "string":
            yield f"{name}: must be text"


def _of_node(node: JsonObject, path: str) -> Iterator[str]:
    yield from (f"unknown word {word}" for word in node.keys() - WORDS)
    if node.get("type") not in TYPES:
        yield "has no type"
    if node.get("type") == "array" and not isinstance(node.get("items"), dict):
        yield "a list needs one schema for its items"
    if "format" in node and node["format"] not in FORMATS:
        yield f"unknown format {node['format']}"
    if "properties" in node and "additionalProperties" in node:
        yield "properties and additionalProperties exclude each other"
    if "additionalProperties" in node and not isinstance(node["additionalProperties"], dict):
        yield "additionalProperties needs a schema"
    if node.get("nullable") or None in node.get("enum", []):
        yield "a field is absent, never null"
    if missing := set(node.get("required", ())) - set(node.get("properties", ())):
        yield f"requires fields it does not have: {sorted(missing)}"
    yield from _of_default(node)
    yield from _of_list(node)
    yield from _of_logic(node)
    yield from _of_rules(node, path)
    try:
        re.compile(node.get("pattern", ""))
    except re.error:
        yield "the pattern is no regular expression"


def _of_default(node: JsonObject) -> Iterator[str]:
    if "default" not in node:
        return
    if node["default"] is None:
        yield "the default is null"
    elif not matches_schema(node["default"], node):
        yield "the default is refused by its own schema, or would be pruned"


def _of_list(node: JsonObject) -> Iterator[str]:
    kind, keys = node.get("x-kubernetes-list-type"), node.get("x-kubernetes-list-map-keys", [])
    if kind is not None and node.get("type") != "array":
        yield "only a list has a list type"
    if kind not in {None, "atomic", "set", "map"}:
        yield f"unknown list type {kind}"
    if (kind == "map") != bool(keys):
        yield "list map keys belong to the list type map"
    if node.get("x-kubernetes-map-type") is not None and node.get("type") != "object":
        yield "only an object has a map type"
    entry = node.get("items", {})
    for key in keys:
        field = entry.get("properties", {}).get(key)
        if field is None or field.get("type") not in TYPES - {"array", "object"}:
            yield f"list map key {key} is no scalar field of the entries"
        elif key not in entry.get("required", ()) and "default" not in field:
            yield f"list map key {key} is neither required nor has a default"


def _of_logic(node: JsonObject) -> Iterator[str]:
    branches = [branch for word in LOGIC for branch in node.get(word, ())]
    branches += [node["not"]] if "not" in node else []
    for branch in branches:
        yield from (f"{word} inside a logic word" for word in branch.keys() & NOT_IN_LOGIC)
        for inner, below in nodes(branch):
            if inner:
                yield from (f"{word} inside a logic word" for word in below.keys() & NOT_IN_LOGIC)
        outside = set(node.get("properties", ()))
        if unknown := set(branch.get("properties", ())) - outside:
            yield f"fields only inside a logic word: {sorted(unknown)}"


def _of_rules(node: JsonObject, path: str) -> Iterator[str]:
    for rule in node.get("x-kubernetes-validations", ()):
        if unknown := rule.keys() - RULE_WORDS:
            yield f"unknown words in a rule: {sorted(unknown)}"
        if not rule["rule"].strip() or "\n" in rule.get("message", ""):
            yield "a rule is empty, or its message has a line break"
        # Entries of lists that are not maps cannot be found again in the old object.
        if "oldSelf" in rule["rule"] and "[]" in path:
            yield "oldSelf inside a list"
