"""What an overlay may do to the catalog, and every way to get one wrong."""

from pathlib import Path

import pytest

from composite.catalog import Cloud, HubWeights, Provisioner, Provisioning, Weights
from presets import InvalidPresets, load_catalog

PRESET = """\
name: {name}
family: Tiny
source: https://example.org/tiny
dated: "2025-01-31"
accessMode: public
image: tiny:1.0.0
disk: 10Gi
gpu: {{ count: 1, totalMemoryGi: 2, perGpuMemoryGi: 0 }}
command: {{ launcher: python3, launcherFlags: {{}}, modelFlags: {{}} }}
readinessTimeoutSeconds: 60
"""
ROW = "- { name: %s, gpuCount: 2, gpuMemoryGi: 48, source: https://example.org/box }\n"


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def weighing(weights: str, more: str = "") -> str:
    """Return a preset with these weights in place of an image."""
    instead = f"{more}weights: {weights}\n"
    return PRESET.format(name="tiny").replace("image: tiny:1.0.0\n", instead)


def problems(overlay: Path) -> str:
    """Return what is wrong with an overlay, with paths as seen from inside it."""
    with pytest.raises(InvalidPresets) as refused:
        load_catalog(overlay=overlay)
    return str(refused.value).replace(f"{overlay}/", "")


def test_a_preset_is_added(tmp_path: Path) -> None:
    write(tmp_path / "models/tiny.yaml", PRESET.format(name="tiny"))

    presets = load_catalog(overlay=tmp_path).presets

    assert set(presets) == {*load_catalog().presets, "tiny"}
    assert list(presets) == sorted(presets)


def test_a_preset_is_replaced_whole(tmp_path: Path) -> None:
    write(tmp_path / "models/phi-2.yaml", PRESET.format(name="phi-2"))

    preset = load_catalog(overlay=tmp_path).presets["phi-2"]

    assert preset.family == "Tiny"
    assert preset.tuning is None


def test_instance_types_are_added_and_replaced(tmp_path: Path) -> None:
    write(tmp_path / "instance_types/azure.yaml", ROW % "Standard_NC6" + ROW % "box")

    rows = load_catalog(overlay=tmp_path).instance_types

    assert set(rows) == {*load_catalog().instance_types, "box"}
    assert rows["Standard_NC6"].gpuMemoryGi == 48
    assert rows["Standard_NC6"].gpuModel is None


def test_the_table_of_another_cloud_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "instance_types/aws.yaml", ROW % "box")

    assert load_catalog(Cloud.AZURE, tmp_path) == load_catalog(Cloud.AZURE)
    assert "box" in load_catalog(Cloud.AWS, tmp_path).instance_types


def test_an_empty_overlay_changes_nothing(tmp_path: Path) -> None:
    assert load_catalog(overlay=tmp_path) == load_catalog()


def test_a_config_map_volume_is_an_overlay(tmp_path: Path) -> None:
    write(tmp_path / "..2025_01_31/models/tiny.yaml", PRESET.format(name="tiny"))
    (tmp_path / "..data").symlink_to("..2025_01_31")
    (tmp_path / "models").symlink_to("..data/models")

    assert "tiny" in load_catalog(overlay=tmp_path).presets


def test_provisioning_is_passed_on() -> None:
    provisioning = Provisioning(provisioner=Provisioner.NONE)

    assert load_catalog(provisioning=provisioning).provisioning is provisioning
    assert load_catalog(Cloud.AWS).provisioning == Provisioning(cloud=Cloud.AWS)


def test_a_training_configuration_is_replaced_whole(tmp_path: Path) -> None:
    write(tmp_path / "tuning/lora.yaml", "training_config: { LoraConfig: { r: 16 } }\n")

    configs = load_catalog(overlay=tmp_path).tuning_configs

    assert configs == {
        "lora": {"LoraConfig": {"r": 16}},
        "qlora": load_catalog().tuning_configs["qlora"],
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{ image: r.example/w:1, path: a/b }", Weights(image="r.example/w:1", path="a/b")),
        ("{ claim: models, path: tiny }", Weights(claim="models", path="tiny")),
        ("{ hostPath: /models/tiny }", Weights(hostPath="/models/tiny")),
        (
            "{ huggingFace: { name: tiny, revision: main } }",
            Weights(huggingFace=HubWeights(name="tiny", revision="main")),
        ),
        (
            "{ huggingFace: { name: me/tiny, revision: v1, tokenSecret: hub } }",
            Weights(huggingFace=HubWeights(name="me/tiny", revision="v1", tokenSecret="hub")),
        ),
    ],
)
def test_weights_come_from_one_of_four_sources(
    tmp_path: Path, written: str, expected: Weights
) -> None:
    write(tmp_path / "models/tiny.yaml", weighing(written))

    preset = load_catalog(overlay=tmp_path).presets["tiny"]

    assert (preset.image, preset.weights) == (None, expected)


def test_every_mistake_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    write(
        tmp_path / "models/broken.yaml",
        """\
name: Broken
family: 7
dated: 2025-01-31
accessMode: secret
disk: 50 Gi
gpu: [1, 14, 0]
command:
  launcher: ""
  launcherFlags: { 9: x, nnodes: 1, verbose: true }
  modelFlags: "--fast"
readinessTimeoutSeconds: "60"
worldsize: 2
""",
    )
    write(
        tmp_path / "instance_types/azure.yaml",
        """\
- { name: box, gpuCount: 0, gpuMemoryGi: 48.5, gpuResource: amd, source: here }
- { gpuCount: 2, gpuMemoryGi: 48, source: here }
- box
""",
    )
    write(tmp_path / "models/tiny.yml", PRESET.format(name="tiny"))

    assert (
        problems(tmp_path)
        == """\
instance_types/azure.yaml: [box].gpuCount: must be greater than 0, not 0
instance_types/azure.yaml: [box].gpuMemoryGi: must be a valid integer, not 48.5
instance_types/azure.yaml: [box].gpuResource: must be 'nvidia.com/gpu', 'amd.com/gpu' or \
'aws.amazon.com/neuron', not 'amd'
instance_types/azure.yaml: [row 2].name: is missing
instance_types/azure.yaml: [row 3]: must be a map, not 'box'
models/broken.yaml: name: must match pattern '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$', not 'Broken'
models/broken.yaml: family: must be text: write it in quotes, "7"
models/broken.yaml: source: is missing
models/broken.yaml: accessMode: must be 'public' or 'private', not 'secret'
models/broken.yaml: disk: must match pattern '^[0-9]+([KMGT]i?)?$', not '50 Gi'
models/broken.yaml: gpu: must be a map, not [1, 14, 0]
models/broken.yaml: command.launcher: must have at least 1 character, not ''
models/broken.yaml: command.launcherFlags.9: must match pattern '^[A-Za-z_][A-Za-z0-9_-]*$', not '9'
models/broken.yaml: command.launcherFlags.nnodes: must be text: write it in quotes, "1"
models/broken.yaml: command.launcherFlags.verbose: must be text: write it in quotes, "true"
models/broken.yaml: command.modelFlags: must be a map, not '--fast'
models/broken.yaml: readinessTimeoutSeconds: must be a valid integer, not '60'
models/broken.yaml: worldsize: is not a field here
models/tiny.yml: does not belong here; there can be models/NAME.yaml, \
instance_types/azure.yaml, instance_types/aws.yaml, tuning/lora.yaml, tuning/qlora.yaml, \
prices/CLOUD/REGION.yaml"""
    )


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        pytest.param(
            "models/small.yaml",
            PRESET.format(name="tiny"),
            "name: is 'tiny', so the file must be tiny.yaml",
            id="the file is called otherwise",
        ),
        pytest.param(
            "models/tiny.yaml",
            PRESET.format(name="tiny").replace("image: tiny:1.0.0\n", ""),
            "image: is missing: a public preset names its image, or weights",
            id="a public preset without an image",
        ),
        pytest.param(
            "models/tiny.yaml",
            PRESET.format(name="tiny") + "runtime: metakaito\n",
            "weights: is missing: the runtime metakaito needs them",
            id="our runtime without weights",
        ),
        pytest.param(
            "models/tiny.yaml",
            weighing("{ claim: models }", "runtime: kaito\n"),
            "image: is missing: the runtime kaito is in it",
            id="Kaito's runtime without an image",
        ),
        pytest.param(
            "models/tiny.yaml",
            weighing("{ claim: models }").replace("public", "private"),
            "weights: must go: the image of a private preset is the user's, with runtime and "
            "weights in it",
            id="a private preset with weights",
        ),
        pytest.param(
            "models/tiny.yaml",
            weighing("{ claim: models }")
            .replace("public", "private")
            .replace("weights: { claim: models }", "runtime: kaito"),
            "runtime: must go: the image of a private preset is the user's, with runtime and "
            "weights in it",
            id="a private preset with a runtime",
        ),
        pytest.param(
            "models/tiny.yaml",
            weighing("{ claim: models }", "runtime: vllm\n"),
            "runtime: must be 'kaito' or 'metakaito', not 'vllm'",
            id="a runtime that there is not",
        ),
        pytest.param(
            "models/tiny.yaml",
            weighing("{}"),
            "weights: name one of image, claim, hostPath and huggingFace",
            id="weights from nowhere",
        ),
        pytest.param(
            "models/tiny.yaml",
            weighing("{ claim: models, image: r.example/w:1 }"),
            "weights: name one of image, claim, hostPath and huggingFace",
            id="weights from two places",
        ),
        pytest.param(
            "models/tiny.yaml",
            weighing("{ hostPath: /models, path: tiny }"),
            "weights: path goes with image or claim only",
            id="a path in a directory of the node",
        ),
        pytest.param(
            "models/tiny.yaml",
            weighing("{ claim: models, path: a/../../b }"),
            "weights: path must not lead out with '..'",
            id="a path that leads out of a claim",
        ),
        pytest.param(
            "models/tiny.yaml",
            weighing("{ claim: models, path: /tiny }"),
            "weights.path: must match pattern '^[^/].*$', not '/tiny'",
            id="a path from the root",
        ),
        pytest.param(
            "models/tiny.yaml",
            weighing("{ hostPath: models }"),
            "weights.hostPath: must match pattern '^/', not 'models'",
            id="a directory of the node that is not from its root",
        ),
        pytest.param(
            "models/tiny.yaml",
            weighing("{ huggingFace: { name: a/b/c, revision: main } }"),
            "weights.huggingFace.name: must match pattern '^[\\w.-]+(/[\\w.-]+)?$', not 'a/b/c'",
            id="a name that the Hub cannot have",
        ),
        pytest.param(
            "models/tiny.yaml",
            weighing("{ huggingFace: { name: tiny } }"),
            "weights.huggingFace.revision: is missing",
            id="weights that may change any day",
        ),
        pytest.param(
            "models/tiny.yaml",
            PRESET.format(name="tiny").replace("public", "private"),
            "image: must go: the image of a private preset is the user's",
            id="a private preset with an image",
        ),
        pytest.param(
            "models/tiny.yaml", "", "must be a map, not None", id="nothing where a preset should be"
        ),
        pytest.param(
            "models/tiny.yaml",
            "- tiny",
            "must be a map, not ['tiny']",
            id="a list where a preset should be",
        ),
        pytest.param(
            "instance_types/azure.yaml",
            "name: box",
            "must be a list of instance types",
            id="a map where a table should be",
        ),
        pytest.param(
            "instance_types/azure.yaml",
            ROW % "box" + ROW % "box",
            "[box]: is listed twice",
            id="a row twice",
        ),
        pytest.param(
            "models/tiny.yaml",
            PRESET.format(name="tiny") + "disk: 20Gi\n",
            "line 11, column 1: 'disk' is written twice",
            id="a field twice",
        ),
        pytest.param("tuning/lora.yaml", "", "must be a map, not None", id="no configuration"),
        pytest.param(
            "tuning/qlora.yaml",
            "LoraConfig: { r: 8 }\ntraining_config: {}",
            "LoraConfig: is not a field here",
            id="a section in the wrong place",
        ),
        pytest.param(
            "tuning/lora.yaml",
            "training_config: { LoraConfig: 8 }",
            "training_config.LoraConfig: must be a map, not 8",
            id="a value where a section should be",
        ),
        pytest.param(
            "tuning/lora.yaml",
            "training_config: { Lora: {} }",
            "training_config.Lora: is not a section; there are ModelConfig, QuantizationConfig, "
            "LoraConfig, TrainingArguments, DatasetConfig, DataCollator",
            id="an unknown section",
        ),
    ],
)
def test_one_mistake(tmp_path: Path, file: str, text: str, told: str) -> None:
    write(tmp_path / file, text)

    assert problems(tmp_path) == f"{file}: {told}"


@pytest.mark.parametrize(
    "file",
    [
        "phi-2.yaml",
        "presets/tiny.yaml",
        "models/old/tiny.yaml",
        "instance_types/gcp.yaml",
        "tuning/parameters.yaml",
        "tuning/LoRA.yaml",
        "lora.yaml",
        "images.yaml",
    ],
)
def test_what_is_not_of_the_layout_is_refused(tmp_path: Path, file: str) -> None:
    """Else a preset in the wrong place would silently not be there."""
    write(tmp_path / file, PRESET.format(name="tiny"))
    unknown = file.removesuffix("/tiny.yaml")

    assert problems(tmp_path) == (
        f"{unknown}: does not belong here; there can be models/NAME.yaml, "
        "instance_types/azure.yaml, instance_types/aws.yaml, "
        "tuning/lora.yaml, tuning/qlora.yaml, prices/CLOUD/REGION.yaml"
    )


def test_an_overlay_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidPresets, match=r"/nowhere: is not a directory$"):
        load_catalog(overlay=tmp_path / "nowhere")
