"""Which decisions each field of an object was spelled from, found by deciding otherwise."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from composite.differences import keyed, under
from composite.explain.variants import variants
from composite.models import JsonObject

# Items of lists of unequal length belong together by one of these, else by what they are.
KEYS = ("name", "mountPath", "containerPort", "key")

# The path of an object as a whole: it would not be there at all.
WHOLE = ""


class Traced(NamedTuple):
    """An object, and the decisions behind its fields by path; ``""`` is the object as a whole."""

    content: JsonObject
    decisions: dict[str, tuple[str, ...]]


def traced(
    build: Callable[[Any], Sequence[JsonObject]],
    decided: Any,  # noqa: ANN401  (any plan)
    optional: frozenset[str] = frozenset(),
) -> list[Traced]:
    """
    Return every object that is built of what was decided, with the decisions behind each field.

    Args:
        build: Spells the objects out; a pure function of the decisions.
        decided: A named tuple of decisions.
        optional: Paths of decisions that might as well not have been made.

    """
    built = list(build(decided))
    found: list[dict[str, list[str]]] = [{} for _ in built]
    for decision, other, without in variants(decided, optional):
        for index, partner in enumerate(partners(built, build(other))):
            for path in changed(built[index], partner, by_name=without):
                found[index].setdefault(path, []).append(decision)
    return [
        Traced(content, {path: tuple(decisions) for path, decisions in each.items()})
        for content, each in zip(built, found, strict=True)
    ]


def partners(
    built: Sequence[JsonObject], others: Sequence[JsonObject]
) -> Iterator[JsonObject | None]:
    """Yield for each object what it would be; None if it would not be."""
    before, after = by_kind(built), by_kind(others)
    for obj in built:
        mine, theirs = before[obj["kind"]], after.get(obj["kind"], [])
        if len(mine) == len(theirs):
            yield theirs[mine.index(obj)]
        else:
            name = obj["metadata"]["name"]
            yield next((other for other in theirs if other["metadata"]["name"] == name), None)


def by_kind(built: Sequence[JsonObject]) -> dict[str, list[JsonObject]]:
    """Return the objects of each kind, in their order."""
    found: dict[str, list[JsonObject]] = {}
    for obj in built:
        found.setdefault(obj["kind"], []).append(obj)
    return found


def changed(
    base: Any,  # noqa: ANN401  (JSON)
    other: Any,  # noqa: ANN401  (JSON)
    path: str = WHOLE,
    *,
    by_name: bool = False,
) -> Iterator[str]:
    """
    Yield the outermost paths of what would be otherwise, or not be.

    Args:
        base: What there is.
        other: What there would be.
        path: Where both are.
        by_name: Whether an item of a list is another one if it has another name, and not the same
            under that name. So it is where something would not be there at all: what then stands in
            its place has nothing to do with it.

    """
    if isinstance(base, dict) and isinstance(other, dict):
        for key, value in base.items():
            here = under(path, key)
            if key in other:
                yield from changed(value, other[key], here, by_name=by_name)
            else:
                yield here
    elif isinstance(base, list) and isinstance(other, list):
        for index, (one, two) in enumerate(paired(base, other, by_name=by_name)):
            yield from changed(one, two, f"{path}[{index}]", by_name=by_name)
    elif base != other or type(base) is not type(other):
        yield path


def paired(base: list[Any], other: list[Any], *, by_name: bool) -> Iterator[tuple[Any, Any]]:
    """Yield each item of the first list with the one of the second that it would be, or None."""
    if len(base) == len(other) and not by_name:
        yield from zip(base, other, strict=True)
        return
    for key in KEYS:
        one, two = keyed(base, key), keyed(other, key)
        if one is not None and two is not None:
            yield from ((item, two.get(name)) for name, item in one.items())
            return
    if len(base) == len(other):
        yield from zip(base, other, strict=True)
        return
    yield from ((item, item if item in other else None) for item in base)
