"""
What the API server does with an admission policy, in the engine that also checks the CRD's rules.

The functions are those of Kubernetes' CEL libraries that the engine lacks.
https://kubernetes.io/docs/reference/using-api/cel/
"""

import re
from collections.abc import Callable, Iterator
from functools import cache

from cel import Context, Program
from cel import compile as compiled

from composite.models import JsonObject


def find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found[0] if found else ""


FUNCTIONS: dict[str, Callable[..., object]] = {
    "dyn": lambda value: value,
    "find": find,
    "substring": lambda text, start: text[start:],
    "lowerAscii": str.lower,
    "join": lambda texts, separator: separator.join(texts),
}


def verdicts(
    spec: JsonObject, new: JsonObject, old: JsonObject | None, data: dict[str, str]
) -> Iterator[tuple[int, str]]:
    """Yield the place and the message of each validation of a policy that a Workspace breaks."""
    known: JsonObject = {
        "object": new,
        "oldObject": old,
        "request": {"operation": "CREATE" if old is None else "UPDATE"},
    }
    if not all(asked(each["expression"], known, {}) for each in spec["matchConditions"]):
        return
    variables: JsonObject = {"catalog": data}
    for variable in spec["variables"]:
        variables[variable["name"]] = asked(variable["expression"], known, variables)
    for place, rule in enumerate(spec["validations"]):
        if not asked(rule["expression"], known, variables):
            yield place, str(asked(rule["messageExpression"], known, variables))


def asked(expression: str, known: JsonObject, variables: JsonObject) -> object:
    """Return what an expression is; only what it names is brought into the engine."""
    context = Context(functions=FUNCTIONS)
    wanted = {name: variables[name] for name in named(expression)}
    context.set_variable_resolver({**known, "variables": wanted}.get)
    return program(expression).execute(context)


@cache
def named(expression: str) -> frozenset[str]:
    """Return which variables an expression names: to bring one into the engine takes a while."""
    return frozenset(re.findall(r"\bvariables\.(\w+)", expression))


@cache
def program(expression: str) -> Program:
    """Return an expression that is read once."""
    return compiled(expression)
