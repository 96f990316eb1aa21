"""Deployments, StatefulSets, and what becomes of their Pods."""

import pytest

from composite import names
from composite.models import JsonObject
from composite.simulate import Cluster
from composite.simulate.objects import Ref, condition_of
from composite.simulate.workloads import rolling_limits
from tests.simulate.stubs import (
    a_cluster,
    a_deployment,
    a_node,
    a_pod_template,
    a_stateful_set,
    found,
    names_of,
)

DEPLOYMENT = Ref(names.DEPLOYMENTS, "default", "phi")
STATEFUL_SET = Ref(names.STATEFULSETS, "default", "phi")
NEW_IMAGE = {"spec": {"template": a_pod_template(image="i/m:2")}}


def serving(*objects: JsonObject, **scenario: object) -> Cluster:
    cluster = a_cluster(**scenario)
    for obj in objects:
        cluster.apply(obj)
    cluster.run()
    return cluster


def status_of(cluster: Cluster, ref: Ref) -> JsonObject:
    status: JsonObject = found(cluster, ref.kind, ref.name, ref.namespace)["status"]
    return status


def test_a_deployment_becomes_available() -> None:
    cluster = serving(a_node(), a_deployment(replicas=2))
    status = status_of(cluster, DEPLOYMENT)
    hashed = names_of(cluster, names.PODS)[0].split("-")[1]

    assert names_of(cluster, names.PODS) == [f"phi-{hashed}-0", f"phi-{hashed}-1"]
    assert {key: value for key, value in status.items() if key != "conditions"} == {
        "observedGeneration": 1,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
    }
    assert status["conditions"] == [
        {
            "type": "Available",
            "status": "True",
            "reason": "MinimumReplicasAvailable",
            "message": "Deployment has minimum availability.",
            "lastTransitionTime": "2026-01-01T00:03:01Z",
        },
        {
            "type": "Progressing",
            "status": "True",
            "reason": "NewReplicaSetAvailable",
            "message": f'ReplicaSet "phi-{hashed}" has successfully progressed.',
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        },
    ]


def test_a_rollout_replaces_a_pod_before_it_makes_the_next_when_there_can_be_no_more() -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    cluster = serving(a_node(), a_deployment(replicas=2, strategy=rolling))
    cluster.patch(DEPLOYMENT, NEW_IMAGE)
    cluster.run(until=cluster.clock.seconds + 10)
    half_way = status_of(cluster, DEPLOYMENT)
    images = {
        pod["spec"]["containers"][0]["image"]: pod["status"]["phase"]
        for pod in cluster.store.list_of(names.PODS)
    }

    assert images == {"i/m:1": "Running", "i/m:2": "Pending"}
    assert (half_way["replicas"], half_way["updatedReplicas"], half_way["readyReplicas"]) == (
        2,
        1,
        1,
    )

    cluster.run()
    status = status_of(cluster, DEPLOYMENT)

    assert (status["observedGeneration"], status["updatedReplicas"]) == (2, 2)
    assert status["readyReplicas"] == status["replicas"] == 2


def test_a_rollout_with_surge_keeps_the_old_pod_until_the_new_one_is_ready() -> None:
    cluster = serving(a_node(), a_deployment())
    cluster.patch(DEPLOYMENT, NEW_IMAGE)
    cluster.run(until=cluster.clock.seconds + 10)

    assert len(names_of(cluster, names.PODS)) == 2

    cluster.run()

    assert len(names_of(cluster, names.PODS)) == 1


def test_a_deployment_can_shrink() -> None:
    cluster = serving(a_node(), a_deployment(replicas=3))
    cluster.patch(DEPLOYMENT, {"spec": {"replicas": 1}})
    cluster.run()

    assert status_of(cluster, DEPLOYMENT)["replicas"] == 1


def test_a_deployment_that_does_not_progress_says_so_after_its_deadline() -> None:
    cluster = serving(a_deployment(progressDeadlineSeconds=120))
    progressing = condition_of({"status": status_of(cluster, DEPLOYMENT)}, "Progressing")
    (pod,) = cluster.store.list_of(names.PODS)

    assert progressing is not None
    assert progressing["reason"] == "ProgressDeadlineExceeded"
    assert progressing["lastTransitionTime"] == "2026-01-01T00:02:00Z"
    assert pod["status"]["conditions"] == [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "no nodes available to schedule pods",
            "lastTransitionTime": "2026-01-01T00:00:01Z",
        }
    ]


def test_a_pod_that_waits_is_scheduled_when_a_node_appears() -> None:
    cluster = serving(a_deployment())
    cluster.apply(a_node())
    cluster.run()

    assert status_of(cluster, DEPLOYMENT)["readyReplicas"] == 1


def test_a_pod_of_a_node_that_is_gone_is_replaced_on_another() -> None:
    cluster = serving(a_node("node-0"), a_deployment())
    cluster.apply(a_node("node-1"))
    cluster.delete(Ref(names.NODES, "", "node-0"))
    cluster.run()
    (pod,) = cluster.store.list_of(names.PODS)

    assert pod["metadata"]["name"].endswith("-1")
    assert pod["spec"]["nodeName"] == "node-1"
    assert status_of(cluster, DEPLOYMENT)["readyReplicas"] == 1


def test_pods_go_with_their_deployment() -> None:
    cluster = serving(a_node(), a_deployment())
    cluster.delete(DEPLOYMENT)
    cluster.run()

    assert names_of(cluster, names.PODS) == []


def test_a_stateful_set_makes_its_pods_in_parallel_with_stable_names() -> None:
    cluster = serving(a_node(), a_stateful_set())
    status = status_of(cluster, STATEFUL_SET)
    pod = found(cluster, names.PODS, "phi-1", "default")

    assert names_of(cluster, names.PODS) == ["phi-0", "phi-1"]
    assert pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == "phi-1"
    assert status == {
        "observedGeneration": 1,
        "replicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "currentReplicas": 2,
        "updatedReplicas": 2,
        "currentRevision": status["updateRevision"],
        "updateRevision": status["updateRevision"],
        "collisionCount": 0,
    }
    assert cluster.clock.seconds == 181


def test_an_ordered_stateful_set_waits_for_each_pod() -> None:
    cluster = serving(a_node(), a_stateful_set(podManagementPolicy="OrderedReady"))

    assert cluster.clock.seconds == 362


def test_a_stateful_set_is_updated_from_the_last_pod_one_at_a_time() -> None:
    cluster = serving(a_node(), a_stateful_set())
    cluster.patch(STATEFUL_SET, NEW_IMAGE)
    cluster.run(until=cluster.clock.seconds + 10)
    half_way = status_of(cluster, STATEFUL_SET)
    images = [pod["spec"]["containers"][0]["image"] for pod in cluster.store.list_of(names.PODS)]

    assert images == ["i/m:1", "i/m:2"]
    assert half_way["currentRevision"] != half_way["updateRevision"]
    assert (half_way["currentReplicas"], half_way["updatedReplicas"]) == (1, 1)

    cluster.run()
    status = status_of(cluster, STATEFUL_SET)

    assert status["currentRevision"] == status["updateRevision"] == half_way["updateRevision"]
    assert status["updatedReplicas"] == status["readyReplicas"] == 2


@pytest.mark.parametrize(
    ("strategy", "replicas", "limits"),
    [
        (None, 4, (1, 1)),
        (None, 1, (1, 0)),
        ({"type": "Recreate"}, 3, (0, 3)),
        ({"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}, 3, (2, 0)),
        ({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}, 3, (0, 1)),
    ],
)
def test_how_many_pods_a_rollout_may_add_and_miss(
    strategy: JsonObject | None, replicas: int, limits: tuple[int, int]
) -> None:
    deployment = a_deployment(replicas=replicas, strategy=strategy)

    assert rolling_limits(deployment) == limits
