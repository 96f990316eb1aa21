"""
JSON Schemas for those who write YAML: for editors, and for the command line.

Editors that follow VS Code's words show ``errorMessage`` and ``patternErrorMessage`` as they are:
https://code.visualstudio.com/docs/languages/json. :mod:`schemas.reading` shows the same sentences.
"""

from pydantic import BaseModel

from composite.catalog import InstanceType, Preset
from composite.crd import RULES, Schema, children, ordered, written_out
from composite.names import API_VERSION, KIND
from composite.workspace.api import (
    LABEL_KEY_PATTERN,
    LABEL_VALUE_PATTERN,
    NAME_PATTERN,
    PATTERN_WORDS,
    WorkspaceSpec,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# What JSON Schema can say of the CEL rules, by rule. It knows no earlier version of the document,
# so every rule about ``oldSelf`` is the API server's alone; so are two that compute.
RULES_AS_SCHEMA: dict[str, Schema] = {
    "has(self.inference) != has(self.tuning)": {
        "oneOf": [{"required": ["inference"]}, {"required": ["tuning"]}]
    },
    "!has(self.tuning) || self.resource.count == 1": {
        "if": {"required": ["tuning"]},
        "then": {"properties": {"resource": {"properties": {"count": {"const": 1}}}}},
    },
    f"self.metadata.name.matches('{NAME_PATTERN}')": {
        "properties": {"metadata": {"properties": {"name": {"pattern": NAME_PATTERN}}}}
    },
    "has(self.image) != has(self.workspace)": {
        "oneOf": [{"required": ["image"]}, {"required": ["workspace"]}]
    },
    f"!has(self.matchLabels) || self.matchLabels.all(k, k.matches('{LABEL_KEY_PATTERN}'))": {
        "properties": {"matchLabels": {"propertyNames": {"pattern": LABEL_KEY_PATTERN}}}
    },
    "(has(self.matchLabels) && size(self.matchLabels) > 0) || "
    "(has(self.matchExpressions) && size(self.matchExpressions) > 0)": {
        "anyOf": [
            {"required": ["matchLabels"], "properties": {"matchLabels": {"minProperties": 1}}},
            {
                "required": ["matchExpressions"],
                "properties": {"matchExpressions": {"minItems": 1}},
            },
        ]
    },
    "!has(self.matchExpressions) || self.matchExpressions.all(e, "
    "e.operator == 'In' && has(e.values) && size(e.values) == 1)": {
        "properties": {
            "matchExpressions": {
                "items": {
                    "required": ["values"],
                    "properties": {
                        "operator": {"const": "In"},
                        "values": {"minItems": 1, "maxItems": 1},
                    },
                }
            }
        }
    },
    "!has(self.accessMode) || self.accessMode != 'private' || "
    "(has(self.presetOptions) && has(self.presetOptions.image) && "
    "self.presetOptions.image != '')": {
        "if": {"required": ["accessMode"], "properties": {"accessMode": {"const": "private"}}},
        "then": {
            "required": ["presetOptions"],
            "properties": {
                "presetOptions": {
                    "required": ["image"],
                    "properties": {"image": {"minLength": 1}},
                }
            },
        },
    },
    "(has(self.urls) && size(self.urls) > 0 ? 1 : 0) + "
    "(has(self.image) && self.image != '' ? 1 : 0) + "
    "(has(self.volumeSource) ? 1 : 0) == 1": {
        "oneOf": [
            {"required": ["urls"], "properties": {"urls": {"minItems": 1}}},
            {"required": ["image"]},
            {"required": ["volumeSource"]},
        ]
    },
    "!has(self.urls) && !has(self.volumeSource)": {
        "not": {"anyOf": [{"required": ["urls"]}, {"required": ["volumeSource"]}]}
    },
    "has(self.preset) != has(self.template)": {
        "oneOf": [{"required": ["preset"]}, {"required": ["template"]}]
    },
    "!has(self.adapters) || size(self.adapters) == 0 || has(self.preset)": {
        "if": {"required": ["adapters"], "properties": {"adapters": {"minItems": 1}}},
        "then": {"required": ["preset"]},
    },
    "(has(self.image) && self.image != '') != has(self.volumeSource)": {
        "oneOf": [{"required": ["image"]}, {"required": ["volumeSource"]}]
    },
    "!has(self.image) || self.image == '' || "
    "(has(self.imagePushSecret) && self.imagePushSecret != '')": {
        "if": {"required": ["image"]},
        "then": {"required": ["imagePushSecret"]},
    },
}

TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}


def workspace_schema() -> Schema:
    """Return the schema of a Workspace document."""
    spec = for_editors(written_out(WorkspaceSpec))
    return {
        "$schema": DIALECT,
        "title": KIND,
        **ordered(
            spec
            | {
                "description": "A model to serve or to fine-tune, and the nodes that it runs on.",
                "required": ["apiVersion", "kind", "metadata", *spec["required"]],
                "properties": {
                    "apiVersion": {
                        "description": f"{API_VERSION}.",
                        "type": "string",
                        "const": API_VERSION,
                    },
                    "kind": {"description": f"{KIND}.", "type": "string", "const": KIND},
                    "metadata": metadata_schema(),
                    **spec["properties"],
                    "status": {
                        "description": "What was observed; written by the controller, not by you.",
                        "type": "object",
                    },
                },
            }
        ),
    }


def metadata_schema() -> Schema:
    """Return the schema of ``metadata``: Kubernetes knows more fields than these."""
    return {
        "description": "Name, namespace, labels and annotations.",
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {
                "description": "Name of the Workspace, and of the Service that serves it.",
                "type": "string",
            },
            "namespace": {
                "description": "Namespace of the Workspace.",
                "type": "string",
                # https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
                "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
                "patternErrorMessage": "must be the name of a namespace: lower-case letters, "
                "digits and '-', at most 63",
            },
            "labels": {
                "description": "Labels by key.",
                "type": "object",
                "propertyNames": {
                    "pattern": LABEL_KEY_PATTERN,
                    "patternErrorMessage": PATTERN_WORDS[LABEL_KEY_PATTERN],
                },
                "additionalProperties": {
                    "type": "string",
                    "pattern": LABEL_VALUE_PATTERN,
                    "patternErrorMessage": PATTERN_WORDS[LABEL_VALUE_PATTERN],
                },
            },
            "annotations": {"description": "Annotations by key.", **TEXTS},
        },
    }


def preset_schema() -> Schema:
    """Return the schema of a file in ``presets/models``."""
    return model_schema(Preset)


def instance_types_schema() -> Schema:
    """Return the schema of a file in ``presets/instance_types``."""
    row = for_editors(written_out(InstanceType))
    return {
        "$schema": DIALECT,
        "title": "Instance types",
        "description": "The instance types of one cloud.",
        "type": "array",
        "items": row,
    }


def prices_schema() -> Schema:
    """Return the schema of a file in ``presets/prices``."""
    from composite.prices import PriceTable  # noqa: PLC0415  (what asks for no price stays quick)

    return model_schema(PriceTable)


def plan_schema() -> Schema:
    """Return the schema of what ``metakaito plan -o json`` prints."""
    from composite.preview import Preview  # noqa: PLC0415  (the same)

    schema = Preview.model_json_schema(mode="serialization")
    return {"$schema": DIALECT, **schema}


def model_schema(model: type[BaseModel]) -> Schema:
    """Return the schema of a document that ``model`` reads."""
    return {"$schema": DIALECT, "title": model.__name__, **for_editors(written_out(model))}


def for_editors(node: Schema) -> Schema:
    """Return ``node`` without the API server's words, its rules in JSON Schema's."""
    plain = {
        word: value
        for word, value in (node | children(node, for_editors)).items()
        if not (word.startswith("x-kubernetes-") or word == "title")
        and (word, value) != ("default", None)
        and (word, value) != ("additionalProperties", True)
    }
    return ordered(plain | _pattern_words(plain) | _rules(node))


def _pattern_words(node: Schema) -> Schema:
    words = PATTERN_WORDS.get(node.get("pattern", ""))
    return {"patternErrorMessage": words} if words else {}


def _rules(node: Schema) -> Schema:
    said = [
        {**RULES_AS_SCHEMA[rule["rule"]], "errorMessage": rule["message"]}
        for rule in node.get(RULES, ())
        if rule["rule"] in RULES_AS_SCHEMA
    ]
    return {"allOf": said} if said else {}
