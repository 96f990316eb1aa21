"""Where two JSON values differ, field by field, in the paths that ``kubectl explain`` has."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from composite.simulate import objects

PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# Items of a list are told apart by one of these, where all have it.
KEYS = ("name", "type", "mountPath", "containerPort")

LONGEST_VALUE = 60
# So much before the place where two long texts part is shown.
LEAD = 12


class Absent:
    """What a field that is not there holds."""

    def __repr__(self) -> str:
        return "(absent)"


ABSENT = Absent()


class Difference(NamedTuple):
    """A field that holds something else."""

    path: str
    before: Any
    after: Any


def differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:  # noqa: ANN401  (JSON)
    """Yield the innermost fields that differ; what is in one value only is one difference."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({**before, **after}):
            yield from differences(
                before.get(key, ABSENT), after.get(key, ABSENT), under(path, key)
            )
    elif isinstance(before, list) and isinstance(after, list):
        for index, (one, other) in enumerate(paired(before, after)):
            yield from differences(one, other, f"{path}[{index}]")
    elif not objects.same(before, after):
        yield Difference(path, before, after)


def under(path: str, key: str) -> str:
    """Return the path of a field: ``spec.template``, or ``metadata.labels["kaito.sh/x"]``."""
    if PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f'{path}["{key}"]'


def paired(before: list[Any], after: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the items that belong together: by a key that all have, else by their places."""
    for key in KEYS:
        one, other = keyed(before, key), keyed(after, key)
        if one is not None and other is not None:
            if list(one) != list(other) and one.keys() == other.keys():
                break  # only their order differs, which the places tell
            for name in {**one, **other}:
                yield one.get(name, ABSENT), other.get(name, ABSENT)
            return
    for index in range(max(len(before), len(after))):
        yield (
            before[index] if index < len(before) else ABSENT,
            after[index] if index < len(after) else ABSENT,
        )


def keyed(items: list[Any], key: str) -> dict[Any, Any] | None:
    """Return the items by one of their fields, or None if it does not tell them apart."""
    if not all(isinstance(item, dict) and isinstance(item.get(key), str | int) for item in items):
        return None
    found = {item[key]: item for item in items}
    return found if len(found) == len(items) else None


def shown(difference: Difference) -> str:
    """Return ``before → after``, of long texts the place where they part."""
    before, after = (
        value if isinstance(value, str) else repr_of(value)
        for value in (difference.before, difference.after)
    )
    common = next(
        (place for place, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
        min(len(before), len(after)),
    )
    start = max(common - LEAD, 0) if max(len(before), len(after)) > LONGEST_VALUE else 0
    return f"{cut(before, start)} → {cut(after, start)}"


def repr_of(value: Any) -> str:  # noqa: ANN401  (JSON)
    """Return a value on one line."""
    return repr(value) if isinstance(value, Absent) else objects.canonical_json(value)


def cut(text: str, start: int) -> str:
    """Return a part of a long text."""
    line = text.replace("\n", "\\n")
    end = start + LONGEST_VALUE
    return f"{'…' if start else ''}{line[start:end]}{'…' if end < len(line) else ''}"
