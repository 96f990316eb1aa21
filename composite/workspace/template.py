"""
The parts of a user's pod template that are looked at; the rest is passed on as it came.

Source: https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.33/#podtemplatespec-v1-core
"""

from composite.models import JsonObject, Observed


class TemplateMeta(Observed):
    """Labels, to which ours is added."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class TemplateResources(Observed):
    """Amounts, which are brought into their canonical form."""

    requests: dict[str, str | int | float] | None = None
    limits: dict[str, str | int | float] | None = None


class TemplateContainer(Observed):
    """A container."""

    name: str
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
    tolerations: list[JsonObject] | None = None
    affinity: TemplateAffinity | None = None


class Template(Observed):
    """A pod to be."""

    metadata: TemplateMeta | None = None
    spec: TemplateSpec = TemplateSpec()
