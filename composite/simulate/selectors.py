"""
Which objects a selector means, in the three forms Kubernetes has for it.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
"""

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
