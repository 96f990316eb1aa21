"""A configuration is read whole, or refused with all its problems."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from training.configuration import (
    CollatorOptions,
    DatasetOptions,
    ModelOptions,
    parse_configuration,
    read_configuration,
)
from training.failures import ConfigurationRefused
from training.settings import Settings
from training.trainer import training_arguments

SETTINGS = Settings(weights=Path("/weights"))


def refusal(**sections: object) -> str:
    with pytest.raises(ConfigurationRefused) as refused:
        parse_configuration(sections, SETTINGS)
    return str(refused.value)


def test_what_is_not_said_has_the_defaults_of_kaito() -> None:
    configuration = parse_configuration({}, SETTINGS)

    assert configuration.model == ModelOptions("/weights")
    assert configuration.model.torch_dtype == "float32"
    assert configuration.dataset == DatasetOptions(train_test_split=0.8, shuffle_seed=42)
    assert configuration.collator == CollatorOptions(mlm=True)
    assert configuration.output_dir == Path("/mnt/output")
    assert configuration.quantization is None
    assert configuration.training == {}


def test_a_null_is_the_default() -> None:
    told = parse_configuration({"LoraConfig": {"r": None}, "DataCollator": None}, SETTINGS)

    assert told == parse_configuration({"LoraConfig": {}, "DataCollator": {}}, SETTINGS)


def test_a_relative_output_dir_is_meant_below_the_mount() -> None:
    told = parse_configuration({"TrainingArguments": {"output_dir": "my/results"}}, SETTINGS)

    assert told.output_dir == Path("/mnt/my/results")


def test_numbers_that_yaml_takes_for_text_are_numbers() -> None:
    told = parse_configuration({"TrainingArguments": {"learning_rate": "2e-4"}}, SETTINGS)

    assert told.training == {"learning_rate": 0.0002}


def test_all_problems_are_told_at_once_with_the_nearest_names() -> None:
    assert refusal(
        LoraConfg={},
        LoraConfig={"rang": 8, "r": "8", "lora_dropout": 1.5},
        TrainingArguments={"lerning_rate": 1, "seed": True},
    ) == (
        "LoraConfg: is not a section; did you mean LoraConfig? there are ModelConfig, "
        "QuantizationConfig, LoraConfig, TrainingArguments, DatasetConfig, DataCollator; "
        "LoraConfig.rang: is not a parameter of the trainer; there are alpha_pattern, "
        "auto_mapping, base_model_name_or_path, bias, fan_in_fan_out, inference_mode, "
        "init_lora_weights, layer_replication, layers_pattern, layers_to_transform, loftq_config, "
        "lora_alpha, lora_dropout, megatron_config, megatron_core, modules_to_save, peft_type, r, "
        "rank_pattern, revision, target_modules, task_type, use_dora, use_rslora; "
        "LoraConfig.r: must be a whole number, not '8'; "
        "LoraConfig.lora_dropout: must be at most 1, not 1.5; "
        "TrainingArguments.lerning_rate: is not a parameter of the trainer; did you mean "
        "learning_rate? `python3 fine_tuning.py --help` lists all 125; "
        "TrainingArguments.seed: must be a whole number, not true"
    )


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        (
            {"ModelConfig": {"torch_dtype": "bfloat17"}},
            (
                "ModelConfig.torch_dtype: must be one of auto, float32, float16, bfloat16, "
                "float64, half, float, double, not 'bfloat17'"
            ),
        ),
        (
            {"QuantizationConfig": {"load_in_4bit": True, "load_in_8bit": True}},
            "QuantizationConfig: cannot have both load_in_4bit and load_in_8bit",
        ),
        (
            {"DatasetConfig": {"train_test_split": 0}},
            "DatasetConfig.train_test_split: must be above 0 and at most 1, not 0",
        ),
        (
            {
                "DatasetConfig": {"train_test_split": 1},
                "TrainingArguments": {"evaluation_strategy": "epoch"},
            },
            (
                "TrainingArguments.eval_strategy: asks for an evaluation, and "
                "DatasetConfig.train_test_split is 1, which keeps no rows for it: set it below 1"
            ),
        ),
        (
            {"TrainingArguments": {"evaluation_strategy": "epoch", "eval_strategy": "no"}},
            "TrainingArguments.eval_strategy: contradicts TrainingArguments.evaluation_strategy",
        ),
        (
            {"TrainingArguments": {"push_to_hub": True}},
            (
                "TrainingArguments.push_to_hub: cannot be true: the result goes where "
                "tuning.output of the Workspace says, not to the Hub"
            ),
        ),
        (
            {"TrainingArguments": {"lr_scheduler_kwargs": "{'a': 1}"}},
            (
                'TrainingArguments.lr_scheduler_kwargs: must be a map as JSON text, like \'{"key": '
                "1}', not \"{'a': 1}\""
            ),
        ),
    ],
)
def test_what_cannot_be_is_refused(sections: dict[str, Any], sentence: str) -> None:
    assert refusal(**sections) == sentence


def test_what_has_another_name_today_reaches_the_library_by_that(tmp_path: Path) -> None:
    told = parse_configuration(
        {
            "TrainingArguments": {
                "adafactor": True,
                "dispatch_batches": False,
                "evaluation_strategy": "epoch",
                "gradient_checkpointing": True,
                "gradient_checkpointing_kwargs": '{"use_reentrant": false}',
                "group_by_length": True,
                "no_cuda": True,
                "per_gpu_train_batch_size": 3,
                "split_batches": True,
                "warmup_ratio": 0.25,
            }
        },
        SETTINGS,
    )
    arguments = training_arguments(replace(told, output_dir=tmp_path), debug=False)

    assert arguments.optim == "adafactor"
    assert arguments.accelerator_config.dispatch_batches is False
    assert arguments.accelerator_config.split_batches is True
    assert arguments.eval_strategy == "epoch"
    assert arguments.activation_checkpointing is True
    assert arguments.activation_checkpointing_kwargs == {"use_reentrant": False}
    assert arguments.train_sampling_strategy == "group_by_length"
    assert arguments.use_cpu is True
    assert arguments.per_device_train_batch_size == 3
    assert arguments.warmup_steps == 0.25
    assert "TrainingArguments.no_cuda: is called use_cpu now" in told.notes


def test_what_a_library_refuses_names_the_section(tmp_path: Path) -> None:
    told = parse_configuration({"TrainingArguments": {"optim": "adamw_hf"}}, SETTINGS)

    with pytest.raises(
        ConfigurationRefused, match=r"^TrainingArguments: adamw_hf is not a valid OptimizerNames"
    ):
        training_arguments(replace(told, output_dir=tmp_path), debug=False)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "there is no configuration {file}: set YAML_FILE_PATH to the place where it is"),
        ("", "{file} must have the one key training_config, and is empty"),
        ("- a", "{file} must have the one key training_config, and is a list"),
        ("training_config", "{file} must have the one key training_config, and is 'training_conf"),
        ("a: [", "{file} is not YAML: while parsing"),
        ("other: {}", "{file} must have the one key training_config, and has other"),
        (
            "training_config: {}\nother: {}\nmore: {}",
            "{file} must have the one key training_config, and has other, more beside it",
        ),
        (
            "LoraConfig: {r: 8}",
            (
                "{file} must have the one key training_config, and has LoraConfig: write them "
                "below training_config"
            ),
        ),
        ("training_config: 8", "training_config must be a map of sections, not 8"),
        ("training_config: {LoraConfig: 8}", "LoraConfig: must be a map, not 8"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str | None, sentence: str) -> None:
    file = tmp_path / "config.yaml"
    if text is not None:
        file.write_text(text)

    with pytest.raises(ConfigurationRefused) as refused:
        read_configuration(replace(SETTINGS, configuration=file))
    assert str(refused.value).startswith(sentence.format(file=file))


def test_a_configuration_that_cannot_be_read_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        read_configuration(replace(SETTINGS, configuration=tmp_path))
    assert str(refused.value) == (
        f"cannot read the configuration {tmp_path}: Is a directory; set YAML_FILE_PATH to the "
        "place where it is"
    )


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_the_defaults_of_each_method_are_accepted(method: str) -> None:
    file = Path(__file__).parents[5] / f"presets/tuning/{method}.yaml"

    told = read_configuration(replace(SETTINGS, configuration=file))

    assert told.output_dir == Path("/mnt/results")
    assert (told.quantization is not None) == (method == "qlora")
    assert told.notes == ()
