"""Scenarios, steps, promises, the timeline and its columns."""

import pytest
from pydantic import ValidationError

from composite import names
from composite.models import JsonObject
from composite.simulate import Clock, Run, simulate
from composite.simulate.columns import age, columns
from composite.simulate.scenario import Scenario
from tests.simulate.stubs import (
    StubHooks,
    a_config_map,
    a_job,
    a_machine,
    a_node,
    a_service,
    a_workspace,
    wants,
)


def a_condition(status: str, message: str = "", kind: str = "WorkspaceReady") -> JsonObject:
    return {
        "type": kind,
        "status": status,
        "reason": "Because",
        "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


def play(hooks: StubHooks | None = None, *given: JsonObject, **scenario: object) -> Run:
    story = Scenario.model_validate({"name": "test", "description": "A test.", **scenario})
    return simulate(given or (a_workspace(),), story, hooks or StubHooks())


def ready_after(count: int) -> StubHooks:
    """Hooks that say WorkspaceReady=True once the Workspace's count is so much."""

    def sync(request: JsonObject) -> JsonObject:
        status = str(request["parent"]["resource"]["count"] >= count)
        return {"status": {"conditions": [a_condition(status)]}, "children": [a_service()]}

    return StubHooks(sync=sync)


def test_without_a_promise_the_workspace_must_be_ready() -> None:
    kept, broken = play(ready_after(1)), play(ready_after(2))

    assert kept.kept
    assert broken.reasons == (
        "Workspace default/phi: WorkspaceReady=False Because; promised WorkspaceReady=True",
    )


@pytest.mark.parametrize(
    ("promise", "reason"),
    [
        (
            {"conditions": {"Accepted": True}},
            "Workspace default/phi: no condition Accepted, promised True",
        ),
        (
            {"contains": {"WorkspaceReady": "quota"}},
            "Workspace default/phi: the message of WorkspaceReady is 'no', promised was 'quota' in it",  # noqa: E501
        ),
        ({"machines": 1}, "Machines: 0, promised 1"),
        ({"nodes": 2}, "Nodes: 0, promised 2"),
        ({"gone": True}, "Workspace default/phi is still there"),
        ({"attempts": 2}, "Workspace default/phi: attempts 0, promised 2"),
        ({"jobs": 1}, "Jobs: 0, promised 1"),
        ({"jobsMade": 2}, "Jobs made: 0, promised 2"),
    ],
)
def test_a_broken_promise_says_why(promise: JsonObject, reason: str) -> None:
    hooks = StubHooks(sync=wants(conditions=[a_condition("True", "no")]))

    assert play(hooks, promise=promise).reasons == (reason,)


def test_steps_are_done_one_after_the_other() -> None:
    run = play(
        ready_after(3),
        steps=[
            {"at": 10, "do": {"patchWorkspace": {"resource": {"count": 2}}}},
            {"at": 20, "do": {"patchWorkspace": {"resource": {"count": 3}}}},
            {"when": "WorkspaceReady=True", "after": 5, "do": {"deleteWorkspace": True}},
        ],
        promise={"gone": True},
    )
    done = [(entry.seconds, entry.what) for entry in run.timeline if entry.who == "user"]

    assert done == [
        (0, "created"),
        (0, "created"),
        (10, "updated"),
        (20, "updated"),
        (25, "deleted"),
    ]
    assert run.kept


def test_a_step_that_never_comes_breaks_the_promise() -> None:
    step = {"when": "WorkspaceReady=True", "do": {"deleteWorkspace": True}}

    assert play(ready_after(2), steps=[step], promise={}).reasons == (
        "step 1 (deleteWorkspace) was never done: WorkspaceReady=True was not seen in time",
    )


def test_a_step_that_is_refused_breaks_the_promise() -> None:
    step = {"at": 5, "do": {"deleteMachine": 0}}

    assert play(steps=[step], promise={}).reasons == (
        "step 1 (deleteMachine 0) was refused: no such Machine",
    )


def test_a_step_can_delete_the_namespace_and_everything_goes() -> None:
    hooks = StubHooks(sync=wants(a_service()), machines=lambda _: {"attachments": [a_machine()]})
    run = play(
        hooks,
        steps=[{"at": 200, "do": {"deleteNamespace": True}}],
        promise={"gone": True, "machines": 0, "nodes": 0},
    )

    assert run.reasons == ()


def test_a_step_can_apply_anything() -> None:
    run = play(steps=[{"at": 5, "do": {"apply": a_node()}}], promise={"nodes": 1})

    assert run.kept


def test_what_needs_a_namespace_is_applied_beside_each_workspace() -> None:
    here, there = a_workspace(), a_workspace()
    there["metadata"]["namespace"] = "elsewhere"
    step = {"at": 5, "do": {"apply": a_config_map()}}
    run = play(StubHooks(), here, there, steps=[step], promise={})
    configs = [obj["metadata"] for obj in run.final if obj["kind"] == "ConfigMap"]

    assert [item["namespace"] for item in configs] == ["default", "elsewhere"]


def test_jobs_are_counted_those_that_are_gone_included() -> None:
    step = {"when": "WorkspaceReady=True", "do": {"patchWorkspace": {"resource": {"count": 2}}}}

    def sync(request: JsonObject) -> JsonObject:
        count = request["parent"]["resource"]["count"]
        status = {"conditions": [a_condition("True")]}
        return {"status": status, "children": [a_job(f"phi-{count}")]}

    run = play(StubHooks(sync=sync), steps=[step], promise={"jobs": 1, "jobsMade": 2})

    assert run.reasons == ()


def test_nothing_is_left_but_what_the_user_brought() -> None:
    hooks = StubHooks(sync=wants(a_job(), a_config_map("made")))
    run = play(
        hooks,
        a_workspace(),
        a_config_map("given"),
        steps=[{"at": 200, "do": {"deleteWorkspace": True}}],
        promise={"gone": True},
    )

    assert run.reasons == ()
    assert [obj["metadata"]["name"] for obj in run.final if obj["kind"] == "ConfigMap"] == ["given"]


def test_of_a_log_the_timeline_tells_the_last_line() -> None:
    hooks = StubHooks(sync=wants(a_job()))
    run = play(hooks, a_workspace(), a_node(), faults={"outOfGpuMemory": {}}, promise={})
    told = [detail for entry in run.timeline for detail in entry.details if "CUDA" in detail]

    assert [detail.partition(". ")[0] for detail in told] == [
        "container phi: Error torch.cuda.OutOfMemoryError: CUDA out of memory"
    ]


def test_a_scenario_is_for_models_that_serve_unless_it_says_otherwise() -> None:
    fields = {"name": "test", "description": "A test."}

    assert Scenario.model_validate(fields).plays == "inference"
    assert Scenario.model_validate({**fields, "plays": "tuning"}).plays == "tuning"


def test_what_is_given_is_there_before_the_workspaces() -> None:
    rules = [{"apiVersion": "v1", "resource": "nodes"}]
    run = play(StubHooks(workspace_rules=rules), a_workspace(), a_node(), promise={})
    first = next(item for item in run.requests if item.path == "/workspaces/sync")

    assert list(first.request["related"][names.NODES]) == ["node-0"]


def test_a_workspace_from_another_cluster_starts_anew() -> None:
    exported = a_workspace(status={"workerNodes": ["old"]})
    exported["metadata"] |= {"uid": "kept", "generation": 7, "resourceVersion": "99"}
    run = play(StubHooks(), exported, promise={})
    workspace = next(obj for obj in run.final if obj["kind"] == "Workspace")

    assert workspace["metadata"]["uid"] == "kept"
    assert workspace["metadata"]["generation"] == 1
    assert workspace["status"] == {"observedGeneration": 1}


def test_the_timeline_tells_who_did_what_and_what_kubectl_shows() -> None:
    run = play(ready_after(1))

    assert [entry.to_json() for entry in run.timeline] == [
        {"seconds": 0.0, "who": "user", "what": "created", "about": "Namespace default"},
        {
            "seconds": 0.0,
            "who": "user",
            "what": "created",
            "about": "Workspace default/phi",
            "columns": _columns(""),
        },
        {
            "seconds": 0.0,
            "who": "metacontroller",
            "what": "created",
            "about": "Service default/phi",
        },
        {
            "seconds": 0.0,
            "who": "metacontroller",
            "what": "updated",
            "about": "Workspace default/phi",
            "details": ["WorkspaceReady=True Because"],
            "columns": _columns("True"),
        },
    ]


def test_the_timeline_tells_which_fields_changed() -> None:
    step = {"at": 5, "do": {"patchWorkspace": {"resource": {"count": 2, "preferredNodes": ["a"]}}}}
    run = play(ready_after(1), steps=[step])
    changed = next(entry for entry in run.timeline if entry.seconds == 5)

    assert changed.details == (
        "resource.count: 1 → 2",
        "resource.preferredNodes: none → [a]",
    )


def test_the_same_play_twice_gives_the_same_bytes() -> None:
    assert play(ready_after(1)).to_json() == play(ready_after(1)).to_json()


@pytest.mark.parametrize(
    "fields",
    [
        {"steps": [{"do": {"deleteWorkspace": True}}]},
        {"steps": [{"at": 1, "when": "A=True", "do": {"deleteWorkspace": True}}]},
        {"steps": [{"when": "ready", "do": {"deleteWorkspace": True}}]},
        {"steps": [{"at": 1, "do": {}}]},
        {"steps": [{"at": 1, "do": {"deleteWorkspace": True, "deleteNode": 0}}]},
        {"promise": {"conditions": {"Ready": "Maybe"}}},
        {"faults": {"sabotage": True}},
        {"faults": {"pushRefused": {"times": 0}}},
        {"plays": "football"},
        {"name": "Not Kebab"},
    ],
)
def test_a_scenario_with_a_mistake_is_refused(fields: JsonObject) -> None:
    with pytest.raises(ValidationError):
        Scenario.model_validate({"name": "test", "description": "A test.", **fields})


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (119.9, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (12_000, "3h20m"),
        (30_000, "8h"),
        (172_800, "2d"),
    ],
)
def test_ages_are_shown_as_kubectl_does(seconds: float, shown: str) -> None:
    assert age(seconds) == shown


def test_the_wide_columns_tell_why() -> None:
    workspace = a_workspace(status={"conditions": [a_condition("False", "no quota")]})
    workspace["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"

    assert columns(workspace, Clock().now, wide=True) == {
        "NAME": "phi",
        "INSTANCE": "",
        "RESOURCEREADY": "",
        "INFERENCEREADY": "",
        "JOBSTARTED": "",
        "WORKSPACEREADY": "False",
        "AGE": "0s",
        "WORKSPACESUCCEEDED": "",
        "WHY": "no quota",
    }


def _columns(ready: str) -> JsonObject:
    return {
        "NAME": "phi",
        "INSTANCE": "Standard_NC12s_v3",
        "RESOURCEREADY": "",
        "INFERENCEREADY": "",
        "JOBSTARTED": "",
        "WORKSPACEREADY": ready,
        "AGE": "0s",
        "WORKSPACESUCCEEDED": "",
        "WHY": "",
    }
