"""Every parameter that the hooks let through is applied, translated or refused."""

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml
from peft import LoraConfig
from transformers import BitsAndBytesConfig, TrainingArguments

from training.configuration import CollatorOptions, DatasetOptions, ModelOptions
from training.parameters import SECTIONS

FILE = Path(__file__).parents[5] / "presets/tuning/parameters.yaml"
ALLOWED: dict[str, dict[str, str]] = {
    section: described["parameters"]
    for section, described in yaml.safe_load(FILE.read_text()).items()
}
EACH = [(section, key) for section, kinds in ALLOWED.items() for key in kinds]

# What this program does itself rather than leave it to transformers.
OWN = {"output_dir", "overwrite_output_dir", "do_eval", "save_total_limit", "run_name"}

UNDERSTOOD: dict[str, set[str]] = {
    "ModelConfig": {field.name for field in dataclasses.fields(ModelOptions)},
    "QuantizationConfig": set(inspect.signature(BitsAndBytesConfig).parameters),
    "LoraConfig": {field.name for field in dataclasses.fields(LoraConfig)},
    "TrainingArguments": {field.name for field in dataclasses.fields(TrainingArguments)} | OWN,
    "DatasetConfig": {field.name for field in dataclasses.fields(DatasetOptions)},
    "DataCollator": {field.name for field in dataclasses.fields(CollatorOptions)},
}

SAMPLES: dict[str, list[Any]] = {
    "text": [
        "",
        "no",
        "auto",
        "nf4",
        "float32",
        "csv",
        "info",
        "loss",
        "nccl",
        '{"a": 1}',
        "other",
    ],
    "integer": [0, 1, 7],
    "number": [0, 0.5, 1, "2e-4"],
    "boolean": [True, False],
    "list": [[], ["labels"], ["q_proj"]],
    "object": [{}, {"q_proj": 4}],
    "any": ["", "none", "underflow_overflow", [], ["q_proj"], 5],
}


def test_the_sections_and_the_kinds_are_those_that_the_hooks_check() -> None:
    here = {
        section: {key: parameter.kind for key, parameter in parameters.items()}
        for section, parameters in SECTIONS.items()
    }

    assert here == ALLOWED


@pytest.mark.parametrize(("section", "key"), EACH)
def test_each_parameter_is_applied_or_translated_or_refused(section: str, key: str) -> None:
    parameter = SECTIONS[section][key]
    ends = set()
    for value in SAMPLES[parameter.kind]:
        try:
            arguments = parameter.arguments(value)
        except ValueError as error:
            ends.add("refused" if str(error).startswith(("must be", "cannot be")) else str(error))
            continue
        assert arguments.keys() <= UNDERSTOOD[section]
        # What is neither told to a library nor refused is at least said in the log.
        assert arguments or parameter.note
        ends.add("applied" if arguments else "noted")

    assert ends <= {"applied", "noted", "refused"}
    assert (
        ends != {"noted"}
        or key in ("disable_tqdm", "resume_download")
        or "always" in parameter.note
    )


@pytest.mark.parametrize(("section", "key"), EACH)
def test_each_parameter_is_refused_where_it_is_of_another_kind(section: str, key: str) -> None:
    parameter = SECTIONS[section][key]
    wrong: Any = 5 if parameter.kind in ("text", "boolean", "list", "object") else "five"
    if parameter.kind == "any":
        return  # there is no other

    with pytest.raises(ValueError, match=r"^must be (text|a|true)"):
        parameter.arguments(wrong)
