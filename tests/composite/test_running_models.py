"""What must not disturb a model that serves, nor take a node from it: one sentence each."""

import json

import pytest

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.refusal import Unplannable
from tests.composite.makers import (
    NOW,
    RUNTIME,
    a_machine,
    a_namespace_request,
    a_node,
    a_pod,
    a_preset,
    a_request,
    a_resource,
    a_workspace,
    afterwards,
    condition,
    kinds_of,
    machines_synced,
    on_existing_nodes,
    on_our_runtime,
    provisioned,
    seconds,
    serving,
    stamp,
    synced,
    the,
    weighing,
)

TYPE = "Standard_NC12s_v3"  # two GPUs


def with_image(catalog: Catalog, tag: str) -> Catalog:
    """Return a catalog of a later version, in which phi-3 has another image."""
    preset = catalog.presets["phi-3-mini-4k-instruct"]
    later = preset.model_copy(update={"image": f"kaito-{preset.name}:{tag}"})
    return catalog.model_copy(update={"presets": catalog.presets | {preset.name: later}})


def without_notes(answer: JsonObject) -> JsonObject:
    """Return an answer without what the condition Accepted says beside yes."""
    conditions = [
        {**each, "message": ""} if each["type"] == "Accepted" else each
        for each in answer["status"]["conditions"]
    ]
    return {**answer, "status": {**answer["status"], "conditions": conditions}}


def image_of(answer: JsonObject) -> str:
    [container] = the(answer, "Deployment")["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def gpus_of(answer: JsonObject) -> str:
    [container] = the(answer, "Deployment")["spec"]["template"]["spec"]["containers"]
    return str(container["resources"]["limits"]["nvidia.com/gpu"])


# --- a new catalog ------------------------------------------------------------------------------


def test_another_image_in_the_catalog_restarts_nothing(catalog: Catalog) -> None:
    request = serving(catalog)

    before, after = synced(request, catalog), synced(request, with_image(catalog, "9.9.9"))

    assert after == before


def test_a_longer_time_to_start_in_the_catalog_writes_to_no_deployment(catalog: Catalog) -> None:
    request = serving(catalog)
    preset = catalog.presets["phi-3-mini-4k-instruct"]
    slower = preset.model_copy(update={"readinessTimeoutSeconds": 9999})
    later = catalog.model_copy(update={"presets": catalog.presets | {preset.name: slower}})

    assert synced(request, later) == synced(request, catalog)


def with_need(catalog: Catalog, gigabytes: int) -> Catalog:
    """Return a catalog of a later version, which knows that phi-3 needs so much."""
    preset = catalog.presets["phi-3-mini-4k-instruct"]
    need = preset.gpu.model_copy(update={"totalMemoryGi": gigabytes})
    later = preset.model_copy(update={"gpu": need})
    return catalog.model_copy(update={"presets": catalog.presets | {preset.name: later}})


def test_a_model_that_is_known_to_need_more_goes_on_where_it_serves_and_is_refused_elsewhere(
    catalog: Catalog,
) -> None:
    request, later = serving(catalog), with_need(catalog, 999)

    goes_on, anew = synced(request, later), synced(a_request(), later)

    assert goes_on["children"] == synced(request, catalog)["children"]
    needs = "phi-3-mini-4k-instruct needs at least 999Gi of GPU memory, 1 x Standard_NC6s_v3 has"
    assert condition(goes_on, "Accepted")[0] == "True"
    assert f"{needs} 16Gi" in condition(goes_on, "Accepted")[2]
    assert condition(anew, "Accepted")[0] == "False"
    assert f"{needs} 16Gi" in condition(anew, "Accepted")[2]


def test_an_instance_type_that_a_later_version_does_not_know_stays_accepted(
    catalog: Catalog,
) -> None:
    nodes = {"instanceType": "Standard_D8s_v3"}
    known = catalog.instance_types[TYPE].model_copy(update={"name": nodes["instanceType"]})
    types = catalog.instance_types | {known.name: known}
    before = catalog.model_copy(update={"instance_types": types})
    workspace = a_workspace(resource=a_resource(**nodes))
    first = a_request(workspace, related=[a_node(gpus=2, instance_type=known.name)])
    request = afterwards(first, synced(first, before), ready=None)

    answer = synced(request, catalog)

    assert condition(answer, "Accepted")[0] == "True"
    assert kinds_of(answer) == kinds_of(synced(request, before))


def test_an_edit_of_the_adapters_takes_the_image_of_the_catalog(catalog: Catalog) -> None:
    request = serving(catalog)
    adapters = [{"source": {"name": "poems", "image": "registry.example/poems:1"}}]
    edit = {"inference": a_preset() | {"adapters": adapters}}
    later = with_image(catalog, "9.9.9")

    answer = synced(afterwards(request, synced(request, catalog), parent=edit, ready=None), later)

    assert image_of(answer).endswith(":9.9.9")


def without_revisions(request: JsonObject) -> JsonObject:
    """Return the request after somebody deleted what was kept of the Workspace."""
    return {**request, "children": request["children"] | {"ControllerRevision.apps/v1": {}}}


def test_once_its_revisions_are_deleted_it_takes_the_image_of_the_catalog(
    catalog: Catalog,
) -> None:
    request = without_revisions(serving(catalog))

    same, later = synced(request, catalog), synced(request, with_image(catalog, "9.9.9"))

    assert the(same, "Deployment") == the(synced(serving(catalog), catalog), "Deployment")
    assert image_of(later).endswith(":9.9.9")


def test_what_would_be_refused_anew_is_left_alone_once_its_revisions_are_deleted(
    catalog: Catalog,
) -> None:
    request = without_revisions(serving(catalog))

    with pytest.raises(Unplannable, match="no revision tells what was accepted"):
        synced(request, with_need(catalog, 999))


def test_other_nodes_to_prefer_keep_the_image(catalog: Catalog) -> None:
    request = serving(catalog)
    edit = {"resource": a_resource(preferredNodes=["node-9"])}
    later = with_image(catalog, "9.9.9")

    answer = synced(afterwards(request, synced(request, catalog), parent=edit, ready=None), later)

    assert image_of(answer).endswith(":0.0.2")


@pytest.mark.parametrize("text", ["", "[]", '{"image": 3}', "{"])
def test_a_note_that_cannot_be_read_is_written_anew(catalog: Catalog, text: str) -> None:
    request = serving(catalog)
    [revision] = request["children"]["ControllerRevision.apps/v1"].values()
    revision["metadata"]["annotations"]["kaito.sh/server"] = text

    answer = synced(request, catalog)

    assert image_of(answer).endswith(":0.0.2")


# --- another runtime ----------------------------------------------------------------------------

HUB = {"huggingFace": {"name": "me/phi", "revision": "v1"}}


def pod_of(answer: JsonObject) -> JsonObject:
    return dict(the(answer, "Deployment")["spec"]["template"]["spec"])


def note_of(answer: JsonObject) -> JsonObject:
    """Return what the newest revision says that its server is."""
    *_, newest = [child for child in answer["children"] if child["kind"] == "ControllerRevision"]
    return dict(json.loads(newest["metadata"]["annotations"]["kaito.sh/server"]))


def noted(request: JsonObject, **changes: object) -> JsonObject:
    """Return the request with something else in the note of the revision."""
    [(key, revision)] = request["children"]["ControllerRevision.apps/v1"].items()
    meta = revision["metadata"]
    note = json.loads(meta["annotations"]["kaito.sh/server"]) | changes
    annotations = meta["annotations"] | {"kaito.sh/server": json.dumps(note)}
    other = revision | {"metadata": meta | {"annotations": annotations}}
    children = request["children"] | {"ControllerRevision.apps/v1": {key: other}}
    return request | {"children": children}


def test_a_note_says_where_the_weights_are_and_nothing_where_the_image_has_them(
    catalog: Catalog,
) -> None:
    ours = weighing(on_our_runtime(catalog), HUB)

    assert note_of(synced(serving(catalog), catalog)).keys() == {"command", "image"}
    assert note_of(synced(serving(ours), ours)) == {
        "command": note_of(synced(serving(catalog), catalog))["command"],
        "image": RUNTIME,
        "weights": HUB,
    }


@pytest.mark.parametrize("weights", [HUB, {"claim": "models", "path": "phi"}])
def test_what_kaitos_runtime_serves_it_serves_when_ours_is_preferred_and_the_other_way_round(
    catalog: Catalog, weights: JsonObject
) -> None:
    theirs = weighing(catalog, weights)
    ours = weighing(on_our_runtime(catalog), weights)

    for accepted, later in ((theirs, ours), (ours, theirs)):
        request = serving(accepted)

        assert without_notes(synced(request, later)) == without_notes(synced(request, accepted))
    assert pod_of(synced(serving(ours), ours)) != pod_of(synced(serving(theirs), theirs))


@pytest.mark.parametrize(
    "later",
    [
        pytest.param({"huggingFace": {"name": "me/phi", "revision": "v2"}}, id="another revision"),
        pytest.param({"image": "r.example/weights:1"}, id="another source"),
        pytest.param(None, id="none any more"),
    ],
)
def test_other_weights_in_the_catalog_restart_nothing(
    catalog: Catalog, later: JsonObject | None
) -> None:
    before = weighing(on_our_runtime(catalog), HUB)
    request = serving(before)

    assert synced(request, weighing(before, later)) == synced(request, before)


def test_another_image_of_our_runtime_restarts_nothing(catalog: Catalog) -> None:
    before = weighing(on_our_runtime(catalog), HUB)
    later = provisioned(before, runtime_image="registry.example/runtime:2")
    request = serving(before)

    assert synced(request, later) == synced(request, before)


def test_an_edit_takes_the_runtime_that_is_preferred_now(catalog: Catalog) -> None:
    ours = weighing(on_our_runtime(catalog), HUB)
    request = serving(catalog)
    adapters = [{"source": {"name": "poems", "image": "registry.example/poems:1"}}]
    edit = {"inference": a_preset() | {"adapters": adapters}}

    answer = synced(afterwards(request, synced(request, catalog), parent=edit, ready=None), ours)

    assert image_of(answer) == RUNTIME
    assert note_of(answer)["weights"] == HUB


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param({}, id="from nowhere"),
        pytest.param("models", id="a word"),
        pytest.param({"claim": "models", "hostPath": "/models"}, id="from two places"),
        pytest.param(HUB | {"nfs": {}}, id="from where a later version has them"),
    ],
)
def test_a_note_whose_weights_cannot_be_read_is_written_anew(
    catalog: Catalog, weights: object
) -> None:
    ours = weighing(on_our_runtime(catalog), HUB)
    request = serving(ours)
    spoilt = noted(request, weights=weights, image="registry.example/other:1")

    assert synced(spoilt, ours) == synced(request, ours)


# --- preferred nodes ----------------------------------------------------------------------------


def test_preferring_no_node_any_more_changes_no_pod(catalog: Catalog) -> None:
    preferring = a_resource(instanceType=TYPE, preferredNodes=["small"])
    world = [a_node("small", instance_type="other", gpus=1)]
    first = a_request(a_workspace(resource=preferring), related=world)
    request = afterwards(first, synced(first, catalog), ready=None)
    before = the(synced(request, catalog), "Deployment")
    edit = {"resource": a_resource(instanceType=TYPE)}

    after = synced(afterwards(request, synced(request, catalog), parent=edit, ready=None), catalog)

    assert the(after, "Deployment")["spec"] == before["spec"]
    assert condition(after, "InferenceReady")[0] == "True"


# --- a free node that another Workspace has taken ------------------------------------------------


def a_homeless_pod(since: float) -> JsonObject:
    scheduled = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
        "lastTransitionTime": stamp(NOW - seconds(since)),
    }
    return a_pod(conditions=[scheduled])


@pytest.mark.parametrize(("since", "bought", "again"), [(30, 0, 30.0), (90, 1, None)])
def test_a_free_node_without_room_is_given_up_after_a_minute_and_another_is_bought(
    catalog: Catalog, since: float, bought: int, again: float | None
) -> None:
    first = a_request(related=[a_node("free")])
    world = [a_node("free"), a_homeless_pod(since)]

    answer = synced(afterwards(first, synced(first, catalog), related=world), catalog)

    assert len(answer["status"]["machines"]) == bought
    assert answer.get("resyncAfterSeconds") == again
    assert "Deployment" in kinds_of(answer)


def test_a_free_node_with_fewer_gpus_than_its_pod_asks_for_is_not_given_up(
    catalog: Catalog,
) -> None:
    """Of it the scheduler has said nothing: once the pod asks for fewer, it may have room."""
    preferring = a_workspace(resource=a_resource(preferredNodes=["big"]))
    big, small = a_node("big", gpus=4, instance_type="other"), a_node("small", gpus=1)
    first = a_request(preferring, related=[big, small])
    before = synced(first, catalog)

    answer = synced(afterwards(first, before, related=[big, small, a_homeless_pod(90)]), catalog)

    assert gpus_of(before) == "4"
    assert gpus_of(answer) == "1"
    assert answer["status"]["workerNodes"] == ["small"]
    assert answer["status"]["machines"] == []


def test_a_free_node_with_a_pod_of_ours_stays_ours(catalog: Catalog) -> None:
    first = a_request(a_workspace(resource=a_resource(count=2)), related=[a_node("a"), a_node("b")])
    placed = a_pod("phi-1")
    placed["spec"] = {"nodeName": "a"}
    world = [a_node("a"), a_node("b"), placed, a_homeless_pod(90)]

    answer = synced(afterwards(first, synced(first, catalog), related=world), catalog)

    assert answer["status"]["workerNodes"] == ["a"]
    assert len(answer["status"]["machines"]) == 1


# --- another provisioner ------------------------------------------------------------------------


def test_without_a_provisioner_no_planned_machine_is_dropped(catalog: Catalog) -> None:
    request = serving(catalog)
    before = synced(request, catalog)["status"]["machines"]

    answer = synced(request, on_existing_nodes(catalog))

    assert answer["status"]["machines"] == before


def test_without_a_provisioner_the_machines_hook_answers_nothing(catalog: Catalog) -> None:
    with pytest.raises(Unplannable, match=r"^this installation makes no nodes: "):
        machines_synced(a_namespace_request(), on_existing_nodes(catalog))


# --- a Machine that was there and is gone ---------------------------------------------------------


def test_what_was_there_and_is_gone_is_not_made_again_under_its_name(catalog: Catalog) -> None:
    status = serving(catalog)["parent"]["status"]
    workspace = a_workspace(status=status)

    assert machines_synced(a_namespace_request([workspace]), catalog) == {"attachments": []}


def test_what_was_there_and_is_there_stays(catalog: Catalog) -> None:
    status = serving(catalog)["parent"]["status"]
    [planned] = status["machines"]
    labels = {"kaito.sh/workspace": "phi", "kaito.sh/workspacenamespace": "default"}
    machine = a_machine(planned["name"], labels=labels)

    answer = machines_synced(a_namespace_request([a_workspace(status=status)], [machine]), catalog)

    assert [each["metadata"]["name"] for each in answer["attachments"]] == [planned["name"]]


# --- somebody else's Deployment ------------------------------------------------------------------


def test_a_workload_that_does_not_come_may_have_a_namesake(catalog: Catalog) -> None:
    request = serving(catalog)
    serves = request["parent"] | {"status": synced(request, catalog)["status"]}
    children = request["children"] | {"Deployment.apps/v1": {}}
    missing = request | {"parent": serves, "children": children}

    once = synced(missing, catalog)
    again = missing | {"parent": missing["parent"] | {"status": once["status"]}}
    twice = synced(again, catalog)

    assert condition(once, "InferenceReady")[2] == "the model server is about to be made"
    assert condition(twice, "InferenceReady")[2] == (
        "Deployment phi was asked for and is not there: "
        "is there one of this name that belongs to somebody else?"
    )


# --- templates whose lists would be merged --------------------------------------------------------


@pytest.mark.parametrize(
    ("container", "sentence"),
    [
        (
            {"ports": [{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]},
            (
                "containers[0].ports: 2 items have the containerPort 53, "
                "by which they are told apart: keep one"
            ),
        ),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
            "containers[0].env: 2 items have the name 'A', by which they are told apart: keep one",
        ),
    ],
)
def test_items_that_cannot_be_told_apart_are_refused(
    catalog: Catalog, container: JsonObject, sentence: str
) -> None:
    template = {"spec": {"containers": [{"name": "c", "image": "nginx"} | container]}}

    answer = synced(a_request(a_workspace(inference={"template": template})), catalog)

    assert condition(answer, "Accepted")[2] == f"inference.template.spec.{sentence}"


@pytest.mark.parametrize("amount", [True, [1], {}])
def test_an_amount_of_another_kind_is_refused(catalog: Catalog, amount: object) -> None:
    limits = {"resources": {"limits": {"cpu": amount}}}
    template = {"spec": {"containers": [{"name": "c", "image": "nginx"} | limits]}}

    answer = synced(a_request(a_workspace(inference={"template": template})), catalog)

    assert condition(answer, "Accepted")[2].startswith(
        "inference.template.spec.containers[0].resources.limits.cpu: must be an amount such as"
    )


@pytest.mark.parametrize("labels", [{"apps": "phi 3!"}, {"a b": "x"}])
def test_a_label_that_is_none_is_refused_and_asked_for_nowhere(
    catalog: Catalog, labels: dict[str, str]
) -> None:
    resource = a_resource(labelSelector={"matchLabels": labels})

    answer = synced(a_request(a_workspace(resource=resource)), catalog)

    assert condition(answer, "Accepted")[0] == "False"
    assert condition(answer, "Accepted")[2].startswith("resource.labelSelector.matchLabels")
