"""
What Kaito v0.3.2 gets wrong, and what we do instead: one test for each, named after it.

The numbers are those of section 9 of our specification of Kaito v0.3.2 (docs/deviations.md says
which of them change a manifest). Not here, for they are not decided by these functions:

====  ==================================================  ========================================
 18   finalizers of others removed, conflicts             nothing of ours has a finalizer; below is
                                                          what is left to test
 21   NodeClaims of a gate that was switched off          the kind is a setting of the installation
 35   a foreign object of the same name is adopted        Metacontroller adopts by its own label
 43   no Events, no leader election, feature gates        Metacontroller, and the chart
 44   generation_config of a model is never loaded        the model server
 45   /metrics fails on a real GPU                        the model server
 46   llama's / returns an array                          the model server
====  ==================================================  ========================================

The last part is about faults that were measured with Kaito's own binaries on a real API server.
"""

import json
import random
import re

import pytest

from composite import workspace
from composite.catalog import Catalog, Cloud
from composite.models import JsonObject
from composite.workspace.rules import problems, read_spec
from presets import load_catalog
from tests.composite.makers import (
    EARLIER,
    LABELS,
    NOW,
    UNAVAILABLE,
    a_condition,
    a_machine,
    a_namespace_request,
    a_node,
    a_preset,
    a_private_preset,
    a_request,
    a_resource,
    a_revision,
    a_spec,
    a_template,
    a_workspace,
    afterwards,
    an_adapter,
    condition,
    kinds_of,
    machines_synced,
    on_aws,
    on_nodeclaims,
    seconds,
    serving,
    stamp,
    statuses,
    synced,
    the,
)

FIRST, SECOND = "ws947b23817", "ws16ddfdb19"


def refusal(catalog: Catalog, **changes: object) -> str:
    """Return why a new Workspace is refused; empty if it is accepted."""
    answer = synced(a_request(a_workspace(**changes)), catalog)  # type: ignore[arg-type]
    status, _, message = condition(answer, "Accepted")
    return message if status == "False" else ""


def with_adapters(*adapters: JsonObject) -> JsonObject:
    return a_preset() | {"adapters": list(adapters)}


def edited(
    request: JsonObject, catalog: Catalog, ready: int | None = None, **changes: object
) -> JsonObject:
    """Return the request after a Workspace that serves was edited."""
    before = synced(request, catalog)
    metadata = request["parent"]["metadata"] | {"generation": 2}
    changed = {"metadata": metadata} | changes
    return afterwards(request, before, parent=changed, ready=ready)


def pod_of(answer: JsonObject, kind: str = "Deployment", name: str = "phi") -> JsonObject:
    return dict(the(answer, kind, name)["spec"]["template"]["spec"])


def on_its_node(parent: JsonObject, **node: object) -> JsonObject:
    """Return a request about a Workspace whose node is there already."""
    return a_request(parent, related=[a_node(**node)])  # type: ignore[arg-type]


# --- admission ----------------------------------------------------------------------------------


def test_bug_01_an_unknown_preset_is_refused_with_a_sentence(catalog: Catalog) -> None:
    assert refusal(catalog, inference=a_preset("falcon-7")) == (
        "inference.preset.name: no preset is called 'falcon-7': use falcon-7b, "
        "falcon-7b-instruct or another that 'metakaito presets' lists"
    )


def test_bug_02_a_bad_adapter_is_refused_when_the_workspace_is_new(catalog: Catalog) -> None:
    adapter = {"source": {"name": "poems", "image": "<YOUR_IMAGE>"}, "strength": "0.2"}

    assert refusal(catalog, inference=with_adapters(adapter)) == (
        "inference.adapters[0].source.image: is '<YOUR_IMAGE>', "
        "replace the placeholder by a name of yours"
    )


def test_bug_03_an_adapter_without_strength_is_served_at_1_0(catalog: Catalog) -> None:
    adapter = {"source": an_adapter()["source"]}

    answer = synced(on_its_node(a_workspace(inference=with_adapters(adapter))), catalog)

    assert pod_of(answer)["containers"][0]["env"] == [{"name": "poems", "value": "1.0"}]


def test_bug_04_an_adapter_without_source_is_refused_and_crashes_nothing(
    catalog: Catalog,
) -> None:
    assert refusal(catalog, inference=with_adapters({"strength": "0.5"})) == (
        "inference.adapters[0].source: is required"
    )


TUNING = {
    "preset": {"name": "falcon-7b"},
    "method": "qlora",
    "input": {"urls": ["https://example.com/data.parquet"]},
    "output": {"image": "myacr.azurecr.io/tuned:0.0.1", "imagePushSecret": "push"},
}


def test_bug_04_inference_cannot_be_switched_on_later_and_crashes_nothing(
    catalog: Catalog,
) -> None:
    tuned = read_spec({"resource": a_resource(), "tuning": TUNING})

    found = [str(problem) for problem in problems("phi", a_spec(), catalog, tuned)]

    assert found == [
        "inference: cannot be added or removed: create another Workspace",
        "tuning: cannot be added or removed: create another Workspace",
    ]


def test_bug_04_tuning_without_a_count_crashes_nothing(catalog: Catalog) -> None:
    assert refusal(catalog, resource={}, tuning=TUNING) == ("resource.labelSelector: is required")


@pytest.mark.parametrize("instance_type", ["Standard_NC12s_v3", "Standard_Nsku"])
def test_bug_05_a_preset_has_one_exact_name(catalog: Catalog, instance_type: str) -> None:
    found = refusal(
        catalog,
        resource=a_resource(instanceType=instance_type),
        inference=a_preset("Falcon-7B"),
    )

    assert found.startswith("inference.preset.name: no preset is called 'Falcon-7B': use ")


def test_bug_06_an_eleventh_adapter_is_refused_in_an_edit_too(catalog: Catalog) -> None:
    eleven = with_adapters(*[an_adapter(f"a{n}") for n in range(11)])

    answer = synced(edited(serving(catalog), catalog, inference=eleven), catalog)

    assert condition(answer, "Accepted") == (
        "False",
        "Refused",
        "inference.adapters: has 11 items, at most 10 are allowed",
    )


def test_bug_06_adapters_that_nobody_would_load_are_refused(catalog: Catalog) -> None:
    adapters = {"adapters": [an_adapter()]}
    big = a_resource(instanceType="Standard_NC12s_v3")

    assert refusal(catalog, inference=a_template() | adapters) == (
        "inference.adapters: adapters need a preset: a template brings its own model server"
    )
    assert refusal(catalog, resource=big, inference=a_private_preset("llama-2-13b") | adapters) == (
        "inference.adapters: the model server of llama-2-13b cannot load adapters: remove them"
    )


@pytest.mark.parametrize("name", ["Adapter-1", "1st", "a.b", "a" * 64, "a" * 253, "phi"])
def test_bug_07_an_adapter_that_cannot_name_a_container_is_refused(
    catalog: Catalog, name: str
) -> None:
    assert refusal(catalog, inference=with_adapters(an_adapter(name))).startswith(
        "inference.adapters[0].source.name: "
    )


@pytest.mark.parametrize("count", [0, -1])
@pytest.mark.parametrize(
    ("instance_type", "inference"),
    [
        ("Standard_NC6s_v3", a_template()),
        ("Standard_Nsku", a_preset()),
        ("Standard_Nsku", a_private_preset("llama-2-13b")),
    ],
)
def test_bug_08_at_least_one_node(
    catalog: Catalog, count: int, instance_type: str, inference: JsonObject
) -> None:
    resource = a_resource(count=count, instanceType=instance_type)

    assert refusal(catalog, resource=resource, inference=inference) == (
        f"resource.count: is {count}, must be at least 1"
    )


@pytest.mark.parametrize("count", [3, 4, 16])
def test_bug_09_processes_that_cannot_be_shared_out_are_refused(
    catalog: Catalog, count: int
) -> None:
    resource = a_resource(count=count, instanceType="Standard_NC12s_v3")

    assert refusal(catalog, resource=resource, inference=a_private_preset("llama-2-13b")) == (
        f"resource.count: llama-2-13b runs as 2 processes, which {count} nodes cannot share "
        "evenly: use 1 or 2"
    )


def test_bug_10_label_expressions_count_everywhere_as_labels_do(catalog: Catalog) -> None:
    expression = {"key": "size", "operator": "In", "values": ["big"]}
    selector = {"matchLabels": LABELS, "matchExpressions": [expression]}
    parent = a_workspace(resource=a_resource(labelSelector=selector))
    other = a_node("node-0")
    right = a_node("node-1", labels={"size": "big"})

    answer = synced(a_request(parent, related=[other, right]), catalog)
    planned = synced(a_request(parent), catalog)["status"]["machines"]
    question = workspace.CustomizeQuestion.model_validate({"parent": parent})
    rules = workspace.customize(question, catalog).to_json()["relatedResources"]

    labels = {"apps": "phi-3", "size": "big"}
    terms = pod_of(answer)["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]["nodeSelectorTerms"]
    assert answer["status"]["workerNodes"] == ["node-1"]
    assert [machine["labels"] for machine in planned] == [labels]
    assert rules[-1]["labelSelector"] == {"matchLabels": labels}
    assert [expression in term["matchExpressions"] for term in terms] == [True, True]


@pytest.mark.parametrize("selector", [{}, {"matchLabels": {}}, {"matchExpressions": []}])
def test_bug_10_no_label_at_all_is_refused(catalog: Catalog, selector: JsonObject) -> None:
    assert refusal(catalog, resource=a_resource(labelSelector=selector)) == (
        "resource.labelSelector: at least one label is needed to find the nodes again, "
        "for example matchLabels: {apps: my-model}"
    )


def test_bug_11_an_instance_type_of_aws_is_accepted_on_aws() -> None:
    aws = on_aws(load_catalog(Cloud.AWS))
    parent = a_workspace(resource=a_resource(instanceType="p3.2xlarge"))
    first = a_request(parent, kinds=("NodeClaim.karpenter.sh/v1", "Node.v1", "Pod.v1"))

    answer = synced(first, aws)
    request = a_namespace_request([parent | {"status": answer["status"]}])
    request["attachments"] = {"NodeClaim.karpenter.sh/v1": {}}
    [claim] = machines_synced(request, aws)["attachments"]

    assert statuses(answer)["Accepted"] == "True"
    assert claim["spec"]["nodeClassRef"]["kind"] == "EC2NodeClass"
    assert claim["spec"]["requirements"][1]["values"] == ["p3.2xlarge"]


def test_bug_12_what_admission_counts_is_what_pods_ask_for(catalog: Catalog) -> None:
    for name, row in catalog.instance_types.items():
        if row.gpuResource != "nvidia.com/gpu" or row.gpuMemoryGi < 9:
            continue
        parent = a_workspace(resource=a_resource(instanceType=name))
        answer = synced(on_its_node(parent, instance_type=name, gpus=row.gpuCount), catalog)

        limits = pod_of(answer)["containers"][0]["resources"]["limits"]
        assert limits == {"nvidia.com/gpu": str(row.gpuCount)}, name


def test_bug_12_an_instance_type_of_either_table_is_known(catalog: Catalog) -> None:
    only_in_one = {
        "Standard_NC6", "Standard_NC12", "Standard_NC24", "Standard_NC24r", "Standard_NC6s_v2",
        "Standard_NC12s_v2", "Standard_NC24s_v2", "Standard_NC24rs_v2", "Standard_ND6s",
        "Standard_ND12s", "Standard_ND24s", "Standard_ND24rs", "Standard_ND40rs_v2",
        "Standard_ND96asr_v4", "Standard_NV6ads_A10_v5", "Standard_NV12ads_A10_v5",
        "Standard_NV18ads_A10_v5", "Standard_NV36ads_A10_v5", "Standard_NV36adms_A10_v5",
        "Standard_NV72ads_A10_v5", "Standard_ND96asr_A100_v4", "Standard_NG32ads_V620_v1",
        "Standard_NG32adms_V620_v1", "Standard_NV32as_v4",
    }  # fmt: skip

    assert only_in_one - catalog.instance_types.keys() == set()
    assert catalog.instance_types["Standard_ND96amsr_A100_v4"].gpuMemoryGi == 640


def test_bug_13_an_unknown_instance_type_is_told_under_its_field(catalog: Catalog) -> None:
    assert refusal(catalog, resource=a_resource(instanceType="???")) == (
        "resource.instanceType: no instance type of azure is called '???': use one "
        "that 'metakaito instance-types' lists"
    )


def test_bug_13_a_preset_does_not_run_on_an_instance_type_without_gpus(catalog: Catalog) -> None:
    assert refusal(catalog, resource=a_resource(instanceType="Standard_D4s_v3")) == (
        "resource.instanceType: Standard_D4s_v3 is of a family without GPUs, and a preset needs "
        "one: choose one that 'metakaito instance-types' lists"
    )


# --- nodes --------------------------------------------------------------------------------------


def test_bug_14_nothing_waits_and_all_machines_are_asked_for_at_once(catalog: Catalog) -> None:
    answer = synced(a_request(a_workspace(resource=a_resource(count=5))), catalog)

    assert len(answer["status"]["machines"]) == 5
    assert all("notBefore" not in machine for machine in answer["status"]["machines"])


def failed_launch(catalog: Catalog, message: str = UNAVAILABLE) -> JsonObject:
    """Return the answer when the first Machine could not be launched."""
    first = a_request()
    failed = a_machine(steps=[("Launched", "False", message), ("Ready", "False", "")])
    return synced(afterwards(first, synced(first, catalog), related=[failed]), catalog)


@pytest.mark.parametrize("message", [UNAVAILABLE, f"insufficient capacity, {UNAVAILABLE}"])
def test_bug_15_an_instance_that_cannot_be_had_is_told_and_tried_again_later(
    catalog: Catalog, message: str
) -> None:
    answer = failed_launch(catalog, message)

    assert condition(answer, "ResourceReady") == (
        "False",
        "workspaceResourceStatusFailed",
        (
            f"{SECOND} waits until 2026-01-01T12:00:30Z after 1 failed attempt; "
            f"{FIRST} was given up: MachineLaunched: {message}"
        ),
    )


def test_bug_15_the_machine_that_failed_is_deleted(catalog: Catalog) -> None:
    planned = a_workspace(status=failed_launch(catalog)["status"])

    answer = machines_synced(a_namespace_request([planned], [a_machine()]), catalog)

    assert answer == {"attachments": [], "resyncAfterSeconds": 30.0}


def test_bug_15_a_machine_that_its_provisioner_deletes_is_made_again_at_once_only_once(
    catalog: Catalog,
) -> None:
    request, waits = a_request(), []
    for attempt in range(4):
        answer = synced(request, catalog)
        [planned] = answer["status"]["machines"]
        launching = a_machine(planned["name"])
        seen = synced(afterwards(request, answer, related=[launching]), catalog)
        request = afterwards(request, seen, related=[])
        [following] = synced(request, catalog)["status"]["machines"]
        waits.append(following.get("notBefore"))

        assert following["attempt"] == attempt + 1

    assert waits == [None, *(stamp(NOW + seconds(wait)) for wait in (30, 60, 120))]


def test_bug_16_an_answer_that_was_lost_is_given_again_to_the_letter(catalog: Catalog) -> None:
    parent = a_workspace(resource=a_resource(count=2))
    planned = parent | {"status": synced(a_request(parent), catalog)["status"]}
    request = a_namespace_request([planned])

    once, again = machines_synced(request, catalog), machines_synced(request, catalog)

    assert synced(a_request(parent), catalog) == synced(a_request(parent), catalog)
    assert once == again
    assert len(once["attachments"]) == 2


def test_bug_17_a_node_that_was_made_for_another_is_never_taken(catalog: Catalog) -> None:
    namesake = a_node("node-2", owner="phi", labels={"kaito.sh/workspacenamespace": "other"})

    answer = synced(a_request(related=[a_node(owner="neighbour"), namesake]), catalog)

    assert answer["status"]["workerNodes"] == []
    assert [machine["name"] for machine in answer["status"]["machines"]] == [FIRST]


@pytest.mark.parametrize(
    "node", [a_node(cordoned=True), a_node(taints=["team=a:NoSchedule"])], ids=["cordon", "taint"]
)
def test_bug_17_a_node_that_takes_no_pods_is_not_chosen(catalog: Catalog, node: JsonObject) -> None:
    assert synced(a_request(related=[node]), catalog)["status"]["workerNodes"] == []


def test_bug_18_a_deleted_workspace_loses_its_machines_without_a_finalizer(
    catalog: Catalog,
) -> None:
    entry = synced(a_request(), catalog)["status"]
    going = a_workspace(status=entry, deletionTimestamp=EARLIER, finalizers=["someone/else"])

    answer = synced(a_request(going), catalog)

    assert "finalized" not in answer
    assert machines_synced(a_namespace_request([going], [a_machine()]), catalog) == {
        "attachments": []
    }


def test_bug_19_labels_of_the_user_do_not_say_whom_a_node_serves(catalog: Catalog) -> None:
    taken = {"kaito.sh/workspace": "x", "kaito.sh/workspacenamespace": "y"}
    labels = LABELS | taken | {"karpenter.sh/provisioner-name": "z"}
    parent = a_workspace(resource=a_resource(labelSelector={"matchLabels": labels}))
    planned = parent | {"status": synced(a_request(parent), catalog)["status"]}

    [machine] = machines_synced(a_namespace_request([planned]), catalog)["attachments"]

    assert machine["metadata"]["labels"] == LABELS | {
        "kaito.sh/workspace": "phi",
        "kaito.sh/workspacenamespace": "default",
        "karpenter.sh/provisioner-name": "default",
    }


def test_bug_20_machines_go_with_a_workspace_that_vanished_unseen(catalog: Catalog) -> None:
    assert machines_synced(a_namespace_request([], [a_machine()]), catalog) == {"attachments": []}


def test_bug_21_nodeclaims_are_watched(catalog: Catalog) -> None:
    question = workspace.CustomizeQuestion.model_validate({"parent": a_workspace()})

    rules = workspace.customize(question, on_nodeclaims(catalog)).to_json()["relatedResources"]

    assert rules[0]["resource"] == "nodeclaims"
    assert FIRST in rules[0]["names"]


def test_bug_22_a_node_counts_once_it_shows_its_gpus(catalog: Catalog) -> None:
    blind = synced(a_request(related=[a_node(gpus=0)]), catalog)
    seeing = synced(a_request(related=[a_node(gpus=1)]), catalog)

    assert condition(blind, "ResourceReady")[2] == (
        "node node-1 shows 0 of 1 nvidia.com/gpu: does the GPU device plugin run on it?"
    )
    assert "Deployment" not in kinds_of(blind)
    assert "Deployment" in kinds_of(seeing)


def test_bug_23_a_machine_without_gpus_is_not_asked_to_have_some(catalog: Catalog) -> None:
    parent = a_workspace(
        resource=a_resource(instanceType="Standard_D4s_v3"), inference=a_template()
    )
    planned = parent | {"status": synced(a_request(parent), catalog)["status"]}

    [machine] = machines_synced(a_namespace_request([planned]), catalog)["attachments"]

    [kind] = [
        requirement["values"]
        for requirement in machine["spec"]["requirements"]
        if requirement["key"] == "kaito.sh/machine-type"
    ]
    assert kind == ["cpu"]


@pytest.mark.parametrize(("preset", "disk"), [("falcon-40b", "400"), ("phi-2", "50Gi")])
def test_bug_24_the_disk_is_kaitos_literal(catalog: Catalog, preset: str, disk: str) -> None:
    parent = a_workspace(
        resource=a_resource(instanceType="Standard_NC96ads_A100_v4"), inference=a_preset(preset)
    )
    planned = parent | {"status": synced(a_request(parent), catalog)["status"]}

    [machine] = machines_synced(a_namespace_request([planned]), catalog)["attachments"]

    assert machine["spec"]["resources"] == {"requests": {"storage": disk}}


def test_bug_25_where_no_machine_is_needed_the_condition_says_so(catalog: Catalog) -> None:
    assert condition(synced(a_request(related=[a_node()]), catalog), "MachineReady") == (
        "True",
        "ExistingNodesUsed",
        "no machine is needed: existing nodes are used",
    )


def test_bug_25_a_condition_that_stays_as_it_is_is_not_set_anew(catalog: Catalog) -> None:
    first = a_request()
    launching = afterwards(first, synced(first, catalog), related=[a_machine()])
    before = synced(launching, catalog)

    assert synced(afterwards(launching, before), catalog, NOW + seconds(60)) == before


# --- workload -----------------------------------------------------------------------------------


def test_bug_26_a_distributed_model_leaves_no_trace_in_another(catalog: Catalog) -> None:
    one = a_workspace(inference=a_private_preset("llama-2-7b"))
    many = a_workspace(
        "big",
        resource=a_resource(count=2, instanceType="Standard_NC96ads_A100_v4"),
        inference=a_private_preset("llama-2-70b"),
    )
    before = synced(on_its_node(one), catalog)

    synced(a_request(many), catalog)

    assert synced(on_its_node(one), catalog) == before
    assert "--nnodes=1 " in pod_of(before)["containers"][0]["command"][2]
    assert "--master_addr=localhost " in pod_of(before)["containers"][0]["command"][2]


def test_bug_27_the_same_question_has_the_same_answer_to_the_byte(catalog: Catalog) -> None:
    labels = {f"label-{n}": str(n) for n in range(20)}
    selector = {"matchLabels": labels}
    request = a_request(
        a_workspace(
            resource=a_resource(count=2, labelSelector=selector),
            inference=with_adapters(an_adapter("b"), an_adapter("a")),
        ),
        related=[a_node(f"node-{n}", labels=labels) for n in range(5)],
    )
    answers = {
        json.dumps(synced(shuffled(request, random.Random(seed)), catalog))  # noqa: S311
        for seed in range(5)
    }

    assert len(answers) == 1


def shuffled(value: object, dice: random.Random) -> JsonObject:
    """Return JSON with the keys of every object in another order."""

    def turned(part: object) -> object:
        if isinstance(part, dict):
            keys = list(part)
            dice.shuffle(keys)
            return {key: turned(part[key]) for key in keys}
        return [turned(item) for item in part] if isinstance(part, list) else part

    found = turned(value)
    assert isinstance(found, dict)
    return found


def test_bug_27_flags_are_in_the_order_of_their_names(catalog: Catalog) -> None:
    answer = synced(on_its_node(a_workspace()), catalog)

    command = pod_of(answer)["containers"][0]["command"][2]
    launcher, model = command.split(" inference_api.py ")
    for group in (launcher.split(" --")[1:], model.split(" ")):
        assert group == sorted(group)


@pytest.mark.parametrize("name", ["phi-3-adapter", "falcon-7b-adapter", "poems"])
def test_bug_28_the_strength_of_an_adapter_reaches_the_server(catalog: Catalog, name: str) -> None:
    parent = a_workspace(inference=with_adapters(an_adapter(name, strength="0.2")))

    pod = pod_of(synced(on_its_node(parent), catalog))

    # The server reads the variable that is called like the adapter's directory.
    [variable] = pod["containers"][0]["env"]
    [copy] = pod["initContainers"]
    assert re.fullmatch(r"[a-z_][a-z0-9_]*", variable["name"])
    assert variable["value"] == "0.2"
    assert copy["command"][2] == (
        f"mkdir -p /mnt/adapter/{variable['name']} && cp -r /data/* /mnt/adapter/{variable['name']}"
    )


def test_bug_29_an_update_that_did_not_arrive_is_not_ready(catalog: Catalog) -> None:
    request = edited(serving(catalog), catalog, inference=with_adapters(an_adapter()))
    answer = synced(request, catalog)
    # The new revision was made; the Deployment was not updated and is as it was.
    stuck = afterwards(request, answer, ready=None)
    stuck["children"]["Deployment.apps/v1"] = request["children"]["Deployment.apps/v1"]

    assert condition(synced(stuck, catalog), "InferenceReady") == (
        "False",
        "WorkspaceInferenceStatusPending",
        "revision 2 is being rolled out, 0 of 1 pods have it, 1 of 1 pods are ready",
    )


@pytest.mark.parametrize("status", [{"observedGeneration": 0}, {"updatedReplicas": 0}])
def test_bug_30_pods_of_the_former_template_do_not_count(
    catalog: Catalog, status: JsonObject
) -> None:
    request = serving(catalog)
    [deployment] = request["children"]["Deployment.apps/v1"].values()
    deployment["status"] |= status

    assert statuses(synced(request, catalog))["InferenceReady"] == "False"


def test_bug_31_a_new_adapter_brings_its_secret_along(catalog: Catalog) -> None:
    adapter = an_adapter()
    adapter["source"]["imagePullSecrets"] = ["myacr-secret"]

    answer = synced(edited(serving(catalog), catalog, inference=with_adapters(adapter)), catalog)

    assert pod_of(answer)["imagePullSecrets"] == [{"name": "myacr-secret"}]


def test_bug_31_every_image_is_pulled_with_every_secret(catalog: Catalog) -> None:
    adapter = an_adapter()
    adapter["source"]["imagePullSecrets"] = ["both", "adapters"]
    options = {"image": "myacr.azurecr.io/phi:1", "imagePullSecrets": ["models", "both"]}
    private = a_preset(accessMode="private", presetOptions=options) | {"adapters": [adapter]}
    public = a_preset(presetOptions={"imagePullSecrets": ["models"]})

    def secrets(inference: JsonObject) -> list[str]:
        pod = pod_of(synced(on_its_node(a_workspace(inference=inference)), catalog))
        return [secret["name"] for secret in pod["imagePullSecrets"]]

    assert secrets(private) == ["models", "both", "adapters"]
    assert secrets(public) == ["models"]


def test_bug_32_a_node_that_is_brought_is_asked_for_the_gpus_it_has(catalog: Catalog) -> None:
    selector = {"matchLabels": LABELS}
    parent = a_workspace(
        # instanceType is left at its default, Standard_NC12s_v3 with two GPUs.
        resource={"labelSelector": selector, "preferredNodes": ["node-1"]}
    )

    answer = synced(on_its_node(parent, instance_type=None, gpus=1), catalog)

    limits = pod_of(answer)["containers"][0]["resources"]["limits"]
    assert limits == {"nvidia.com/gpu": "1"}


def test_bug_33_a_pod_asks_for_all_of_its_node_on_purpose(catalog: Catalog) -> None:
    # The node is paid for as a whole, and its processes may use all its GPUs: this one runs one.
    parent = a_workspace(
        resource=a_resource(count=2, instanceType="Standard_NC12s_v3"),
        inference=a_private_preset("llama-2-13b"),
    )
    nodes = [a_node(f"node-{n}", instance_type="Standard_NC12s_v3", gpus=2) for n in range(2)]

    [server] = pod_of(synced(a_request(parent, related=nodes), catalog), "StatefulSet")[
        "containers"
    ]

    assert server["resources"]["limits"] == {"nvidia.com/gpu": "2"}
    assert "--nproc_per_node=1 " in server["command"][2]


def test_bug_34_pods_come_to_own_and_unclaimed_nodes_only(catalog: Catalog) -> None:
    terms = pod_of(synced(on_its_node(a_workspace()), catalog))["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]["nodeSelectorTerms"]

    assert terms == [
        {
            "matchExpressions": [
                {"key": "apps", "operator": "In", "values": ["phi-3"]},
                {"key": "kaito.sh/workspace", "operator": "In", "values": ["phi"]},
                {"key": "kaito.sh/workspacenamespace", "operator": "In", "values": ["default"]},
            ]
        },
        {
            "matchExpressions": [
                {"key": "apps", "operator": "In", "values": ["phi-3"]},
                {"key": "kaito.sh/workspace", "operator": "DoesNotExist"},
            ]
        },
    ]


def test_bug_34_replicas_do_not_share_a_node(catalog: Catalog) -> None:
    parent = a_workspace(resource=a_resource(count=2))
    nodes = [a_node("node-1"), a_node("node-2")]

    affinity = pod_of(synced(a_request(parent, related=nodes), catalog))["affinity"]

    assert affinity["podAntiAffinity"] == {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {
                "labelSelector": {"matchLabels": {"kaito.sh/workspace": "phi"}},
                "topologyKey": "kubernetes.io/hostname",
            }
        ]
    }


def test_bug_35_each_service_is_wanted_whether_or_not_the_other_is_there(
    catalog: Catalog,
) -> None:
    parent = a_workspace(
        resource=a_resource(instanceType="Standard_NC12s_v3"),
        inference=a_private_preset("llama-2-13b"),
    )
    first = a_request(parent)
    request = afterwards(first, synced(first, catalog))
    del request["children"]["Service.v1"]["default/phi-headless"]

    assert kinds_of(synced(request, catalog)).count("Service") == 2


def test_bug_35_a_load_balancer_can_be_asked_for_later(catalog: Catalog) -> None:
    request = serving(catalog)
    annotated = request["parent"]["metadata"] | {"annotations": {"kaito.sh/enablelb": "True"}}

    answer = synced(
        afterwards(request, synced(request, catalog), parent={"metadata": annotated}, ready=None),
        catalog,
    )

    assert the(answer, "Service")["spec"]["type"] == "LoadBalancer"


def test_bug_36_an_edit_of_a_template_is_applied(catalog: Catalog) -> None:
    request = serving(catalog, a_workspace(inference=a_template()))

    answer = synced(edited(request, catalog, inference=a_template(hostNetwork=True)), catalog)

    deployment = the(answer, "Deployment")
    assert deployment["spec"]["template"]["spec"]["hostNetwork"] is True
    assert deployment["metadata"]["annotations"] == {"workspace.kaito.io/revision": "2"}


def test_bug_37_a_stateful_set_is_of_a_revision_and_follows_it(catalog: Catalog) -> None:
    parent = a_workspace(
        resource=a_resource(instanceType="Standard_NC12s_v3"),
        inference=a_private_preset("llama-2-13b"),
    )
    request = serving(catalog, parent, instance_type="Standard_NC12s_v3", gpus=2)
    preferring = parent["resource"] | {"preferredNodes": ["node-1"]}

    answer = synced(edited(request, catalog, resource=preferring), catalog)

    assert the(answer, "StatefulSet")["metadata"]["annotations"] == {
        "workspace.kaito.io/revision": "2"
    }
    # Other nodes to prefer move no pod that runs, so there is nothing to roll out.
    assert statuses(answer)["InferenceReady"] == "True"


@pytest.mark.parametrize(
    ("inference", "deadline"),
    [(a_preset(), 1800), (a_private_preset("llama-2-7b"), 600)],
)
def test_bug_38_a_slow_start_is_no_failure_before_its_time(
    catalog: Catalog, inference: JsonObject, deadline: int
) -> None:
    answer = synced(on_its_node(a_workspace(inference=inference)), catalog)

    assert the(answer, "Deployment")["spec"]["progressDeadlineSeconds"] == deadline


def test_bug_39_a_deployment_without_annotations_crashes_nothing(catalog: Catalog) -> None:
    request = serving(catalog)
    [deployment] = request["children"]["Deployment.apps/v1"].values()
    del deployment["metadata"]["annotations"]

    answer = synced(request, catalog)

    assert the(answer, "Deployment")["metadata"]["annotations"] == {
        "workspace.kaito.io/revision": "1"
    }
    assert statuses(answer)["InferenceReady"] == "False"


# --- revisions and status -----------------------------------------------------------------------


def revisions(answer: JsonObject) -> list[tuple[str, int]]:
    return [
        (child["metadata"]["name"], child["revision"])
        for child in answer["children"]
        if child["kind"] == "ControllerRevision"
    ]


def test_bug_40_ten_revisions_are_kept(catalog: Catalog) -> None:
    request = serving(catalog)
    for number in range(12):
        request = edited(request, catalog, inference=with_adapters(an_adapter(f"a{number}")))

    kept = revisions(synced(request, catalog))

    assert [number for _, number in kept] == list(range(4, 14))


def test_bug_40_a_change_that_is_taken_back_counts_on(catalog: Catalog) -> None:
    request = serving(catalog)
    [(name, _)] = revisions(synced(request, catalog))
    changed = edited(request, catalog, inference=with_adapters(an_adapter()))

    back = synced(edited(changed, catalog, inference=a_preset()), catalog)

    assert revisions(back)[-1] == (name, 3)
    assert the(back, "Deployment")["metadata"]["annotations"] == {
        "workspace.kaito.io/revision": "3"
    }


def test_bug_40_two_hashes_that_begin_alike_are_told_apart(catalog: Catalog) -> None:
    [(name, _)] = revisions(synced(a_request(), catalog))
    data = {"resource": a_resource(), "inference": with_adapters(an_adapter())}
    taken = a_revision(1, data, name=name, digest="0" * 64)

    found = revisions(synced(a_request(children=[taken]), catalog))

    assert found[0] == (name, 1)
    assert found[1][0].startswith(name)
    assert len(found[1][0]) == len(name) + 1


def test_bug_40_a_workspace_that_serves_is_written_no_more(catalog: Catalog) -> None:
    request = serving(catalog)
    answer = synced(request, catalog)

    again = synced(afterwards(request, answer, ready=None), catalog, NOW + seconds(3600))

    assert again == answer


def test_bug_41_one_answer_takes_a_condition_from_unknown_to_true(catalog: Catalog) -> None:
    before = a_workspace(
        status={
            "observedGeneration": 1,
            "conditions": [
                a_condition("MachineReady", "Unknown", "creating 1 machines"),
                a_condition("ResourceReady", "False", "no"),
            ],
        }
    )
    world = [a_machine(node="node-1"), a_node(owner="phi")]

    answer = synced(a_request(before, related=world), catalog)

    assert statuses(answer)["MachineReady"] == "True"
    assert statuses(answer)["ResourceReady"] == "True"


def test_bug_42_a_mistake_shows_in_the_status(catalog: Catalog) -> None:
    answer = synced(a_request(a_workspace(inference=a_preset("bloom"))), catalog)

    assert statuses(answer) == {
        "Accepted": "False",
        "MachineReady": "False",
        "ResourceReady": "False",
        "InferenceReady": "False",
        "WorkspaceSucceeded": "False",
        "WorkspaceReady": "False",
    }


def test_bug_42_no_condition_is_absent_while_nothing_is_ready(catalog: Catalog) -> None:
    assert statuses(synced(a_request(), catalog)) == {
        "Accepted": "True",
        "MachineReady": "Unknown",
        "ResourceReady": "False",
        "InferenceReady": "False",
        "WorkspaceSucceeded": "False",
        "WorkspaceReady": "False",
    }


def test_bug_42_no_condition_stays_true_while_the_model_is_down(catalog: Catalog) -> None:
    request = serving(catalog)

    answer = synced(afterwards(request, synced(request, catalog), ready=0), catalog)

    assert statuses(answer) == {
        "Accepted": "True",
        "MachineReady": "True",
        "ResourceReady": "True",
        "InferenceReady": "False",
        "WorkspaceSucceeded": "False",
        "WorkspaceReady": "False",
    }


def test_the_column_of_kaitos_readme_has_its_condition(catalog: Catalog) -> None:
    answer = synced(serving(catalog), catalog)

    succeeded, ready = (
        condition(answer, name) for name in ("WorkspaceSucceeded", "WorkspaceReady")
    )
    assert succeeded == ready == ("True", "workspaceSucceeded", "workspace succeeds")


# --- faults that were measured ------------------------------------------------------------------


def planned(name: str, catalog: Catalog) -> JsonObject:
    """Return a Workspace of its own uid, with its plan in its status."""
    parent = a_workspace(name, uid=f"uid-of-{name}")
    return parent | {"status": synced(a_request(parent), catalog)["status"]}


def test_fault_five_stuck_workspaces_do_not_touch_a_healthy_one(catalog: Catalog) -> None:
    stuck = [planned(f"stuck-{n}", catalog) for n in range(5)]
    alone = machines_synced(a_namespace_request([planned("healthy", catalog)]), catalog)

    together = machines_synced(a_namespace_request([*stuck, planned("healthy", catalog)]), catalog)

    assert len(together["attachments"]) == 6
    assert [each for each in together["attachments"] if each in alone["attachments"]] == (
        alone["attachments"]
    )


def test_fault_a_stuck_workspace_that_is_deleted_loses_its_machine_at_once(
    catalog: Catalog,
) -> None:
    stuck = planned("stuck", catalog)
    [entry] = stuck["status"]["machines"]
    going = stuck | {"metadata": stuck["metadata"] | {"deletionTimestamp": EARLIER}}
    machine = a_machine(entry["name"], labels={"kaito.sh/workspace": "stuck"})

    assert machines_synced(a_namespace_request([going], [machine]), catalog) == {"attachments": []}


def test_fault_workspaces_with_the_same_labels_have_a_machine_each(catalog: Catalog) -> None:
    two = [planned("one", catalog), planned("two", catalog)]

    made = machines_synced(a_namespace_request(two), catalog)["attachments"]

    owners = [each["metadata"]["labels"]["kaito.sh/workspace"] for each in made]
    assert sorted(owners) == ["one", "two"]
    assert len({each["metadata"]["name"] for each in made}) == 2


def test_fault_a_third_does_not_take_the_node_of_another(catalog: Catalog) -> None:
    third = a_workspace("three", uid="uid-of-three")

    answer = synced(a_request(third, related=[a_node(owner="one")]), catalog)

    assert answer["status"]["workerNodes"] == []
    assert len(answer["status"]["machines"]) == 1


def test_fault_a_machine_that_vanished_while_it_launched_is_made_anew(catalog: Catalog) -> None:
    first = a_request()
    launching = afterwards(first, synced(first, catalog), related=[a_machine()])

    answer = synced(afterwards(launching, synced(launching, catalog), related=[]), catalog)

    assert condition(answer, "MachineReady") == (
        "Unknown",
        "CreateMachinePending",
        (
            f"creating 1 machines: {SECOND} is about to be made; "
            f"{FIRST} was deleted before it was Ready; it said last: MachineLaunched: launching"
        ),
    )


def test_fault_a_node_whose_machine_is_gone_is_not_ready_any_more(catalog: Catalog) -> None:
    request = serving(catalog)

    answer = synced(afterwards(request, synced(request, catalog), related=[], ready=0), catalog)

    assert statuses(answer) == {
        "Accepted": "True",
        "MachineReady": "Unknown",
        "ResourceReady": "False",
        "InferenceReady": "False",
        "WorkspaceSucceeded": "False",
        "WorkspaceReady": "False",
    }
    assert [machine["name"] for machine in answer["status"]["machines"]] == [SECOND]
    assert "Deployment" in kinds_of(answer)


def test_fault_workspaces_that_were_deleted_while_nobody_looked_leave_nothing(
    catalog: Catalog,
) -> None:
    gone = [
        a_machine(f"ws00000000{n}", labels={"kaito.sh/workspace": f"gone-{n}"}) for n in range(3)
    ]
    left = planned("left", catalog)

    made = machines_synced(a_namespace_request([left], gone), catalog)["attachments"]

    assert [each["metadata"]["labels"]["kaito.sh/workspace"] for each in made] == ["left"]


@pytest.mark.parametrize("kind", ["Service.v1", "Deployment.apps/v1"])
def test_fault_a_child_that_was_deleted_is_made_again(catalog: Catalog, kind: str) -> None:
    request = serving(catalog)
    before = synced(request, catalog)
    request["children"][kind] = {}

    assert synced(request, catalog)["children"] == before["children"]
