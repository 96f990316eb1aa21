"""
How a training says how it goes: phase, conditions and causes.

Section 4 of our specification of Kaito's tuning has the names of the conditions and their reasons;
where Kaito says nothing, or too late, these say what happens.
"""

from collections.abc import Callable

import pytest

from composite.catalog import Catalog
from composite.models import JsonObject
from tests.composite.makers import (
    EARLIER,
    NOW,
    TUNING_TYPE,
    a_condition,
    a_machine,
    a_namespace_request,
    a_node,
    a_pod,
    a_request,
    a_training_pod,
    a_tuner,
    a_tuning,
    afterwards,
    condition,
    kinds_of,
    machines_synced,
    on_existing_nodes,
    on_nodeclaims,
    on_our_runtime,
    seconds,
    stamp,
    statuses,
    synced,
    the,
    training,
    weighing,
    with_job,
    with_related,
    without_job,
    without_related,
)

MACHINE, NODE = "Machine.karpenter.sh/v1alpha5", "Node.v1"
SUCCEEDED = ("True", "workspaceSucceeded", "workspace succeeds")


def conditions(answer: JsonObject) -> dict[str, tuple[str, str, str]]:
    """Return status, reason and message of every condition but Accepted."""
    return {
        c["type"]: (c["status"], c["reason"], c["message"])
        for c in answer["status"]["conditions"]
        if c["type"] != "Accepted"
    }


def phase(answer: JsonObject) -> str:
    return str(answer["status"]["tuning"]["phase"])


def doing(catalog: Catalog, step: str, parent: JsonObject | None = None) -> JsonObject:
    """Return the request while the pod does a step."""
    request = with_related(training(catalog, parent), a_training_pod(step))
    return with_job(request, active=1, ready=int(step == "pusher"))


def failed(catalog: Catalog, step: str, **ended: object) -> JsonObject:
    """Return the request after a step has failed."""
    pod = a_training_pod(step, ended={"exitCode": 1, "reason": "Error"} | ended)
    return with_job(with_related(training(catalog), pod), end="failed")


def done(catalog: Catalog, parent: JsonObject | None = None) -> JsonObject:
    """Return the request when the Job has just ended well."""
    request = with_related(training(catalog, parent), a_training_pod("done"))
    return with_job(request, end="done")


def told(request: JsonObject, catalog: Catalog) -> JsonObject:
    """Return the request after that one was answered; the Job is as it was."""
    following = afterwards(request, synced(request, catalog))
    jobs = request["children"]["Job.batch/v1"]
    return {**following, "children": {**following["children"], "Job.batch/v1": jobs}}


def annotated(request: JsonObject, **annotations: str) -> JsonObject:
    """Return the request with these annotations of the group kaito.sh on the Workspace."""
    named = {f"kaito.sh/{key.replace('_', '-')}": value for key, value in annotations.items()}
    metadata = request["parent"]["metadata"] | {"annotations": named}
    return {**request, "parent": request["parent"] | {"metadata": metadata}}


# --- while it goes well -------------------------------------------------------------------------


def test_a_new_training_waits_for_its_node(catalog: Catalog) -> None:
    answer = synced(a_request(a_tuner()), catalog)

    assert phase(answer) == "Pending"
    assert condition(answer, "JobStarted") == (
        "False",
        "WorkspaceTuningJobStatusPending",
        "the training waits for its node",
    )
    assert condition(answer, "WorkspaceReady") == (
        "False",
        "workspacePending",
        "ws947b23817 is about to be made; the training waits for its node",
    )


def test_a_training_has_kaitos_conditions(catalog: Catalog) -> None:
    assert list(conditions(synced(a_request(a_tuner()), catalog))) == [
        "MachineReady",
        "ResourceReady",
        "JobStarted",
        "WorkspaceSucceeded",
        "WorkspaceReady",
    ]


def test_the_training_is_about_to_begin_once_the_node_is_there(catalog: Catalog) -> None:
    first = a_request(a_tuner())
    planned = synced(first, catalog)
    [machine] = planned["status"]["machines"]
    world = [
        a_machine(machine["name"], node="node-1"),
        a_node(owner="phi", instance_type=TUNING_TYPE),
    ]
    answer = synced(afterwards(first, planned, related=world), catalog)

    assert "Job" in kinds_of(answer)
    assert condition(answer, "JobStarted") == (
        "False",
        "WorkspaceTuningJobStatusPending",
        "the training is about to begin",
    )


def test_a_job_without_a_running_pod_is_pending(catalog: Catalog) -> None:
    answer = synced(training(catalog), catalog)

    assert phase(answer) == "Pending"
    assert condition(answer, "JobStarted") == (
        "False",
        "WorkspaceTuningJobStatusPending",
        "the pod of the training is not running yet",
    )


@pytest.mark.parametrize(
    ("step", "expected", "words", "ready"),
    [
        ("data-downloader", "Fetching", "fetching the data", 0),
        ("phi", "Training", "training", 0),
        ("pusher", "Pushing", "pushing the result", 1),
    ],
)
def test_each_step_is_a_phase(
    catalog: Catalog, step: str, expected: str, words: str, ready: int
) -> None:
    # Kaito says JobStarted only once the trainer runs, and False again half an hour into a push.
    answer = synced(doing(catalog, step), catalog)
    pending = (
        "False",
        "workspacePending",
        (
            f"workspace has not completed, tuning job has 1 active pod, {ready} ready pod; "
            f"Tuning job has started: {words}"
        ),
    )

    assert phase(answer) == expected
    assert conditions(answer) == {
        "MachineReady": (
            "True",
            "installNodePluginsSuccess",
            "machines plugins have been installed successfully",
        ),
        "ResourceReady": (
            "True",
            "workspaceResourceStatusSuccess",
            "workspace resource is ready",
        ),
        "JobStarted": (
            "True",
            "WorkspaceTuningJobStatusStarted",
            f"Tuning job has started: {words}",
        ),
        "WorkspaceSucceeded": pending,
        "WorkspaceReady": pending,
    }


def test_copying_the_data_out_of_an_image_is_fetching_too(catalog: Catalog) -> None:
    parent = a_tuner(input={"image": "r.example/data:1"})
    pod = a_training_pod("data-extractor", steps=("data-extractor", "phi", "pusher"))

    assert phase(synced(with_related(training(catalog, parent), pod), catalog)) == "Fetching"


def test_a_training_that_writes_to_a_volume_trains_in_the_last_step(catalog: Catalog) -> None:
    parent = a_tuner(output={"volumeSource": {"nfs": {"server": "s", "path": "/"}}})
    pod = a_training_pod("phi", steps=("data-downloader", "phi"))
    answer = synced(with_related(training(catalog, parent), pod), catalog)

    assert phase(answer) == "Training"
    assert "image" not in answer["status"]["tuning"]


def test_a_training_that_is_done_succeeds(catalog: Catalog) -> None:
    answer = synced(done(catalog), catalog)

    assert answer["status"]["tuning"] == {
        "hash": the(answer, "Job")["metadata"]["annotations"]["kaito.sh/training-hash"],
        "job": "phi",
        "phase": "Succeeded",
        "image": "registry.example/adapters/phi:0.0.1",
        "delivered": ["registry.example/adapters/phi:0.0.1"],
    }
    assert condition(answer, "WorkspaceSucceeded") == SUCCEEDED
    assert condition(answer, "WorkspaceReady") == SUCCEEDED
    assert condition(answer, "JobStarted") == (
        "True",
        "WorkspaceTuningJobStatusStarted",
        "Tuning job has ended well",
    )


@pytest.mark.parametrize(
    "reported",
    [{"succeeded": 1}, {"conditions": [a_condition("Complete", "True")]}],
    ids=["as Kaito reads it", "as Kubernetes means it"],
)
def test_a_job_has_two_ways_to_say_that_it_is_done(catalog: Catalog, reported: JsonObject) -> None:
    answer = synced(with_job(training(catalog), **reported), catalog)

    assert condition(answer, "WorkspaceSucceeded") == SUCCEEDED


def test_conditions_keep_the_time_of_their_change(catalog: Catalog) -> None:
    request = told(doing(catalog, "phi"), catalog)
    later = synced(request, catalog, NOW + seconds(60))

    times = {c["type"]: c["lastTransitionTime"] for c in later["status"]["conditions"]}
    assert set(times.values()) == {stamp(NOW)}


@pytest.mark.parametrize("existing", [True, False])
def test_the_nodes_condition_is_the_provisioners(
    catalog: Catalog,
    existing: bool,  # noqa: FBT001  (a table)
) -> None:
    other = on_existing_nodes(catalog) if existing else on_nodeclaims(catalog)
    kinds = ("NodeClaim.karpenter.sh/v1", "Node.v1", "Pod.v1")
    answer = synced(a_request(a_tuner(), kinds=kinds), other)

    assert ("NodeClaimReady" in statuses(answer)) == (not existing)
    assert "MachineReady" not in statuses(answer)


# --- what keeps it from going on ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("pod", "cause"),
    [
        pytest.param(
            a_pod(
                "phi-abcde",
                job="phi",
                conditions=[
                    a_condition(
                        "PodScheduled",
                        "False",
                        "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
                        reason="Unschedulable",
                    )
                ],
                containerStatuses=[],
            ),
            "pod phi-abcde: Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
            id="no room on the node",
        ),
        pytest.param(
            a_pod(
                "phi-abcde",
                job="phi",
                init="data-downloader",
                waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling image"},
            ),
            "pod phi-abcde, container data-downloader: ImagePullBackOff: Back-off pulling image",
            id="an image that cannot be pulled",
        ),
        pytest.param(
            a_pod(
                "phi-abcde",
                job="phi",
                init="phi",
                waiting={"reason": "CreateContainerConfigError", "message": 'secret "p" not found'},
            ),
            'pod phi-abcde, container phi: CreateContainerConfigError: secret "p" not found',
            id="a Secret that is not there",
        ),
    ],
)
def test_a_pod_that_cannot_run_is_the_cause(catalog: Catalog, pod: JsonObject, cause: str) -> None:
    answer = synced(with_job(with_related(training(catalog), pod), active=1), catalog)
    message = f"the pod of the training is not running yet; {cause}"

    assert phase(answer) == "Pending"
    assert condition(answer, "JobStarted") == (
        "False",
        "WorkspaceTuningJobStatusPending",
        message,
    )
    assert condition(answer, "WorkspaceReady") == ("False", "workspacePending", message)


def test_a_step_that_cannot_follow_is_told_beside_the_one_that_is_over(catalog: Catalog) -> None:
    pod = a_training_pod("phi")
    downloader, trainer = pod["status"]["initContainerStatuses"]
    trainer["ready"] = False
    trainer["state"] = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling"}}
    answer = synced(with_job(with_related(training(catalog), pod), active=1), catalog)

    assert "terminated" in downloader["state"]
    assert condition(answer, "JobStarted") == (
        "True",
        "WorkspaceTuningJobStatusStarted",
        (
            "Tuning job has started: fetching the data; pod phi-abcde, container phi: "
            "ImagePullBackOff: Back-off pulling"
        ),
    )


@pytest.mark.parametrize(
    ("step", "ended", "cause"),
    [
        pytest.param(
            "data-downloader",
            {"message": "tuning.input.urls: https://data.example/a answers HTTP 404 Not Found"},
            "container data-downloader: Error (exit code 1): "
            "tuning.input.urls: https://data.example/a answers HTTP 404 Not Found",
            id="the data set is not there",
        ),
        pytest.param(
            "phi",
            {"message": "Traceback (most recent call last):\ntorch.OutOfMemoryError: CUDA\n"},
            "container phi: Error (exit code 1): Traceback (most recent call last): | "
            "torch.OutOfMemoryError: CUDA",
            id="the GPU is too small",
        ),
        pytest.param(
            "phi",
            {"exitCode": 137, "reason": "OOMKilled"},
            "container phi: OOMKilled (exit code 137)",
            id="the node is too small",
        ),
        pytest.param(
            "pusher",
            {"message": "tuning.output: push of r.example/a:1: r.example answers HTTP 503"},
            "container pusher: Error (exit code 1): "
            "tuning.output: push of r.example/a:1: r.example answers HTTP 503",
            id="the push is refused",
        ),
    ],
)
def test_a_step_that_fails_ends_the_training_with_its_exit_code_and_log(
    catalog: Catalog, step: str, ended: JsonObject, cause: str
) -> None:
    # With Kaito the sidecar waits for ever for a training that failed.
    answer = synced(failed(catalog, step, **ended), catalog)
    message = f"job phi has failed; pod phi-abcde, {cause}"

    assert phase(answer) == "Failed"
    assert condition(answer, "JobStarted") == ("False", "WorkspaceTuningJobStatusFailed", message)
    assert condition(answer, "WorkspaceSucceeded") == ("False", "workspaceFailed", message)


def test_a_failed_job_whose_pod_is_gone_says_what_it_knows(catalog: Catalog) -> None:
    answer = synced(with_job(training(catalog), end="failed"), catalog)

    assert condition(answer, "JobStarted") == (
        "False",
        "WorkspaceTuningJobStatusFailed",
        "job phi has failed; Job has reached the specified backoff limit",
    )


def test_the_end_of_a_long_log_is_what_is_told(catalog: Catalog) -> None:
    log = "\n".join(f"step {number} of 1000" for number in range(1000))
    message = condition(synced(failed(catalog, "phi", message=log), catalog), "JobStarted")[2]

    assert message.startswith("job phi has failed; pod phi-abcde, container phi: Error (exit code")
    assert message.endswith(" | step 998 of 1000 | step 999 of 1000")
    assert len(message) < 1000


def test_why_a_training_failed_is_remembered_when_its_pod_is_gone(catalog: Catalog) -> None:
    request = told(failed(catalog, "phi", message="CUDA error"), catalog)
    before, after = synced(request, catalog), synced(without_related(request, "Pod.v1"), catalog)

    assert after["status"] == before["status"]
    assert after["status"]["tuning"]["message"] == (
        "job phi has failed; pod phi-abcde, container phi: Error (exit code 1): CUDA error"
    )


def test_a_node_lost_after_a_failure_is_not_replaced(catalog: Catalog) -> None:
    # It is bought again once there is something to run: an edit, or the Job removed by hand.
    request = without_related(told(failed(catalog, "phi"), catalog), MACHINE, NODE, "Pod.v1")
    answer = synced(request, catalog)
    again = synced(without_job(afterwards(request, answer)), catalog)

    assert answer["status"]["machines"] == []
    assert condition(answer, "ResourceReady") == (
        "True",
        "TrainingIsOver",
        "the training is over, no node is needed any more",
    )
    assert phase(answer) == "Failed"
    assert len(again["status"]["machines"]) == 1


def test_a_failed_training_stays_as_it_is(catalog: Catalog) -> None:
    # Neither the Job nor the node goes: the user shall see what happened, and nothing is tried
    # again by itself.
    request = told(failed(catalog, "phi"), catalog)
    again = synced(request, catalog, NOW + seconds(3600))

    assert the(again, "Job") == the(synced(training(catalog), catalog), "Job")
    assert [m["name"] for m in again["status"]["machines"]] == ["ws947b23817"]
    assert phase(again) == "Failed"


def test_a_failed_job_removed_by_hand_is_run_again(catalog: Catalog) -> None:
    request = without_related(without_job(told(failed(catalog, "phi"), catalog)), "Pod.v1")
    answer = synced(request, catalog)

    assert the(answer, "Job")["metadata"]["name"] == "phi"
    assert phase(answer) == "Pending"
    assert condition(answer, "JobStarted") == (
        "False",
        "WorkspaceTuningJobStatusPending",
        "the training is about to begin",
    )


# --- a node is lost in the middle ---------------------------------------------------------------


def test_a_node_lost_in_the_middle_is_replaced_and_the_job_stays(catalog: Catalog) -> None:
    request = told(doing(catalog, "phi"), catalog)
    answer = synced(without_related(request, MACHINE, NODE, "Pod.v1"), catalog)

    assert the(answer, "Job") == the(synced(training(catalog), catalog), "Job")
    assert [m["attempt"] for m in answer["status"]["machines"]] == [1]
    assert phase(answer) == "Pending"
    assert condition(answer, "WorkspaceReady")[:2] == ("False", "workspacePending")


def test_a_pod_that_went_with_its_node_is_no_failure(catalog: Catalog) -> None:
    # The Job makes another: its failure policy ignores a pod that was disrupted.
    lost = a_training_pod("phi", ended={"exitCode": 137, "reason": "Error"})
    lost["status"]["conditions"] = [a_condition("DisruptionTarget", "True", reason="x")]
    request = with_related(told(doing(catalog, "phi"), catalog), lost)
    answer = synced(request, catalog)

    assert phase(answer) == "Pending"
    assert condition(answer, "JobStarted")[:2] == ("False", "WorkspaceTuningJobStatusPending")


def test_a_node_that_is_not_ready_is_told_and_ends_nothing(catalog: Catalog) -> None:
    request = told(doing(catalog, "phi"), catalog)
    node = a_node(owner="phi", instance_type=TUNING_TYPE, ready=False, why="Kubelet stopped")
    answer = synced(with_job(with_related(request, node), active=1), catalog)

    assert "Job" in kinds_of(answer)
    assert phase(answer) == "Training"
    assert "Kubelet stopped" in condition(answer, "ResourceReady")[2]


# --- when it is over ----------------------------------------------------------------------------


def test_nodes_are_kept_as_kaito_keeps_them(catalog: Catalog) -> None:
    answer = synced(told(done(catalog), catalog), catalog)

    assert [m["name"] for m in answer["status"]["machines"]] == ["ws947b23817"]


def test_a_node_lost_after_success_is_not_replaced(catalog: Catalog) -> None:
    # Kaito buys another, for nothing.
    request = without_related(told(done(catalog), catalog), MACHINE, NODE)
    answer = synced(request, catalog)
    namespace = a_namespace_request([request["parent"] | {"status": answer["status"]}])

    assert machines_synced(namespace, catalog)["attachments"] == []
    assert condition(answer, "WorkspaceReady") == SUCCEEDED


def test_a_node_lost_after_success_is_not_said_to_be_made(catalog: Catalog) -> None:
    answer = synced(without_related(told(done(catalog), catalog), MACHINE, NODE), catalog)

    assert answer["status"]["machines"] == []
    assert "is about to be made" not in str(answer["status"]["conditions"])


def test_the_release_annotation_gives_the_nodes_back_after_success(catalog: Catalog) -> None:
    answer = synced(annotated(done(catalog), release_nodes="True"), catalog)

    assert answer["status"]["machines"] == []
    assert answer["status"]["workerNodes"] == []
    assert condition(answer, "WorkspaceReady") == SUCCEEDED


def test_released_nodes_stay_released(catalog: Catalog) -> None:
    request = told(annotated(done(catalog), release_nodes="True"), catalog)
    answer = synced(without_related(request, MACHINE, NODE, "Pod.v1"), catalog)

    assert answer["status"]["machines"] == []
    assert condition(answer, "WorkspaceReady") == SUCCEEDED
    assert phase(answer) == "Succeeded"


@pytest.mark.parametrize("value", ["true", "False", ""])
def test_only_true_releases(catalog: Catalog, value: str) -> None:
    answer = synced(annotated(done(catalog), release_nodes=value), catalog)

    assert len(answer["status"]["machines"]) == 1


def test_nothing_is_released_before_the_pusher_is_seen_to_have_ended(catalog: Catalog) -> None:
    pushing = with_related(training(catalog), a_training_pod("pusher"))
    early = annotated(with_job(pushing, succeeded=1), release_nodes="True")

    answer = synced(early, catalog)

    assert phase(answer) == "Pushing"
    assert len(answer["status"]["machines"]) == 1


def test_nothing_is_released_before_success(catalog: Catalog) -> None:
    running = annotated(doing(catalog, "phi"), release_nodes="True")
    broken = annotated(failed(catalog, "phi"), release_nodes="True")

    assert len(synced(running, catalog)["status"]["machines"]) == 1
    assert len(synced(broken, catalog)["status"]["machines"]) == 1


def test_a_job_removed_after_success_is_not_run_again(catalog: Catalog) -> None:
    # Kaito trains once more.
    answer = synced(without_job(told(done(catalog), catalog)), catalog)

    assert "Job" not in kinds_of(answer)
    assert phase(answer) == "Succeeded"
    assert condition(answer, "WorkspaceReady") == SUCCEEDED


def test_a_pod_removed_after_success_changes_nothing(catalog: Catalog) -> None:
    request = told(done(catalog), catalog)

    assert synced(without_related(request, "Pod.v1"), catalog) == synced(request, catalog)


# --- refused, deleted ---------------------------------------------------------------------------


def test_a_refused_training_has_its_conditions_and_no_phase(catalog: Catalog) -> None:
    answer = synced(a_request(a_tuner(method="full")), catalog)
    why = "tuning.method: is 'full', must be lora or qlora"
    refused = ("False", "Refused", f"nothing is made of a Workspace that is refused: {why}")

    assert condition(answer, "Accepted") == ("False", "Refused", why)
    assert conditions(answer) == dict.fromkeys(
        ("MachineReady", "ResourceReady", "JobStarted", "WorkspaceSucceeded", "WorkspaceReady"),
        refused,
    )
    assert "tuning" not in answer["status"]


def test_a_refused_edit_keeps_the_phase_and_says_so(catalog: Catalog) -> None:
    request = doing(catalog, "phi", a_tuner())
    edited = request | {"parent": request["parent"] | {"tuning": a_tuning(input={})}}
    answer = synced(edited, catalog)

    assert phase(answer) == "Training"
    assert condition(answer, "WorkspaceReady") == (
        "False",
        "workspacePending",
        (
            "workspace has not completed, tuning job has 1 active pod, 0 ready pod; Tuning job has "
            "started: training; revision 1 is kept, the newest is refused: tuning.input: exactly "
            "one of urls, image and volumeSource is needed, none is set"
        ),
    )


def test_a_workspace_on_its_way_out_says_so(catalog: Catalog) -> None:
    request = doing(catalog, "phi")
    metadata = request["parent"]["metadata"] | {"deletionTimestamp": EARLIER}
    going = request | {"parent": request["parent"] | {"metadata": metadata}}

    assert condition(synced(going, catalog), "WorkspaceDeleting") == (
        "True",
        "workspaceDeleted",
        "workspace is being deleted",
    )


def test_the_pod_of_an_earlier_job_says_nothing_of_this_one(catalog: Catalog) -> None:
    # It still runs for a moment after an edit.
    request = told(doing(catalog, "phi"), catalog)
    parent = request["parent"] | {"tuning": a_tuning(input={"urls": ["https://data.example/b"]})}
    edited = request | {"parent": parent}
    old = a_training_pod("phi", deletionTimestamp=EARLIER)
    answer = synced(with_related(afterwards(edited, synced(edited, catalog)), old), catalog)

    assert answer["status"]["tuning"]["job"] != "phi"
    assert phase(answer) == "Pending"


# --- the digest of what was pushed --------------------------------------------------------------

DIGEST = f"sha256:{'0a' * 32}"


def said_at_the_end(catalog: Catalog, message: str, exit_code: int = 0) -> JsonObject:
    """Return the request after the pusher ended with these words."""
    ended = {"exitCode": exit_code, "message": message}
    pod = a_training_pod("pusher", ended=ended)
    pod["status"]["phase"] = "Failed" if exit_code else "Succeeded"
    return with_job(with_related(training(catalog), pod), end="failed" if exit_code else "done")


def digest_of(answer: JsonObject) -> str | None:
    found: str | None = answer["status"]["tuning"].get("digest")
    return found


@pytest.mark.parametrize(
    "message", [f"r.example/a:1\n{DIGEST}\n", DIGEST, f"pushed it, it has {DIGEST}"]
)
def test_the_last_word_of_the_pusher_is_the_digest(catalog: Catalog, message: str) -> None:
    assert digest_of(synced(said_at_the_end(catalog, message), catalog)) == DIGEST


@pytest.mark.parametrize(
    "message",
    [
        "",
        " \n",
        "Upload complete",
        DIGEST[:-1],
        DIGEST + "0",
        DIGEST.upper(),
        DIGEST.replace("sha256", "sha512"),
        f"{DIGEST} is there",
    ],
)
def test_another_word_is_no_digest(catalog: Catalog, message: str) -> None:
    answer = synced(said_at_the_end(catalog, message), catalog)

    assert (phase(answer), digest_of(answer)) == ("Succeeded", None)


def test_a_pusher_that_failed_has_pushed_nothing(catalog: Catalog) -> None:
    answer = synced(said_at_the_end(catalog, DIGEST, exit_code=1), catalog)

    assert (phase(answer), digest_of(answer)) == ("Failed", None)


@pytest.mark.parametrize("step", ["phi", "data-downloader"])
def test_only_the_pusher_is_asked_for_a_digest(catalog: Catalog, step: str) -> None:
    request = said_at_the_end(catalog, "done")
    [pod] = request["related"]["Pod.v1"].values()
    for status in pod["status"]["initContainerStatuses"]:
        if status["name"] == step:
            status["state"]["terminated"]["message"] = DIGEST

    assert digest_of(synced(request, catalog)) is None


def test_there_is_no_digest_before_the_job_is_done(catalog: Catalog) -> None:
    request = with_job(said_at_the_end(catalog, DIGEST), active=1)

    assert digest_of(synced(request, catalog)) is None


@pytest.mark.parametrize(
    "gone",
    [
        lambda request: without_related(request, "Pod.v1"),
        lambda request: without_job(without_related(request, "Pod.v1")),
    ],
    ids=["the pod", "pod and Job"],
)
def test_the_digest_stays_when_what_told_it_is_gone(
    catalog: Catalog, gone: Callable[[JsonObject], JsonObject]
) -> None:
    request = told(said_at_the_end(catalog, DIGEST), catalog)

    assert digest_of(synced(gone(request), catalog)) == DIGEST


def test_a_job_that_is_seen_to_be_done_before_its_pod_has_no_result_yet(catalog: Catalog) -> None:
    request = with_related(training(catalog), a_training_pod("pusher"))
    answer = synced(with_job(request, succeeded=1), catalog)

    assert (phase(answer), digest_of(answer)) == ("Pushing", None)
    assert condition(answer, "WorkspaceSucceeded")[0] == "True"


def test_another_training_has_another_digest(catalog: Catalog) -> None:
    request = told(said_at_the_end(catalog, DIGEST), catalog)
    tuning = a_tuning(
        input={"urls": ["https://data.example/other.parquet"]},
        output={"image": "registry.example/adapters/phi:2", "imagePushSecret": "push"},
    )
    answer = synced(request | {"parent": request["parent"] | {"tuning": tuning}}, catalog)

    assert (phase(answer), digest_of(answer)) == ("Pending", None)


def test_the_pod_of_an_earlier_training_tells_nothing_of_this_one(catalog: Catalog) -> None:
    earlier = a_training_pod("pusher", job="phi-1", ended={"exitCode": 0, "message": DIGEST})
    request = with_job(with_related(training(catalog), earlier), end="done")

    assert digest_of(synced(request, catalog)) is None


def test_weights_are_fetched_before_the_data(catalog: Catalog) -> None:
    where = weighing(on_our_runtime(catalog), {"huggingFace": {"name": "me/phi", "revision": "v1"}})
    steps = "weights-downloader", "data-downloader", "phi", "pusher"
    pod = a_training_pod("weights-downloader", steps=steps)
    request = with_job(with_related(training(where), pod), active=1, ready=0)

    assert phase(synced(request, where)) == "Fetching"
