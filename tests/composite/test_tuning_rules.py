"""
Kaito's rules of tuning, each as a case that passes and one that does not, with the whole sentence.

The numbers are those of section 1 of our specification of Kaito's tuning: C on creation, M of the
ConfigMap, U on update. Kaito drops nearly all of C and M on update; here they hold there too. A
case says so where metakaito says yes and Kaito no, or the other way round. Two of Kaito's rules
have nothing left to be about:

====  ==================================================  ========================================
 C5    the release namespace cannot be found out           the defaults are part of metakaito, not
                                                           ConfigMaps in another namespace
 M2    the ConfigMap cannot be read                        Metacontroller sends it, or no request
====  ==================================================  ========================================
"""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from composite.catalog import Catalog, Cloud
from composite.models import JsonObject
from presets import load_catalog
from presets.loading import read_yaml
from tests.composite.makers import (
    TUNING_TYPE,
    UID,
    a_config,
    a_preset,
    a_request,
    a_resource,
    a_tuner,
    a_tuning,
    condition,
    kinds_of,
    on_existing_nodes,
    synced,
    the,
    training,
)

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "tuning").glob("kaito_*.yaml"))
ABLE = (
    "falcon-40b, falcon-7b, mistral-7b, phi-2, phi-3-medium-128k-instruct, "
    "phi-3-medium-4k-instruct, phi-3-mini-128k-instruct, phi-3-mini-4k-instruct, "
    "tiny-phi-3-test"
)
IMAGE = (
    "must be registry/repository:tag, the repository in lower case, "
    "for example registry.example/adapters/my-adapter:1.0"
)
PLACEHOLDER = "replace the placeholder by a name of yours"
IMMUTABLE = "is immutable: delete the Workspace and create another one"
NO_TOGGLE = "cannot be added or removed: create another Workspace"
ONE_NODE = (
    "resource.count: a training runs on one node, its processes on that node's GPUs: set it to 1"
)
NOTHING_TO_PUSH_WITH = (
    "tuning.output.imagePushSecret: is needed to push the image: the name of a Secret of the type "
    "kubernetes.io/dockerconfigjson in this namespace"
)
ONE_INPUT = "tuning.input: exactly one of urls, image and volumeSource is needed,"
ONE_OUTPUT = "tuning.output: exactly one of image and volumeSource is needed,"
PARAMETERS = "tuning.config: {} must hold parameters, one on each line"
NOT_QUANTIZED = (
    "tuning.config: QuantizationConfig needs load_in_4bit or load_in_8bit for the method qlora"
)
SECTIONS = (
    "there are DataCollator, DatasetConfig, LoraConfig, ModelConfig, QuantizationConfig, "
    "TrainingArguments"
)
QUANTIZED: JsonObject = {"QuantizationConfig": {"load_in_4bit": True}}
VOLUME = {"persistentVolumeClaim": {"claimName": "data"}}
URLS = ["https://data.example/train.parquet"]


def refusal(catalog: Catalog, parent: JsonObject, *related: JsonObject) -> str:
    """Return why a new Workspace is refused; empty if it is accepted."""
    answer = synced(a_request(parent, related=related), catalog)
    status, _, message = condition(answer, "Accepted")
    assert (status == "False") == (kinds_of(answer) == [])
    return message if status == "False" else ""


def notes(catalog: Catalog, parent: JsonObject) -> str:
    """Return what is said of a new Workspace that is accepted."""
    status, _, message = condition(synced(a_request(parent), catalog), "Accepted")
    assert status == "True"
    return message


def without(parent: JsonObject, *fields: str) -> JsonObject:
    return {key: value for key, value in parent.items() if key not in fields}


def tuner_with(half: str, fields: JsonObject) -> JsonObject:
    """Return a Workspace that tunes with this as its input or output."""
    return a_tuner(input=fields) if half == "input" else a_tuner(output=fields)


def pushed(**changes: object) -> JsonObject:
    return {"image": "registry.example/adapters/phi:0.0.1", "imagePushSecret": "push"} | changes


def counted(count: object) -> JsonObject:
    return a_tuner(resource={**a_resource(instanceType=TUNING_TYPE), "count": count})


# --- on creation --------------------------------------------------------------------------------

GOOD = [
    pytest.param(a_tuner(), id="C1 and C2: only tuning"),
    pytest.param(counted(1), id="C3: Tuning single node"),
    pytest.param(
        a_tuner(resource=without(a_resource(instanceType=TUNING_TYPE), "count")),
        id="C3: no count is one (Kaito's webhook panics)",
    ),
    pytest.param(a_tuner(method="lora"), id="C4: lora"),
    pytest.param(a_tuner(method="qlora"), id="C4: Verify QLoRA Config"),
    pytest.param(a_tuner(method="QLoRA"), id="C4: any case (Kaito accepts it and then hangs)"),
    pytest.param(a_tuner(), id="C5 and C6: the defaults are there in every namespace"),
    pytest.param(a_tuner(input={"urls": URLS}), id="C7 and C11: URLs only"),
    pytest.param(
        a_tuner(input={"volumeSource": VOLUME}), id="C8: a volume (Kaito: not implemented)"
    ),
    pytest.param(
        a_tuner(input={"image": "AZURE_ACR.azurecr.io/test:0.0.0"}), id="C9: All fields valid"
    ),
    pytest.param(
        a_tuner(input={"image": "aimodels.azurecr.io/data-image:latest"}), id="C9: Image only"
    ),
    pytest.param(a_tuner(input={"image": "reg:5000/a/b:1"}), id="C9: a registry with a port"),
    pytest.param(
        a_tuner(input={"image": f"reg.example/repo@sha256:{'a' * 64}"}),
        id="C9: a digest is as good as a tag",
    ),
    pytest.param(
        a_tuner(input={"image": "reg.example/UPPER/low:1"}),
        id="C10: only the last part is checked, as in Kaito",
    ),
    pytest.param(
        a_tuner(input={"name": "valid-input", "image": "r.example/d:1", "imagePullSecrets": ["s"]}),
        id="C11: image with name and secrets",
    ),
    pytest.param(a_tuner(output=pushed()), id="C12 and C16: an image with the Secret"),
    pytest.param(
        a_tuner(output={"volumeSource": VOLUME}), id="C13 and C17: a volume (Kaito: not yet)"
    ),
    pytest.param(
        a_tuner(output=pushed(image="aimodels.azurecr.io/data-image:latest")), id="C14: Image only"
    ),
    pytest.param(
        a_tuner(output=pushed(image="AZURE_ACR.azurecr.io/o:0.0.0")), id="C15: lower case"
    ),
    pytest.param(a_tuner(preset={"name": "falcon-40b"}), id="C18 and C19: a preset that there is"),
]


@pytest.mark.parametrize("parent", GOOD)
def test_a_good_workspace_is_accepted(catalog: Catalog, parent: JsonObject) -> None:
    assert refusal(catalog, parent) == ""


@pytest.mark.parametrize("name", ABLE.split(", "))
@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_every_model_that_can_be_tuned_is(catalog: Catalog, name: str, method: str) -> None:
    assert refusal(catalog, a_tuner(preset={"name": name}, method=method)) == ""


def image_cases() -> Iterable[object]:
    """Yield the same bad images as input (C9, C10) and as output (C14, C15)."""
    bad = {
        "without URL": ("data-image:latest", IMAGE),
        "without tag": ("aimodels.azurecr.io/data-image", IMAGE),
        "empty": ("", IMAGE),
        "casing": ("AZURE_ACR.azurecr.io/INPUT:0.0.0", IMAGE),
        "placeholder": ("PULLREGISTRY/DATA_NAME_HERE:0.0.1", PLACEHOLDER),
        "placeholder in brackets": ("<YOUR_IMAGE>", PLACEHOLDER),
    }
    rules = {"casing": ("C10", "C15"), "placeholder": ("C10", "C15")}
    for title, (image, words) in bad.items():
        for half, rule in zip(("input", "output"), rules.get(title, ("C9", "C14")), strict=True):
            fields = {"image": image} if half == "input" else pushed(image=image)
            yield pytest.param(
                tuner_with(half, fields),
                f"tuning.{half}.image: is {image!r}, {words}",
                id=f"{rule}: {half}, {title}",
            )


BAD = [
    pytest.param(
        without(a_tuner(), "tuning"),
        "inference: exactly one of inference and tuning is needed, neither is set",
        id="C1: neither",
    ),
    pytest.param(
        a_tuner() | {"inference": a_preset()},
        "inference: exactly one of inference and tuning is needed, both are set",
        id="C2: both",
    ),
    pytest.param(
        a_tuner(preset={"name": "llama-2-7b"}) | {"inference": a_preset("falcon-7")},
        "inference: exactly one of inference and tuning is needed, both are set; "
        "inference.preset.name: no preset is called 'falcon-7': use falcon-7b, "
        "falcon-7b-instruct or another that 'metakaito presets' lists; tuning.preset.name: "
        f"llama-2-7b cannot be tuned; those that can are {ABLE}",
        id="C2: both, and each half is looked at",
    ),
    pytest.param(counted(2), ONE_NODE, id="C3: Tuning multinode"),
    pytest.param(
        counted(0), "resource.count: is 0, must be at least 1", id="C3: none (Kaito accepts it)"
    ),
    pytest.param(
        counted(-1), "resource.count: is -1, must be at least 1", id="C3: less (Kaito accepts it)"
    ),
    pytest.param(
        a_tuner(method="full"),
        "tuning.method: is 'full', must be lora or qlora",
        id="C4: Invalid Method",
    ),
    pytest.param(
        a_tuner(method=""), "tuning.method: is '', must be lora or qlora", id="C4: empty method"
    ),
    pytest.param(a_tuner(method=None), "tuning.method: is required", id="C4: no method"),
    pytest.param(a_tuner(input=None), "tuning.input: is required", id="C7: Missing Input"),
    pytest.param(
        a_tuner() | {"tuning": a_tuning() | {"input": None}},
        "tuning.input: must be an object, is nothing",
        id="C7: input is null",
    ),
    pytest.param(
        a_tuner(input={"urls": URLS, "volumeSource": VOLUME}),
        f"{ONE_INPUT} urls and volumeSource are set",
        id="C8 and C11: a volume besides",
    ),
    *image_cases(),
    pytest.param(a_tuner(input={}), f"{ONE_INPUT} none is set", id="C11: None"),
    pytest.param(
        a_tuner(input={"name": "only", "urls": []}), f"{ONE_INPUT} none is set", id="C11: no url"
    ),
    pytest.param(
        a_tuner(input={"urls": URLS, "image": "r.example/d:1"}),
        f"{ONE_INPUT} urls and image are set",
        id="C11: All",
    ),
    pytest.param(a_tuner(output=None), "tuning.output: is required", id="C12: Missing Output"),
    pytest.param(
        a_tuner(output=pushed(volumeSource=VOLUME)),
        f"{ONE_OUTPUT} both are set",
        id="C13: a volume besides (Kaito: at least one)",
    ),
    pytest.param(
        a_tuner(output={"image": "r.example/o:1"}),
        NOTHING_TO_PUSH_WITH,
        id="C16: no Secret to push with",
    ),
    pytest.param(
        a_tuner(output=pushed(imagePushSecret="")),
        "tuning.output.imagePushSecret: must not be empty",
        id="C16: an empty name",
    ),
    pytest.param(a_tuner(output={}), f"{ONE_OUTPUT} neither is set", id="C17: none"),
    pytest.param(a_tuner(preset=None), "tuning.preset: is required", id="C18: Missing Preset"),
    pytest.param(
        a_tuner(preset={"name": "falcon-7"}),
        "tuning.preset.name: no preset is called 'falcon-7': use falcon-7b, "
        "falcon-7b-instruct or another that 'metakaito presets' lists",
        id="C19: Invalid Preset",
    ),
    pytest.param(
        a_tuner(preset={"name": "falcon-7b-instruct"}),
        f"tuning.preset.name: falcon-7b-instruct cannot be tuned; those that can are {ABLE}",
        id="C19: one that cannot be tuned (Kaito crashes)",
    ),
]


@pytest.mark.parametrize(("parent", "expected"), BAD)
def test_a_bad_workspace_is_refused(catalog: Catalog, parent: JsonObject, expected: str) -> None:
    assert refusal(catalog, parent) == expected


def test_all_that_is_wrong_is_said_at_once(catalog: Catalog) -> None:
    parent = a_tuner(preset={"name": "phi-2", "accessMode": "private"}, input={}, output={})

    assert refusal(catalog, parent) == (
        "tuning.preset.presetOptions.image: accessMode private needs the image that holds the "
        f"model; {ONE_INPUT} none is set; {ONE_OUTPUT} neither is set"
    )


def test_c5_a_config_of_another_namespace_is_none(catalog: Catalog) -> None:
    # Kaito falls back to the namespace it runs in, also for a name of the user's.
    elsewhere = a_config()
    elsewhere["metadata"]["namespace"] = "kaito-workspace"

    assert refusal(catalog, a_tuner(config="mine"), elsewhere) == (
        "tuning.config: there is no ConfigMap 'mine' in namespace 'default'"
    )


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.stem))
def test_the_examples_are_accepted(catalog: Catalog, file: Path) -> None:
    # Kaito's own are refused by its webhook, for the placeholders in them.
    comment, *_ = file.read_text().splitlines()
    parent = read_yaml(file)
    assert isinstance(parent, dict)
    parent["metadata"] |= {"namespace": "default", "uid": UID, "generation": 1}

    assert comment.startswith("# ")
    assert refusal(catalog, parent) == notes(catalog, parent) == ""


def test_there_are_examples_of_both_inputs() -> None:
    texts = [file.read_text() for file in EXAMPLES]

    assert sum("urls:" in text for text in texts) == 2
    assert sum("input:\n    image:" in text for text in texts) == 1


# Addresses and volumes; Kaito looks at neither.


@pytest.mark.parametrize(
    "url",
    [
        "data.example/x",
        "s3://a/b",
        "https://a/b#sha256=",
        "https://a/b#c",
        "-o/etc/passwd",
        "https://a b",
        "",
        "https://",
    ],
)
def test_an_address_is_one_word_with_a_scheme(catalog: Catalog, url: str) -> None:
    assert refusal(catalog, a_tuner(input={"urls": [*URLS, url]})) == (
        f"tuning.input.urls[1]: is {url!r}, must be an address, for example "
        "https://data.example/train.parquet, behind which #sha256=<64 hex digits> may stand"
    )


@pytest.mark.parametrize(
    "volume",
    [
        pytest.param({}, id="none"),
        pytest.param(VOLUME | {"emptyDir": {}}, id="two kinds"),
        pytest.param({"name": "data", "emptyDir": {}}, id="a name besides"),
        pytest.param({"persistentVolumeClaim": "data"}, id="a text"),
        pytest.param({"emptyDir": None}, id="nothing"),
    ],
)
@pytest.mark.parametrize("half", ["input", "output"])
def test_a_volume_is_of_one_kind(catalog: Catalog, half: str, volume: JsonObject) -> None:
    assert refusal(catalog, tuner_with(half, {"volumeSource": volume})) == (
        f"tuning.{half}.volumeSource: exactly one kind of volume is needed, for example "
        "persistentVolumeClaim: {claimName: my-data}"
    )


@pytest.mark.parametrize("name", ["data-downloader", "data-extractor", "pusher"])
def test_a_workspace_is_not_called_like_a_step(catalog: Catalog, name: str) -> None:
    assert refusal(catalog, a_tuner(name)) == (
        f"metadata.name: {name!r} is the name of a step of the training: use another name"
    )


def test_a_registry_that_looks_like_a_placeholder_is_told(catalog: Catalog) -> None:
    image = "ACR_REPO_HERE.azurecr.io/adapter:0.0.1"

    assert notes(catalog, a_tuner(output=pushed(image=image))) == (
        f"tuning.output.image: is {image!r}, {PLACEHOLDER}"
    )


# Not checked by Kaito for tuning, though for inference.


@pytest.mark.parametrize(
    ("instance_type", "expected"),
    [
        (
            "Standard_D2s_v3",
            (
                "Standard_D2s_v3 is of a family without GPUs, and a preset needs one: choose one "
                "that 'metakaito instance-types' lists"
            ),
        ),
        (
            "Standard_A100",
            (
                "no instance type of azure is called 'Standard_A100': use Standard_NV12, "
                "Standard_NC12, Standard_ND96asr_A100_v4 or another that "
                "'metakaito instance-types' lists"
            ),
        ),
        (
            "Standard_NV32as_v4",
            (
                "Standard_NV32as_v4 has AMD Radeon Instinct MI25, and the images of the presets "
                "need nvidia.com/gpu: choose an instance type with NVIDIA GPUs"
            ),
        ),
    ],
)
def test_an_instance_type_without_nvidia_gpus_is_refused(
    catalog: Catalog, instance_type: str, expected: str
) -> None:
    parent = a_tuner(resource=a_resource(instanceType=instance_type))

    assert refusal(catalog, parent) == f"resource.instanceType: {expected}"


@pytest.mark.parametrize("operator", ["NotIn", "Exists", "DoesNotExist"])
def test_a_selector_that_no_new_node_can_be_made_with_is_refused(
    catalog: Catalog, operator: str
) -> None:
    selector = {"matchExpressions": [{"key": "apps", "operator": operator, "values": ["a"]}]}

    assert refusal(
        catalog, a_tuner(resource=a_resource(instanceType=TUNING_TYPE, labelSelector=selector))
    ) == (
        "resource.labelSelector.matchExpressions[0]: new nodes are made with these labels, so each "
        'must be certain: use the operator "In" with exactly one value'
    )


def test_private_needs_the_image(catalog: Catalog) -> None:
    private = {"name": "phi-2", "accessMode": "private"}
    named = private | {"presetOptions": {"image": "r.example/phi:1"}}

    assert refusal(catalog, a_tuner(preset=named)) == ""
    assert refusal(catalog, a_tuner(preset=private)) == (
        "tuning.preset.presetOptions.image: accessMode private needs the image that holds the model"
    )


@pytest.mark.parametrize(
    ("name", "good"), [("p" * 52, True), ("p" * 53, False), ("t.1", False), ("1-t", False)]
)
def test_the_name_names_a_container_and_with_ten_digits_more_a_job(
    catalog: Catalog,
    name: str,
    good: bool,  # noqa: FBT001  (a table)
) -> None:
    assert refusal(catalog, a_tuner(name)) == (
        ""
        if good
        else f"metadata.name: {name!r} names a Service and a container too: use lower-case "
        "letters, digits and '-', start with a letter, at most 52 characters"
    )


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        pytest.param(
            a_tuner(resource=a_resource(instanceType="Standard_NC12s_v3")),
            "resource.instanceType: tuning phi-3-mini-4k-instruct takes about 72Gi on each of 1 "
            "GPUs, Standard_NC12s_v3 has 16Gi on each of 2: it may run out of memory",
            id="GPUs that may be too small",
        ),
        pytest.param(
            a_tuner(preset={"name": "falcon-40b"}),
            "resource.instanceType: tuning falcon-40b takes about 16Gi on each of 2 GPUs, "
            "Standard_NC24ads_A100_v4 has 80Gi on each of 1: it may run out of memory",
            id="fewer GPUs than usual",
        ),
        pytest.param(
            a_tuner(
                preset={"name": "falcon-40b"}, resource=a_resource(instanceType="Standard_NC12s_v3")
            ),
            "resource.instanceType: tuning falcon-40b takes about 90Gi of GPU memory, "
            "Standard_NC12s_v3 has 32Gi: it may run out of memory",
            id="GPUs that are large enough each, and too small together",
        ),
        pytest.param(
            a_tuner(resource=a_resource(instanceType="Standard_New")),
            "resource.instanceType: Standard_New is not in the table of azure (perhaps "
            "Standard_NV6, Standard_NC6 or Standard_NV24 is meant), so nothing is known of its "
            "GPUs and whether the model fits",
            id="a type that is not listed",
        ),
        pytest.param(a_tuner(), "", id="nothing to say"),
    ],
)
def test_what_is_accepted_with_a_word(catalog: Catalog, parent: JsonObject, expected: str) -> None:
    assert notes(catalog, parent) == expected


# --- the ConfigMap ------------------------------------------------------------------------------


def yaml_text(text: str) -> JsonObject:
    return a_config(data={"training_config.yaml": text})


GOOD_CONFIGS = [
    pytest.param("qlora", a_config(), id="M1 and M3 to M7: it is there and can be read"),
    pytest.param(
        "qlora",
        a_config(QUANTIZED | {name: {} for name in ("ModelConfig", "DataCollator")}),
        id="M6: sections that there are",
    ),
    pytest.param(
        "qlora",
        yaml_text("training_config: {QuantizationConfig: {load_in_4bit: yes}}"),
        id="M8: yes is true in YAML 1.1",
    ),
    pytest.param(
        "qlora",
        a_config({"QuantizationConfig": {"load_in_4bit": None, "load_in_8bit": True}}),
        id="M8 and M11: nothing and true",
    ),
    pytest.param(
        "qlora",
        a_config({"QuantizationConfig": {"load_in_4bit": True, "load_in_8bit": False}}),
        id="M9: one of both",
    ),
    pytest.param("lora", a_config({}), id="M10: lora needs no section"),
    pytest.param(
        "lora", a_config({"QuantizationConfig": {"load_in_4bit": False}}), id="M10: not quantized"
    ),
    pytest.param("QLORA", a_config(), id="M11: the method in any case"),
    pytest.param(
        "qlora",
        a_config(QUANTIZED | {"TrainingArguments": {"output_dir": None}}),
        id="M12: nothing is the default everywhere (Kaito: not a string)",
    ),
    pytest.param(
        "qlora",
        yaml_text(
            "other: 1\ntraining_config:\n"
            "  QuantizationConfig: {load_in_8bit: true}\n"
            "  LoraConfig: {r: 16, lora_alpha: 32, lora_dropout: .05, bias: none,\n"
            "    target_modules: [query_key_value]}\n"
            "  TrainingArguments: {output_dir: output, num_train_epochs: 4,\n"
            "    auto_find_batch_size: true, learning_rate: 2e-4}\n"
        ),
        id="as in Kaito's tests; what stands beside training_config is ignored",
    ),
]


@pytest.mark.parametrize(("method", "config"), GOOD_CONFIGS)
def test_a_good_config_is_accepted(catalog: Catalog, method: str, config: JsonObject) -> None:
    assert refusal(catalog, a_tuner(method=method, config="mine"), config) == ""


NO_MAP = (
    "tuning.config: ConfigMap 'mine': training_config.yaml needs the key training_config with the "
    "sections below it"
)
BAD_CONFIGS = [
    pytest.param(
        "qlora",
        None,
        "tuning.config: there is no ConfigMap 'mine' in namespace 'default'",
        id="M1: not found",
    ),
    pytest.param(
        "qlora",
        a_config(data={"other.yaml": "x"}),
        "tuning.config: ConfigMap 'mine' has no key training_config.yaml",
        id="M3: the key is missing",
    ),
    pytest.param(
        "qlora",
        yaml_text("training_config: ["),
        "tuning.config: ConfigMap 'mine': training_config.yaml cannot be read: line 2, column 1: "
        "while parsing a flow node, did not find expected node content",
        id="M4: no YAML",
    ),
    pytest.param("qlora", yaml_text(""), NO_MAP, id="M5: empty"),
    pytest.param("qlora", yaml_text("text"), NO_MAP, id="M5: a text"),
    pytest.param("qlora", yaml_text("[]"), NO_MAP, id="M5: a list"),
    pytest.param("qlora", yaml_text("LoraConfig: {}"), NO_MAP, id="M5: another key"),
    pytest.param("qlora", yaml_text("training_config:"), NO_MAP, id="M5: null"),
    pytest.param("qlora", yaml_text("training_config: 5"), NO_MAP, id="M5: a number"),
    pytest.param("qlora", yaml_text("training_config: []"), NO_MAP, id="M5: a list below it"),
    pytest.param(
        "qlora",
        a_config(QUANTIZED | {"Bogus": {}}),
        f"tuning.config: there is no section called 'Bogus'; {SECTIONS}",
        id="M6: an unknown section",
    ),
    pytest.param(
        "qlora",
        a_config(QUANTIZED | {"loraConfig": {}, "Bogus": {}}),
        "tuning.config: there is no section called 'loraConfig'; did you mean 'LoraConfig'? "
        f"{SECTIONS}; tuning.config: there is no section called 'Bogus'; {SECTIONS}",
        id="M6: every unknown section (Kaito says one of them)",
    ),
    pytest.param(
        "qlora",
        yaml_text("training_config:\n  1: {}\n"),
        "tuning.config: ConfigMap 'mine': training_config.yaml cannot be read: line 2, column 3: a "
        "key must be text: write it in quotes, '1'",
        id="M6: a section that is a number (Kaito's webhook panics)",
    ),
    pytest.param(
        "qlora",
        a_config({"QuantizationConfig": ["load_in_4bit"]}),
        f"{PARAMETERS.format('QuantizationConfig')}; {NOT_QUANTIZED}",
        id="M7: QuantizationConfig is a list",
    ),
    pytest.param(
        "qlora",
        a_config(QUANTIZED | {"TrainingArguments": "/mnt/results"}),
        PARAMETERS.format("TrainingArguments"),
        id="M7: TrainingArguments is a text",
    ),
    pytest.param(
        "qlora",
        a_config(QUANTIZED | {"LoraConfig": 8}),
        PARAMETERS.format("LoraConfig"),
        id="M7: LoraConfig is a number (Kaito accepts it)",
    ),
    pytest.param(
        "qlora",
        a_config({"QuantizationConfig": {"load_in_4bit": "true"}}),
        "tuning.config: QuantizationConfig.load_in_4bit must be true or false, is a text; "
        f"{NOT_QUANTIZED}",
        id="M8: load_in_4bit is a text",
    ),
    pytest.param(
        "qlora",
        a_config({"QuantizationConfig": {"load_in_4bit": True, "load_in_8bit": 1}}),
        "tuning.config: QuantizationConfig.load_in_8bit must be true or false, is a whole number",
        id="M8: load_in_8bit is a number",
    ),
    pytest.param(
        "qlora",
        a_config({"QuantizationConfig": {"load_in_4bit": True, "load_in_8bit": True}}),
        "tuning.config: QuantizationConfig cannot have both load_in_4bit and load_in_8bit",
        id="M9: both",
    ),
    pytest.param(
        "lora",
        a_config(),
        "tuning.config: QuantizationConfig.load_in_4bit must not be true for the method lora: use "
        "qlora",
        id="M10: lora and 4 bit",
    ),
    pytest.param(
        "lora",
        a_config({"QuantizationConfig": {"load_in_8bit": True}}),
        "tuning.config: QuantizationConfig.load_in_8bit must not be true for the method lora: use "
        "qlora",
        id="M10: lora and 8 bit",
    ),
    pytest.param("qlora", a_config({}), NOT_QUANTIZED, id="M11: no section"),
    pytest.param(
        "qlora",
        a_config({"QuantizationConfig": {"load_in_4bit": False}}),
        NOT_QUANTIZED,
        id="M11: neither",
    ),
    *(
        pytest.param(
            "qlora",
            a_config(QUANTIZED | {"TrainingArguments": {"output_dir": value}}),
            f"tuning.config: TrainingArguments.output_dir must be a text, is {kind}",
            id=f"M12: output_dir is {kind}",
        )
        for value, kind in (
            (5, "a whole number"),
            (True, "true or false"),
            (["/mnt/results"], "a list"),
        )
    ),
    # What Kaito leaves to the trainer, which fails after the node was bought.
    pytest.param(
        "qlora",
        a_config(QUANTIZED | {"DatasetConfig": {"shuffle": True, "shuffle_seed": "x"}}),
        "tuning.config: there is no parameter of DatasetConfig called 'shuffle'; did you mean "
        "'shuffle_seed'? there are context_column, dataset_extension, dataset_path, "
        "messages_column, response_column, shuffle_dataset, shuffle_seed, train_test_split; "
        "tuning.config: DatasetConfig.shuffle_seed must be a whole number, is a text",
        id="an unknown parameter and one of another kind",
    ),
    pytest.param(
        "qlora",
        a_config(
            QUANTIZED
            | {"TrainingArguments": {"learning_rate": "fast", "fp16": "yes", "max_steps": True}}
        ),
        "tuning.config: TrainingArguments.learning_rate must be a number, is a text; "
        "tuning.config: TrainingArguments.fp16 must be true or false, is a text; "
        "tuning.config: TrainingArguments.max_steps must be a whole number, is true or false",
        id="kinds: a number, true or false, a whole number",
    ),
]


@pytest.mark.parametrize(("method", "config", "expected"), BAD_CONFIGS)
def test_a_bad_config_is_refused(
    catalog: Catalog, method: str, config: JsonObject | None, expected: str
) -> None:
    related = [config] if config is not None else []

    assert refusal(catalog, a_tuner(method=method, config="mine"), *related) == expected


def results_path(catalog: Catalog, output_dir: str) -> str:
    """Return the directory that the trainer is told, or why it is refused."""
    config = a_config(QUANTIZED | {"TrainingArguments": {"output_dir": output_dir}})
    answer = synced(a_request(a_tuner(config="mine"), related=[config]), catalog)
    status, _, message = condition(answer, "Accepted")
    if status == "False":
        return message
    [config_map] = [child for child in answer["children"] if child["kind"] == "ConfigMap"]
    document = json.loads(config_map["data"]["training_config.yaml"])
    return str(document["training_config"]["TrainingArguments"]["output_dir"])


@pytest.mark.parametrize(
    ("output_dir", "expected"),
    [
        pytest.param("/mnt/results", "/mnt/results", id="as the defaults have it"),
        pytest.param("output", "/mnt/output", id="a relative one is meant below /mnt"),
        pytest.param("custom/path", "/mnt/custom/path", id="a deep one"),
        pytest.param("/mnt//a/../b/", "/mnt/b", id="cleaned"),
        pytest.param("/etc", "/mnt/etc", id="an absolute one too, as Kaito's Job has it"),
        pytest.param("/mntfoo", "/mnt/mntfoo", id="beside /mnt (Kaito mounts it there)"),
    ],
)
def test_m13_the_results_go_to_a_directory_below_mnt(
    catalog: Catalog, output_dir: str, expected: str
) -> None:
    assert results_path(catalog, output_dir) == expected


@pytest.mark.parametrize(
    ("output_dir", "leads_to"),
    [
        pytest.param("", "/mnt/output", id="empty"),
        pytest.param(".", "/mnt", id="/mnt itself"),
        pytest.param("/mnt", "/mnt/mnt", id="/mnt by its name (Kaito accepts it)"),
        pytest.param("/mnt/", "/mnt", id="/mnt as a directory (Kaito accepts it)"),
        pytest.param("a:b", "/mnt/a:b", id="a path that cannot be mounted (Kaito accepts it)"),
        pytest.param("/", "/mnt", id="the root"),
        pytest.param("..", "/", id="above"),
        pytest.param("../etc", "/etc", id="elsewhere"),
        pytest.param("../../etc/passwd", "/etc/passwd", id="far elsewhere"),
        pytest.param("../mnt2", "/mnt2", id="beside (Kaito accepts it)"),
        pytest.param("/mnt/../etc", "/etc", id="in disguise (Kaito accepts it)"),
        pytest.param("/mnt/data", "/mnt/data", id="over the data (Kaito accepts it)"),
        pytest.param("data/out", "/mnt/data/out", id="among the data (Kaito accepts it)"),
        pytest.param("/mnt/config", "/mnt/config", id="over the configuration (Kaito accepts it)"),
    ],
)
def test_m13_no_other_directory_is_accepted(
    catalog: Catalog, output_dir: str, leads_to: str
) -> None:
    assert results_path(catalog, output_dir) == (
        f"tuning.config: TrainingArguments.output_dir leads to {leads_to}, must be a directory of "
        "its own below /mnt, for example /mnt/results"
    )


# --- on update ----------------------------------------------------------------------------------


def edit(
    catalog: Catalog,
    before: JsonObject | None = None,
    world: Iterable[JsonObject] = (),
    **changes: object,
) -> JsonObject:
    """Return the answer to an edit of a Workspace whose training runs."""
    request = training(catalog, before, world=world)
    metadata = request["parent"]["metadata"] | {"generation": 2}
    parent = request["parent"] | {"metadata": metadata} | changes
    kept = {key: value for key, value in parent.items() if value is not None}
    others = [each for group in request["related"].values() for each in group.values()]
    children = [each for group in request["children"].values() for each in group.values()]
    return synced(a_request(kept, children=children, related=others), catalog)


def selector(**labels: str) -> JsonObject:
    return a_resource(instanceType=TUNING_TYPE, labelSelector={"matchLabels": labels})


def expressed(*values: str, operator: str = "In") -> JsonObject:
    expression = {"key": "apps", "operator": operator, "values": list(values)}
    chosen = {"matchExpressions": [expression]}
    return a_resource(instanceType=TUNING_TYPE, labelSelector=chosen)


NAMED = a_tuner(input={"name": "original-dataset", "urls": URLS})


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        pytest.param(None, {}, id="U1 and U2: no toggling"),
        pytest.param(None, {"resource": selector(apps="phi-3")}, id="U3, U4, U6: Valid"),
        pytest.param(None, {"resource": expressed("phi-3")}, id="U5 and U6: in the other form"),
        pytest.param(
            None,
            {"tuning": a_tuning(input={"urls": ["https://data.example/other.parquet"]})},
            id="U7: another input",
        ),
        pytest.param(
            None,
            {"tuning": a_tuning(output=pushed(image="r.example/o:2", imagePushSecret="other"))},
            id="U7: another output",
        ),
        pytest.param(
            NAMED,
            {"tuning": a_tuning(input={"name": "original-dataset", "image": "r.example/d:1"})},
            id="U8: No changes",
        ),
        pytest.param(
            None,
            {"tuning": a_tuning(input={"volumeSource": VOLUME})},
            id="U9: a volume (Kaito: not implemented)",
        ),
        pytest.param(
            None,
            {
                "tuning": a_tuning(
                    preset={
                        "name": "phi-3-mini-4k-instruct",
                        "accessMode": "public",
                        "presetOptions": {},
                    }
                )
            },
            id="U10: the same with the defaults written out",
        ),
        pytest.param(None, {"tuning": a_tuning(method="qlora")}, id="U11: No changes"),
    ],
)
def test_what_can_be_edited(
    catalog: Catalog, before: JsonObject | None, changes: JsonObject
) -> None:
    assert condition(edit(catalog, before, **changes), "Accepted") == ("True", "Accepted", "")


@pytest.mark.parametrize(
    ("before", "changes", "expected"),
    [
        pytest.param(
            None,
            {"inference": a_preset(), "tuning": None},
            f"inference: {NO_TOGGLE}; tuning: {NO_TOGGLE}",
            id="U1: inference on, tuning off",
        ),
        pytest.param(
            None,
            {"tuning": None},
            "inference: exactly one of inference and tuning is needed, neither is set; "
            f"tuning: {NO_TOGGLE}",
            id="U2: tuning off",
        ),
        pytest.param(
            None,
            {"resource": a_resource(instanceType=TUNING_TYPE, count=2)},
            f"{ONE_NODE}; resource.count: {IMMUTABLE} (it was 1)",
            id="U3: Count",
        ),
        pytest.param(
            None,
            {"resource": a_resource(instanceType="Standard_NC48ads_A100_v4")},
            f"resource.instanceType: {IMMUTABLE} (it was {TUNING_TYPE})",
            id="U4: InstanceType",
        ),
        *(
            pytest.param(
                None,
                {"resource": chosen},
                "resource.labelSelector.matchExpressions[0]: new nodes are made with these labels, "
                'so each must be certain: use the operator "In" with exactly one value',
                id=title,
            )
            for title, chosen in {
                "U5: two values": expressed("phi-3", "other"),
                "U5: NotIn": expressed("phi-3", operator="NotIn"),
            }.items()
        ),
        pytest.param(
            None,
            {"resource": selector(key1="value1")},
            f"resource.labelSelector: {IMMUTABLE} (it was apps=phi-3)",
            id="U6: LabelSelector",
        ),
        pytest.param(
            None, {"tuning": a_tuning(input=None)}, "tuning.input: is required", id="U7: no input"
        ),
        pytest.param(
            None,
            {"tuning": a_tuning(output=None)},
            "tuning.output: is required",
            id="U7: no output",
        ),
        pytest.param(
            NAMED,
            {"tuning": a_tuning(input={"name": "new-dataset", "urls": URLS})},
            f"tuning.input.name: {IMMUTABLE} (it was original-dataset)",
            id="U8: Name changed",
        ),
        pytest.param(
            None,
            {"tuning": a_tuning(output=pushed(volumeSource=VOLUME))},
            f"{ONE_OUTPUT} both are set",
            id="U9: a volume besides",
        ),
        pytest.param(
            None,
            {"tuning": a_tuning(preset={"name": "phi-2"})},
            f"tuning.preset: {IMMUTABLE} (it was phi-3-mini-4k-instruct)",
            id="U10: Preset changed",
        ),
        pytest.param(
            None,
            {
                "tuning": a_tuning(
                    preset={
                        "name": "phi-3-mini-4k-instruct",
                        "presetOptions": {"image": "r.example/p:1"},
                    }
                )
            },
            f"tuning.preset: {IMMUTABLE} (it was phi-3-mini-4k-instruct)",
            id="U10: only its options",
        ),
        pytest.param(
            None,
            {"tuning": a_tuning(method="lora")},
            f"tuning.method: {IMMUTABLE} (it was qlora)",
            id="U11: Method changed",
        ),
        pytest.param(
            None,
            {"tuning": a_tuning(method="QLoRA")},
            f"tuning.method: {IMMUTABLE} (it was qlora)",
            id="U11: only its case (Kaito accepts it and trains anew)",
        ),
        # Kaito asks these on creation only.
        pytest.param(
            None,
            {"tuning": a_tuning(input={})},
            f"{ONE_INPUT} none is set",
            id="C11 on update (Kaito crashes)",
        ),
        pytest.param(
            None,
            {"tuning": a_tuning(output={"image": "r.example/o:1"})},
            NOTHING_TO_PUSH_WITH,
            id="C16 on update",
        ),
        pytest.param(
            None,
            {"tuning": a_tuning(config="mine")},
            "tuning.config: there is no ConfigMap 'mine' in namespace 'default'",
            id="M1 on update",
        ),
    ],
)
def test_what_cannot_be_edited(
    catalog: Catalog, before: JsonObject | None, changes: JsonObject, expected: str
) -> None:
    answer = edit(catalog, before, **changes)

    assert condition(answer, "Accepted") == ("False", "Refused", expected)
    # The training goes on.
    assert the(answer, "Job") == the(synced(training(catalog, before), catalog), "Job")


def test_aws_has_instance_types_of_its_own(catalog: Catalog) -> None:
    other, aws = on_existing_nodes(catalog), on_existing_nodes(load_catalog(Cloud.AWS))
    parent = a_tuner(resource=a_resource(instanceType="p4d.24xlarge"))

    assert refusal(aws, parent) == ""
    assert refusal(other, parent).startswith(
        "resource.instanceType: no instance type of azure is called 'p4d.24xlarge'"
    )


@pytest.mark.parametrize("kind", ["emptyDir", "hostPath", "configMap", "persistentVolumeClaims"])
def test_a_result_goes_where_it_lasts(catalog: Catalog, kind: str) -> None:
    said = refusal(catalog, a_tuner(output={"volumeSource": {kind: {}}}))

    assert said.startswith(
        f"tuning.output.volumeSource: cannot be {kind}: what is there must last longer than a pod "
        "and a node; use one of persistentVolumeClaim, nfs, csi, "
    )


def test_an_adapter_in_another_format_is_refused(catalog: Catalog) -> None:
    config = a_config(QUANTIZED | {"TrainingArguments": {"save_safetensors": False}})

    assert "TrainingArguments.save_safetensors must not be false" in refusal(
        catalog, a_tuner(config="mine"), config
    )


def test_data_in_several_files_is_worth_a_note(catalog: Catalog) -> None:
    assert notes(catalog, a_tuner(input={"urls": ["https://a/x", "https://a/y"]})) == (
        "tuning.input.urls: Kaito's trainers read one file of those that are fetched, "
        "metakaito's all"
    )
