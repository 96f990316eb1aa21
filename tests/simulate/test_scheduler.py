"""Which Node a Pod fits, and what the scheduler says when it fits none."""

import pytest

from composite.models import JsonObject
from composite.simulate.scheduler import no_room, obstacle, requests_of
from tests.simulate.stubs import a_node, a_pod_template, a_step

HOSTNAME = "kubernetes.io/hostname"


def a_pod(gpus: int = 0, **spec: object) -> JsonObject:
    template = a_pod_template(gpus=gpus)
    metadata = {**template["metadata"], "name": "pod", "namespace": "default"}
    return {"metadata": metadata, "spec": {**template["spec"], **spec}}


def affinity(*terms: JsonObject) -> JsonObject:
    required = {"nodeSelectorTerms": [{"matchExpressions": [term]} for term in terms]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def apart() -> JsonObject:
    term = {"labelSelector": {"matchLabels": {"app": "phi"}}, "topologyKey": HOSTNAME}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ({"key": "a", "operator": "In", "values": ["x", "y"]}, True),
        ({"key": "a", "operator": "In", "values": ["y"]}, False),
        ({"key": "a", "operator": "NotIn", "values": ["y"]}, True),
        ({"key": "a", "operator": "NotIn", "values": ["x"]}, False),
        ({"key": "b", "operator": "NotIn", "values": ["x"]}, True),
        ({"key": "a", "operator": "Exists"}, True),
        ({"key": "b", "operator": "Exists"}, False),
        ({"key": "b", "operator": "DoesNotExist"}, True),
        ({"key": "a", "operator": "DoesNotExist"}, False),
    ],
)
def test_node_affinity(expression: JsonObject, *, fits: bool) -> None:
    reason = obstacle(a_pod(affinity=affinity(expression)), a_node(a="x"), [])

    assert reason == (None if fits else "node(s) didn't match Pod's node affinity/selector")


def test_one_term_of_several_is_enough() -> None:
    terms = (
        {"key": "a", "operator": "In", "values": ["no"]},
        {"key": "a", "operator": "Exists"},
    )

    assert obstacle(a_pod(affinity=affinity(*terms)), a_node(a="x"), []) is None


@pytest.mark.parametrize(
    ("toleration", "fits"),
    [
        ({"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}, True),
        ({"key": "sku", "value": "gpu"}, True),
        ({"key": "sku", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "sku", "operator": "Equal", "value": "cpu"}, False),
        ({"key": "sku", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "nvidia.com/gpu", "operator": "Exists"}, False),
    ],
)
def test_taints(toleration: JsonObject, *, fits: bool) -> None:
    node = a_node()
    node["spec"]["taints"] = [{"key": "sku", "value": "gpu", "effect": "NoSchedule"}]
    reason = obstacle(a_pod(tolerations=[toleration]), node, [])

    assert reason == (None if fits else "node(s) had untolerated taint {sku: gpu}")


def test_a_node_that_is_not_ready_or_cordoned_takes_nothing_new() -> None:
    cordoned, unready = a_node(), a_node()
    cordoned["spec"]["unschedulable"] = True
    unready["status"]["conditions"] = []

    assert obstacle(a_pod(), cordoned, []) == "node(s) were unschedulable"
    assert (
        obstacle(a_pod(), unready, [])
        == "node(s) had untolerated taint {node.kubernetes.io/not-ready: }"
    )


def test_gpus_are_counted() -> None:
    node = a_node(gpus=2)

    assert obstacle(a_pod(gpus=2), node, []) is None
    assert obstacle(a_pod(gpus=2), node, [a_pod(gpus=1)]) == "Insufficient nvidia.com/gpu"
    assert obstacle(a_pod(gpus=1), a_node(gpus=0), []) == "Insufficient nvidia.com/gpu"


def test_init_containers_run_one_after_the_other_so_the_largest_request_counts() -> None:
    pod = a_pod(gpus=1, initContainers=[a_step("a", gpus=2), a_step("b", gpus=1)])
    beside = a_pod(gpus=2, initContainers=[a_step("a", gpus=1)])

    assert requests_of(pod) == requests_of(beside) == {"nvidia.com/gpu": 2}


def test_pods_that_repel_each_other_do_not_share_a_node() -> None:
    shy, sociable = a_pod(affinity=apart()), a_pod()

    assert obstacle(shy, a_node(), [sociable]) == "node(s) didn't match pod anti-affinity rules"
    assert (
        obstacle(sociable, a_node(), [shy])
        == "node(s) didn't satisfy existing pods anti-affinity rules"
    )


def test_the_message_counts_reasons_as_the_scheduler_does() -> None:
    assert no_room([]) == "no nodes available to schedule pods"
    assert no_room(["node(s) were unschedulable", "Insufficient nvidia.com/gpu"]) == (
        "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) were unschedulable."
    )
