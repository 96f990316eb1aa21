"""What a Pod goes through on its Node."""

from composite import names
from composite.models import JsonObject
from composite.simulate import Cluster
from tests.simulate.stubs import a_cluster, a_deployment, a_node, a_pod_template


def playing(template: JsonObject | None = None, **scenario: object) -> Cluster:
    cluster = a_cluster(**scenario)
    cluster.apply(a_node())
    cluster.apply(a_deployment(template=template))
    return cluster


def pod_at(cluster: Cluster, seconds: float) -> JsonObject:
    cluster.run(until=seconds)
    (pod,) = cluster.store.list_of(names.PODS)
    status: JsonObject = pod["status"]
    return status


def state_at(cluster: Cluster, seconds: float) -> tuple[JsonObject, int]:
    (container,) = pod_at(cluster, seconds)["containerStatuses"]
    return container["state"], container["restartCount"]


def test_a_container_is_pulled_starts_and_is_ready() -> None:
    cluster = playing(delays={"schedule": 1, "pull": 10, "start": 20})
    creating, running, ready = (pod_at(cluster, seconds) for seconds in (5, 15, 40))

    assert creating["phase"] == "Pending"
    assert creating["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert running["phase"] == "Running"
    assert running["containerStatuses"][0]["ready"] is False
    assert running["containerStatuses"][0]["state"] == {
        "running": {"startedAt": "2026-01-01T00:00:11Z"}
    }
    assert ready["containerStatuses"][0]["ready"] is True
    assert {item["type"]: item["status"] for item in ready["conditions"]} == {
        "PodScheduled": "True",
        "Initialized": "True",
        "Ready": "True",
        "ContainersReady": "True",
    }


def test_a_container_that_nothing_probes_is_ready_when_it_runs() -> None:
    cluster = playing(a_pod_template(probe=False), delays={"pull": 10, "start": 1000})

    assert pod_at(cluster, 11)["containerStatuses"][0]["ready"] is True


def test_of_several_containers_only_the_first_runs_out_of_memory() -> None:
    pair = [{"name": name, "image": "i/m:1"} for name in ("main", "beside")]
    cluster = playing(
        a_pod_template(containers=pair),
        faults={"outOfMemory": {}},
        delays={"schedule": 0, "pull": 0, "start": 10},
    )
    first, second = pod_at(cluster, 12)["containerStatuses"]

    assert list(first["state"]) == ["terminated"]
    assert list(second["state"]) == ["running"]


def test_init_containers_come_first() -> None:
    template = a_pod_template(initContainers=[{"name": "first", "image": "i/a:1"}])
    cluster = playing(template, delays={"pull": 10})
    waiting, running = pod_at(cluster, 5), pod_at(cluster, 12)

    assert waiting["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert running["initContainerStatuses"][0]["state"]["terminated"]["reason"] == "Completed"
    assert running["initContainerStatuses"][0]["ready"] is True


def test_an_image_that_cannot_be_pulled_alternates_between_error_and_back_off() -> None:
    cluster = playing(faults={"imageCannotBePulled": True}, delays={"pull": 9})
    seen = [state_at(cluster, seconds)[0]["waiting"]["reason"] for seconds in (10, 16, 26, 31)]

    assert seen == ["ErrImagePull", "ImagePullBackOff", "ErrImagePull", "ImagePullBackOff"]
    assert cluster.run()  # going round in circles counts as settled


def test_the_image_of_an_init_container_that_cannot_be_pulled_is_told_there() -> None:
    template = a_pod_template(initContainers=[{"name": "first", "image": "i/a:1"}])
    cluster = playing(template, faults={"imageCannotBePulled": True}, delays={"pull": 9})
    status = pod_at(cluster, 10)

    assert status["initContainerStatuses"][0]["state"]["waiting"] == {
        "reason": "ErrImagePull",
        "message": 'failed to pull and unpack image "i/a:1": not found',
    }
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}


def test_a_container_out_of_memory_is_restarted_with_growing_waits() -> None:
    cluster = playing(
        faults={"outOfMemory": {"restarts": 3}},
        delays={"schedule": 0, "pull": 0, "start": 10},
    )
    first = state_at(cluster, 12)
    again = state_at(cluster, 20)
    second = state_at(cluster, 32)
    ready = pod_at(cluster, 300)["containerStatuses"][0]

    assert first == (
        {
            "terminated": {
                "reason": "OOMKilled",
                "exitCode": 137,
                "startedAt": "2026-01-01T00:00:00Z",
                "finishedAt": "2026-01-01T00:00:10Z",
            }
        },
        0,
    )
    assert again == ({"running": {"startedAt": "2026-01-01T00:00:15Z"}}, 1)
    assert second[0]["waiting"]["reason"] == "CrashLoopBackOff"
    assert second[0]["waiting"]["message"].startswith("back-off 10s restarting failed container")
    assert (ready["ready"], ready["restartCount"]) == (True, 3)
    assert ready["lastState"]["terminated"]["reason"] == "OOMKilled"


def test_a_container_that_is_always_out_of_memory_settles_in_its_crash_loop() -> None:
    cluster = playing(faults={"outOfMemory": {}}, timeLimit=10_000)

    assert cluster.run()
