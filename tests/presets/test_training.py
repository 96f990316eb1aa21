"""What a training is told by default, and what it can be told."""

import re
import time
import tomllib
from datetime import date
from pathlib import Path

import pytest

from composite.catalog import RUNTIME_IMAGE, STEPS_IMAGE, ParameterKind
from presets import BUILT_IN, InvalidPresets, load_catalog
from presets.loading import read_yaml
from presets.training import Section, read_parameters, read_training_config

CATALOG = load_catalog()
PARAMETERS = BUILT_IN / "tuning/parameters.yaml"
FILES = [BUILT_IN / "tuning/lora.yaml", BUILT_IN / "tuning/qlora.yaml"]

# https://github.com/kaito-project/kaito/tree/v0.3.2/charts/kaito/workspace/templates
KAITO_LORA = {
    "ModelConfig": {"torch_dtype": "bfloat16", "local_files_only": True, "device_map": "auto"},
    "QuantizationConfig": {"load_in_4bit": False},
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
KAITO_QLORA = {
    **KAITO_LORA,
    "QuantizationConfig": {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_compute_dtype": "bfloat16",
        "bnb_4bit_use_double_quant": True,
    },
}

# section: number of parameters, and some of them
KNOWN: list[tuple[str, int, dict[str, ParameterKind]]] = [
    (
        "ModelConfig",
        15,
        {"pretrained_model_name_or_path": "text", "state_dict": "object", "torch_dtype": "text"},
    ),
    (
        "QuantizationConfig",
        10,
        {
            "bnb_4bit_compute_dtype": "text",
            "llm_int8_skip_modules": "list",
            "llm_int8_threshold": "number",
            "load_in_4bit": "boolean",
            "load_in_8bit": "boolean",
            "quant_method": "text",
        },
    ),
    (
        "LoraConfig",
        24,
        {
            "base_model_name_or_path": "text",  # inherited
            "bias": "text",
            "init_lora_weights": "boolean",  # the library takes text too, Kaito's class does not
            "lora_alpha": "integer",
            "lora_dropout": "number",
            "r": "integer",
            "rank_pattern": "object",
            "target_modules": "list",
            "task_type": "text",
        },
    ),
    (
        "TrainingArguments",
        125,
        {
            "bf16": "boolean",
            "deepspeed": "text",
            "gradient_checkpointing_kwargs": "text",  # JSON
            "label_names": "list",
            "learning_rate": "number",
            "logging_steps": "number",
            "max_steps": "integer",
            "num_train_epochs": "number",
            "optim": "text",
            "output_dir": "text",
            "report_to": "any",
            "save_strategy": "text",
            "save_total_limit": "integer",
            "tf32": "boolean",
        },
    ),
    (
        "DatasetConfig",
        8,
        {"dataset_path": "text", "shuffle_seed": "integer", "train_test_split": "number"},
    ),
    (
        "DataCollator",
        5,
        {"mlm": "boolean", "mlm_probability": "number", "pad_to_multiple_of": "integer"},
    ),
]
NOT_THE_USERS = [
    ("TrainingArguments", "_n_gpu"),
    ("DataCollator", "tokenizer"),
    ("QuantizationConfig", "bnb_4bit_quant_storage"),
]

SECTION = """\
Lora:
  library: peft
  source: https://example.org
  dated: "2026-01-31"
  parameters: { alpha: integer, any: any, dropout: number, fast: boolean, more: object,
    modules: list, name: text }
"""


def write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def by_name(file: Path) -> str:
    return file.stem


def test_the_default_configurations_are_kaitos() -> None:
    assert CATALOG.tuning_configs == {"lora": KAITO_LORA, "qlora": KAITO_QLORA}


def test_the_sections_are_kaitos() -> None:
    """Each default has them all, in this order or another."""
    sections = [section for section, _, _ in KNOWN]

    assert list(CATALOG.parameters) == sections
    for method, config in CATALOG.tuning_configs.items():
        assert sorted(config) == sorted(sections), method


@pytest.mark.parametrize(("section", "number", "some"), KNOWN)
def test_parameters_are_those_of_the_library(
    section: str, number: int, some: dict[str, ParameterKind]
) -> None:
    parameters = CATALOG.parameters[section]

    assert {name: parameters.get(name) for name in some} == some
    assert len(parameters) == number


@pytest.mark.parametrize(("section", "name"), NOT_THE_USERS)
def test_what_the_trainer_sets_itself_is_not_a_parameter(section: str, name: str) -> None:
    assert name not in CATALOG.parameters[section]


@pytest.mark.parametrize("section", CATALOG.parameters)
def test_parameters_are_sorted_and_one_on_each_line(section: str) -> None:
    names = list(CATALOG.parameters[section])
    lines = PARAMETERS.read_text(encoding="utf-8").splitlines()

    assert names == sorted(names), f"Sort the parameters of {section}."
    for name in names:
        assert f"    {name}: {CATALOG.parameters[section][name]}" in lines


@pytest.mark.parametrize("section", CATALOG.parameters)
def test_a_section_says_where_and_when_it_was_read(section: str) -> None:
    read = Section.model_validate(read_yaml(PARAMETERS)[section])

    assert re.fullmatch(r"https://github\.com/.+/blob/v[0-9.]+/.+\.py", read.source)
    assert date.fromisoformat(read.dated) <= date.today(), "Nobody has read it yet."  # noqa: DTZ011
    assert re.search(r"[0-9]+\.[0-9]+\.[0-9]+", read.library), "A library is named with a version."


@pytest.mark.parametrize("file", FILES, ids=by_name)
def test_a_configuration_says_where_it_was_read_and_what_documents_each_section(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert re.search(r"^# source: https://.+/blob/v0\.3\.2/.+$", text, re.MULTILINE)
    assert re.search(r"^# dated: \d{4}-\d{2}-\d{2}", text, re.MULTILINE)
    for section in CATALOG.parameters:
        assert re.search(rf"^  # https://\S+\n  {section}:$", text, re.MULTILINE), section


def test_the_images_around_a_training_have_a_tag_that_stays() -> None:
    where = CATALOG.provisioning

    for image in (where.steps_image, where.runtime_image, where.adapter_base):
        assert re.fullmatch(r"[a-z.]+\.io/.+:[0-9]+\.[0-9]+\.[0-9]+", image)


@pytest.mark.parametrize("project", [".", "presets/runtimes/transformers"])
def test_our_own_images_are_those_of_this_version(project: str) -> None:
    text = (BUILT_IN.parent / project / "pyproject.toml").read_text(encoding="utf-8")
    version = tomllib.loads(text)["project"]["version"]

    found = [image.rpartition(":") for image in (STEPS_IMAGE, RUNTIME_IMAGE)]

    assert found == [
        ("ghcr.io/metakaito/metakaito", ":", version),
        ("ghcr.io/metakaito/metakaito-transformers", ":", version),
    ]


def test_a_configuration_is_checked_against_the_parameters(tmp_path: Path) -> None:
    parameters = read_parameters(write(tmp_path / "parameters.yaml", SECTION))
    config = """\
training_config:
  Lora: { alpha: 1.5, rank: 8, dropout: small, fast: "yes", modules: q_proj, name: 8, more: [] }
  Model: {}
"""

    with pytest.raises(InvalidPresets) as refused:
        read_training_config(write(tmp_path / "lora.yaml", config), parameters)
    assert (
        str(refused.value).replace(f"{tmp_path}/", "")
        == """\
lora.yaml: training_config.Lora.alpha: must be a whole number, not 1.5
lora.yaml: training_config.Lora.rank: is not a parameter of the trainer
lora.yaml: training_config.Lora.dropout: must be a number, not 'small'
lora.yaml: training_config.Lora.fast: must be true or false, not 'yes'
lora.yaml: training_config.Lora.modules: must be a list, not 'q_proj'
lora.yaml: training_config.Lora.name: must be text, not 8
lora.yaml: training_config.Lora.more: must be a map, not []
lora.yaml: training_config.Model: is not a section; there are Lora"""
    )


@pytest.mark.parametrize(
    "values",
    [
        "alpha: 8, dropout: 0.5, fast: true, modules: [q_proj], more: { a: 1 }, name: r, any: r",
        "alpha: null, dropout: null, fast: null, modules: null, more: null, name: null, any: null",
        "dropout: 1, any: [1]",
        "dropout: 1e-4, any: true",
        "dropout: -.5E+3, any: 8",
    ],
)
def test_a_value_is_of_its_kind(tmp_path: Path, values: str) -> None:
    parameters = read_parameters(write(tmp_path / "parameters.yaml", SECTION))
    file = write(tmp_path / "lora.yaml", f"training_config: {{ Lora: {{ {values} }} }}")

    config = read_training_config(file, parameters)

    assert config.method == "lora"
    assert list(config.sections) == ["Lora"]


@pytest.mark.parametrize("kind", ["alpha", "dropout", "modules", "more", "name"])
def test_true_is_a_boolean_and_nothing_else(tmp_path: Path, kind: str) -> None:
    parameters = read_parameters(write(tmp_path / "parameters.yaml", SECTION))
    file = write(tmp_path / "lora.yaml", f"training_config: {{ Lora: {{ {kind}: true }} }}")

    with pytest.raises(InvalidPresets, match=rf"Lora\.{kind}: must be .+, not True$"):
        read_training_config(file, parameters)


def test_mistakes_in_the_parameters_are_told_at_once(tmp_path: Path) -> None:
    text = """\
Lora: { library: peft, source: "", dated: 2026, parameters: { r: int, s: text }, note: none }
Model: [text]
"""

    with pytest.raises(InvalidPresets) as refused:
        read_parameters(write(tmp_path / "parameters.yaml", text))
    assert (
        str(refused.value).replace(f"{tmp_path}/", "")
        == """\
parameters.yaml: Lora.source: must have at least 1 character, not ''
parameters.yaml: Lora.dated: must be text: write it in quotes, "2026"
parameters.yaml: Lora.parameters.r: must be 'text', 'integer', 'number', 'boolean', 'list', \
'object' or 'any', not 'int'
parameters.yaml: Lora.note: is not a field here
parameters.yaml: Model: must be a map, not ['text']"""
    )


def test_the_catalog_is_loaded_at_once() -> None:
    """Every process that answers begins with it; usually it takes a fifth of this."""

    def seconds() -> float:
        start = time.perf_counter()
        load_catalog()
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.1
