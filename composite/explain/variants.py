"""Decisions, each made otherwise while all others stay: what changes with it comes from it."""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from pydantic import BaseModel

from composite.differences import under

NUMBER = re.compile(r"\d+")

# A plan carries this beside its decisions; it is none.
ORIGINS = "origins"

Parts: TypeAlias = Mapping[Any, Any]


class Variant(NamedTuple):
    """
    A value in which one decision is another, and the path of that decision.

    ``without``: it was not made at all.
    """

    decision: str
    value: Any
    without: bool = False


def variants(value: Any, optional: frozenset[str], path: str = "") -> Iterator[Variant]:  # noqa: ANN401  (whatever plans hold)
    """
    Yield a value once for each decision in it, with that one changed; None is no decision.

    Args:
        value: A named tuple of decisions, or what is inside of one.
        optional: Paths of decisions that might as well not have been made.
        path: Where the value is.

    """
    if isinstance(value, BaseModel | dict | list | tuple):
        inner, within = parts(value)
        if isinstance(value, BaseModel) or hasattr(value, "_fields"):
            for name, part in inner.items():
                for decision, other, _ in renamed(part, joined(path, name)):
                    yield Variant(decision, within(name, other))
        for name, part in inner.items():
            here = joined(path, name)
            if part and here in optional:
                nothing = () if isinstance(part, tuple) else None
                yield Variant(here, within(name, nothing), without=True)
            for decision, other, without in variants(part, optional, here):
                yield Variant(decision, within(name, other), without)
    elif value is not None:
        yield Variant(path, otherwise(value))


def renamed(value: Any, path: str) -> Iterator[Variant]:  # noqa: ANN401  (whatever plans hold)
    """Yield labels once for each of them, with that one under another key."""
    if isinstance(value, dict) and all(isinstance(inner, str) for inner in value.values()):
        for key in value:
            other = {otherwise(each) if each == key else each: v for each, v in value.items()}
            yield Variant(joined(path, key), other)


def parts(value: Any) -> tuple[Parts, Callable[[Any, Any], Any]]:  # noqa: ANN401  (whatever plans hold)
    """Return the parts of a value by name or number, and how it is with another in one's place."""
    if isinstance(value, BaseModel):
        return dict(value), lambda name, other: value.model_copy(update={name: other})
    if isinstance(value, dict):
        return value, lambda key, other: {**value, key: other}
    if hasattr(value, "_fields"):
        named = {name: part for name, part in value._asdict().items() if name != ORIGINS}
        return named, lambda name, other: value._replace(**{name: other})
    return dict(enumerate(value)), lambda index, other: type(value)(replaced(value, index, other))


def replaced(items: Any, index: int, other: Any) -> list[Any]:  # noqa: ANN401  (a list or a tuple)
    """Return a list with another item in one place."""
    return [*items[:index], other, *items[index + 1 :]]


def joined(path: str, part: str | int) -> str:
    """Return the path of a part: ``server.adapters[0].image``."""
    return f"{path}[{part}]" if isinstance(part, int) else under(path, part)


def otherwise(value: Any) -> Any:  # noqa: ANN401  (whatever plans hold)
    """
    Return another value of the same kind.

    An amount stays an amount: ``16Gi`` becomes ``17Gi``. What has no other value stays as it is.
    """
    if isinstance(value, bool):
        return not value
    if isinstance(value, StrEnum):
        members = list(type(value))
        return members[(members.index(value) + 1) % len(members)]
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        number = NUMBER.match(value)
        if number is None:
            return f"{value}-otherwise"
        return f"{int(number[0]) + 1}{value[number.end() :]}"
    return value
