"""
What Kaito's tuning gets wrong, and what we do instead: one test for each, named after it.

The numbers are those of section 8 of our specification of Kaito's tuning: V of its validation, J of
its Job. Not here, for they are not decided by these functions:

====  ==================================================  ========================================
 V11   each validation writes the configuration to stdout  hooks write one line for each request
 V16   an unknown inference preset crashes the webhook     bug 1 in test_kaito_bugs.py
 J6    a map that all presets of a family share changes    presets cannot be changed: frozen models
 J16   every process writes the file that says "done"      the trainer, in the model's image
 J21   a failed delete is reported as success              Metacontroller deletes and tries again
====  ==================================================  ========================================

The programs of the steps (J15, J17) are tested in tests/hooks/steps, the one shell script (J18) is
run for real in test_tuning_extract.py. Of the other lists of that section, CT1 to CT10 are about
Kaito's controller, in whose place Metacontroller is, H1 to H6 about its chart, P1 to P4 about the
trainer: that in the models' images stays as it is, ours is tested in presets/runtimes.
"""

import json
import re

import pytest

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.workspace.job import EXTRACT
from tests.composite.makers import (
    TUNING_TYPE,
    a_config,
    a_node,
    a_preset,
    a_request,
    a_resource,
    a_training_pod,
    a_tuner,
    a_tuning,
    a_workspace,
    afterwards,
    condition,
    kinds_of,
    serving,
    synced,
    the,
    training,
    with_job,
    with_related,
    without_job,
    without_related,
)

QUANTIZED: JsonObject = {"QuantizationConfig": {"load_in_4bit": True}}
OTHER = {"urls": ["https://data.example/other.parquet"]}


def refusal(catalog: Catalog, parent: JsonObject, *related: JsonObject) -> str:
    """Return why a new Workspace is refused; empty if it is accepted."""
    status, _, message = condition(synced(a_request(parent, related=related), catalog), "Accepted")
    return message if status == "False" else ""


def refused_edit(catalog: Catalog, request: JsonObject, **fields: object) -> str:
    """Return why an edit is refused; empty if it is accepted."""
    parent = {k: v for k, v in (request["parent"] | fields).items() if v is not None}
    status, _, message = condition(synced(request | {"parent": parent}, catalog), "Accepted")
    return message if status == "False" else ""


def pod_of(answer: JsonObject, job: str = "phi") -> JsonObject:
    return dict(the(answer, "Job", job)["spec"]["template"]["spec"])


def steps_of(answer: JsonObject, job: str = "phi") -> dict[str, JsonObject]:
    pod = pod_of(answer, job)
    found = [*pod.get("initContainers", ()), *pod["containers"]]
    return {container["name"]: container for container in found}


def made(catalog: Catalog, parent: JsonObject | None = None, *world: JsonObject) -> JsonObject:
    return synced(training(catalog, parent, world=world), catalog)


def jobs_of(answer: JsonObject) -> list[str]:
    return [c["metadata"]["name"] for c in answer["children"] if c["kind"] == "Job"]


def told(request: JsonObject, catalog: Catalog) -> JsonObject:
    """Return the request after that one was answered; what Jobs have reported they keep."""
    following = afterwards(request, synced(request, catalog))
    before, made_ = request["children"]["Job.batch/v1"], following["children"]["Job.batch/v1"]
    jobs = {key: before.get(key, job) for key, job in made_.items()}
    return following | {"children": following["children"] | {"Job.batch/v1": jobs}}


def running(catalog: Catalog) -> JsonObject:
    request = with_related(training(catalog), a_training_pod("phi"))
    return told(with_job(request, active=1), catalog)


def succeeded(catalog: Catalog) -> JsonObject:
    request = with_related(training(catalog), a_training_pod("done"))
    return told(with_job(request, end="done"), catalog)


def output_dir(path: str) -> JsonObject:
    return a_config(QUANTIZED | {"TrainingArguments": {"output_dir": path}})


# --- validation ---------------------------------------------------------------------------------


def test_v1_adding_the_other_half_is_refused_with_a_sentence(catalog: Catalog) -> None:
    toggle = "cannot be added or removed: create another Workspace"
    both = f"inference: {toggle}; tuning: {toggle}"
    serves, tunes = serving(catalog), running(catalog)

    assert refused_edit(catalog, serves, inference=None, tuning=a_tuning()).startswith(both)
    assert refused_edit(catalog, tunes, inference=a_preset(), tuning=None).endswith(both)


def test_v2_a_model_that_cannot_be_tuned_is_refused_before_a_node_is_bought(
    catalog: Catalog,
) -> None:
    for name, preset in catalog.presets.items():
        answer = synced(a_request(a_tuner(preset={"name": name})), catalog)

        assert bool(answer["status"]["machines"]) == (preset.tuning is not None)


def test_v3_no_resource_is_refused_and_no_count_is_one(catalog: Catalog) -> None:
    parent = a_tuner()
    uncounted = {k: v for k, v in parent["resource"].items() if k != "count"}

    assert refusal(catalog, {k: v for k, v in parent.items() if k != "resource"}) == (
        "resource: is required"
    )
    assert refusal(catalog, parent | {"resource": uncounted}) == ""


@pytest.mark.parametrize("method", ["QLoRA", "qLoRA", "QLORA"])
def test_v4_the_method_in_any_case_trains(catalog: Catalog, method: str) -> None:
    answer = made(catalog, a_tuner(method=method))
    [config] = [child for child in answer["children"] if child["kind"] == "ConfigMap"]
    sections = json.loads(config["data"]["training_config.yaml"])["training_config"]

    assert sections["QuantizationConfig"]["load_in_4bit"] is True
    assert kinds_of(answer)[-1] == "Job"


@pytest.mark.parametrize(
    "changes",
    [
        {"input": {}},
        {"input": OTHER | {"image": "r.example/data:1"}},
        {"input": {"image": "no-tag"}},
        {"output": {"image": "r.example/o:1"}},
        {"config": "not-there"},
    ],
)
def test_v5_an_edit_keeps_the_rules_of_a_new_workspace(
    catalog: Catalog, changes: JsonObject
) -> None:
    request = running(catalog)
    parent = request["parent"] | {"tuning": a_tuning(**changes)}
    related = request["related"] | {"ConfigMap.v1": {}}
    answer = synced(request | {"parent": parent, "related": related}, catalog)

    assert condition(answer, "Accepted")[0] == "False"
    assert answer["children"] == synced(request, catalog)["children"]


@pytest.mark.parametrize("path", ["../mnt2", "/mnt/../etc", "/mnt/data", "/mnt/config", "/mnt"])
def test_v6_one_rule_decides_on_the_directory_of_the_results(catalog: Catalog, path: str) -> None:
    assert refusal(catalog, a_tuner(config="mine"), output_dir(path)).startswith(
        "tuning.config: TrainingArguments.output_dir leads to "
    )


@pytest.mark.parametrize("operator", ["NotIn", "Exists"])
def test_v7_a_selector_that_makes_every_update_fail_is_refused_at_once(
    catalog: Catalog, operator: str
) -> None:
    selector = {"matchExpressions": [{"key": "apps", "operator": operator, "values": ["a"]}]}
    resource = a_resource(instanceType=TUNING_TYPE, labelSelector=selector)

    assert refusal(catalog, a_tuner(resource=resource)).startswith("resource.labelSelector")


def test_v8_private_without_an_image_is_refused(catalog: Catalog) -> None:
    private = {"name": "phi-2", "accessMode": "private"}

    assert refusal(catalog, a_tuner(preset=private)) == (
        "tuning.preset.presetOptions.image: accessMode private needs the image that holds the model"
    )


def test_v9_a_config_map_that_is_not_there_is_named(catalog: Catalog) -> None:
    assert refusal(catalog, a_tuner(config="mine")) == (
        "tuning.config: there is no ConfigMap 'mine' in namespace 'default'"
    )


def test_v10_a_section_that_is_a_number_is_refused(catalog: Catalog) -> None:
    config = a_config(data={"training_config.yaml": "training_config:\n  1: {}\n"})

    assert refusal(catalog, a_tuner(config="mine"), config).endswith(
        "a key must be text: write it in quotes, '1'"
    )


@pytest.mark.parametrize("count", [0, -1, 2])
def test_v12_the_count_is_one(catalog: Catalog, count: int) -> None:
    parent = a_tuner(resource=a_resource(instanceType=TUNING_TYPE, count=count))

    assert refusal(catalog, parent).startswith("resource.count: ")


def test_v13_gpus_that_may_be_too_small_are_told(catalog: Catalog) -> None:
    # Told, not refused: the configuration decides how much it takes.
    parent = a_tuner(resource=a_resource(instanceType="Standard_NC6s_v3"))

    assert condition(synced(a_request(parent), catalog), "Accepted") == (
        "True",
        "Accepted",
        (
            "resource.instanceType: tuning phi-3-mini-4k-instruct takes about 72Gi on each of 1 "
            "GPUs, Standard_NC6s_v3 has 16Gi on each of 1: it may run out of memory"
        ),
    )


@pytest.mark.parametrize("instance_type", ["p4d.24xlarge", "Standard_D2s_v3", "none"])
def test_v14_an_instance_type_of_another_cloud_or_without_gpus_is_refused(
    catalog: Catalog, instance_type: str
) -> None:
    parent = a_tuner(resource=a_resource(instanceType=instance_type))

    assert refusal(catalog, parent).startswith("resource.instanceType: ")


def test_v15_a_digest_names_an_image_to_read_and_none_to_push(catalog: Catalog) -> None:
    # In the part before the last, upper case is let through, as by Kaito: its own tests have it.
    digest = f"r.example/repo@sha256:{'a' * 64}"

    assert refusal(catalog, a_tuner(input={"image": digest})) == ""
    assert refusal(catalog, a_tuner(output={"image": digest, "imagePushSecret": "p"})) == (
        f"tuning.output.image: is {digest!r}, must be registry/repository:tag, the repository in "
        "lower case, for example registry.example/adapters/my-adapter:1.0"
    )


# --- the Job ------------------------------------------------------------------------------------


def test_j1_the_pod_runs_on_the_nodes_that_were_bought_for_it(catalog: Catalog) -> None:
    terms = pod_of(made(catalog))["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]["nodeSelectorTerms"]

    assert {"key": "kaito.sh/workspace", "operator": "In", "values": ["phi"]} in (
        terms[0]["matchExpressions"]
    )


def test_j2_the_taint_of_gpu_nodes_is_tolerated(catalog: Catalog) -> None:
    assert pod_of(made(catalog))["tolerations"][0] == {
        "key": "nvidia.com/gpu",
        "operator": "Exists",
        "effect": "NoSchedule",
    }


def test_j3_there_are_as_many_processes_as_gpus_for_every_instance_type(catalog: Catalog) -> None:
    for name, row in catalog.instance_types.items():
        if row.gpuResource != "nvidia.com/gpu":
            continue
        parent = a_tuner(resource=a_resource(instanceType=name))
        trainer = steps_of(synced(training(catalog, parent, gpus=row.gpuCount), catalog))["phi"]

        assert trainer["resources"]["limits"] == {"nvidia.com/gpu": str(row.gpuCount)}
        assert f" --num_processes={row.gpuCount} " in trainer["command"][-1]


def test_j4_the_gpus_of_an_unlisted_type_are_those_its_node_shows(catalog: Catalog) -> None:
    parent = a_tuner(resource=a_resource(instanceType="Standard_New"))
    trainer = steps_of(synced(training(catalog, parent, gpus=4), catalog))["phi"]

    assert trainer["resources"]["limits"] == {"nvidia.com/gpu": "4"}


def test_j5_flags_are_in_one_order(catalog: Catalog) -> None:
    command = steps_of(made(catalog, a_tuner(preset={"name": "falcon-40b"})))["phi"]["command"][-1]
    flags = re.findall(r"--\w+", command)

    assert flags == sorted(flags) != []


def test_j7_shared_memory_is_there_for_one_node_too(catalog: Catalog) -> None:
    assert {"name": "dshm", "mountPath": "/dev/shm"} in (  # noqa: S108  (in the container)
        steps_of(made(catalog))["phi"]["volumeMounts"]
    )


@pytest.mark.parametrize(("path", "expected"), [("output", "/mnt/output"), ("/etc", "/mnt/etc")])
def test_j8_the_trainer_writes_where_the_pusher_looks(
    catalog: Catalog, path: str, expected: str
) -> None:
    answer = made(catalog, a_tuner(config="mine"), output_dir(path))
    [config] = [child for child in answer["children"] if child["kind"] == "ConfigMap"]

    assert f'"output_dir": "{expected}"' in config["data"]["training_config.yaml"]
    for step in ("phi", "pusher"):
        mounts = steps_of(answer)[step]["volumeMounts"]
        assert {"name": "results-volume", "mountPath": expected} in mounts


@pytest.mark.parametrize("path", ["/mnt/results", "x", "/mnt/data2", "deep/er"])
def test_j9_no_two_volumes_are_mounted_at_one_path(catalog: Catalog, path: str) -> None:
    for step in steps_of(made(catalog, a_tuner(config="mine"), output_dir(path))).values():
        paths = [mount["mountPath"] for mount in step["volumeMounts"]]

        assert len(paths) == len(set(paths))


@pytest.mark.parametrize(
    ("written", "kind"), [(5, "a whole number"), ([], "a list"), (True, "true or false")]
)
def test_j10_a_directory_that_is_no_text_is_told(
    catalog: Catalog, written: object, kind: str
) -> None:
    config = a_config(QUANTIZED | {"TrainingArguments": {"output_dir": written}})

    assert refusal(catalog, a_tuner(config="mine"), config) == (
        f"tuning.config: TrainingArguments.output_dir must be a text, is {kind}"
    )


def test_j11_neither_urls_nor_an_image_is_refused_also_later(catalog: Catalog) -> None:
    sentence = "tuning.input: exactly one of urls, image and volumeSource is needed, none is set"

    assert refusal(catalog, a_tuner(input={"urls": []})) == sentence
    assert refused_edit(catalog, running(catalog), tuning=a_tuning(input={})) == sentence


def test_j12_only_the_pusher_sees_the_secret_to_push_with(catalog: Catalog) -> None:
    answer = made(catalog)
    mounts = {
        name: [mount["name"] for mount in step["volumeMounts"]]
        for name, step in steps_of(answer).items()
    }

    assert [name for name, volumes in mounts.items() if "docker-config" in volumes] == ["pusher"]
    assert "imagePullSecrets" not in pod_of(answer)


def test_j13_nothing_is_privileged_and_every_image_has_a_version(catalog: Catalog) -> None:
    for step in steps_of(made(catalog)).values():
        assert step["securityContext"]["allowPrivilegeEscalation"] is False
        assert step["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert "privileged" not in step["securityContext"]
        assert re.search(r":v?\d+\.\d+\.\d+$", step["image"])
    assert re.search(r":\d+\.\d+\.\d+$", catalog.provisioning.adapter_base)


def test_j14_a_training_that_fails_ends_the_job(catalog: Catalog) -> None:
    # The pusher begins only when the trainer has ended well, so there is nothing left to wait.
    pod = pod_of(made(catalog))

    assert [container["name"] for container in pod["initContainers"]][-1] == "phi"
    assert [container["name"] for container in pod["containers"]] == ["pusher"]
    assert pod["restartPolicy"] == "Never"


def test_j15_a_push_that_is_given_up_is_told_with_its_reason(catalog: Catalog) -> None:
    words = "tuning.output: push of r.example/o:1: r.example answers HTTP 503; gave up after 9"
    pod = a_training_pod("pusher", ended={"exitCode": 1, "reason": "Error", "message": words})
    answer = synced(with_job(with_related(training(catalog), pod), end="failed"), catalog)

    assert condition(answer, "WorkspaceReady") == (
        "False",
        "workspaceFailed",
        (f"job phi has failed; pod phi-abcde, container pusher: Error (exit code 1): {words}"),
    )


def test_j17_all_urls_are_given_to_the_downloader_and_all_of_the_data_to_the_trainer(
    catalog: Catalog,
) -> None:
    # That Kaito's trainer uses one of several files is the trainer's.
    urls = ["https://a.example/x.csv", "https://b.example/x.csv"]
    steps = steps_of(made(catalog, a_tuner(input={"urls": urls})))

    assert {"name": "DATA_URLS", "value": " ".join(urls)} in steps["data-downloader"]["env"]
    assert {"name": "data-volume", "mountPath": "/mnt/data"} in steps["phi"]["volumeMounts"]


def test_j18_data_are_copied_with_dot_files_and_without_a_pattern() -> None:
    assert 'cp -r "$SOURCE_PATH/." "$DATA_VOLUME_PATH"' in EXTRACT
    assert "/*" not in EXTRACT


def test_j19_a_node_for_tuning_has_the_disk_of_the_preset(catalog: Catalog) -> None:
    [machine] = synced(a_request(a_tuner()), catalog)["status"]["machines"]

    assert machine["disk"] == "50Gi"


@pytest.mark.parametrize(
    "fields",
    [
        {"resource": a_resource(instanceType=TUNING_TYPE, preferredNodes=["node-1"])},
        {"metadata": a_tuner()["metadata"] | {"annotations": {"anything": "else"}}},
    ],
)
def test_j20_what_is_no_part_of_the_training_restarts_nothing(
    catalog: Catalog, fields: JsonObject
) -> None:
    request = running(catalog)
    answer = synced(request | {"parent": request["parent"] | fields}, catalog)

    assert jobs_of(answer) == ["phi"]
    assert answer["status"]["tuning"]["phase"] == "Training"


def test_j22_an_edit_takes_the_old_success_back(catalog: Catalog) -> None:
    request = succeeded(catalog)
    tuning = a_tuning(
        input=OTHER, output={"image": "r.example/adapters/phi:2", "imagePushSecret": "push"}
    )
    answer = synced(request | {"parent": request["parent"] | {"tuning": tuning}}, catalog)
    [name] = jobs_of(answer)

    # Another name, so it need not wait until the old Job is gone.
    assert name != "phi"
    assert condition(answer, "WorkspaceSucceeded")[0] == "False"
    assert answer["status"]["tuning"]["job"] == name


def test_j23_the_status_says_at_once_what_happens(catalog: Catalog) -> None:
    request = with_related(training(catalog), a_training_pod("data-downloader"))

    assert condition(synced(with_job(request, active=1), catalog), "JobStarted") == (
        "True",
        "WorkspaceTuningJobStatusStarted",
        "Tuning job has started: fetching the data",
    )


def test_j24_a_long_push_is_a_push(catalog: Catalog) -> None:
    request = with_related(training(catalog), a_training_pod("pusher"))
    answer = synced(with_job(request, active=1, ready=1), catalog)

    assert answer["status"]["tuning"]["phase"] == "Pushing"
    assert condition(answer, "JobStarted")[0] == "True"
    assert "resyncAfterSeconds" not in answer


def test_j25_what_is_done_is_done(catalog: Catalog) -> None:
    request = succeeded(catalog)
    lost = synced(without_related(request, "Machine.karpenter.sh/v1alpha5", "Node.v1"), catalog)
    removed = synced(without_job(request), catalog)

    assert lost["status"]["machines"] == []
    assert "Job" not in kinds_of(removed)
    assert condition(lost, "WorkspaceSucceeded")[0] == "True"
    assert condition(removed, "WorkspaceSucceeded")[0] == "True"


def test_j26_the_configuration_is_the_workspaces_own_and_an_edit_counts(catalog: Catalog) -> None:
    mine = a_config(QUANTIZED)
    mine["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
    request = told(training(catalog, a_tuner(config="mine"), world=[mine]), catalog)
    before = synced(request, catalog)
    after = synced(with_related(request, a_config(QUANTIZED | {"LoraConfig": {"r": 9}})), catalog)
    [config] = [child for child in before["children"] if child["kind"] == "ConfigMap"]

    assert config["metadata"]["labels"] == {"kaito.sh/workspace": "phi"}
    assert config["metadata"]["name"].startswith("phi-config-")
    assert jobs_of(after) != jobs_of(before)


@pytest.mark.parametrize(
    "name", ["t.1", "t" * 53, "pusher", "data-downloader", "data-extractor", "weights-downloader"]
)
def test_j27_a_name_that_no_container_and_no_pod_can_have_is_refused(
    catalog: Catalog, name: str
) -> None:
    assert refusal(catalog, a_tuner(name)).startswith(f"metadata.name: {name!r}")


def test_j27_the_longest_name_is_still_a_label_with_the_digits_of_a_later_job(
    catalog: Catalog,
) -> None:
    parent = a_workspace("t" * 52, resource=a_resource(instanceType=TUNING_TYPE), tuning=a_tuning())
    request = told(training(catalog, parent), catalog)
    answer = synced(
        request | {"parent": request["parent"] | {"tuning": a_tuning(input=OTHER)}}, catalog
    )

    assert [len(name) for name in jobs_of(answer)] == [63]


def test_a_step_may_be_the_name_of_a_workspace_that_serves(catalog: Catalog) -> None:
    # But not that of the one step which a model server may have: see test_workspace_rules.py.
    node = a_node()

    assert condition(
        synced(a_request(a_workspace("pusher"), related=[node]), catalog), "Accepted"
    ) == ("True", "Accepted", "")
