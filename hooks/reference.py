"""Reference pages of what a status says and of what a preset holds, made of their models."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from composite.catalog import (
    Command,
    GpuNeed,
    HubWeights,
    InstanceType,
    Preset,
    Tuning,
    Weights,
)
from composite.prices import Price, PriceTable
from composite.workspace.conditions import CONDITIONS, REASONS, Reason

CONDITIONS_INTRODUCTION = """\
# Conditions and reasons

What `status.conditions` of a Workspace says. Each condition has a status, a reason in one word and
a message in a sentence, in the words of who knows: the provisioner, the scheduler, the kubelet.
The column WHY of `kubectl get workspaces -o wide` is the message of `WorkspaceReady`.

| condition | what it says when it is True |
|---|---|
"""
PRESETS_INTRODUCTION = """\
# Presets, instance types and prices

The fields of the files in `presets/`, and of those that an installation adds in the directory that
`METAKAITO_PRESETS` names. `metakaito schema` prints the same for an editor. A field without a
default must be there.
"""
# What each model describes.
FILES: tuple[tuple[str, type[BaseModel], str], ...] = (
    ("A preset", Preset, "One file in `models/`: a model that can be served."),
    ("gpu", GpuNeed, "Of a preset, and of its `tuning`."),
    ("command", Command, "Of a preset."),
    ("weights", Weights, "Of a preset: one of the first four, for metakaito's own runtime."),
    ("weights.huggingFace", HubWeights, "Of a preset."),
    ("tuning", Tuning, "Of a preset that can be fine-tuned."),
    ("An instance type", InstanceType, "One row of a file in `instance_types/`."),
    ("Prices", PriceTable, "One file in `prices/`: a region of a cloud."),
    ("hourly", Price, "Of prices, by instance type."),
)
KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "map",
    "array": "list",
}


def conditions_page() -> str:
    """Return each condition, with each of its reasons, what it means and what to do."""
    overview = "".join(
        f"| [{name}](#{name.lower()}) | {means} |\n" for name, means in CONDITIONS.items()
    )
    sections = (
        f"\n## {name}\n\n| status | reason | what it means | what to do |\n|---|---|---|---|\n"
        + "".join(map(reason_row, (reason for reason in REASONS if name in reason.types)))
        for name in CONDITIONS
    )
    return CONDITIONS_INTRODUCTION + overview + "".join(sections)


def reason_row(reason: Reason) -> str:
    """Return one line of a table of reasons."""
    return f"| {reason.status} | `{reason.reason}` | {reason.means} | {reason.do} |\n"


def presets_page() -> str:
    """Return each field of each kind of file in ``presets/``."""
    sections = (
        f"\n## {title}\n\n{about}\n\n| field | kind | default | meaning |\n|---|---|---|---|\n"
        + "".join(field_rows(model))
        for title, model, about in FILES
    )
    return PRESETS_INTRODUCTION + "".join(sections)


def field_rows(model: type[BaseModel]) -> Iterator[str]:
    """Yield a line for each field of a model."""
    schema = model.model_json_schema(mode="validation")
    for name, field in model.model_fields.items():
        told = kind(schema["properties"][name], schema.get("$defs", {}))
        yield f"| `{name}` | {told} | {default(field)} | {field.description or ''} |\n"


def default(field: FieldInfo) -> str:
    """Return what a field has when it is left out; nothing for one that must be there."""
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True, validated_data={})
    return f"`{value}`" if value else "none"


def kind(schema: dict[str, Any], models: dict[str, Any]) -> str:
    """Return in words what a part of a JSON Schema takes."""
    if "$ref" in schema:
        return kind(models[schema["$ref"].rpartition("/")[2]], models)
    if "anyOf" in schema:
        return kind(next(part for part in schema["anyOf"] if part.get("type") != "null"), models)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return KINDS[schema["type"]]
