"""
What an administrator may forbid: registries, models, many nodes, pod templates.

The hook knows nothing of these limits, so the policy is the only guard and fails closed; it looks
up nothing that could be missing. CEL sees one Workspace and cannot count others: a limit for a
namespace is a ResourceQuota of ``count/workspaces.kaito.sh`` beside the limit of nodes for each.
"""

import json
from typing import Annotated

from pydantic import Field

from charts.policy_cel import Rule, absent_or, literal
from charts.policy_rules import TEMPLATE, WRITTEN
from charts.values_parts import Section
from composite.workspace.api import MAX_COUNT


class Limits(Section):
    """
    Limits of your own, for every Workspace of the cluster. The hooks do not know them.

    A limit of all the Workspaces of a namespace is a ResourceQuota of count/workspaces.kaito.sh.
    """

    registries: list[Annotated[str, Field(pattern=r"^[^/\s]([^\s]*[^/\s])?$")]] = Field(
        default_factory=list
    )
    """Registries, or paths in them, that images a Workspace names must come from. Empty: any."""

    models: list[Annotated[str, Field(min_length=1, max_length=63)]] = Field(default_factory=list)
    """Presets that a Workspace may name. Empty: any."""

    maxNodes: Annotated[int, Field(ge=0, le=MAX_COUNT)] = 0
    """The most nodes of one Workspace, its resource.count. 0: as many as it asks for."""

    templates: bool = True
    """Whether a Workspace may bring a pod template, which runs any image with any model."""


# Every image that a user can name.
IMAGES = (
    f"[{absent_or('inference.preset.presetOptions.image', literal(''))}, "
    f"{absent_or('tuning.preset.presetOptions.image', literal(''))}, "
    f"{absent_or('tuning.input.image', literal(''))}, "
    f"{absent_or('tuning.output.image', literal(''))}] + "
    "variables.adapters.map(a, has(a.source.image) ? a.source.image : '') + "
    "variables.allContainers.map(c, has(c.image) ? c.image : '') + "
    f"variables.volumes.map(v, {absent_or('image.reference', literal(''), root='v')})"
)
STRANGE_IMAGES = (
    "variables.images.filter(i, i != '' && !variables.registries.exists(r, i.startsWith(r + '/')))"
)


def chosen(limits: Limits) -> dict[str, str]:
    """Return the limits as variables of the policy."""
    return {
        "registries": _listed(limits.registries),
        "models": _listed(limits.models),
        "maxNodes": str(limits.maxNodes),
        "templates": "true" if limits.templates else "false",
    }


def _listed(words: list[str]) -> str:
    """Return a list as CEL and as Helm's ``toRawJson`` write it."""
    return json.dumps(words, separators=(",", ":"), ensure_ascii=False)


VARIABLES = {
    **{key: WRITTEN[key] for key in ("tunes", "half", "count", "preset", "adapters")},
    **{key: TEMPLATE[key] for key in ("containers", "allContainers", "volumes")},
    "images": IMAGES,
    "strangeImages": STRANGE_IMAGES,
}

RULES = (
    Rule(
        "size(variables.models) > 0 && variables.preset != '' && "
        "!(variables.preset in variables.models)",
        "{variables.half}.preset.name: {variables.preset} is not allowed in this cluster; "
        "allowed are {variables.models.join(', ')}",
    ),
    Rule(
        "variables.maxNodes > 0 && variables.count > variables.maxNodes",
        "resource.count: is {string(variables.count)}, this cluster allows a Workspace at most "
        "{string(variables.maxNodes)}",
    ),
    Rule(
        "!variables.templates && has(object.inference) && has(object.inference.template)",
        "inference.template: is not allowed in this cluster: use a preset",
    ),
    Rule(
        "size(variables.registries) > 0 && size(variables.strangeImages) > 0",
        "the image {variables.strangeImages[0]} comes from a registry that is not allowed in this "
        "cluster; allowed are {variables.registries.join(', ')}",
    ),
)
