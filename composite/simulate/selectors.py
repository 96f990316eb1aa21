"""
Which objects a selector means, in the three forms Kubernetes has for it.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from composite.models import JsonObject
from composite.simulate.errors import InvalidError


def matches_labels(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Tell whether a LabelSelector means an object; an empty one means all."""
    wanted = (selector.get("matchLabels") or {}).items()
    if not all(labels.get(key) == value for key, value in wanted):
        return False
    return matches_expressions(selector.get("matchExpressions") or (), labels)


def matches_expressions(expressions: Iterable[JsonObject], labels: Mapping[str, str]) -> bool:
    """Tell whether all requirements hold."""
    return all(_holds(expression, labels) for expression in expressions)


def _holds(expression: JsonObject, labels: Mapping[str, str]) -> bool:
    key: str = expression["key"]
    values: list[str] = expression.get("values") or []
    match str(expression["operator"]):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case "Gt":
            return key in labels and int(labels[key]) > int(values[0])
        case "Lt":
            return key in labels and int(labels[key]) < int(values[0])
        case other:
            raise InvalidError(f"{other!r} is not a valid label selector operator")


def parse_selector(text: str) -> JsonObject:
    """
    Return the LabelSelector that ``kubectl get --selector`` takes for a text; empty means all.

    Raises:
        InvalidError: It is no selector.

    """
    found: list[JsonObject] = []
    for part in _split(text):
        match = _REQUIREMENT.fullmatch(part.strip())
        if match is None:
            raise InvalidError(f"{part.strip()!r} is not a requirement such as app=web")
        absent, key, sign, value, word, values = match.groups()
        if word is not None:
            operator = "In" if word == "in" else "NotIn"
            listed = sorted(item.strip() for item in values.split(","))
            found.append({"key": key, "operator": operator, "values": listed})
        elif sign is not None and absent is None:
            operator = "NotIn" if sign == "!=" else "In"
            found.append({"key": key, "operator": operator, "values": [value]})
        elif sign is None:
            found.append({"key": key, "operator": "DoesNotExist" if absent else "Exists"})
        else:
            raise InvalidError(f"{part.strip()!r} is not a requirement such as app=web")
    return {"matchExpressions": found} if found else {}


def _split(text: str) -> list[str]:
    """Split at the commas outside of brackets."""
    return [part for part in re.split(r",(?![^(]*\))", text) if part.strip()]


_REQUIREMENT = re.compile(
    r"(!)?\s*([\w./-]+)\s*(?:(==?|!=)\s*([\w.-]*)|\s(in|notin)\s*\(([^()]+)\))?"
)
