"""
Which instance types a preset fits, cheapest first, and why it does not fit the others.

Nothing is decided here: each instance type is put into a Workspace, and the rules that accept or
refuse Workspaces are asked. So the advice and the refusal are never of two minds.
"""

import re
from collections.abc import Iterable
from math import inf
from typing import Literal, NamedTuple

from composite import names
from composite.budget import Budget, budget
from composite.catalog import AccessMode, Catalog, GpuNeed, InstanceType, Preset
from composite.models import JsonObject
from composite.prices import Cost, PriceTable, cost
from composite.refusal import Problem, Refusal
from composite.workspace.api import WorkspaceSpec
from composite.workspace.rules import notes, problems, read_spec

Use = Literal["inference", "lora", "qlora"]

# What is wrong with the nodes is said of these fields.
NODES = "resource."
TYPE_NOTE = "resource.instanceType: "

# No rule looks at which ones; there must be some.
ANY_NAME = "advice"
ANY_IMAGE = "registry.example/model:1"
ANY_VOLUME: JsonObject = {"volumeSource": {"persistentVolumeClaim": {"claimName": "any"}}}


class Option(NamedTuple):
    """
    A preset on nodes of one instance type.

    ``refusals`` are the sentences with which such a Workspace is refused, ``warnings`` those with
    which it is accepted all the same. It fits where there are neither. ``nodes`` is the least
    number that it fits, or else the one of which least is wrong.
    """

    row: InstanceType
    nodes: int
    budget: Budget
    cost: Cost
    refusals: tuple[Problem, ...]
    warnings: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether nothing is to be said against it."""
        return not self.refusals and not self.warnings


class Advice(NamedTuple):
    """The instance types that fit, cheapest first, and the others, those that nearly fit first."""

    fitting: tuple[Option, ...]
    others: tuple[Option, ...]


def advise(preset: Preset, use: Use, catalog: Catalog, table: PriceTable | None) -> Advice:
    """
    Hold every instance type of a catalog against a preset of it.

    Args:
        preset: What shall be served or tuned.
        use: Whether it is served, or by which method it is tuned.
        catalog: Whose instance types they are.
        table: What they cost; one whose price is not known comes after those whose price is.

    Raises:
        Refusal: It cannot be done on any node: the preset cannot be tuned.

    """
    found = [option(preset, use, row, catalog, table) for row in catalog.instance_types.values()]
    return Advice(
        fitting=tuple(sorted((each for each in found if each.fits), key=by_price)),
        others=tuple(sorted((each for each in found if not each.fits), key=by_lack)),
    )


def option(
    preset: Preset, use: Use, row: InstanceType, catalog: Catalog, table: PriceTable | None
) -> Option:
    """
    Return what becomes of a preset on an instance type, with as few nodes as will do.

    Raises:
        Refusal: It cannot be done on any node.

    """
    need = need_of(preset, use)
    tried: list[Option] = []
    for nodes in numbers_of_nodes(preset, use):
        spec = a_spec(preset, use, row.name, nodes)
        refused = refusals(spec, catalog)
        tried.append(
            Option(
                row=row,
                nodes=nodes,
                budget=budget(need, row, nodes),
                cost=cost(table, row.name, nodes),
                refusals=refused,
                warnings=() if refused else warnings(spec, catalog),
            )
        )
    return min(tried, key=lambda each: (len(each.refusals), len(each.warnings), each.nodes))


def need_of(preset: Preset, use: Use) -> GpuNeed:
    """Return what is needed of the GPUs."""
    if use == "inference" or preset.tuning is None:
        return preset.gpu
    return preset.tuning.gpu


def numbers_of_nodes(preset: Preset, use: Use) -> Iterable[int]:
    """
    Return how many nodes may be worth their price.

    Only a model that is distributed is shared by nodes, at most one for each of its processes. Any
    other runs whole on each node, so that more of them are more servers and not more room.
    """
    if use == "inference" and preset.worldSize is not None:
        return range(1, preset.worldSize + 1)
    return (1,)


def refusals(spec: WorkspaceSpec, catalog: Catalog) -> tuple[Problem, ...]:
    """
    Return the sentences with which a Workspace is refused on account of its nodes.

    Raises:
        Refusal: It is refused for another reason, which other nodes do not mend.

    """
    found = tuple(problems(ANY_NAME, spec, catalog, accepted=None))
    others = [problem for problem in found if not problem.field.startswith(NODES)]
    if others:
        raise Refusal(*others)
    return found


def warnings(spec: WorkspaceSpec, catalog: Catalog) -> tuple[str, ...]:
    """Return what is said of the instance type of a Workspace that is accepted."""
    return tuple(
        note.removeprefix(TYPE_NOTE) for note in notes(spec, catalog) if note.startswith(TYPE_NOTE)
    )


def a_spec(preset: Preset, use: Use, instance_type: str, nodes: int) -> WorkspaceSpec:
    """Return a Workspace whose only doubtful part is its nodes."""
    private = preset.accessMode is AccessMode.PRIVATE
    named: JsonObject = {"name": preset.name}
    if private:
        named |= {"accessMode": "private", "presetOptions": {"image": ANY_IMAGE}}
    resource = {
        "instanceType": instance_type,
        "count": nodes,
        "labelSelector": {"matchLabels": {"apps": ANY_NAME}},
    }
    if use == "inference":
        return read_spec({"resource": resource, "inference": {"preset": named}})
    tuning = {"preset": named, "method": use, "input": ANY_VOLUME, "output": ANY_VOLUME}
    return read_spec({"resource": resource, "tuning": tuning})


def by_price(each: Option) -> tuple[object, ...]:
    """Order by what all nodes cost for an hour, then few nodes before many, then by name."""
    known = each.cost.hourly
    return (inf if known is None else known, each.nodes, natural(each.row.name))


def by_lack(each: Option) -> tuple[object, ...]:
    """Order by how much is lacking; other GPUs and CPUs are the furthest from what is needed."""
    other = each.row.gpuResource != names.GPU or each.row.is_arm
    return (other, each.budget.lack, *by_price(each))


def natural(name: str) -> list[tuple[bool, int, str]]:
    """Split a name so that its numbers sort as numbers: g5.xlarge, g5.2xlarge, g5.16xlarge."""
    parts = re.split(r"(\d+)", name.replace(".xlarge", ".1xlarge"))
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
