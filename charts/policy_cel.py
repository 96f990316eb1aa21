"""Sentences and look-ups in the words of an admission policy, which is CEL."""

import json
from collections.abc import Iterable
from string import Formatter
from typing import NamedTuple

from composite.models import JsonObject


class Rule(NamedTuple):
    """What must not be, in CEL, and the sentence for it with CEL in braces."""

    wrong: str
    sentence: str


def validation(rule: Rule) -> JsonObject:
    """Return a rule in the words of a policy."""
    parts = [
        part
        for text, expression, _, _ in Formatter().parse(rule.sentence)
        for part in (literal(text) if text else "", expression)
        if part
    ]
    return {"expression": f"!({rule.wrong})", "messageExpression": " + ".join(parts)}


def literal(value: str | Iterable[str]) -> str:
    """Return text or a list of texts as CEL writes it, which is as JSON does."""
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False)


def number(row: str, key: str) -> str:
    """Return CEL for a number in a row of facts; 0 where there is no row."""
    return f"{row} == '' ? 0 : int({row}.find('{key}=[0-9]+').substring({len(key) + 1}))"


def word(row: str, key: str) -> str:
    """Return CEL for a word in a row of facts."""
    return f"{row} == '' ? '' : {row}.find('{key}=[^ ]+').substring({len(key) + 1})"


def absent_or(path: str, otherwise: str, root: str = "object") -> str:
    """
    Return CEL for a field, and ``otherwise`` where it or what it is in is absent.

    An update may carry what an earlier CRD let through, so nothing is taken to be there.
    """
    steps = path.split(".")
    there = [f"has({'.'.join([root, *steps[: end + 1]])})" for end in range(len(steps))]
    return f"{' && '.join(there)} ? {root}.{path} : {otherwise}"


def repeated(items: str, field: str) -> str:
    """Return CEL for: two of these items have the same ``field``."""
    return f"{items}.exists(x, {items}.exists_one(y, y.{field} == x.{field}) == false)"
