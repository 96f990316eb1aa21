"""What is read out of a request, and in whose words trouble is told."""

import pytest

from composite.catalog import Catalog, Provisioner
from composite.models import JsonObject
from composite.refusal import Unplannable
from composite.workspace.observe import SeenClaim, SeenWorkload
from composite.workspace.seen_pods import seen_pod
from tests.composite.makers import (
    EARLIER,
    RELATED_KINDS,
    UNAVAILABLE,
    a_condition,
    a_machine,
    a_node,
    a_pod,
    a_request,
    seen_by,
    synced,
)

NAME = "ws947b23817"


# --- pods ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(a_pod(), [], id="it runs"),
        pytest.param(a_pod(waiting={"reason": "ContainerCreating"}), [], id="it is being made"),
        pytest.param(a_pod(waiting={"reason": "PodInitializing"}), [], id="it waits for its init"),
        pytest.param(
            a_pod(waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling image x"}),
            ["pod phi-7c9d, container phi: ImagePullBackOff: Back-off pulling image x"],
            id="its image cannot be pulled",
        ),
        pytest.param(
            a_pod(init="poems", waiting={"reason": "ErrImagePull", "message": "not found\n"}),
            ["pod phi-7c9d, container poems: ErrImagePull: not found"],
            id="an adapter's image cannot be pulled",
        ),
        pytest.param(
            a_pod(waiting={"reason": "CreateContainerConfigError"}),
            ["pod phi-7c9d, container phi: CreateContainerConfigError"],
            id="nobody says more",
        ),
        pytest.param(
            a_pod(
                waiting={"reason": "CrashLoopBackOff", "message": "back-off 5m0s"},
                last={"reason": "OOMKilled", "exitCode": 137},
                restarts=4,
            ),
            ["pod phi-7c9d, container phi: OOMKilled (exit code 137, restarted 4 times)"],
            id="out of memory again and again",
        ),
        pytest.param(
            a_pod(terminated={"reason": "Error", "exitCode": 1, "message": "CUDA error"}),
            ["pod phi-7c9d, container phi: Error (exit code 1): CUDA error"],
            id="it has ended",
        ),
        pytest.param(
            a_pod(last={"reason": "OOMKilled", "exitCode": 137}, restarts=1),
            ["pod phi-7c9d, container phi: OOMKilled (exit code 137, restarted 1 times)"],
            id="it runs again, and is not ready yet",
        ),
        pytest.param(
            a_pod(init="poems", terminated={"reason": "Completed", "exitCode": 0}),
            [],
            id="its init is done",
        ),
        pytest.param(
            a_pod(
                conditions=[
                    a_condition(
                        "PodScheduled",
                        "False",
                        "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
                        reason="Unschedulable",
                    )
                ]
            ),
            [
                (
                    "pod phi-7c9d: Unschedulable: "
                    "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
                )
            ],
            id="no node will have it",
        ),
        pytest.param(
            a_pod(
                phase="Failed",
                reason="Evicted",
                message="The node was low on resource: ephemeral-storage.",
            ),
            ["pod phi-7c9d: Evicted: The node was low on resource: ephemeral-storage."],
            id="it was evicted",
        ),
    ],
)
def test_trouble_with_a_pod_is_told_in_the_words_of_who_knows(
    pod: JsonObject, expected: list[str]
) -> None:
    assert seen_pod(pod).problems == tuple(expected)


def test_a_pod_that_is_going_is_no_trouble() -> None:
    pod = a_pod(waiting={"reason": "ImagePullBackOff"})

    leaving = pod | {"metadata": pod["metadata"] | {"deletionTimestamp": EARLIER}}

    assert seen_pod(leaving).problems == ()


def test_a_container_that_is_ready_is_no_trouble_whatever_it_went_through() -> None:
    pod = a_pod(last={"reason": "OOMKilled", "exitCode": 137}, restarts=1)
    pod["status"]["containerStatuses"][0]["ready"] = True

    assert seen_pod(pod).problems == ()


# --- Machines and NodeClaims --------------------------------------------------------------------


@pytest.mark.parametrize("claim", [False, True])
def test_both_kinds_tell_the_same_story(claim: bool) -> None:  # noqa: FBT001  (a table)
    sent = a_machine(NAME, claim=claim, steps=[("Launched", "False", f"oh, {UNAVAILABLE}")])
    provisioner = Provisioner.NODECLAIM if claim else Provisioner.MACHINE

    seen = seen_by(a_request(related=[sent]), provisioner)

    step = "Launched" if claim else "MachineLaunched"
    assert seen.claims == {
        NAME: SeenClaim(
            name=NAME,
            node="",
            ready=False,
            deleting=False,
            failed=True,
            unavailable=True,
            message=f"{step}: oh, {UNAVAILABLE}",
        )
    }


def test_the_first_step_that_is_not_done_is_told() -> None:
    steps = [
        ("Launched", "True", ""),
        ("Registered", "Unknown", "waiting for the node"),
        ("Ready", "False", "no"),
    ]

    seen = seen_by(a_request(related=[a_machine(NAME, steps=steps)]))

    assert seen.claims[NAME].message == "MachineRegistered: waiting for the node"


def test_a_reason_is_told_where_there_is_no_message() -> None:
    machine = a_machine(NAME, steps=[])
    machine["status"]["conditions"] = [
        a_condition("MachineLaunched", "False", reason="LaunchFailed")
    ]

    assert seen_by(a_request(related=[machine])).claims[NAME].message == (
        "MachineLaunched: LaunchFailed"
    )


def test_a_machine_is_unavailable_only_if_its_launch_says_so() -> None:
    machine = a_machine(NAME, steps=[("Launched", "True", UNAVAILABLE), ("Ready", "False", "")])

    assert not seen_by(a_request(related=[machine])).claims[NAME].unavailable


# --- nodes --------------------------------------------------------------------------------------


def test_a_node_without_a_report_is_not_ready() -> None:
    node = a_node()
    del node["status"]["conditions"]

    [seen] = seen_by(a_request(related=[node])).nodes

    assert (seen.ready, seen.why_not_ready) == (False, "it has not reported yet")


def test_gpus_are_those_that_can_be_had_and_not_those_that_are_there() -> None:
    node = a_node(gpus=4)
    node["status"]["allocatable"] = {"nvidia.com/gpu": "3", "cpu": "3860m"}

    [seen] = seen_by(a_request(related=[node])).nodes

    assert seen.gpus == 3


# --- the workload -------------------------------------------------------------------------------


def a_deployment(kind: str = "Deployment", **status: object) -> JsonObject:
    reported = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {
            "name": "phi",
            "namespace": "default",
            "generation": 2,
            "annotations": {"workspace.kaito.io/revision": "3"},
        },
        "spec": {"replicas": 2, "progressDeadlineSeconds": 1800, "template": {}},
        "status": reported | status,
    }


def test_reads_a_workload() -> None:
    assert seen_by(a_request(children=[a_deployment()])).workload == SeenWorkload(
        kind="Deployment",
        replicas=2,
        ready_replicas=2,
        updated_replicas=2,
        settled=True,
        revision="3",
        gpus=0,
        deadline_seconds=1800,
        failure="",
    )


@pytest.mark.parametrize(
    ("status", "settled"),
    [
        ({}, True),
        ({"observedGeneration": 1}, False),
        ({"updatedReplicas": 1}, False),
        ({"replicas": 3}, False),
        ({"currentRevision": "phi-1", "updateRevision": "phi-2"}, False),
        ({"currentRevision": "phi-2", "updateRevision": "phi-2"}, True),
    ],
)
def test_a_report_about_former_pods_settles_nothing(
    status: JsonObject,
    settled: bool,  # noqa: FBT001  (a table)
) -> None:
    workload = seen_by(a_request(children=[a_deployment("StatefulSet", **status)])).workload

    assert workload is not None
    assert workload.settled is settled


def test_a_deployment_that_makes_no_progress_has_failed() -> None:
    stuck = a_condition("Progressing", "False", 'ReplicaSet "phi-1" has timed out progressing.')
    workload = seen_by(a_request(children=[a_deployment(conditions=[stuck])])).workload

    assert workload is not None
    assert workload.failure == 'ReplicaSet "phi-1" has timed out progressing.'


def test_a_workload_of_another_name_is_not_the_workload() -> None:
    other = a_deployment()
    other["metadata"]["name"] = "phi-old"

    assert seen_by(a_request(children=[other])).workload is None


# --- what was not sent --------------------------------------------------------------------------


@pytest.mark.parametrize("missing", RELATED_KINDS)
def test_a_kind_that_was_not_sent_says_nothing_about_the_world(
    catalog: Catalog, missing: str
) -> None:
    request = a_request(kinds=[kind for kind in RELATED_KINDS if kind != missing])

    with pytest.raises(Unplannable) as caught:
        synced(request, catalog)

    assert str(caught.value) == (f"the request holds no {missing}: are both hooks of version v2?")


@pytest.mark.parametrize("missing", ["ControllerRevision.apps/v1", "Deployment.apps/v1"])
def test_a_kind_of_child_that_was_not_sent_says_nothing_either(
    catalog: Catalog, missing: str
) -> None:
    request = a_request()
    del request["children"][missing]

    with pytest.raises(Unplannable):
        synced(request, catalog)
