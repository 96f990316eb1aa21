"""From pydantic's errors to sentences a user can act on."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from composite.refusal import Problem


def problems_of(error: ValidationError, model: type[BaseModel]) -> tuple[Problem, ...]:
    """Return each mistake with the path of its field, the value that is there and what may be."""
    return tuple(
        Problem(field=path(found["loc"]), message=sentence(dict(found), model))
        for found in error.errors(include_url=False, include_context=True)
    )


def path(location: tuple[int | str, ...]) -> str:
    """Write a place in an object as ``adapters[0].source.name``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.lstrip(".")


# By pydantic's name of a mistake: what to say, of the value and of what pydantic knows about it.
SENTENCES: dict[str, Callable[[Any, dict[str, Any]], str]] = {
    "missing": lambda _, __: "is required",
    "string_pattern_mismatch": lambda value, told: f"{value!r} does not match {told['pattern']}",
    "string_too_long": lambda value, told: (
        f"has {len(value)} characters, at most {told['max_length']} are allowed"
    ),
    "string_too_short": lambda _, __: "must not be empty",
    "too_long": lambda value, told: (
        f"has {len(value)} items, at most {told['max_length']} are allowed"
    ),
    "greater_than_equal": lambda value, told: f"is {value}, must be at least {told['ge']}",
    "less_than_equal": lambda value, told: f"is {value}, must be at most {told['le']}",
    "int_type": lambda value, _: f"must be a whole number, is {kind_of(value)}",
    "int_parsing": lambda value, _: f"must be a whole number, is {kind_of(value)}",
    "int_from_float": lambda value, _: f"must be a whole number, is {kind_of(value)}",
    "string_type": lambda value, _: f"must be a text, is {kind_of(value)}",
    "dict_type": lambda value, _: f"must be an object, is {kind_of(value)}",
    "model_type": lambda value, _: f"must be an object, is {kind_of(value)}",
    "list_type": lambda value, _: f"must be a list, is {kind_of(value)}",
    "tuple_type": lambda value, _: f"must be a list, is {kind_of(value)}",
    "value_error": lambda value, told: f"{told['error']}, is {kind_of(value)}",
    "literal_error": lambda value, told: f"is {value!r}, must be {told['expected']}",
    "enum": lambda value, told: f"is {value!r}, must be {told['expected']}",
}


def sentence(found: dict[str, Any], model: type[BaseModel]) -> str:
    """Say what is wrong with a value in words of Kubernetes, not of Python."""
    kind, value = found["type"], found["input"]
    if kind == "extra_forbidden":
        return unknown_field(found["loc"], model)
    if kind in SENTENCES:
        return SENTENCES[kind](value, found.get("ctx", {}))
    wanted = re.sub(r"^Input should be ", "must be ", str(found["msg"]))
    return f"{wanted}, is {kind_of(value)}"


def unknown_field(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Say that there is no such field, and which one was probably meant."""
    allowed = sorted(fields_at(location[:-1], model))
    near = get_close_matches(str(location[-1]), allowed, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"is no field of a Workspace{hint}; allowed here: {', '.join(allowed)}"


def fields_at(location: tuple[int | str, ...], model: type[BaseModel]) -> set[str]:
    """Return the names of the fields that the model at this place has."""
    kind: object = model
    for part in location:
        kind = item_of(kind) if isinstance(part, int) else field_of(kind, part)
    kind = model_in(kind)
    return set(kind.model_fields) if kind is not None else set()


def field_of(kind: object, name: str) -> object:
    """Return the type of a field."""
    found = model_in(kind)
    return found.model_fields[name].annotation if found and name in found.model_fields else None


def item_of(kind: object) -> object:
    """Return the type of a list's items."""
    options = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return next((get_args(o)[0] for o in options if get_origin(o) in (tuple, list)), None)


def model_in(kind: object) -> type[BaseModel] | None:
    """Return the model in ``Model`` or ``Model | None``."""
    options = get_args(kind) or (kind,)
    return next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)


def kind_of(value: object) -> str:
    """Name a JSON value's kind."""
    kinds = {bool: "a boolean", dict: "an object", list: "a list", str: "a text"}
    name = kinds.get(type(value), "a number" if isinstance(value, int | float) else "nothing")
    return f"{name} ({value!r})" if isinstance(value, bool | int | float | str) else name
