"""Every condition, from the first sync on, with the cause a user needs."""

from datetime import timedelta

import pytest

from composite.catalog import Catalog
from composite.models import JsonObject
from tests.composite.makers import (
    NOW,
    UNAVAILABLE,
    a_condition,
    a_machine,
    a_node,
    a_pod,
    a_preset,
    a_request,
    a_resource,
    a_template,
    a_workspace,
    afterwards,
    an_adapter,
    condition,
    on_existing_nodes,
    on_nodeclaims,
    serving,
    stamp,
    statuses,
    synced,
    the,
)

FIRST = "ws947b23817"
SECOND = "ws16ddfdb19"
LAUNCHING = f"{FIRST} is not Ready: MachineLaunched: launching"


def conditions(answer: JsonObject) -> dict[str, tuple[str, str, str]]:
    """Return status, reason and message of every condition but Accepted."""
    return {
        c["type"]: (c["status"], c["reason"], c["message"])
        for c in answer["status"]["conditions"]
        if c["type"] != "Accepted"
    }


def after_first(catalog: Catalog, *world: JsonObject) -> JsonObject:
    """Return the answer when the first Machine was planned and the world has become this."""
    first = a_request()
    return synced(afterwards(first, synced(first, catalog), related=world), catalog)


def both(status: str, reason: str, message: str) -> dict[str, tuple[str, str, str]]:
    """Return the condition of the Workspace as a whole, under its two names."""
    return dict.fromkeys(("WorkspaceSucceeded", "WorkspaceReady"), (status, reason, message))


WAITS = ("False", "WorkspaceInferenceStatusPending", "the model server waits for its nodes")


# --- from created to ready ----------------------------------------------------------------------


def test_the_first_sync_shows_every_condition(catalog: Catalog) -> None:
    answer = synced(a_request(), catalog)

    missing = f"{FIRST} is about to be made"
    assert condition(answer, "Accepted") == ("True", "Accepted", "")
    assert conditions(answer) == {
        "MachineReady": (
            "Unknown",
            "CreateMachinePending",
            f"creating 1 machines: {missing}",
        ),
        "ResourceReady": ("False", "workspaceResourceStatusPending", missing),
        "InferenceReady": WAITS,
        **both("False", "workspacePending", f"{missing}; the model server waits for its nodes"),
    }


def test_while_the_machine_launches(catalog: Catalog) -> None:
    assert conditions(after_first(catalog, a_machine())) == {
        "MachineReady": (
            "Unknown",
            "CreateMachinePending",
            f"creating 1 machines: {LAUNCHING}",
        ),
        "ResourceReady": ("False", "workspaceResourceStatusPending", LAUNCHING),
        "InferenceReady": WAITS,
        **both("False", "workspacePending", f"{LAUNCHING}; the model server waits for its nodes"),
    }


def test_while_the_node_shows_no_gpus(catalog: Catalog) -> None:
    answer = after_first(catalog, a_machine(node="node-1"), a_node(owner="phi", gpus=0))

    missing = "node node-1 shows 0 of 1 nvidia.com/gpu: does the GPU device plugin run on it?"
    assert conditions(answer) == {
        "MachineReady": ("Unknown", "installNodePluginsPending", missing),
        "ResourceReady": ("False", "workspaceResourceStatusPending", missing),
        "InferenceReady": WAITS,
        **both("False", "workspacePending", f"{missing}; the model server waits for its nodes"),
    }


NODES_READY = {
    "MachineReady": (
        "True",
        "installNodePluginsSuccess",
        "machines plugins have been installed successfully",
    ),
    "ResourceReady": ("True", "workspaceResourceStatusSuccess", "workspace resource is ready"),
}


def test_when_the_nodes_are_ready_the_workload_is_about_to_be_made(catalog: Catalog) -> None:
    answer = after_first(catalog, a_machine(node="node-1"), a_node(owner="phi"))

    assert conditions(answer) == {
        **NODES_READY,
        "InferenceReady": (
            "False",
            "WorkspaceInferenceStatusPending",
            "the model server is about to be made",
        ),
        **both("False", "workspacePending", "the model server is about to be made"),
    }


def with_pods(
    catalog: Catalog, *pods: JsonObject, ready: int | None = 0, **status: object
) -> JsonObject:
    """Return the answer when the workload is there, in this state."""
    request = serving(catalog)
    answer = synced(request, catalog)
    world = [a_machine(node="node-1"), a_node(owner="phi"), *pods]
    following = afterwards(request, answer, related=world, ready=ready)
    for workload in following["children"]["Deployment.apps/v1"].values():
        workload["status"] |= status
    return synced(following, catalog)


def test_while_the_pods_start(catalog: Catalog) -> None:
    assert conditions(with_pods(catalog)) == {
        **NODES_READY,
        "InferenceReady": (
            "False",
            "WorkspaceInferenceStatusPending",
            "0 of 1 pods are ready",
        ),
        **both("False", "workspacePending", "0 of 1 pods are ready"),
    }


def test_when_it_serves(catalog: Catalog) -> None:
    assert conditions(with_pods(catalog, ready=1)) == {
        **NODES_READY,
        "InferenceReady": (
            "True",
            "WorkspaceInferenceStatusSuccess",
            "Inference has been deployed successfully",
        ),
        **both("True", "workspaceSucceeded", "workspace succeeds"),
    }


# --- when something goes wrong ------------------------------------------------------------------


def test_when_no_instance_can_be_had(catalog: Catalog) -> None:
    failed = a_machine(steps=[("Launched", "False", UNAVAILABLE), ("Ready", "False", "")])
    answer = after_first(catalog, failed)

    why = (
        f"{SECOND} waits until 2026-01-01T12:00:30Z after 1 failed attempt; "
        f"{FIRST} was given up: MachineLaunched: {UNAVAILABLE}"
    )
    assert conditions(answer) == {
        "MachineReady": ("False", "machineFailedCreation", why),
        "ResourceReady": ("False", "workspaceResourceStatusFailed", why),
        "InferenceReady": WAITS,
        **both("False", "workspaceFailed", f"{why}; the model server waits for its nodes"),
    }


def test_a_pod_in_trouble_is_the_cause(catalog: Catalog) -> None:
    trouble = a_pod(waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling image"})
    answer = with_pods(catalog, trouble)

    why = (
        "0 of 1 pods are ready; "
        "pod phi-7c9d, container phi: ImagePullBackOff: Back-off pulling image"
    )
    assert conditions(answer) == {
        **NODES_READY,
        "InferenceReady": ("False", "WorkspaceInferenceStatusFailed", why),
        **both("False", "workspaceFailed", why),
    }


def test_a_deployment_that_makes_no_progress_is_the_cause(catalog: Catalog) -> None:
    stuck = a_condition("Progressing", "False", 'ReplicaSet "phi-1" has timed out progressing.')

    assert condition(with_pods(catalog, conditions=[stuck]), "InferenceReady") == (
        "False",
        "WorkspaceInferenceStatusFailed",
        'deployment phi is not progressing: ReplicaSet "phi-1" has timed out progressing.',
    )


def test_a_new_revision_is_not_ready_because_the_old_pods_are(catalog: Catalog) -> None:
    request = serving(catalog)
    edit = {"inference": a_preset() | {"adapters": [an_adapter()]}}
    edited = synced(afterwards(request, synced(request, catalog), parent=edit, ready=None), catalog)

    assert condition(edited, "InferenceReady") == (
        "False",
        "WorkspaceInferenceStatusPending",
        "revision 2 is being rolled out, 0 of 1 pods have it, 1 of 1 pods are ready",
    )


@pytest.mark.parametrize(
    ("status", "updated"),
    [({"observedGeneration": 0}, 0), ({"updatedReplicas": 0}, 0), ({"replicas": 2}, 1)],
)
def test_a_rollout_that_is_not_done_is_not_ready(
    catalog: Catalog, status: JsonObject, updated: int
) -> None:
    assert condition(with_pods(catalog, ready=1, **status), "InferenceReady") == (
        "False",
        "WorkspaceInferenceStatusPending",
        f"revision 1 is being rolled out, {updated} of 1 pods have it, 1 of 1 pods are ready",
    )


def test_when_a_node_is_lost_the_model_is_still_told_of(catalog: Catalog) -> None:
    request = serving(catalog)
    lost = [a_machine(node="node-1"), a_node(owner="phi", ready=False, why="kubelet stopped")]

    answer = synced(afterwards(request, synced(request, catalog), related=lost, ready=0), catalog)

    assert condition(answer, "ResourceReady")[2] == "node node-1 is not Ready: kubelet stopped"
    assert condition(answer, "InferenceReady")[2] == "0 of 1 pods are ready"
    assert condition(answer, "WorkspaceReady") == (
        "False",
        "workspacePending",
        "node node-1 is not Ready: kubelet stopped; 0 of 1 pods are ready",
    )


# --- when it is refused -------------------------------------------------------------------------


def test_a_first_refusal_is_the_cause_of_everything(catalog: Catalog) -> None:
    answer = synced(a_request(a_workspace(resource=a_resource(count=0))), catalog)

    wrong = "resource.count: is 0, must be at least 1"
    said = f"nothing is made of a Workspace that is refused: {wrong}"
    assert condition(answer, "Accepted") == ("False", "Refused", wrong)
    assert conditions(answer) == dict.fromkeys(
        ("MachineReady", "ResourceReady", "InferenceReady", "WorkspaceSucceeded", "WorkspaceReady"),
        ("False", "Refused", said),
    )


def test_a_later_refusal_says_what_is_kept(catalog: Catalog) -> None:
    request = serving(catalog)
    edit = {"resource": a_resource(count=2)}

    answer = synced(afterwards(request, synced(request, catalog), parent=edit, ready=None), catalog)

    wrong = "resource.count: is immutable: delete the Workspace and create another one (it was 1)"
    assert condition(answer, "Accepted") == ("False", "Refused", wrong)
    assert condition(answer, "WorkspaceReady") == (
        "True",
        "workspaceSucceeded",
        f"workspace succeeds; revision 1 is kept, the newest is refused: {wrong}",
    )


def test_several_mistakes_are_told_at_once(catalog: Catalog) -> None:
    parent = a_workspace(
        resource=a_resource(instanceType="Standard_NC6"), inference=a_preset("mistral-7b")
    )
    parent["metadata"]["name"] = "3-phi"

    assert condition(synced(a_request(parent), catalog), "Accepted")[2] == (
        "metadata.name: '3-phi' names a Service and a container too: use lower-case letters, "
        "digits and '-', start with a letter, at most 63 characters; "
        "resource.instanceType: mistral-7b needs at least 14Gi of GPU memory, 1 x Standard_NC6 "
        "has 12Gi: choose a type with more"
    )


def test_a_note_is_told_where_it_is_accepted(catalog: Catalog) -> None:
    parent = a_workspace(resource=a_resource(instanceType="Standard_Nsku"))

    assert condition(synced(a_request(parent), catalog), "Accepted") == (
        "True",
        "Accepted",
        (
            "resource.instanceType: Standard_Nsku is not in the table of azure (perhaps "
            "Standard_ND6s, Standard_ND24s or Standard_ND12s is meant), "
            "so nothing is known of its GPUs and whether the model fits"
        ),
    )


# --- other ways to have nodes -------------------------------------------------------------------


def test_nodeclaims_have_a_condition_of_their_own(catalog: Catalog) -> None:
    claims = on_nodeclaims(catalog)
    first = a_request(kinds=("NodeClaim.karpenter.sh/v1", "Node.v1", "Pod.v1"))
    planned = synced(first, claims)
    world = [a_machine(node="node-1", claim=True), a_node(owner="phi")]
    ready = synced(afterwards(first, planned, related=world), claims)

    assert condition(planned, "NodeClaimReady") == (
        "Unknown",
        "CreateNodeClaimPending",
        f"creating 1 nodeClaims: {FIRST} is about to be made",
    )
    assert condition(ready, "NodeClaimReady") == (
        "True",
        "installNodePluginsSuccess",
        "nodeClaim plugins have been installed successfully",
    )
    assert "MachineReady" not in statuses(planned)


def test_where_existing_nodes_suffice_no_machine_is_needed(catalog: Catalog) -> None:
    assert condition(synced(a_request(related=[a_node()]), catalog), "MachineReady") == (
        "True",
        "ExistingNodesUsed",
        "no machine is needed: existing nodes are used",
    )


def test_where_nodes_are_brought_there_is_no_condition_about_machines(catalog: Catalog) -> None:
    answer = synced(a_request(kinds=("Node.v1", "Pod.v1")), on_existing_nodes(catalog))

    assert list(statuses(answer)) == [
        "Accepted",
        "ResourceReady",
        "InferenceReady",
        "WorkspaceSucceeded",
        "WorkspaceReady",
    ]


# --- the rest of the status ---------------------------------------------------------------------


def test_worker_nodes_are_sorted(catalog: Catalog) -> None:
    parent = a_workspace(resource=a_resource(count=3, preferredNodes=["node-3"]))
    nodes = [a_node(f"node-{n}") for n in (2, 3, 1)]

    answer = synced(a_request(parent, related=nodes), catalog)

    assert answer["status"]["workerNodes"] == ["node-1", "node-2", "node-3"]


def test_a_condition_keeps_its_time_until_its_status_changes(catalog: Catalog) -> None:
    first = a_request()
    at_first = synced(first, catalog)
    later = NOW + timedelta(minutes=1)
    launching = afterwards(first, at_first, related=[a_machine()])
    ready = afterwards(first, at_first, related=[a_machine(node="node-1"), a_node(owner="phi")])

    def times(answer: JsonObject) -> dict[str, str]:
        return {c["type"]: c["lastTransitionTime"] for c in answer["status"]["conditions"]}

    start, minute = stamp(NOW), stamp(later)
    assert set(times(at_first).values()) == {start}
    assert set(times(synced(launching, catalog, later)).values()) == {start}
    assert times(synced(ready, catalog, later)) == {
        "Accepted": start,
        "MachineReady": minute,
        "ResourceReady": minute,
        "InferenceReady": start,
        "WorkspaceSucceeded": start,
        "WorkspaceReady": start,
    }


def test_the_generation_that_was_looked_at_is_told(catalog: Catalog) -> None:
    answer = synced(a_request(a_workspace(generation=7)), catalog)

    assert answer["status"]["observedGeneration"] == 7
    assert {c["observedGeneration"] for c in answer["status"]["conditions"]} == {7}


def test_a_second_look_at_an_unchanged_world_changes_nothing(catalog: Catalog) -> None:
    request = serving(catalog)
    answer = synced(request, catalog)

    again = synced(afterwards(request, answer, ready=None), catalog, NOW + timedelta(hours=1))

    assert again == answer


def test_a_workspace_that_is_being_deleted_says_so(catalog: Catalog) -> None:
    request = serving(catalog)
    going = request["parent"]["metadata"] | {"deletionTimestamp": stamp(NOW)}
    answer = synced(
        afterwards(request, synced(request, catalog), parent={"metadata": going}, ready=None),
        catalog,
    )

    assert condition(answer, "WorkspaceDeleting") == (
        "True",
        "workspaceDeleted",
        "workspace is being deleted",
    )
    assert "WorkspaceDeleting" not in statuses(synced(request, catalog))


def test_a_status_that_kaito_wrote_is_read(catalog: Catalog) -> None:
    kaitos = {
        "workerNodes": ["node-1"],
        "conditions": [a_condition("ResourceReady", "True", "workspace resource is ready")],
    }
    answer = synced(a_request(a_workspace(status=kaitos), related=[a_node()]), catalog)

    [found] = [c for c in answer["status"]["conditions"] if c["type"] == "ResourceReady"]
    assert found["lastTransitionTime"] == "2026-01-01T11:00:00Z"
    assert answer["status"]["workerNodes"] == ["node-1"]


def test_a_very_long_cause_is_cut_to_what_a_status_may_hold(catalog: Catalog) -> None:
    pods = [
        a_pod(f"phi-{n}", waiting={"reason": "ErrImagePull", "message": "x" * 1000})
        for n in range(10)
    ]

    _, _, message = condition(with_pods(catalog, *pods), "InferenceReady")

    assert len(message) == 4096


def test_a_template_is_told_of_alike(catalog: Catalog) -> None:
    request = serving(catalog, a_workspace(inference=a_template()))
    answer = synced(request, catalog)

    assert set(statuses(answer).values()) == {"True"}
    assert the(answer, "Deployment")["spec"]["replicas"] == 1
