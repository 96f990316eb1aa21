"""
Which Node a Pod runs on: the scheduler's filters, without its scores.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal

from composite import names
from composite.models import JsonObject
from composite.quantity import parse_quantity
from composite.simulate import objects
from composite.simulate.objects import Ref
from composite.simulate.pod_status import is_over
from composite.simulate.selectors import matches_expressions, matches_labels
from composite.simulate.store import Change
from composite.simulate.world import WorldActor, condition

BLOCKING_EFFECTS = frozenset({"NoSchedule", "NoExecute"})


class Scheduler(WorldActor):
    """Binds each Pod to a Node that it fits, or says why it fits none."""

    name = "scheduler"

    def notice(self, change: Change) -> Iterator[Ref]:
        """Look at a Pod without a Node, and at all of those when Nodes or Pods make room."""
        kind = objects.kind_key(change.obj)
        if kind == names.PODS and change.new is not None and not is_over(change.new):
            if not change.new["spec"].get("nodeName"):
                yield objects.ref_of(change.new)
        elif kind in {names.NODES, names.PODS}:
            for pod in self.store.pods_on(""):
                yield objects.ref_of(pod)

    def act(self, key: Ref) -> None:
        """Find a Node for one Pod."""
        pod = self.store.get(key)
        if pod is None or pod["spec"].get("nodeName") or objects.is_terminating(pod):
            return
        if not self.passed(pod, "schedule", self.world.delays.schedule):
            return
        beside = {
            str(node["metadata"]["name"]): self._beside(node)
            for node in self._perhaps_affine(pod["spec"])
            if obstacle(pod, node, self._beside(node)) is None
        }
        if beside:
            chosen = min(beside, key=lambda name: (len(beside[name]), name))
            pod = self.store.update({**pod, "spec": {**pod["spec"], "nodeName": chosen}})
            self._report(pod, condition("PodScheduled", "True", "Scheduled"))
        else:
            nodes = self.store.list_of(names.NODES)
            reasons = [obstacle(pod, node, self._beside(node)) for node in nodes]
            message = no_room(reason for reason in reasons if reason is not None)
            self._report(pod, condition("PodScheduled", "False", "Unschedulable", message))

    def _beside(self, node: JsonObject) -> list[JsonObject]:
        """Return the Pods of a Node that take up room."""
        return [pod for pod in self.store.pods_on(node["metadata"]["name"]) if not is_over(pod)]

    def _perhaps_affine(self, spec: JsonObject) -> list[JsonObject]:
        """Return the Nodes with the labels that nodeSelector or one of the terms asks for."""
        required = _required_affinity(spec) or {}
        found: dict[str, JsonObject] = {}
        for term in required.get("nodeSelectorTerms") or [{}]:
            labels = dict(spec.get("nodeSelector") or {})
            for wanted in term.get("matchExpressions") or ():
                if wanted["operator"] == "In" and len(wanted["values"]) == 1:
                    labels[wanted["key"]] = wanted["values"][0]
            for node in self.store.labelled(names.NODES, labels):
                found[node["metadata"]["name"]] = node
        return list(found.values())

    def _report(self, pod: JsonObject, scheduled: JsonObject) -> None:
        status = {"phase": "Pending", **objects.status_of(pod)}
        known = status.get("conditions") or ()
        conditions = objects.with_conditions(known, self.world.clock.stamp, scheduled)
        self.write_status(pod, {**status, "conditions": conditions})


def no_room(reasons: Iterable[str]) -> str:
    """Return why no Node will do, in the scheduler's words."""
    counted = Counter(reasons)
    total = counted.total()
    if not total:
        return "no nodes available to schedule pods"
    listed = ", ".join(sorted(f"{count} {reason}" for reason, count in counted.items()))
    return f"0/{total} nodes are available: {listed}."


def obstacle(  # noqa: PLR0911  (one per filter)
    pod: JsonObject, node: JsonObject, beside: list[JsonObject]
) -> str | None:
    """Return why a Pod cannot run on a Node beside the Pods it has, or None: it can."""
    spec, labels = pod["spec"], objects.labels_of(node)
    if objects.spec_of(node).get("unschedulable"):
        return "node(s) were unschedulable"
    if not _is_affine(spec, node, labels):
        return "node(s) didn't match Pod's node affinity/selector"
    for taint in _taints(node):
        if taint["effect"] in BLOCKING_EFFECTS and not _is_tolerated(spec, taint):
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    lacking = _lacking(pod, node, beside)
    if lacking is not None:
        return f"Insufficient {lacking}"
    if any(_repels(pod, other, labels) for other in beside):
        return "node(s) didn't match pod anti-affinity rules"
    if any(_repels(other, pod, labels) for other in beside):
        return "node(s) didn't satisfy existing pods anti-affinity rules"
    return None


def _is_affine(spec: JsonObject, node: JsonObject, labels: dict[str, str]) -> bool:
    """Tell whether nodeSelector and required nodeAffinity allow the Node: one term is enough."""
    selector = spec.get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in selector.items()):
        return False
    required = _required_affinity(spec)
    if required is None:
        return True
    fields = {"metadata.name": node["metadata"]["name"]}
    return any(
        (term.get("matchExpressions") or term.get("matchFields"))
        and matches_expressions(term.get("matchExpressions") or (), labels)
        and matches_expressions(term.get("matchFields") or (), fields)
        for term in required.get("nodeSelectorTerms") or ()
    )


def _required_affinity(spec: JsonObject) -> JsonObject | None:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required: JsonObject | None = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required


def _taints(node: JsonObject) -> list[JsonObject]:
    """Return the taints of a Node and the one it has while it is not Ready."""
    taints = list(objects.spec_of(node).get("taints") or ())
    if not objects.is_true(node, "Ready"):
        taints.append({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"})
    return taints


def _is_tolerated(spec: JsonObject, taint: JsonObject) -> bool:
    for toleration in spec.get("tolerations") or ():
        if toleration.get("effect") not in {None, "", taint["effect"]}:
            continue
        if toleration.get("key") not in {None, "", taint["key"]}:
            continue
        if toleration.get("operator") == "Exists":
            return True
        if toleration.get("key") and toleration.get("value", "") == taint.get("value", ""):
            return True
    return False


def requests_of(pod: JsonObject) -> dict[str, Decimal]:
    """
    Return what a Pod asks for: what all its containers need together, or one init container alone.

    Init containers run one after the other, so of each resource the largest request counts.
    """
    spec = pod["spec"]
    result: dict[str, Decimal] = {}
    for container in spec.get("containers") or ():
        for name, amount in container_requests(container).items():
            result[name] = result.get(name, Decimal(0)) + amount
    for container in spec.get("initContainers") or ():
        for name, amount in container_requests(container).items():
            result[name] = max(result.get(name, Decimal(0)), amount)
    return result


def container_requests(container: JsonObject) -> dict[str, Decimal]:
    """Return what a container asks for; limits count where there are no requests."""
    resources = container.get("resources") or {}
    wanted = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: parse_quantity(amount) for name, amount in wanted.items()}


def _lacking(pod: JsonObject, node: JsonObject, beside: list[JsonObject]) -> str | None:
    """
    Return the first resource of which the Node has too little left.

    A Node that does not say how much memory or CPU it has is taken to have enough; an extended
    resource such as a GPU that is not shown is not there.
    """
    allocatable = objects.status_of(node).get("allocatable") or {}
    taken = [requests_of(other) for other in beside]
    for name, amount in sorted(requests_of(pod).items()):
        if name not in allocatable and "/" not in name:
            continue
        used = sum((other.get(name, Decimal(0)) for other in taken), Decimal(0))
        if amount and used + amount > parse_quantity(allocatable.get(name, "0")):
            return name
    return None


def _repels(pod: JsonObject, other: JsonObject, labels: dict[str, str]) -> bool:
    """Tell whether a Pod must not share a Node with another; both are in the same domain here."""
    affinity = (pod["spec"].get("affinity") or {}).get("podAntiAffinity") or {}
    if pod["metadata"].get("namespace") != other["metadata"].get("namespace"):
        return False
    return any(
        term.get("topologyKey") == names.LABEL_HOSTNAME
        and names.LABEL_HOSTNAME in labels
        and matches_labels(term.get("labelSelector") or {}, objects.labels_of(other))
        for term in affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    )
