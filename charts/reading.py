"""Values as a user gives them: laid over the defaults as Helm does it, and checked."""

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from charts.policy_limits import Limits
from charts.release import Release
from charts.values import Values
from charts.values_files import PARENTS, default_values
from composite.models import JsonObject

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class InvalidValues(Exception):  # noqa: N818  (it lists what a person has to mend)
    """Values that cannot be used; ``problems`` has one line for each, ``VALUE: reason``."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_values(given: Sequence[JsonObject], release: Release) -> Values:
    """
    Return the defaults with values laid over them, the last ones on top.

    Raises:
        InvalidValues: A value is misspelt, of a wrong type, or does not go with another one.

    """
    whole = default_values()
    for each in given:
        whole = laid_over(whole, each)
    for word in PARENTS:
        whole.pop(word, None)
    try:
        values = Values.model_validate_json(json.dumps(whole))
    except ValidationError as error:
        raise InvalidValues(*(sentence(detail) for detail in error.errors())) from None
    found = list(problems(values, release))
    if found:
        raise InvalidValues(*found)
    return values


def laid_over(below: JsonObject, above: JsonObject) -> JsonObject:
    """Return values with others on top: maps are merged, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = laid_over(old, value)
        else:
            merged[key] = value
    return merged


def sentence(detail: "ErrorDetails") -> str:
    """Return what is wrong with one value."""
    path = [str(part) for part in detail["loc"]]
    where = ".".join(path)
    if detail["type"] != "extra_forbidden":
        return f"{where}: {detail['msg'].replace('Input should', 'must', 1)}"
    beside: object = default_values()
    for part in path[:-1]:
        beside = beside.get(part, {}) if isinstance(beside, dict) else {}
    names = list(beside) if isinstance(beside, dict) else []
    meant = difflib.get_close_matches(path[-1], names, n=1)
    hint = f"; did you mean {meant[0]}?" if meant else ""
    return f"{where}: there is no such value{hint}"


def problems(values: Values, release: Release) -> Iterator[str]:
    """
    Yield what does not go together, in the words of the chart's ``templates/checks.yaml``.

    That also looks at what the cluster has, of which nothing is known here.
    """
    hooks, authentication = values.hooks, values.webhookAuthentication
    if not hooks.deploy and not hooks.url:
        yield "hooks.deploy: is false, so say in hooks.url where the hooks answer"
    if authentication.enabled and not authentication.secretName:
        yield (
            "webhookAuthentication.secretName: is empty; name the Secret with the token, made for "
            f"example with: kubectl -n {release.namespace} create secret generic metakaito-token "
            '--from-literal=token="$(openssl rand -hex 32)"'
        )
    if bool(values.nodeClass.group) != bool(values.nodeClass.kind):
        yield "nodeClass: set group and kind together, or neither for those of the cloud"
    guarded = hooks.deploy and values.networkPolicy.enabled
    if guarded and values.metacontroller.mode == "existing" and not values.networkPolicy.from_:
        yield (
            "networkPolicy.from: is empty; say from which Pods the existing Metacontroller calls "
            "the hooks, or set networkPolicy.enabled to false"
        )
    if not values.admissionPolicy.enabled and values.admissionPolicy.limits != Limits():
        yield "admissionPolicy.limits: need admissionPolicy.enabled; nobody else applies them"
    if hooks.autoscaling.enabled and hooks.autoscaling.minReplicas > hooks.autoscaling.maxReplicas:
        yield "hooks.autoscaling: minReplicas is larger than maxReplicas"
    for name, preset in values.presets.models.items():
        if name != preset.name:
            yield (
                f'presets.models.{name}.name: is "{preset.name}"; '
                "it must be the name under which it is listed"
            )
