"""
The kinds of values that a training configuration has, and how a value is read as one.

The hooks have a table like this one: they are another program, which this one cannot import. The
tests hold the parameters of both against each other.
"""

import re
from typing import Any, Literal

Kind = Literal["text", "integer", "number", "boolean", "list", "object", "any"]

TYPES: dict[Kind, tuple[tuple[type, ...], str]] = {
    "text": ((str,), "text"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "list": ((list,), "a list"),
    "object": ((dict,), "a map"),
    "any": ((object,), "anything"),
}

# With or without a decimal point: YAML 1.1 takes 2e-4 for text.
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


def value_of_kind(kind: Kind, value: Any) -> Any:  # noqa: ANN401, that is what it finds out
    """
    Return a value as the library wants it: a number that is written as text becomes one.

    Raises:
        ValueError: It is of another kind; the message says of which it must be.

    """
    types, name = TYPES[kind]
    if kind == "number" and isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value)
    # To Python, but to no one else, true is a number.
    if isinstance(value, bool) and kind not in ("boolean", "any"):
        raise ValueError(f"must be {name}, not {str(value).lower()}")
    if not isinstance(value, types):
        raise ValueError(f"must be {name}, not {value!r}")  # noqa: TRY004, a user's mistake, not ours
    return value
