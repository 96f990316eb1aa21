"""Jobs: how many Pods they make, and what comes of those that fail or are lost."""

from typing import Any

import pytest

from composite import names
from composite.models import JsonObject
from composite.simulate import Cluster
from composite.simulate.objects import Ref, is_true
from tests.simulate.stubs import a_cluster, a_job, a_node, a_step, found, names_of

JOB = Ref(names.JOBS, "default", "phi")
QUICK = {"schedule": 0, "pull": 10, "fetch": 20, "train": 100, "push": 5}
ANY_POD = {"initContainers": [], "containers": [a_step("anything")]}
FAILS: JsonObject = {"outOfGpuMemory": {}}
IGNORE_LOSS = {
    "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}],
}
BACKOFF_LIMIT = "Job has reached the specified backoff limit"


def working(job: JsonObject | None = None, **scenario: Any) -> Cluster:  # noqa: ANN401  (JSON)
    cluster = a_cluster(**{"delays": QUICK, **scenario})
    cluster.apply(a_node())
    cluster.apply(job or a_job())
    return cluster


def status_of(cluster: Cluster) -> JsonObject:
    status: JsonObject = found(cluster, JOB.kind, JOB.name, JOB.namespace)["status"]
    return status


def the_pod(cluster: Cluster) -> JsonObject:
    (pod,) = cluster.store.list_of(names.PODS)
    return pod


def told(cluster: Cluster) -> list[tuple[str, str, str]]:
    """The conditions of the Job: type, reason, message."""
    conditions = status_of(cluster)["conditions"]
    return [(item["type"], item["reason"], item["message"]) for item in conditions]


def test_a_job_makes_one_pod_that_is_found_by_its_labels() -> None:
    cluster = working()
    cluster.run(until=5)
    pod, job = the_pod(cluster), found(cluster, *_place(JOB))
    uid = job["metadata"]["uid"]

    assert pod["metadata"]["name"].startswith("phi-")
    assert len(pod["metadata"]["name"]) == len("phi-") + 5
    assert pod["metadata"]["labels"] == {
        "kaito.sh/workspace": "phi",
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "phi",
        "controller-uid": uid,
        "job-name": "phi",
    }
    assert pod["metadata"]["finalizers"] == ["batch.kubernetes.io/job-tracking"]
    assert status_of(cluster) == {
        "startTime": "2026-01-01T00:00:00Z",
        "active": 1,
        "ready": 0,
        "terminating": 0,
        "uncountedTerminatedPods": {},
    }


def test_a_job_is_complete_when_its_pod_has_succeeded() -> None:
    cluster = working()
    cluster.run()
    reached = {
        "status": "True",
        "reason": "CompletionsReached",
        "message": "Reached expected number of succeeded pods",
        "lastTransitionTime": "2026-01-01T00:02:15Z",
    }

    assert status_of(cluster) == {
        "startTime": "2026-01-01T00:00:00Z",
        "completionTime": "2026-01-01T00:02:15Z",
        "succeeded": 1,
        "ready": 0,
        "terminating": 0,
        "uncountedTerminatedPods": {},
        "conditions": [
            {"type": "SuccessCriteriaMet", **reached},
            {"type": "Complete", **reached},
        ],
    }
    assert "finalizers" not in the_pod(cluster)["metadata"]


def test_ready_counts_the_pods_whose_last_containers_run() -> None:
    cluster = working()
    seen = []
    for seconds in (60, 132):
        cluster.run(until=seconds)
        seen.append((status_of(cluster)["active"], status_of(cluster)["ready"]))

    assert seen == [(1, 0), (1, 1)]


def test_without_a_backoff_limit_left_a_job_fails_and_keeps_the_pod_for_its_log() -> None:
    cluster = working(faults=FAILS)
    cluster.run()

    assert told(cluster) == [
        ("FailureTarget", "BackoffLimitExceeded", BACKOFF_LIMIT),
        ("Failed", "BackoffLimitExceeded", BACKOFF_LIMIT),
    ]
    assert status_of(cluster)["failed"] == 1
    assert "completionTime" not in status_of(cluster)
    assert the_pod(cluster)["status"]["phase"] == "Failed"


def test_failed_pods_are_replaced_with_growing_waits_up_to_the_limit() -> None:
    job = a_job(pod={"initContainers": []}, backoffLimit=2)
    cluster = working(job, faults={"pushRefused": {}})
    cluster.run()
    made = [
        entry.seconds
        for entry in cluster.timeline
        if entry.what == "created" and entry.about.startswith("Pod ")
    ]

    assert made == [0, 25, 60]  # each one takes 15 s, then 10 s and 20 s pass
    assert status_of(cluster)["failed"] == 3


def test_a_fault_that_passes_lets_the_next_pod_succeed() -> None:
    cluster = working(a_job(backoffLimit=1), faults={"datasetNotFound": {"times": 1}})
    cluster.run()

    assert (status_of(cluster)["failed"], status_of(cluster)["succeeded"]) == (1, 1)


def test_a_pod_that_is_lost_with_its_node_counts_unless_the_policy_says_otherwise() -> None:
    cluster = working()
    cluster.run(until=50)
    cluster.delete(Ref(names.NODES, "", "node-0"))
    cluster.run()

    assert [kind for kind, _, _ in told(cluster)] == ["FailureTarget", "Failed"]
    assert names_of(cluster, names.PODS) == []


def test_a_pod_that_is_lost_with_its_node_is_replaced_and_not_counted_if_the_policy_says_so() -> (
    None
):
    cluster = working(a_job(podFailurePolicy=IGNORE_LOSS))
    cluster.run(until=50)
    first = the_pod(cluster)["metadata"]["name"]
    cluster.delete(Ref(names.NODES, "", "node-0"))
    cluster.apply(a_node("node-1"))
    cluster.run(until=55)
    waiting = names_of(cluster, names.PODS)
    cluster.run()

    assert waiting == []
    assert the_pod(cluster)["metadata"]["name"] != first
    assert the_pod(cluster)["spec"]["nodeName"] == "node-1"
    assert cluster.clock.seconds == 50 + 10 + 135  # the back-off, and everything anew
    assert status_of(cluster)["succeeded"] == 1
    assert "failed" not in status_of(cluster)


def test_what_was_lost_says_so_before_it_goes() -> None:
    cluster = working(a_job(podFailurePolicy=IGNORE_LOSS))
    cluster.run(until=50)
    cluster.delete(Ref(names.NODES, "", "node-0"))
    cluster.run(until=51)
    entries = [
        (entry.what, entry.details[:2])
        for entry in cluster.timeline
        if entry.seconds == 50 and entry.about.startswith("Pod ")
    ]

    assert [what for what, _ in entries] == ["updated", "terminating", "deleted"]
    assert entries[0][1] == (
        "DisruptionTarget=True DeletionByPodGC: PodGC: node no longer exists",
        "status.phase: Pending → Failed",
    )


@pytest.mark.parametrize(
    "codes",
    [
        {"operator": "In", "values": [1, 2]},
        {"operator": "NotIn", "values": [2], "containerName": "data-downloader"},
    ],
)
def test_an_exit_code_can_end_the_job_at_once(codes: JsonObject) -> None:
    policy = {"rules": [{"action": "FailJob", "onExitCodes": codes}]}
    job = a_job(backoffLimit=6, podFailurePolicy=policy)
    cluster = working(job, faults={"datasetNotFound": {}})
    cluster.run()
    pod = the_pod(cluster)["metadata"]["name"]
    message = (
        f"Container data-downloader for pod default/{pod} failed with exit code 1 "
        "matching FailJob rule at index 0"
    )

    assert told(cluster)[-1] == ("Failed", "PodFailurePolicy", message)


@pytest.mark.parametrize("action", ["Count", "Ignore"])
def test_the_first_rule_that_fits_decides(action: str) -> None:
    fits = {"action": action, "onExitCodes": {"operator": "In", "values": [1]}}
    other = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}
    elsewhere = {
        "action": "FailJob",
        "onExitCodes": {"containerName": "pusher", "operator": "In", "values": [1]},
    }
    policy = {"rules": [elsewhere, fits, other]}
    job = a_job(backoffLimit=1, podFailurePolicy=policy)
    cluster = working(job, faults={"datasetNotFound": {"times": 1}})
    cluster.run()

    assert status_of(cluster)["succeeded"] == 1
    assert status_of(cluster).get("failed", 0) == (1 if action == "Count" else 0)


def test_the_pods_of_a_job_that_is_deleted_go_in_the_background() -> None:
    cluster = working()
    cluster.run(until=50)
    cluster.delete(JOB)
    cluster.run()

    assert names_of(cluster, names.JOBS) == names_of(cluster, names.PODS) == []


def test_a_pod_that_somebody_deletes_has_failed() -> None:
    cluster = working()
    cluster.run(until=50)
    cluster.delete(Ref(names.PODS, "default", the_pod(cluster)["metadata"]["name"]))
    cluster.run()

    assert [kind for kind, _, _ in told(cluster)] == ["FailureTarget", "Failed"]
    assert names_of(cluster, names.PODS) == []


def test_a_pod_that_is_deleted_before_it_has_a_node_has_failed_too() -> None:
    cluster = a_cluster(delays=QUICK)
    cluster.apply(a_job())
    cluster.run(until=5)
    cluster.delete(Ref(names.PODS, "default", the_pod(cluster)["metadata"]["name"]))
    cluster.run()

    assert status_of(cluster)["failed"] == 1


def test_several_pods_run_at_once_if_they_may() -> None:
    job = a_job(pod=ANY_POD, parallelism=2, completions=3)
    cluster = working(job)
    cluster.run(until=5)
    active = status_of(cluster)["active"]
    cluster.run()

    assert active == 2
    assert status_of(cluster)["succeeded"] == 3
    assert is_true({"status": status_of(cluster)}, "Complete")


def test_a_long_name_is_cut_for_the_pods() -> None:
    cluster = working(a_job("a" * 60))
    cluster.run(until=5)

    assert len(the_pod(cluster)["metadata"]["name"]) == 63


def test_a_finished_pod_frees_its_gpus() -> None:
    cluster = working(a_job())
    cluster.apply(a_job("second"))
    cluster.run()

    assert [pod["status"]["phase"] for pod in cluster.store.list_of(names.PODS)] == [
        "Succeeded",
        "Succeeded",
    ]
    assert cluster.clock.seconds == 2 * 135


def _place(ref: Ref) -> tuple[str, str, str]:
    return ref.kind, ref.name, ref.namespace


def test_the_pod_of_a_job_that_is_deleted_and_made_anew_at_once_goes() -> None:
    cluster = working()
    cluster.run(until=50)
    first = the_pod(cluster)
    cluster.delete(JOB)
    cluster.apply(a_job())
    cluster.run()

    second = the_pod(cluster)
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert is_true(found(cluster, JOB.kind, JOB.name, JOB.namespace), "Complete")
