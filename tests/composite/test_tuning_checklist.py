"""
The conformance checklist of Kaito's tuning, as far as pure functions decide it.

Section 10 of our specification of it; the letters are its own. The rest, and where it belongs:

====  ==================================================  ========================================
 A    names, columns and defaults of the CRD              tests/schemas
 B    the table of admission, create and update           test_tuning_rules.py; as CEL in
                                                          tests/schemas
 C    validation of the ConfigMap                         test_tuning_rules.py
 H    finalizers, garbage collection                      the API server; tests/simulate
====  ==================================================  ========================================
"""

from itertools import product

import pytest

from composite.catalog import Catalog
from composite.models import JsonObject
from tests.composite.makers import (
    TUNING_TYPE,
    a_config,
    a_namespace_request,
    a_node,
    a_request,
    a_resource,
    a_training_pod,
    a_tuner,
    a_tuning,
    afterwards,
    condition,
    kinds_of,
    machines_synced,
    synced,
    the,
    training,
    with_job,
    with_related,
)

OTHER = {"urls": ["https://data.example/other.parquet"]}
QUANTIZED: JsonObject = {"QuantizationConfig": {"load_in_4bit": True}}


def pod_of(answer: JsonObject) -> JsonObject:
    [job] = [child for child in answer["children"] if child["kind"] == "Job"]
    return dict(job["spec"]["template"]["spec"])


# --- A and B: what is asked at all --------------------------------------------------------------


@pytest.mark.parametrize(
    "parent",
    [
        pytest.param(
            {k: v for k, v in a_tuner().items() if k not in ("resource", "tuning")}, id="nothing"
        ),
        pytest.param({k: v for k, v in a_tuner().items() if k != "resource"}, id="V3"),
        pytest.param(a_tuner(preset={"name": "llama-2-7b"}), id="V2"),
        pytest.param(a_tuner(input=None, output=None), id="V5"),
        pytest.param(a_tuner(resource=a_resource(count=-1)), id="V12"),
        pytest.param(
            a_tuner(
                resource=a_resource(
                    labelSelector={"matchExpressions": [{"key": "a", "operator": "Exists"}]}
                )
            ),
            id="V7",
        ),
        pytest.param(a_tuner() | {"tuning": []}, id="a list"),
        pytest.param(a_tuner() | {"tuning": {"input": 5, "output": "x", "preset": []}}, id="types"),
    ],
)
def test_b_what_crashes_kaito_is_denied_with_a_sentence(
    catalog: Catalog, parent: JsonObject
) -> None:
    answer = synced(a_request(parent), catalog)
    status, reason, message = condition(answer, "Accepted")

    assert (status, reason) == ("False", "Refused")
    assert message
    assert answer["children"] == answer["status"]["machines"] == []


# --- D: an existing node is used ----------------------------------------------------------------


def test_d_with_a_fitting_node_no_machine_is_made_and_the_job_is(catalog: Catalog) -> None:
    parent = a_tuner()
    answer = synced(a_request(parent, related=[a_node(instance_type=TUNING_TYPE)]), catalog)
    machines = machines_synced(
        a_namespace_request([parent | {"status": answer["status"]}]), catalog
    )

    assert answer["status"]["machines"] == machines["attachments"] == []
    assert answer["status"]["workerNodes"] == ["node-1"]
    assert kinds_of(answer) == ["ControllerRevision", "ConfigMap", "Job"]
    assert condition(answer, "MachineReady")[0] == "True"


def test_d_a_node_that_shows_no_gpus_yet_is_waited_for(catalog: Catalog) -> None:
    node = a_node(instance_type=TUNING_TYPE, gpus=0)
    answer = synced(a_request(a_tuner(), related=[node]), catalog)

    assert kinds_of(answer) == ["ControllerRevision", "ConfigMap"]


# --- E: the matrix of the Job -------------------------------------------------------------------

METHODS = ("lora", "qlora")
INPUTS: dict[str, JsonObject] = {
    "url": {"urls": ["https://data.example/train.parquet"]},
    "image": {"image": "r.example/data:1"},
    "volume": {"volumeSource": {"persistentVolumeClaim": {"claimName": "mine"}}},
}
OUTPUTS: dict[str, JsonObject] = {
    "image": {"image": "r.example/out:1", "imagePushSecret": "push"},
    "volume": {"volumeSource": {"persistentVolumeClaim": {"claimName": "mine"}}},
}
MODELS = {
    "phi-3-mini-4k-instruct": "accelerate launch --num_processes={} fine_tuning.py",
    "falcon-7b": "accelerate launch --gpu_ids=all --machine_rank=0 --num_machines=1 "
    "--num_processes={} fine_tuning.py",
}
TYPES = {
    "Standard_NC24ads_A100_v4": 1,
    "Standard_NC48ads_A100_v4": 2,
    "Standard_NC96ads_A100_v4": 4,
    "Standard_New": 3,
}


@pytest.mark.parametrize("access", ["public", "private"])
@pytest.mark.parametrize(("model", "instance_type"), list(product(MODELS, TYPES)))
def test_e_model_access_and_instance_type(
    catalog: Catalog, model: str, instance_type: str, access: str
) -> None:
    options = {"presetOptions": {"image": "r.example/mine:1"}} if access == "private" else {}
    parent = a_tuner(
        preset={"name": model, "accessMode": access} | options,
        resource=a_resource(instanceType=instance_type),
    )
    gpus = TYPES[instance_type]
    trainer = pod_of(synced(training(catalog, parent, gpus=gpus), catalog))["initContainers"][-1]
    kaitos = f"mcr.microsoft.com/aks/kaito/kaito-{model}"

    assert trainer["command"][-1] == ("python3 metrics_server.py & " + MODELS[model].format(gpus))
    assert trainer["resources"]["limits"] == {"nvidia.com/gpu": str(gpus)}
    assert trainer["image"].startswith("r.example/mine:1" if options else f"{kaitos}:0.0.")


@pytest.mark.parametrize(
    ("method", "source", "destination"), list(product(METHODS, INPUTS, OUTPUTS))
)
def test_e_method_input_and_output(
    catalog: Catalog, method: str, source: str, destination: str
) -> None:
    parent = a_tuner(method=method, input=INPUTS[source], output=OUTPUTS[destination])
    answer = synced(training(catalog, parent), catalog)
    pod = pod_of(answer)
    steps = [c["name"] for c in (*pod.get("initContainers", ()), *pod["containers"])]
    [config] = [child for child in answer["children"] if child["kind"] == "ConfigMap"]

    fetching = {"url": ["data-downloader"], "image": ["data-extractor"], "volume": []}[source]
    assert steps == [*fetching, "phi", *(["pusher"] if destination == "image" else [])]
    assert ("nf4" in config["data"]["training_config.yaml"]) == (method == "qlora")


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        pytest.param({"output_dir": "/mnt/results"}, "/mnt/results", id="default"),
        pytest.param({"output_dir": "custom/path"}, "/mnt/custom/path", id="custom"),
        pytest.param({}, "/mnt/output", id="missing"),
    ],
)
def test_e_the_directory_of_the_results(catalog: Catalog, arguments: JsonObject, path: str) -> None:
    config = a_config(QUANTIZED | {"TrainingArguments": arguments})
    answer = synced(training(catalog, a_tuner(config="mine"), world=[config]), catalog)
    mounts = pod_of(answer)["initContainers"][-1]["volumeMounts"]

    assert {"name": "results-volume", "mountPath": path} in mounts


# --- F: what the Job reports --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reported", "started", "succeeded"),
    [
        pytest.param({"active": 1, "ready": 1}, "True", "False", id="ready=1"),
        pytest.param({"succeeded": 1}, "True", "True", id="succeeded=1"),
        pytest.param({"end": "failed"}, "False", "False", id="failed=1"),
    ],
)
def test_f_a_jobs_status_decides_on_the_conditions(
    catalog: Catalog, reported: JsonObject, started: str, succeeded: str
) -> None:
    request = with_related(training(catalog), a_training_pod("pusher"))
    answer = synced(with_job(request, **reported), catalog)

    assert condition(answer, "JobStarted")[0] == started
    assert condition(answer, "WorkspaceSucceeded")[0] == succeeded


# --- G: update and back -------------------------------------------------------------------------


def test_g_an_update_is_revision_2_and_a_job_of_its_own(catalog: Catalog) -> None:
    request = training(catalog)
    parent = request["parent"] | {"tuning": a_tuning(input=OTHER)}
    answer = synced(request | {"parent": parent}, catalog)
    numbers = [c["revision"] for c in answer["children"] if c["kind"] == "ControllerRevision"]
    [job] = [child for child in answer["children"] if child["kind"] == "Job"]

    assert numbers == [1, 2]
    assert job["metadata"]["annotations"]["workspace.kaito.io/revision"] == "2"


def test_g_back_again_is_the_same_revision_under_a_new_number(catalog: Catalog) -> None:
    # Kaito's number goes back to 1, so that a lower number may be the newer.
    request = training(catalog)
    before = synced(request, catalog)
    edited = request | {"parent": request["parent"] | {"tuning": a_tuning(input=OTHER)}}
    after = afterwards(edited, synced(edited, catalog))
    back = synced(after | {"parent": after["parent"] | {"tuning": a_tuning()}}, catalog)

    assert (
        the(back, "ControllerRevision", before["children"][0]["metadata"]["name"])["revision"] == 3
    )
    assert the(back, "Job")["metadata"]["annotations"]["workspace.kaito.io/revision"] == "3"


# --- H: deletion --------------------------------------------------------------------------------


def test_h_a_workspace_that_is_going_wants_no_machine_any_more(catalog: Catalog) -> None:
    request = training(catalog)
    metadata = request["parent"]["metadata"] | {"deletionTimestamp": "2026-01-01T12:00:00Z"}
    parent = request["parent"] | {"metadata": metadata}
    answer = synced(request | {"parent": parent}, catalog)
    machines = machines_synced(
        a_namespace_request([parent | {"status": answer["status"]}]), catalog
    )

    assert condition(answer, "WorkspaceDeleting")[0] == "True"
    assert machines["attachments"] == []


# --- I: literal fragments -----------------------------------------------------------------------


def test_i_names_that_other_software_asserts_on(catalog: Catalog) -> None:
    # Not Kaito's docker-sidecar, whose place is the pusher's, nor the words in Kaito's scripts.
    by_url = pod_of(synced(training(catalog), catalog))
    by_image = pod_of(synced(training(catalog, a_tuner(input={"image": "r.example/d:1"})), catalog))

    assert by_url["initContainers"][0]["name"] == "data-downloader"
    assert (by_image["initContainers"][0]["name"], by_image["initContainers"][0]["image"]) == (
        "data-extractor",
        "r.example/d:1",
    )
    assert by_url["initContainers"][0]["volumeMounts"][0]["name"] == "data-volume"
    assert [variable["name"] for variable in by_url["initContainers"][0]["env"]] == [
        "DATA_URLS",
        "DATA_VOLUME_PATH",
    ]
