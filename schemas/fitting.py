"""
Whether a value fits a JSON Schema, in those of its words that our schemas have.

For what is well formed, which is nearly everything: then jsonschema, which says what is wrong with
the rest, need not be imported. That alone takes longer than a plan.

Source: https://json-schema.org/draft/2020-12/json-schema-validation
"""

import re
from collections.abc import Callable, Sized
from math import inf
from typing import Any

TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: is_number(value) and value == int(value),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def fits(value: Any, schema: Any) -> bool:  # noqa: ANN401  (JSON)
    """
    Whether a value is as its schema says, with a ``$`` that is the end of a text, as in Go.

    Constants are compared as Python does: they have to be texts.

    Raises:
        KeyError: The schema has a word that is not known here.

    """
    if isinstance(schema, bool):
        return schema
    return all(WORDS[word](value, said, schema) for word, said in schema.items())


def is_number(value: object) -> bool:
    """Whether a value is a number to JSON, to which true is none, nor what is not finite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < inf


def has_all(value: Any, names: Any, _: Any) -> bool:  # noqa: ANN401  (JSON)
    """Whether an object has all of some fields."""
    return not isinstance(value, dict) or all(name in value for name in names)


def properties_fit(value: Any, said: Any, _: Any) -> bool:  # noqa: ANN401  (JSON)
    """Whether those fields of an object fit that have a schema each."""
    return not isinstance(value, dict) or all(
        fits(value[name], schema) for name, schema in said.items() if name in value
    )


def others_fit(value: Any, said: Any, schema: Any) -> bool:  # noqa: ANN401  (JSON)
    """Whether all other fields of an object fit one schema."""
    known = schema.get("properties", {})
    return not isinstance(value, dict) or all(
        fits(item, said) for name, item in value.items() if name not in known
    )


def pattern_fits(value: Any, pattern: Any, _: Any) -> bool:  # noqa: ANN401  (JSON)
    """Whether a text matches, as the API server sees it."""
    return not isinstance(value, str) or re.search(strict(pattern), value) is not None


def strict(pattern: str) -> str:
    """Return a pattern for Python, whose own ``$`` is also the line break before the end."""
    return re.sub(r"\$$", r"\\Z", pattern)


def meets_condition(value: Any, said: Any, schema: Any) -> bool:  # noqa: ANN401  (JSON)
    """Whether a value that fits ``if`` fits ``then`` too."""
    return not fits(value, said) or fits(value, schema["then"])


def within(kind: type[Sized], *, least: bool) -> Callable[[Any, Any, Any], bool]:
    """Return what bounds the length of values of a kind."""
    return lambda value, bound, _: (
        not isinstance(value, kind) or (len(value) >= bound if least else len(value) <= bound)
    )


def anything(_: Any, __: Any, ___: Any) -> bool:  # noqa: ANN401  (JSON)
    """For words that only tell something."""
    return True


WORDS: dict[str, Callable[[Any, Any, Any], bool]] = {
    **dict.fromkeys(("$schema", "$comment", "title", "description", "default"), anything),
    **dict.fromkeys(("errorMessage", "patternErrorMessage", "then"), anything),
    "type": lambda value, said, _: TYPES[said](value),
    "const": lambda value, said, _: value == said,
    "enum": lambda value, said, _: value in said,
    "minimum": lambda value, said, _: not is_number(value) or value >= said,
    "maximum": lambda value, said, _: not is_number(value) or value <= said,
    "minLength": within(str, least=True),
    "maxLength": within(str, least=False),
    "pattern": pattern_fits,
    "minItems": within(list, least=True),
    "maxItems": within(list, least=False),
    "items": lambda value, said, _: (
        not isinstance(value, list) or all(fits(item, said) for item in value)
    ),
    "minProperties": within(dict, least=True),
    "maxProperties": within(dict, least=False),
    "required": has_all,
    "properties": properties_fit,
    "additionalProperties": others_fit,
    "propertyNames": lambda value, said, _: (
        not isinstance(value, dict) or all(fits(name, said) for name in value)
    ),
    "allOf": lambda value, said, _: all(fits(value, each) for each in said),
    "anyOf": lambda value, said, _: any(fits(value, each) for each in said),
    "oneOf": lambda value, said, _: sum(fits(value, each) for each in said) == 1,
    "not": lambda value, said, _: not fits(value, said),
    "if": meets_condition,
}
