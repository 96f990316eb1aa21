"""The decisions that are left when rules, nodes, server and revisions have been decided."""

import pytest
from pydantic import TypeAdapter

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.refusal import Refusal, Unplannable
from composite.workspace.plan import Plan, plan_accepted, plan_newest
from tests.composite.makers import (
    NOW,
    a_machine,
    a_node,
    a_preset,
    a_private_preset,
    a_request,
    a_resource,
    a_revision,
    a_template,
    a_tuner,
    a_workspace,
    afterwards,
    kinds_of,
    parsed,
    seen_by,
    serving,
    statuses,
    synced,
)


def planned(request: JsonObject, catalog: Catalog) -> Plan:
    return plan_newest(parsed(request["parent"]), seen_by(request), catalog, NOW)


# --- when the workload comes, and that it stays -------------------------------------------------


@pytest.mark.parametrize(
    ("world", "comes"),
    [
        pytest.param([], False, id="no node"),
        pytest.param([a_machine(node="node-1")], False, id="the node has no labels yet"),
        pytest.param(
            [a_machine(node="node-1"), a_node(owner="phi", ready=False)], False, id="not Ready"
        ),
        pytest.param(
            [a_machine(node="node-1"), a_node(owner="phi", gpus=0)], False, id="shows no GPUs"
        ),
        pytest.param([a_machine(node="node-1"), a_node(owner="phi")], True, id="Ready"),
    ],
)
def test_the_workload_comes_once_its_nodes_show_their_gpus(
    catalog: Catalog,
    world: list[JsonObject],
    comes: bool,  # noqa: FBT001  (a table)
) -> None:
    first = a_request()
    request = afterwards(first, synced(first, catalog), related=world)

    assert planned(request, catalog).workload is comes


@pytest.mark.parametrize(
    "world",
    [
        pytest.param([], id="everything is gone"),
        pytest.param([a_machine(node="node-1")], id="the node is gone"),
        pytest.param([a_machine(node="node-1"), a_node(owner="phi", ready=False)], id="not Ready"),
        pytest.param([a_machine(node="node-1"), a_node(owner="phi", gpus=0)], id="no GPUs"),
        pytest.param([a_machine(node="node-1"), a_node(owner="phi", cordoned=True)], id="cordoned"),
    ],
)
def test_once_there_it_stays_whatever_befalls_its_nodes(
    catalog: Catalog, world: list[JsonObject]
) -> None:
    request = serving(catalog)
    request = afterwards(request, synced(request, catalog), related=world, ready=None)

    assert planned(request, catalog).workload


def test_all_of_several_nodes_must_be_there(catalog: Catalog) -> None:
    parent = a_workspace(resource=a_resource(count=2))

    assert not planned(a_request(parent, related=[a_node()]), catalog).workload
    assert planned(a_request(parent, related=[a_node(), a_node("node-2")]), catalog).workload


def test_a_template_that_asks_for_no_gpu_needs_none(catalog: Catalog) -> None:
    parent = a_workspace(
        resource=a_resource(instanceType="Standard_D4s_v3"), inference=a_template()
    )
    node = a_node(instance_type="Standard_D4s_v3", gpus=0)

    assert planned(a_request(parent, related=[node]), catalog).workload


def test_a_template_that_asks_for_gpus_waits_for_them(catalog: Catalog) -> None:
    limits = {"limits": {"nvidia.com/gpu": 2}}
    container = {"name": "a", "image": "registry.example/a:1", "resources": limits}
    parent = a_workspace(inference=a_template(containers=[container]))

    plan = planned(a_request(parent, related=[a_node(gpus=1)]), catalog)

    assert plan.node_plan.lacking == (
        "node node-1 shows 1 of 2 nvidia.com/gpu: does the GPU device plugin run on it?",
    )


# --- what is made -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "distributed"),
    [
        ("llama-2-7b", False),
        ("llama-2-7b-chat", False),
        ("llama-2-13b", True),
        ("llama-2-13b-chat", True),
        ("llama-2-70b", True),
        ("llama-2-70b-chat", True),
        ("falcon-40b", False),
        ("phi-2", False),
    ],
)
def test_a_model_that_spans_nodes_is_distributed_whatever_the_count(
    catalog: Catalog,
    preset: str,
    distributed: bool,  # noqa: FBT001  (a table)
) -> None:
    parent = a_workspace(
        resource=a_resource(instanceType="Standard_ND96asr_v4"), inference=a_private_preset(preset)
    )

    assert planned(a_request(parent), catalog).distributed is distributed


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        (None, False),
        ({"kaito.sh/enablelb": "True"}, True),
        ({"kaito.sh/enablelb": "true"}, False),
        ({"kaito.sh/enablelb": "False"}, False),
        ({"other": "True"}, False),
    ],
)
def test_a_load_balancer_is_asked_for_with_exactly_true(
    catalog: Catalog,
    annotations: dict[str, str] | None,
    expected: bool,  # noqa: FBT001  (a table)
) -> None:
    parent = a_workspace(annotations=annotations)

    assert planned(a_request(parent), catalog).load_balanced is expected


@pytest.mark.parametrize(
    ("value", "noted"),
    [("true", True), ("TRUE", True), ("yes", True), ("1", True), ("True", False), ("no", False)],
)
def test_what_looks_like_true_and_is_not_is_noted(
    catalog: Catalog,
    value: str,
    noted: bool,  # noqa: FBT001  (a table)
) -> None:
    both = {"kaito.sh/enablelb": value, "kaito.sh/release-nodes": value}
    served = a_workspace(annotations=both)
    tuned = a_tuner() | {"metadata": served["metadata"]}

    found = [planned(a_request(parent), catalog).notes for parent in (served, tuned)]

    expected = (
        (
            f'metadata.annotations[kaito.sh/enablelb]: is "{value}", and only "True" makes the '
            "Service a LoadBalancer: it stays a ClusterIP"
        ),
        (
            f'metadata.annotations[kaito.sh/release-nodes]: is "{value}", and only "True" gives '
            "the nodes back after the training: they are kept"
        ),
    )
    assert found == ([(note,) for note in expected] if noted else [(), ()])


def test_a_template_has_no_service_of_which_anything_could_be_noted(catalog: Catalog) -> None:
    parent = a_workspace(annotations={"kaito.sh/enablelb": "true"}, inference=a_template())

    assert planned(a_request(parent), catalog).notes == ()


@pytest.mark.parametrize(
    ("inference", "disk"),
    [
        (a_preset("phi-2"), "50Gi"),
        (a_preset("mistral-7b"), "100Gi"),
        (a_template(), "0"),
    ],
)
def test_the_disk_of_a_node_is_the_presets(
    catalog: Catalog, inference: JsonObject, disk: str
) -> None:
    [machine] = planned(a_request(a_workspace(inference=inference)), catalog).node_plan.machines

    assert machine.disk == disk


def test_a_plan_can_be_written_down(catalog: Catalog) -> None:
    plan = planned(serving(catalog), catalog)

    written = TypeAdapter(Plan).dump_json(plan)

    assert TypeAdapter(Plan).validate_json(written) == plan
    assert b'{"apps":"phi-3"}' in written


# --- what was accepted --------------------------------------------------------------------------


def test_nothing_is_planned_where_nothing_was_accepted(catalog: Catalog) -> None:
    request = a_request(a_workspace(inference=a_preset("bloom")))

    assert plan_accepted(parsed(request["parent"]), seen_by(request), catalog, NOW) is None


def test_what_was_accepted_is_planned_as_if_it_still_stood_there(catalog: Catalog) -> None:
    request = serving(catalog)
    mistaken = request | {"parent": request["parent"] | {"inference": a_preset("bloom")}}

    plan = plan_accepted(parsed(mistaken["parent"]), seen_by(mistaken), catalog, NOW)

    assert plan == planned(request, catalog)


def test_a_preset_that_was_removed_from_the_catalog_is_refused_even_then(
    catalog: Catalog,
) -> None:
    request = serving(catalog)
    poorer = catalog.model_copy(update={"presets": {"phi-2": catalog.presets["phi-2"]}})

    with pytest.raises(Refusal, match="no preset is called 'phi-3-mini-4k-instruct'"):
        plan_accepted(parsed(request["parent"]), seen_by(request), poorer, NOW)


def test_then_nothing_is_answered_so_that_nothing_is_deleted(catalog: Catalog) -> None:
    request = serving(catalog)
    poorer = catalog.model_copy(update={"presets": {"phi-2": catalog.presets["phi-2"]}})

    with pytest.raises(Unplannable) as caught:
        synced(request, poorer)

    assert str(caught.value) == (
        "what was accepted cannot be planned any more: inference.preset.name: no preset is called "
        "'phi-3-mini-4k-instruct': use phi-2 or another that 'metakaito presets' lists"
    )


def test_nothing_is_answered_either_where_children_are_of_nothing_that_was_accepted(
    catalog: Catalog,
) -> None:
    request = serving(catalog)
    request["children"]["ControllerRevision.apps/v1"] = {}
    request["parent"] = request["parent"] | {"inference": a_preset("bloom")}

    with pytest.raises(Unplannable) as caught:
        synced(request, catalog)

    assert str(caught.value) == (
        "the Workspace is refused, and no revision tells what was accepted"
    )


def test_nor_where_what_runs_is_of_a_revision_that_is_not_heard_of_yet(catalog: Catalog) -> None:
    """Falling back to the one before would make the pods anew, and once more a moment later."""
    request = serving(catalog)
    (workload,) = request["children"]["Deployment.apps/v1"].values()
    workload["metadata"]["annotations"]["workspace.kaito.io/revision"] = "2"
    request["parent"] = request["parent"] | {"inference": a_preset("bloom")}

    with pytest.raises(Unplannable) as caught:
        synced(request, catalog)

    assert str(caught.value) == (
        "the Workspace is refused, and revision 2, of which something was made, is not to be seen: "
        "the newest is 1"
    )


@pytest.mark.parametrize("written", ["1", "", "two", "-2", "2.5", "9" * 30])
def test_a_number_that_no_revision_can_have_hinders_nobody(catalog: Catalog, written: str) -> None:
    request = serving(catalog)
    (workload,) = request["children"]["Deployment.apps/v1"].values()
    workload["metadata"]["annotations"]["workspace.kaito.io/revision"] = written
    request["parent"] = request["parent"] | {"inference": a_preset("bloom")}

    assert statuses(synced(request, catalog))["Accepted"] == "False"


@pytest.mark.parametrize(
    "parent",
    [
        pytest.param(a_workspace(inference=a_preset("bloom")), id="a preset that does not exist"),
        pytest.param(a_workspace(resource="a lot"), id="a part that cannot be read"),
        pytest.param(a_workspace(resource=a_resource(count=7)), id="a field that is settled"),
    ],
)
def test_a_refusal_changes_no_child(catalog: Catalog, parent: JsonObject) -> None:
    request = serving(catalog)
    before = synced(request, catalog)
    changes = {field: parent[field] for field in ("resource", "inference")}

    answer = synced(afterwards(request, before, parent=changes, ready=None), catalog)

    assert answer["children"] == before["children"]
    assert statuses(answer) == statuses(before) | {"Accepted": "False"}


def test_a_first_workspace_that_is_refused_makes_nothing(catalog: Catalog) -> None:
    answer = synced(a_request(a_workspace(inference=a_preset("bloom"))), catalog)

    assert answer["children"] == []
    assert answer["status"]["machines"] == []


def test_a_mistake_that_is_mended_goes_on_where_it_was(catalog: Catalog) -> None:
    request = serving(catalog)
    before = synced(request, catalog)
    wrong = afterwards(request, before, parent={"inference": a_preset("bloom")}, ready=None)
    mended = afterwards(wrong, synced(wrong, catalog), parent={"inference": a_preset()}, ready=None)

    assert synced(mended, catalog) == before


def test_a_revision_that_another_version_wrote_settles_nothing(catalog: Catalog) -> None:
    strange = a_revision(1, {"resource": {"nodes": 3}})

    answer = synced(a_request(children=[strange]), catalog)

    assert statuses(answer)["Accepted"] == "True"
    assert kinds_of(answer) == ["ControllerRevision", "ControllerRevision", "Service"]
