"""How a model is tuned where its Workspace does not say, and what the trainer can be told."""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, RootModel

from composite.catalog import ParameterKind
from composite.models import JsonObject, Value
from presets.loading import InvalidPresets, parse, read_yaml

KINDS: dict[ParameterKind, tuple[tuple[type, ...], str]] = {
    "text": ((str,), "text"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "list": ((list,), "a list"),
    "object": ((dict,), "a map"),
    "any": ((object,), "anything"),
}

# With or without a decimal point: YAML takes 2e-4 for text, the trainer for a number.
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")

Parameters = dict[str, dict[str, ParameterKind]]


class Section(Value):
    """What may stand in one section of a training configuration."""

    library: str = Field(min_length=1, description="What reads it, and which version.")
    source: str = Field(min_length=1, description="Where the parameters were read.")
    dated: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="When they were read.")
    parameters: dict[str, ParameterKind]


class TrainingConfig(Value):
    """The training configuration of a method; one file in ``presets/tuning``."""

    method: str
    sections: dict[str, JsonObject]


class _Document(Value):
    training_config: dict[str, JsonObject]


def read_parameters(file: Path) -> Parameters:
    """
    Return the kind of each parameter of each section.

    Raises:
        InvalidPresets: All the mistakes in the file.

    """
    sections = parse(RootModel[dict[str, Section]], read_yaml(file), file).root
    return {name: section.parameters for name, section in sections.items()}


def read_training_config(file: Path, parameters: Parameters) -> TrainingConfig:
    """
    Return the training configuration of the method that the file is named after.

    Raises:
        InvalidPresets: Each section and parameter that the trainer does not know, or whose value it
            cannot read.

    """
    sections = parse(_Document, read_yaml(file), file).training_config
    problems = list(_problems(sections, parameters))
    if problems:
        raise InvalidPresets(*(f"{file}: training_config.{problem}" for problem in problems))
    return TrainingConfig(method=file.stem, sections=sections)


def _problems(sections: dict[str, JsonObject], parameters: Parameters) -> Iterator[str]:
    for section, values in sections.items():
        kinds = parameters.get(section)
        if kinds is None:
            yield f"{section}: is not a section; there are {', '.join(parameters)}"
            continue
        for key, value in values.items():
            if key not in kinds:
                yield f"{section}.{key}: is not a parameter of the trainer"
            elif value is not None and not _is_a(kinds[key], value):
                yield f"{section}.{key}: must be {KINDS[kinds[key]][1]}, not {value!r}"


def _is_a(kind: ParameterKind, value: object) -> bool:
    """Tell whether the trainer can read a value as a kind; it reads numbers from text."""
    if isinstance(value, bool):  # to Python, but to no one else, true is a number
        return kind in ("boolean", "any")
    if kind == "number" and isinstance(value, str):
        return NUMBER.fullmatch(value) is not None
    return isinstance(value, KINDS[kind][0])
