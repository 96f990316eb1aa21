"""What becomes of one parameter of the configuration: it is applied, translated, or refused."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from training.kinds import Kind, value_of_kind

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Parameter:
    """
    A parameter that may stand in the configuration.

    Attributes:
        kind: Of its value.
        translate: Makes the library's arguments of the value. It raises ``ValueError`` with the
            rest of a sentence ("must be ...") if it cannot.
        low: The least value, for numbers.
        high: The greatest value, for numbers.
        note: What the log says if it is given; empty if it is applied as it is called.

    """

    kind: Kind
    translate: Callable[[Any], Arguments]
    low: float | None = None
    high: float | None = None
    note: str = ""

    def arguments(self, written: Any) -> Arguments:  # noqa: ANN401, it finds out what it is
        """
        Return what the library is told for a value.

        Raises:
            ValueError: The value is of another kind, out of range or refused; says how.

        """
        value = value_of_kind(self.kind, written)
        if self.low is not None and value < self.low:
            raise ValueError(f"must be at least {self.low:g}, not {value:g}")
        if self.high is not None and value > self.high:
            raise ValueError(f"must be at most {self.high:g}, not {value:g}")
        return self.translate(value)


def applied(
    name: str, kind: Kind, low: float | None = None, high: float | None = None
) -> Parameter:
    """Return a parameter that the library still has by this name."""
    return Parameter(kind, lambda value: {name: value}, low, high)


def renamed(kind: Kind, name: str, low: float | None = None) -> Parameter:
    """Return a parameter that the library calls otherwise now."""
    return Parameter(kind, lambda value: {name: value}, low, note=f"is called {name} now")


def one_of(name: str, *choices: str) -> Parameter:
    """Return a parameter that is applied and takes a few words only."""

    def translate(value: str) -> Arguments:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {value!r}")
        return {name: value}

    return Parameter("text", translate)


def json_text(name: str) -> Parameter:
    """Return a parameter that is a map, written as JSON text."""

    def translate(value: str) -> Arguments:
        try:
            read = json.loads(value)
        except json.JSONDecodeError:
            read = None
        if not isinstance(read, dict):
            raise ValueError(f"must be a map as JSON text, like '{{\"key\": 1}}', not {value!r}")  # noqa: TRY004, the type of the text is right
        return {name: read}

    return Parameter("text", translate)


def switch(**arguments: Any) -> Parameter:  # noqa: ANN401, whatever the library wants
    """Return a parameter that became a value of another one: true means these arguments."""
    name, value = next(iter(arguments.items()))
    return Parameter(
        "boolean", lambda on: arguments if on else {}, note=f"true means {name}: {value} now"
    )


def only(kind: Kind, values: tuple[Any, ...], why: str) -> Parameter:
    """
    Return a parameter that may only say what happens anyway.

    Args:
        kind: Of the value.
        values: What may be written.
        why: A clause: why nothing else can happen.

    """

    def translate(value: object) -> Arguments:
        if value not in values or isinstance(value, bool) != isinstance(values[0], bool):
            raise ValueError(f"cannot be {json.dumps(value)}: {why}")
        return {}

    return Parameter(kind, translate, note=f"changes nothing: {why}")
