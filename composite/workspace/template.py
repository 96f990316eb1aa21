"""
The parts of a user's pod template that are looked at; the rest is passed on as it came.

Source: https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.33/#podtemplatespec-v1-core
"""

from typing import Annotated

from pydantic import BeforeValidator, StrictFloat, StrictInt, StrictStr

from composite.models import JsonObject, Observed


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
