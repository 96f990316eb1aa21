"""
The CustomResourceDefinition of Workspace, in the API server's dialect of JSON Schema.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from composite.models import JsonObject
from composite.names import ANNOTATION_DEFINITION_HASH, GROUP, KIND, VERSION
from composite.workspace.api import WorkspaceSpec, WorkspaceStatus

RULES = "x-kubernetes-validations"
PLURAL = "workspaces"
CRD_NAME = f"{PLURAL}.{GROUP}"
HASH_DIGITS = 16

# A reader meets a field's meaning first, then its type and limits, then what is inside, then rules.
ORDER = ("description", "type", "format", "enum", "default", "required", "properties", "items")

# Words that a structural schema does not know. A key of a map cannot be limited there at all.
UNKNOWN_WORDS = frozenset({"$defs", "propertyNames", "title"})

# Words that hold one schema; additionalProperties may, properties holds one for each name.
INNER = ("items", "propertyNames")

Schema = JsonObject


class AbsentNotNull(GenerateJsonSchema):
    """JSON Schema where an optional field is absent, never null, and no field has a title."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Return the schema of the value alone."""
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002  (overridden)
        """Say no: a title repeats the field's name."""
        return False


def written_out(model: type[BaseModel]) -> Schema:
    """Return the JSON Schema of ``model`` with every reference replaced by what it refers to."""
    schema = model.model_json_schema(schema_generator=AbsentNotNull)
    return _written_out(schema, schema.get("$defs", {}))


def structural_schema(model: type[BaseModel]) -> Schema:
    """Return the schema of ``model`` as the API server takes it."""
    return _structural(written_out(model))


def children(node: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """Return the words of ``node`` that hold schemas, each schema changed."""
    inner: Schema = {
        word: change(node[word]) for word in ("items", "propertyNames") if word in node
    }
    if isinstance(node.get("additionalProperties"), dict):
        inner["additionalProperties"] = change(node["additionalProperties"])
    if "properties" in node:
        inner["properties"] = {name: change(at) for name, at in node["properties"].items()}
    return inner


def ordered(node: Schema) -> Schema:
    """Return the words of ``node`` in the order of reading."""
    first = {word: node[word] for word in ORDER if word in node}
    return first | node


def workspace_crd() -> JsonObject:
    """
    Return the CustomResourceDefinition of Workspace.

    An annotation has a hash of its spec: by it the chart sees whether the cluster's is of this
    version. The API server may write the same spec in other words.
    """
    spec = {
        "group": GROUP,
        "names": {
            "kind": KIND,
            "listKind": f"{KIND}List",
            "plural": PLURAL,
            "singular": "workspace",
            "shortNames": ["wk", "wks"],
            "categories": ["workspace"],
        },
        "scope": "Namespaced",
        "versions": [
            {
                "name": VERSION,
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "additionalPrinterColumns": printer_columns(),
                "schema": {"openAPIV3Schema": workspace_schema()},
            }
        ],
    }
    text = json.dumps(spec, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD_NAME, "annotations": {ANNOTATION_DEFINITION_HASH: digest}},
        "spec": spec,
    }


def workspace_schema() -> Schema:
    """Return the structural schema of a whole Workspace."""
    spec = structural_schema(WorkspaceSpec)
    return ordered(
        spec
        | {
            "description": "A model to serve or to fine-tune, and the nodes that it runs on.",
            "properties": {
                "apiVersion": {
                    "description": f"{GROUP}/{VERSION}.",
                    "type": "string",
                },
                "kind": {"description": f"{KIND}.", "type": "string"},
                # The API server knows metadata, and refuses a CRD that says one word more of it.
                "metadata": {"type": "object"},
                **spec["properties"],
                "status": status_schema(),
            },
        }
    )


def status_schema() -> Schema:
    """
    Return the structural schema of the status.

    No field of it is required: a Workspace that Kaito ran before has a status without ours, and
    must stay editable until the first sync has written it anew.
    """
    schema = structural_schema(WorkspaceStatus)
    return {word: value for word, value in schema.items() if word != "required"}


def printer_columns() -> list[JsonObject]:
    """Return what ``kubectl get`` prints; priority 1 only with ``-o wide``."""
    return [
        column("Instance", ".resource.instanceType", "Instance type of the nodes."),
        condition_column("ResourceReady", "The nodes are there and show their GPUs."),
        condition_column("InferenceReady", "The model answers."),
        condition_column("JobStarted", "The fine-tuning runs."),
        condition_column("WorkspaceReady", "What was asked for is there."),
        column("Age", ".metadata.creationTimestamp", "Time since it was created.", type="date"),
        condition_column("WorkspaceSucceeded", "The same as WorkspaceReady.", priority=1),
        column(
            "Why",
            '.status.conditions[?(@.type=="WorkspaceReady")].message',
            "The cause of WorkspaceReady, in a sentence.",
            priority=1,
        ),
    ]


def condition_column(condition: str, description: str, **words: Any) -> JsonObject:  # noqa: ANN401
    """Return a column that shows the status of one condition."""
    path = f'.status.conditions[?(@.type=="{condition}")].status'
    return column(condition, path, description, **words)


def column(name: str, path: str, description: str, **words: Any) -> JsonObject:  # noqa: ANN401
    """Return one column; ``words`` are further words of a printer column."""
    return {"name": name, "type": "string", "jsonPath": path, "description": description} | words


def _written_out(node: Schema, definitions: dict[str, Schema]) -> Schema:
    referred = definitions.get(node.get("$ref", "").removeprefix("#/$defs/"), {})
    # A field may say more than its class: its words win, and the rules of both hold.
    rules = [*referred.get(RULES, ()), *node.get(RULES, ())]
    words = referred | node | ({RULES: rules} if rules else {})
    inner = children(words, lambda child: _written_out(child, definitions))
    return {word: value for word, value in (words | inner).items() if word not in {"$ref", "$defs"}}


def _structural(node: Schema) -> Schema:
    words = node | children(node, _structural)
    kept = {word: value for word, value in words.items() if not _says_nothing(word, value)}
    return ordered(kept | _format(kept) | _description(kept))


def _says_nothing(word: str, value: object) -> bool:
    # Fields that are not listed are pruned anyway, and additionalProperties may not say so.
    return (
        word in UNKNOWN_WORDS
        or (word == "additionalProperties" and isinstance(value, bool))
        or (word == "default" and value is None)
    )


def _format(node: Schema) -> Schema:
    return {"format": "int32"} if node.get("type") == "integer" and "format" not in node else {}


def _description(node: Schema) -> Schema:
    # kubectl explain shows the description, and not the default.
    if "default" not in node or "description" not in node:
        return {}
    return {"description": f"{node['description']} Default: {node['default']}."}
