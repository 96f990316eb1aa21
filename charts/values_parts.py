"""What several sections of the values have in common."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from composite.models import JsonObject

# A Kubernetes object of the user's own, passed on as it is.
Toleration = JsonObject

Word = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?)?$")]
# What can be the name of a Service, so of anything (RFC 1035).
Name = Annotated[str, Field(pattern=r"^([a-z]([-a-z0-9]*[a-z0-9])?)?$")]
# The key of a label: a name, and a DNS domain before it.
QualifiedName = Annotated[
    str,
    Field(
        max_length=317,
        pattern=r"^([a-z0-9][-.a-z0-9]*/)?[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$",
    ),
]

# Labels that tell our objects apart; a second one of the same key would be lost or do harm.
OURS = (
    r"^(app\.kubernetes\.io/(name|instance|component|part-of|version|managed-by)|helm\.sh/chart)$"
)


def _not_ours(labels: dict[str, str]) -> dict[str, str]:
    for key in labels:
        if re.search(OURS, key):
            raise PydanticCustomError("ours", "{key} is set by the chart", {"key": key})
    return labels


Labels = Annotated[
    dict[str, Annotated[str, Field(max_length=63)]],
    AfterValidator(_not_ours),
    Field(json_schema_extra={"propertyNames": {"not": {"pattern": OURS}}}),
]
PullPolicy = Literal["Always", "IfNotPresent", "Never"]


class Section(BaseModel):
    """A part of the values: spelled as Helm spells values, nothing unexpected inside."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


class Image(Section):
    """A container image."""

    repository: Annotated[str, Field(min_length=1)]
    """Registry and path, without tag."""

    tag: Annotated[str, Field(max_length=128, pattern=r"^[-._A-Za-z0-9]*$")] = ""
    """Tag."""

    digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""
    """Digest, sha256:...; it decides where it is set, and the tag is for people."""

    pullPolicy: PullPolicy = "IfNotPresent"
    """When it is pulled."""


class Placement(Section):
    """Where Pods run, and what else they are told."""

    podAnnotations: dict[str, str] = Field(default_factory=dict)
    """Annotations of the Pods."""

    podLabels: Labels = Field(default_factory=dict)
    """Labels of the Pods, beside ours."""

    nodeSelector: dict[str, str] = Field(default_factory=dict)
    """Labels that a node must have."""

    tolerations: list[Toleration] = Field(default_factory=list)
    """Taints that the Pods accept."""

    affinity: JsonObject = Field(default_factory=dict)
    """Where the Pods want to run."""

    priorityClassName: Word = ""
    """PriorityClass of the Pods."""
