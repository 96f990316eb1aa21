"""The sums of a preview, over all of its Workspaces."""

from collections.abc import Sequence

from composite.preview.api import NodesChange, ObjectChange, Total, WorkspacePreview
from composite.prices import DIGITS


def total(found: Sequence[WorkspacePreview]) -> Total:
    """Return the sums."""
    changes: list[ObjectChange] = [each for one in found for each in one.changes]
    nodes: dict[str, list[NodesChange]] = {}
    for each in found:
        for change in each.nodes:
            nodes.setdefault(change.instanceType, []).append(change)
    summed = tuple(sum_of(nodes[name]) for name in sorted(nodes))
    return Total(
        added=sum(each.action == "added" for each in changes),
        changed=sum(each.action == "changed" for each in changes),
        removed=sum(each.action == "removed" for each in changes),
        recreated=sum(each.action == "recreated" for each in changes),
        restarts=sum(len(each.restarts) for each in found) + sum(each.unseen for each in changes),
        nodes=summed,
        hourly=added([each.hourly for each in summed]),
        monthly=added([each.monthly for each in summed]),
    )


def sum_of(changes: Sequence[NodesChange]) -> NodesChange:
    """Return several changes of nodes of one instance type as one."""
    return NodesChange(
        instanceType=changes[0].instanceType,
        added=sum(each.added for each in changes),
        removed=sum(each.removed for each in changes),
        hourly=added([each.hourly for each in changes]),
        monthly=added([each.monthly for each in changes]),
        spotHourly=added([each.spotHourly for each in changes]),
        spotMonthly=added([each.spotMonthly for each in changes]),
    )


def added(amounts: Sequence[float | None]) -> float | None:
    """Return a sum; if one of the amounts is unknown, so is the sum."""
    known = [amount for amount in amounts if amount is not None]
    return round(sum(known), DIGITS) if len(known) == len(amounts) else None
