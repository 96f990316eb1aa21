"""What the pods will ask of each node, and which taints they accept."""

from typing import NamedTuple

from composite import observed
from composite.models import JsonObject
from composite.workspace.observe import SeenNode


class NodeNeed(NamedTuple):
    """
    What the pods will ask of each node.

    ``over`` says that nothing will run any more: what there is may stay, and nothing new is made.
    """

    gpus: int
    tolerations: tuple[JsonObject, ...]
    disk: str
    over: bool = False


def accepts(node: SeenNode, need: NodeNeed, *, in_use: bool) -> bool:
    """Whether new pods can come to a node. One in use stays in use: its pods are there already."""
    return in_use or (not node.cordoned and not untolerated(node, need))


def untolerated(node: SeenNode, need: NodeNeed) -> list[observed.Taint]:
    """Return the taints that keep the pods away."""
    return [
        taint
        for taint in node.taints
        if taint.effect in ("NoSchedule", "NoExecute")
        and not any(tolerates(toleration, taint) for toleration in need.tolerations)
    ]


def tolerates(toleration: JsonObject, taint: observed.Taint) -> bool:
    """
    Apply the scheduler's rule.

    https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
    """
    if toleration.get("effect") not in (None, "", taint.effect):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint.key)
    return toleration.get("key") == taint.key and (toleration.get("value") or "") == taint.value
