"""
The parts of a user's pod template that are looked at; the rest is passed on as it came.

Source: https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.33/#podtemplatespec-v1-core
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, StrictFloat, StrictInt, StrictStr

from composite.models import JsonObject, Observed
from composite.workspace.pod_fields import TEMPLATE, fields_of

# No field's name is half as long; what is longer is somebody's mistake, and is not shown whole.
LONGEST_FIELD = 63
# Such as line breaks and "; ", which divides sentences: of these no field's name has any.
ODD = re.compile(r"[^\w./-]")


def _no_boolean(amount: object) -> object:
    """Refuse what YAML takes for a boolean, as ``yes``; to Python it would be a number."""
    if isinstance(amount, bool) or not isinstance(amount, str | int | float):
        raise ValueError("must be an amount such as 1, 500m or 16Gi")  # noqa: TRY004  (pydantic's)
    return amount


Amount = Annotated[StrictStr | StrictInt | StrictFloat, BeforeValidator(_no_boolean)]


class TemplateMeta(Observed):
    """Labels, to which ours is added."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class TemplateResources(Observed):
    """Amounts, which are brought into their canonical form."""

    requests: dict[str, Amount] | None = None
    limits: dict[str, Amount] | None = None


class TemplatePort(Observed):
    """A port, known by its number."""

    containerPort: int


class TemplateName(Observed):
    """Something known by its name."""

    name: str


class TemplateMount(Observed):
    """A mount, known by its path."""

    mountPath: str


class TemplateContainer(Observed):
    """A container, and the lists in it whose items are told apart by one field."""

    name: str
    image: str | None = None
    ports: list[TemplatePort] | None = None
    env: list[TemplateName] | None = None
    volumeMounts: list[TemplateMount] | None = None
    resources: TemplateResources | None = None


class TemplateNodeSelectorTerm(Observed):
    """Conditions on a node, to which ours are added."""

    matchExpressions: list[JsonObject] | None = None


class TemplateNodeSelector(Observed):
    """Terms of which one must hold."""

    nodeSelectorTerms: list[TemplateNodeSelectorTerm] | None = None


class TemplateNodeAffinity(Observed):
    """Where the pods must run."""

    requiredDuringSchedulingIgnoredDuringExecution: TemplateNodeSelector | None = None


class TemplateAffinity(Observed):
    """Where the pods may run."""

    nodeAffinity: TemplateNodeAffinity | None = None


class TemplateSpec(Observed):
    """What runs."""

    initContainers: list[TemplateContainer] | None = None
    containers: list[TemplateContainer] | None = None
    volumes: list[TemplateName] | None = None
    tolerations: list[JsonObject] | None = None
    affinity: TemplateAffinity | None = None


class Template(Observed):
    """A pod to be."""

    metadata: TemplateMeta | None = None
    spec: TemplateSpec = TemplateSpec()


class UnknownField(NamedTuple):
    """A field that no pod template has: where it is, its name, and what else may be there."""

    place: str
    name: str
    possible: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where it is written, as ``spec.containers[0].imagee``."""
        return inside(self.place, self.name)

    @property
    def meant(self) -> list[str]:
        """The field that is likely meant, if there is one, of those that hold nothing there."""
        return get_close_matches(self.name, self.possible, n=1)


def unknown_fields(template: JsonObject) -> Iterator[UnknownField]:
    """Yield the fields of a template that Kubernetes does not know, the outer ones first."""
    return unknown_in(template, TEMPLATE, "")


def unknown_in(value: Any, kind: str, place: str) -> Iterator[UnknownField]:  # noqa: ANN401  (JSON)
    """Yield the unknown fields of an object of a type, or of each object of a list."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_in(item, kind, f"{place}[{index}]")
    elif isinstance(value, dict):
        known = fields_of(kind)
        if value.keys() - known.keys():
            possible = tuple(name for name in known if not value.get(name))
            for name in sorted(value.keys() - known.keys()):
                yield UnknownField(place, ODD.sub("?", name[:LONGEST_FIELD]), possible)
        for name, item in value.items():
            if (inner := known.get(name)) and item:
                yield from unknown_in(item, inner, inside(place, name))


def inside(place: str, name: str) -> str:
    """Return the path of a field in a place, which is empty for the whole."""
    return f"{place}.{name}" if place else name
