"""What a Pod goes through on its Node whose containers run once each."""

import hashlib
from typing import Any

import pytest

from composite import names
from composite.models import JsonObject
from composite.simulate import Cluster
from composite.simulate.objects import Ref
from tests.simulate.stubs import a_cluster, a_config_map, a_job, a_node, a_step

# Pulled after 10 s, fetched after 30 s, trained after 130 s, pushed after 135 s.
QUICK = {"schedule": 0, "pull": 10, "fetch": 20, "train": 100, "push": 5, "start": 3}
WITH_VARIABLES = {
    "initContainers": [
        a_step(
            "data-downloader",
            env=[{"name": "DATA_URLS", "value": "https://data.example/a.parquet?a=b#sha256=1 b"}],
        ),
        a_step("phi", gpus=1),
    ],
    "containers": [
        a_step("pusher", env=[{"name": "ADAPTER_IMAGE", "value": "r.example/phi:1"}]),
    ],
}
BY_VOLUME = {"containers": [a_step("phi", gpus=1)], "initContainers": [a_step("data-downloader")]}


def working(pod: JsonObject | None = None, **scenario: Any) -> Cluster:  # noqa: ANN401  (JSON)
    cluster = a_cluster(**{"delays": QUICK, **scenario})
    cluster.apply(a_node())
    cluster.apply(a_job(pod=pod))
    return cluster


def pod_at(cluster: Cluster, seconds: float) -> JsonObject:
    cluster.run(until=seconds)
    (pod,) = cluster.store.list_of(names.PODS)
    status: JsonObject = pod["status"]
    return status


def states(status: JsonObject) -> dict[str, str]:
    """What each container does, by its name: its reason, or running."""
    containers = (*status.get("initContainerStatuses", ()), *status["containerStatuses"])
    found = {}
    for container in containers:
        ((state, cause),) = container["state"].items()
        found[container["name"]] = cause.get("reason", state)
    return found


def conditions(status: JsonObject) -> dict[str, tuple[str, str]]:
    return {item["type"]: (item["status"], item.get("reason", "")) for item in status["conditions"]}


def terminated(status: JsonObject, name: str) -> JsonObject:
    containers = (*status.get("initContainerStatuses", ()), *status["containerStatuses"])
    (found,) = (item["state"]["terminated"] for item in containers if item["name"] == name)
    ended: JsonObject = found
    return ended


@pytest.mark.parametrize(
    ("seconds", "phase", "downloader", "trainer", "pusher"),
    [
        (5, "Pending", "PodInitializing", "PodInitializing", "PodInitializing"),
        (10, "Pending", "running", "PodInitializing", "PodInitializing"),
        (30, "Pending", "Completed", "running", "PodInitializing"),
        (130, "Running", "Completed", "Completed", "running"),
        (135, "Succeeded", "Completed", "Completed", "Completed"),
    ],
)
def test_init_containers_run_one_after_the_other_then_the_others(
    seconds: float, phase: str, downloader: str, trainer: str, pusher: str
) -> None:
    status = pod_at(working(), seconds)

    assert status["phase"] == phase
    assert states(status) == {"data-downloader": downloader, "phi": trainer, "pusher": pusher}


def test_a_pod_is_ready_while_its_last_containers_run() -> None:
    cluster = working()
    initializing, running, over = (pod_at(cluster, seconds) for seconds in (50, 132, 200))

    assert conditions(initializing) == {
        "PodScheduled": ("True", "Scheduled"),
        "Initialized": ("False", "ContainersNotInitialized"),
        "Ready": ("False", "ContainersNotReady"),
        "ContainersReady": ("False", "ContainersNotReady"),
    }
    assert initializing["conditions"][1]["message"] == "containers with incomplete status: [phi]"
    assert conditions(running)["Initialized"] == conditions(running)["Ready"] == ("True", "")
    assert conditions(over)["Initialized"] == ("True", "PodCompleted")
    assert conditions(over)["Ready"] == ("False", "PodCompleted")


def test_an_init_container_is_ready_once_it_has_ended_another_one_until_then() -> None:
    cluster = working()
    seen = []
    for seconds in (50, 132, 200):
        status = pod_at(cluster, seconds)
        statuses = (*status["initContainerStatuses"], *status["containerStatuses"])
        seen.append([(item["ready"], item["started"]) for item in statuses])

    assert seen == [
        [(True, False), (False, True), (False, False)],
        [(True, False), (True, False), (True, True)],
        [(True, False), (True, False), (False, False)],
    ]


def test_every_run_has_its_times() -> None:
    status = pod_at(working(), 200)

    assert terminated(status, "phi") == {
        "reason": "Completed",
        "exitCode": 0,
        "startedAt": "2026-01-01T00:00:30Z",
        "finishedAt": "2026-01-01T00:02:10Z",
    }


@pytest.mark.parametrize(
    ("fault", "container", "last_line"),
    [
        (
            "datasetNotFound",
            "data-downloader",
            "tuning.input.urls: https://data.example/a.parquet?… answers HTTP 404 Not Found",
        ),
        (
            "outOfGpuMemory",
            "phi",
            (
                "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. "
                "GPU 0 has a total capacity of 15.77 GiB of which 1.21 GiB is free."
            ),
        ),
        (
            "pushRefused",
            "pusher",
            (
                "tuning.output: push of r.example/phi:1: r.example answers HTTP 401 (UNAUTHORIZED: "
                "authentication required) for what it has in the Secret of "
                "tuning.output.imagePushSecret: correct that"
            ),
        ),
    ],
)
def test_a_container_that_fails_ends_the_pod_and_tells_why(
    fault: str, container: str, last_line: str
) -> None:
    status = pod_at(working(WITH_VARIABLES, faults={fault: {}}), 200)
    ended = terminated(status, container)

    assert status["phase"] == "Failed"
    assert conditions(status)["Ready"] == ("False", "PodFailed")
    assert (ended["reason"], ended["exitCode"]) == ("Error", 1)
    assert ended["message"].splitlines()[-1] == last_line


def test_a_pusher_leaves_the_digest_which_is_that_of_the_images_name() -> None:
    status = pod_at(working(WITH_VARIABLES), 200)
    digest = hashlib.sha256(b"r.example/phi:1").hexdigest()

    assert terminated(status, "pusher")["message"] == f"r.example/phi:1\nsha256:{digest}\n"
    assert "message" not in terminated(status, "data-downloader")


def test_weights_are_fetched_as_long_as_data() -> None:
    fetching = {"initContainers": [a_step("weights-downloader"), a_step("phi", gpus=1)]}
    cluster = working(fetching)
    before, after = pod_at(cluster, 29), pod_at(cluster, 30)

    assert states(before)["weights-downloader"] == "running"
    assert states(after)["weights-downloader"] == "Completed"


def test_after_a_failed_init_container_nothing_is_started() -> None:
    status = pod_at(working(faults={"datasetNotFound": {}}), 200)

    assert states(status) == {
        "data-downloader": "Error",
        "phi": "PodInitializing",
        "pusher": "PodInitializing",
    }


def test_the_log_is_kept_only_where_that_is_asked_for() -> None:
    step = a_step("data-extractor", terminationMessagePolicy="File")
    status = pod_at(working({"initContainers": [step]}, faults={"datasetNotFound": {}}), 200)

    assert "message" not in terminated(status, "data-extractor")


def test_last_words_are_kept_in_any_case() -> None:
    step = a_step("data-downloader", terminationMessagePolicy="File")
    status = pod_at(working({"initContainers": [step]}, faults={"datasetNotFound": {}}), 200)

    assert terminated(status, "data-downloader")["message"].endswith("answers HTTP 404 Not Found")


def test_an_image_without_data_is_the_extractors_way_to_fail() -> None:
    extractor = {"initContainers": [a_step("data-extractor")]}
    status = pod_at(working(extractor, faults={"datasetNotFound": {}}), 200)

    assert terminated(status, "data-extractor")["message"] == "/data of this image is empty\n"


def test_a_trainer_can_be_killed_for_its_memory() -> None:
    status = pod_at(working(faults={"outOfMemory": {}}), 200)
    ended = terminated(status, "phi")

    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_without_a_pusher_the_training_is_the_last_step() -> None:
    cluster = working(BY_VOLUME)
    training, over = pod_at(cluster, 50), pod_at(cluster, 200)

    assert (training["phase"], states(training)["phi"]) == ("Running", "running")
    assert conditions(training)["Ready"] == ("True", "")
    assert over["phase"] == "Succeeded"


def test_a_pod_waits_for_a_config_map_that_it_mounts() -> None:
    volume = {"name": "config-volume", "configMap": {"name": "settings"}}
    cluster = working({"volumes": [volume]})
    waiting = pod_at(cluster, 500)
    cluster.apply(a_config_map())

    assert states(waiting)["data-downloader"] == "PodInitializing"
    assert pod_at(cluster, 512)["phase"] == "Pending"
    assert states(pod_at(cluster, 512))["data-downloader"] == "running"


def test_an_image_that_cannot_be_pulled_is_told_by_the_first_container() -> None:
    cluster = working(faults={"imageCannotBePulled": True})
    seen = [states(pod_at(cluster, seconds))["data-downloader"] for seconds in (11, 16)]

    assert seen == ["ErrImagePull", "ImagePullBackOff"]
    assert states(pod_at(cluster, 16))["pusher"] == "PodInitializing"
    assert cluster.run()  # going round in circles counts as settled


def test_a_pod_that_is_told_to_end_has_failed() -> None:
    cluster = a_cluster(delays=QUICK)
    cluster.apply(a_node())
    held: JsonObject = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "held", "finalizers": ["example.com/mine"]},
        "spec": {"restartPolicy": "Never", "containers": [a_step("phi", gpus=1)]},
    }
    cluster.apply(held)
    cluster.run(until=50)
    cluster.delete(Ref(names.PODS, "default", "held"))
    status = pod_at(cluster, 51)
    ended = terminated(status, "phi")

    assert status["phase"] == "Failed"
    assert (ended["exitCode"], ended["finishedAt"]) == (143, "2026-01-01T00:00:50Z")
