"""
What a training is made of: its Job and its configuration, field by field.

Section 3 of our specification of Kaito's tuning, with the worked example of its section 9. Where
it is not Kaito's, a test says so.
"""

import json

import pytest

from composite.catalog import Catalog, Cloud
from composite.models import JsonObject
from composite.workspace.job import EXTRACT
from presets import load_catalog
from presets.documents import read_document
from tests.composite.makers import (
    LABELS,
    TUNING_TYPE,
    a_config,
    a_machine,
    a_node,
    a_request,
    a_resource,
    a_tuner,
    a_workspace,
    afterwards,
    kinds_of,
    on_existing_nodes,
    on_nodeclaims,
    provisioned,
    synced,
    the,
    training,
)

URL = (
    "https://huggingface.co/datasets/philschmid/dolly-15k-oai-style/resolve/main/data/"
    "train-00000-of-00001-54e3756291ca09c6.parquet?download=true"
)
EXAMPLE = a_workspace(
    "workspace-tuning-phi-3",
    resource={
        "instanceType": TUNING_TYPE,
        "labelSelector": {"matchLabels": {"app": "tuning-phi-3"}},
    },
    tuning={
        "preset": {"name": "phi-3-mini-128k-instruct"},
        "method": "qlora",
        "input": {"urls": [URL]},
        "output": {
            "image": "myregistry.azurecr.io/phi-3-mini-adapter:0.0.1",
            "imagePushSecret": "my-acr-secret",
        },
    },
)

SHM = "/dev/shm"  # noqa: S108  (in the container)
CREDENTIALS = "/tmp/.docker/config"  # noqa: S108  (in the container)
OURS = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65532,
}
THEIRS = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def made(catalog: Catalog, parent: JsonObject | None = None, *world: JsonObject) -> JsonObject:
    """Return the answer about a Workspace whose Job has just been made."""
    chosen = a_tuner() if parent is None else parent
    labels = chosen["resource"]["labelSelector"]["matchLabels"]
    return synced(training(catalog, chosen, world=world, labels=labels), catalog)


def pod_of(answer: JsonObject, name: str = "phi") -> JsonObject:
    return dict(the(answer, "Job", name)["spec"]["template"]["spec"])


def steps_of(answer: JsonObject, name: str = "phi") -> dict[str, JsonObject]:
    """Return the containers of the Job's pod by name, in the order in which they run."""
    pod = pod_of(answer, name)
    found = [*pod.get("initContainers", ()), *pod["containers"]]
    return {container["name"]: container for container in found}


def mounts_of(container: JsonObject) -> dict[str, str]:
    return {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}


def volumes_of(answer: JsonObject, name: str = "phi") -> dict[str, JsonObject]:
    volumes = pod_of(answer, name)["volumes"]
    return {v["name"]: {key: v[key] for key in v if key != "name"} for v in volumes}


def config_map_of(answer: JsonObject) -> JsonObject:
    [found] = [child for child in answer["children"] if child["kind"] == "ConfigMap"]
    return dict(found)


def told(answer: JsonObject) -> JsonObject:
    """Return what the trainer is told, as YAML reads it."""
    document = read_document(config_map_of(answer)["data"]["training_config.yaml"])
    assert isinstance(document, dict)
    return dict(document["training_config"])


# --- the worked example -------------------------------------------------------------------------


def test_the_worked_example_has_kaitos_job(catalog: Catalog) -> None:
    name = "workspace-tuning-phi-3"
    answer = made(catalog, EXAMPLE)
    job = the(answer, "Job", name)
    pod = pod_of(answer, name)
    [downloader, trainer], [pusher] = pod["initContainers"], pod["containers"]

    assert job["apiVersion"] == "batch/v1"
    assert job["metadata"] == {
        "name": name,
        "namespace": "default",
        "labels": {"kaito.sh/workspace": name},
        "annotations": {
            "workspace.kaito.io/revision": "1",
            "kaito.sh/training-hash": answer["status"]["tuning"]["hash"],
        },
    }
    assert job["spec"].keys() == {"backoffLimit", "podFailurePolicy", "template"}
    assert job["spec"]["backoffLimit"] == 6
    assert job["spec"]["podFailurePolicy"] == {
        "rules": [
            {
                "action": "Count",
                "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
            },
            {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [0]}},
        ]
    }
    assert job["spec"]["template"]["metadata"] == {"labels": {"kaito.sh/workspace": name}}
    assert pod["restartPolicy"] == "Never"
    assert downloader == {
        "name": "data-downloader",
        "image": "ghcr.io/metakaito/metakaito:0.1.0",
        "command": ["metakaito", "fetch"],
        "env": [
            {"name": "DATA_URLS", "value": URL},
            {"name": "DATA_VOLUME_PATH", "value": "/mnt/data"},
        ],
        "volumeMounts": [{"name": "data-volume", "mountPath": "/mnt/data"}],
        "securityContext": OURS,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    assert trainer == {
        "name": name,
        "image": "mcr.microsoft.com/aks/kaito/kaito-phi-3-mini-128k-instruct:0.0.2",
        "command": [
            "/bin/sh",
            "-c",
            "python3 metrics_server.py & accelerate launch --num_processes=1 fine_tuning.py",
        ],
        "ports": [{"containerPort": 5000}],
        "env": [
            {
                "name": "DEFAULT_TARGET_MODULES",
                "value": "k_proj,q_proj,v_proj,o_proj,gate_proj,down_proj,up_proj",
            },
            {"name": "PYTORCH_CUDA_ALLOC_CONF", "value": "expandable_segments:True"},
        ],
        "resources": {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}},
        "volumeMounts": [
            {"name": "dshm", "mountPath": SHM},
            {"name": "config-volume", "mountPath": "/mnt/config"},
            {"name": "results-volume", "mountPath": "/mnt/results"},
            {"name": "data-volume", "mountPath": "/mnt/data"},
        ],
        "securityContext": THEIRS,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    assert pusher == {
        "name": "pusher",
        "image": "ghcr.io/metakaito/metakaito:0.1.0",
        "command": ["metakaito", "push"],
        "env": [
            {"name": "ADAPTER_IMAGE", "value": "myregistry.azurecr.io/phi-3-mini-adapter:0.0.1"},
            {"name": "BASE_IMAGE", "value": "docker.io/library/busybox:1.37.0"},
            {"name": "DOCKER_CONFIG", "value": CREDENTIALS},
            {"name": "RESULTS_PATH", "value": "/mnt/results"},
        ],
        "volumeMounts": [
            {"name": "results-volume", "mountPath": "/mnt/results"},
            {"name": "docker-config", "mountPath": CREDENTIALS},
        ],
        "securityContext": OURS,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def test_the_worked_example_has_kaitos_volumes(catalog: Catalog) -> None:
    answer = made(catalog, EXAMPLE)

    assert volumes_of(answer, "workspace-tuning-phi-3") == {
        "dshm": {"emptyDir": {"medium": "Memory"}},
        "config-volume": {"configMap": {"name": config_map_of(answer)["metadata"]["name"]}},
        "results-volume": {"emptyDir": {}},
        "data-volume": {"emptyDir": {}},
        "docker-config": {
            "projected": {
                "sources": [
                    {
                        "secret": {
                            "name": "my-acr-secret",
                            "items": [{"key": ".dockerconfigjson", "path": "config.json"}],
                        }
                    },
                    {
                        "secret": {
                            "name": "my-acr-secret",
                            "items": [{"key": "ca.crt", "path": "ca.crt"}],
                            "optional": True,
                        }
                    },
                ]
            }
        },
    }


def test_the_worked_example_has_kaitos_revision(catalog: Catalog) -> None:
    # The same name and number as Kaito's; its hash covers nulls that ours leaves out.
    answer = made(catalog, EXAMPLE)
    [revision] = [child for child in answer["children"] if child["kind"] == "ControllerRevision"]

    assert revision["revision"] == 1
    assert revision["metadata"]["labels"] == {"workspace.kaito.io/name": "workspace-tuning-phi-3"}
    assert revision["data"]["tuning"] == {
        "preset": {
            "name": "phi-3-mini-128k-instruct",
            "accessMode": "public",
            "presetOptions": {},
        },
        "method": "qlora",
        "input": {"urls": [URL]},
        "output": {
            "image": "myregistry.azurecr.io/phi-3-mini-adapter:0.0.1",
            "imagePushSecret": "my-acr-secret",
        },
    }


QLORA: JsonObject = {
    "ModelConfig": {"torch_dtype": "bfloat16", "local_files_only": True, "device_map": "auto"},
    "QuantizationConfig": {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_compute_dtype": "bfloat16",
        "bnb_4bit_use_double_quant": True,
    },
    "LoraConfig": {"r": 8, "lora_alpha": 8, "lora_dropout": 0.0},
    "TrainingArguments": {
        "output_dir": "/mnt/results",
        "ddp_find_unused_parameters": False,
        "save_strategy": "epoch",
        "per_device_train_batch_size": 1,
    },
    "DataCollator": {"mlm": True},
    "DatasetConfig": {"shuffle_dataset": True, "train_test_split": 1},
}


def test_the_worked_example_has_kaitos_configuration(catalog: Catalog) -> None:
    answer = made(catalog, EXAMPLE)
    config_map = config_map_of(answer)

    assert told(answer) == QLORA
    # Kaito's copy has the labels and annotations of Helm, and no owner.
    assert config_map["metadata"] == {
        "name": config_map["metadata"]["name"],
        "namespace": "default",
        "labels": {"kaito.sh/workspace": "workspace-tuning-phi-3"},
    }
    assert config_map["data"].keys() == {"training_config.yaml"}


def test_a_training_has_no_service_and_no_workload(catalog: Catalog) -> None:
    assert kinds_of(made(catalog, EXAMPLE)) == ["ControllerRevision", "ConfigMap", "Job"]


# --- what it is made of -------------------------------------------------------------------------


def test_lora_has_its_own_defaults(catalog: Catalog) -> None:
    answer = made(catalog, a_tuner(method="lora"))

    assert told(answer) == QLORA | {"QuantizationConfig": {"load_in_4bit": False}}


def test_the_steps_run_one_after_the_other(catalog: Catalog) -> None:
    # Kaito's trainer and its sidecar run side by side, and the sidecar waits for a file.
    pod = pod_of(made(catalog))

    assert [c["name"] for c in pod["initContainers"]] == ["data-downloader", "phi"]
    assert [c["name"] for c in pod["containers"]] == ["pusher"]


def test_a_result_that_stays_on_a_volume_needs_no_push(catalog: Catalog) -> None:
    claim = {"persistentVolumeClaim": {"claimName": "results"}}
    answer = made(catalog, a_tuner(output={"volumeSource": claim}))
    pod = pod_of(answer)

    assert [c["name"] for c in pod["initContainers"]] == ["data-downloader"]
    assert [c["name"] for c in pod["containers"]] == ["phi"]
    assert volumes_of(answer)["results-volume"] == claim
    assert mounts_of(steps_of(answer)["phi"])["/mnt/results"] == "results-volume"
    assert "docker-config" not in volumes_of(answer)


def test_data_on_a_volume_need_not_be_fetched(catalog: Catalog) -> None:
    claim = {"persistentVolumeClaim": {"claimName": "data", "readOnly": True}}
    answer = made(catalog, a_tuner(input={"volumeSource": claim}))

    assert list(steps_of(answer)) == ["phi", "pusher"]
    assert volumes_of(answer)["data-volume"] == claim
    assert mounts_of(steps_of(answer)["phi"])["/mnt/data"] == "data-volume"


def test_between_two_volumes_there_is_only_the_trainer(catalog: Catalog) -> None:
    volume = {"nfs": {"server": "nfs.example", "path": "/data"}}
    answer = made(catalog, a_tuner(input={"volumeSource": volume}, output={"volumeSource": volume}))

    assert "initContainers" not in pod_of(answer)
    assert list(steps_of(answer)) == ["phi"]


def test_data_in_an_image_are_copied_out_of_it(catalog: Catalog) -> None:
    answer = made(
        catalog, a_tuner(input={"image": "r.example/data:1", "imagePullSecrets": ["one", "two"]})
    )

    assert steps_of(answer)["data-extractor"] == {
        "name": "data-extractor",
        "image": "r.example/data:1",
        "command": ["sh", "-c", EXTRACT],
        "env": [
            {"name": "SOURCE_PATH", "value": "/data"},
            {"name": "DATA_VOLUME_PATH", "value": "/mnt/data"},
        ],
        "volumeMounts": [{"name": "data-volume", "mountPath": "/mnt/data"}],
        "securityContext": THEIRS,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    assert pod_of(answer)["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]


def test_several_urls_are_words_of_one_variable(catalog: Catalog) -> None:
    urls = ["https://a.example/x.json", "https://b.example/y.json?a=1&b=2"]
    [variable, _] = steps_of(made(catalog, a_tuner(input={"urls": urls})))["data-downloader"]["env"]

    assert variable == {
        "name": "DATA_URLS",
        "value": "https://a.example/x.json https://b.example/y.json?a=1&b=2",
    }


def test_nothing_of_the_users_is_part_of_a_command(catalog: Catalog) -> None:
    answer = made(
        catalog,
        a_tuner(
            input={"urls": ["https://evil.example/$(reboot)"]},
            output={"image": "$(reboot).example/adapters/o:1", "imagePushSecret": "push"},
        ),
    )

    assert [step["command"] for step in steps_of(answer).values() if step["name"] != "phi"] == [
        ["metakaito", "fetch"],
        ["metakaito", "push"],
    ]


def test_an_installation_says_what_fetches_and_pushes_and_from_where(catalog: Catalog) -> None:
    other = provisioned(
        catalog,
        steps_image="r.example/steps:2",
        adapter_base="scratch",
        fetch_networks=("10.0.0.0/8", "fd00::/8"),
    )
    steps = steps_of(made(other))
    downloader, pusher = steps["data-downloader"], steps["pusher"]

    assert downloader["image"] == pusher["image"] == "r.example/steps:2"
    assert downloader["env"] == [
        {"name": "DATA_URLS", "value": "https://data.example/train.parquet"},
        {"name": "DATA_VOLUME_PATH", "value": "/mnt/data"},
        {"name": "METAKAITO_FETCH_ALLOW_NETWORKS", "value": "10.0.0.0/8,fd00::/8"},
    ]
    assert {"name": "BASE_IMAGE", "value": "scratch"} in pusher["env"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, None, id="none"),
        pytest.param(
            {"input": {"image": "r.example/d:1", "imagePullSecrets": ["a", "b"]}},
            ["a", "b"],
            id="those of the data",
        ),
        pytest.param(
            {
                "input": {"image": "r.example/d:1", "imagePullSecrets": ["a", "b"]},
                "preset": {
                    "name": "phi-2",
                    "accessMode": "private",
                    "presetOptions": {"image": "r.example/phi:1", "imagePullSecrets": ["b", "c"]},
                },
            },
            ["a", "b", "c"],
            id="each once, the data's first",
        ),
    ],
)
def test_secrets_to_pull_with(
    catalog: Catalog, fields: JsonObject, expected: list[str] | None
) -> None:
    # Kaito offers the Secret to push with for every image, too.
    found = pod_of(made(catalog, a_tuner(**fields))).get("imagePullSecrets")

    assert found == (None if expected is None else [{"name": name} for name in expected])


def test_only_the_pusher_sees_the_secret_to_push_with(catalog: Catalog) -> None:
    steps = steps_of(made(catalog))

    holders = [n for n, step in steps.items() if "docker-config" in mounts_of(step).values()]
    assert holders == ["pusher"]


def test_the_pusher_sees_neither_the_data_nor_the_configuration(catalog: Catalog) -> None:
    pusher = steps_of(made(catalog))["pusher"]

    assert set(mounts_of(pusher).values()) == {"results-volume", "docker-config"}
    assert "resources" not in pusher


def test_a_private_model_is_the_users_image(catalog: Catalog) -> None:
    private = {
        "name": "falcon-7b",
        "accessMode": "private",
        "presetOptions": {"image": "r.example/falcon:1"},
    }
    trainer = steps_of(made(catalog, a_tuner(preset=private)))["phi"]

    assert trainer["image"] == "r.example/falcon:1"


# --- GPUs and processes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instance_type", "gpus"),
    [
        ("Standard_NC24ads_A100_v4", 1),
        ("Standard_NC48ads_A100_v4", 2),
        ("Standard_NC96ads_A100_v4", 4),
        # One of Kaito's two tables says 1 of each of these.
        ("Standard_ND96asr_v4", 8),
        ("Standard_ND96asr_A100_v4", 8),
    ],
)
def test_as_many_processes_as_gpus(catalog: Catalog, instance_type: str, gpus: int) -> None:
    parent = a_tuner(resource=a_resource(instanceType=instance_type))
    request = training(catalog, parent, gpus=gpus)
    trainer = steps_of(synced(request, catalog))["phi"]

    assert trainer["resources"]["limits"] == {"nvidia.com/gpu": str(gpus)}
    assert trainer["resources"]["requests"] == {"nvidia.com/gpu": str(gpus)}
    assert trainer["command"][-1] == (
        f"python3 metrics_server.py & accelerate launch --num_processes={gpus} fine_tuning.py"
    )


def test_aws_has_as_many_processes_as_gpus(catalog: Catalog) -> None:
    # Kaito starts one process on every instance type of AWS.
    aws = on_existing_nodes(load_catalog(Cloud.AWS))
    parent = a_tuner(resource=a_resource(instanceType="p4d.24xlarge"))
    node = a_node(instance_type="p4d.24xlarge", gpus=8)
    trainer = steps_of(synced(a_request(parent, related=[node], kinds=("Node.v1", "Pod.v1")), aws))

    assert catalog.instance_types.get("p4d.24xlarge") is None
    assert "--num_processes=8" in trainer["phi"]["command"][-1]
    assert trainer["phi"]["resources"]["limits"] == {"nvidia.com/gpu": "8"}


@pytest.mark.parametrize("shown", [1, 3])
def test_an_unlisted_type_has_the_gpus_that_its_node_shows(catalog: Catalog, shown: int) -> None:
    parent = a_tuner(resource=a_resource(instanceType="Standard_New"))
    trainer = steps_of(synced(training(catalog, parent, gpus=shown), catalog))["phi"]

    assert trainer["resources"]["limits"] == {"nvidia.com/gpu": str(shown)}
    assert f"--num_processes={shown} " in trainer["command"][-1]


def test_falcon_is_told_the_other_flags_of_its_launcher_in_one_order(catalog: Catalog) -> None:
    # Kaito's order is random.
    trainer = steps_of(made(catalog, a_tuner(preset={"name": "falcon-7b"})))["phi"]

    assert trainer["command"][-1] == (
        "python3 metrics_server.py & accelerate launch --gpu_ids=all --machine_rank=0 "
        "--num_machines=1 --num_processes=1 fine_tuning.py"
    )
    assert trainer["image"] == "mcr.microsoft.com/aks/kaito/kaito-falcon-7b:0.0.6"
    assert trainer["env"] == [
        {"name": "PYTORCH_CUDA_ALLOC_CONF", "value": "expandable_segments:True"}
    ]


# --- where it runs ------------------------------------------------------------------------------


def test_it_runs_on_the_nodes_of_its_workspace(catalog: Catalog) -> None:
    # Kaito's runs on any node with a GPU.
    terms = pod_of(made(catalog))["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]["nodeSelectorTerms"]
    labels = [{"key": key, "operator": "In", "values": [value]} for key, value in LABELS.items()]

    assert [term["matchExpressions"] for term in terms] == [
        [
            *labels,
            {"key": "kaito.sh/workspace", "operator": "In", "values": ["phi"]},
            {"key": "kaito.sh/workspacenamespace", "operator": "In", "values": ["default"]},
        ],
        [*labels, {"key": "kaito.sh/workspace", "operator": "DoesNotExist"}],
    ]


def test_it_tolerates_the_taints_of_gpu_nodes(catalog: Catalog) -> None:
    # The first of Kaito's has the key "gpu", which no node has.
    assert pod_of(made(catalog))["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"},
    ]


def test_its_node_has_the_disk_of_the_preset(catalog: Catalog) -> None:
    # Kaito asks for none.
    [machine] = synced(a_request(a_tuner(preset={"name": "mistral-7b"})), catalog)["status"][
        "machines"
    ]

    assert (machine["disk"], machine["instanceType"]) == ("100Gi", TUNING_TYPE)


def test_shared_memory_is_always_there(catalog: Catalog) -> None:
    # Kaito mounts it for more than one node only, which a training never has.
    assert mounts_of(steps_of(made(catalog))["phi"])[SHM] == "dshm"


def test_nothing_is_made_before_the_node_is_there(catalog: Catalog) -> None:
    request = a_request(a_tuner())
    first = synced(request, catalog)
    [machine] = first["status"]["machines"]
    launching = synced(afterwards(request, first, related=[a_machine(machine["name"])]), catalog)

    assert kinds_of(first) == kinds_of(launching) == ["ControllerRevision", "ConfigMap"]


@pytest.mark.parametrize("provisioned", [on_existing_nodes, on_nodeclaims])
def test_the_job_is_the_same_however_its_node_came(catalog: Catalog, provisioned: object) -> None:
    other = provisioned(catalog)  # type: ignore[operator]
    kinds = ("Node.v1", "Pod.v1", "NodeClaim.karpenter.sh/v1")
    node = a_node(instance_type=TUNING_TYPE)

    found = synced(a_request(a_tuner(), related=[node], kinds=kinds), other)

    assert the(found, "Job") == the(made(catalog), "Job")


# --- the configuration --------------------------------------------------------------------------


def configured(catalog: Catalog, sections: object, **more: object) -> JsonObject:
    return made(catalog, a_tuner(config="mine"), a_config(sections, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "path"),
    [
        (None, "/mnt/output"),
        ("output", "/mnt/output"),
        ("/mnt/results", "/mnt/results"),
        ("custom/path", "/mnt/custom/path"),
    ],
)
def test_the_trainer_writes_where_the_volume_is(
    catalog: Catalog, written: str | None, path: str
) -> None:
    # Kaito mounts the volume at the path resolved, and the trainer writes to the path as written.
    arguments = {} if written is None else {"output_dir": written}
    answer = configured(
        catalog, {"QuantizationConfig": {"load_in_8bit": True}, "TrainingArguments": arguments}
    )
    steps = steps_of(answer)

    assert told(answer)["TrainingArguments"] == {"output_dir": path}
    assert mounts_of(steps["phi"])[path] == "results-volume"
    assert mounts_of(steps["pusher"])[path] == "results-volume"
    assert {"name": "RESULTS_PATH", "value": path} in steps["pusher"]["env"]


def test_the_users_configuration_is_taken_whole_without_nulls(catalog: Catalog) -> None:
    # A null would reach the trainer as the text "None".
    answer = configured(
        catalog,
        {
            "QuantizationConfig": {"load_in_4bit": True, "load_in_8bit": None},
            "LoraConfig": {"r": 16, "target_modules": ["query_key_value"], "lora_dropout": 0.05},
        },
    )

    assert told(answer) == {
        "QuantizationConfig": {"load_in_4bit": True},
        "LoraConfig": {"r": 16, "target_modules": ["query_key_value"], "lora_dropout": 0.05},
        "TrainingArguments": {"output_dir": "/mnt/output"},
    }


def test_the_users_config_map_is_neither_mounted_nor_made_a_child(catalog: Catalog) -> None:
    answer = configured(catalog, None)
    config_map = config_map_of(answer)

    assert config_map["metadata"]["name"] != "mine"
    assert volumes_of(answer)["config-volume"] == {
        "configMap": {"name": config_map["metadata"]["name"]}
    }


def test_the_name_of_the_configuration_says_what_it_holds(catalog: Catalog) -> None:
    def name(sections: JsonObject) -> str:
        return str(config_map_of(configured(catalog, sections))["metadata"]["name"])

    eight: JsonObject = {"QuantizationConfig": {"load_in_8bit": True}, "LoraConfig": {"r": 8}}
    other: JsonObject = {"LoraConfig": {"r": 16}, "QuantizationConfig": {"load_in_8bit": True}}
    same = {key: eight[key] for key in reversed(eight)}

    assert name(eight) == name(same)
    assert name(eight) != name(other)
    assert name(eight).startswith("phi-config-")
    assert len(name(eight).removeprefix("phi-config-")) == 10


def test_the_configuration_is_json_which_is_yaml(catalog: Catalog) -> None:
    text = config_map_of(made(catalog))["data"]["training_config.yaml"]

    assert json.loads(text) == read_document(text) == {"training_config": QLORA}
