"""The training configuration: read, checked whole, and put in the words of today's libraries."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from training.failures import ConfigurationRefused, first_line
from training.parameter import Arguments, Parameter
from training.parameters import SECTIONS
from training.settings import Settings

ROOT = "training_config"
"""The one key of the file."""

OUTPUT_DIR = "output"
"""Where the result goes below the mount unless the configuration says; it is Kaito's default."""

MANY = 30
"""Names that a sentence can list."""

DTYPES = ("auto", "float32", "float16", "bfloat16", "float64", "half", "float", "double")


@dataclass(frozen=True)
class ModelOptions:
    """
    How the weights are loaded; the defaults are Kaito's.

    Attributes:
        torch_dtype: A floating point type of torch, or ``auto`` for that of the file; without one
            it is float32, as it was for transformers 4.

    """

    pretrained_model_name_or_path: str
    torch_dtype: str = "float32"
    device_map: str = "auto"
    revision: str = "main"
    cache_dir: str | None = None
    force_download: bool = False
    local_files_only: bool = False
    trust_remote_code: bool = False


@dataclass(frozen=True)
class DatasetOptions:
    """
    Which rows there are and what they are used for; the defaults are Kaito's.

    Attributes:
        response_column: Holds completions if there is a ``context_column``, else whole texts. None
            is Kaito's ``text``, in a data set whose columns do not say otherwise.
        train_test_split: The share of the rows that is trained on; the rest is for evaluation.

    """

    dataset_path: str | None = None
    dataset_extension: str | None = None
    shuffle_dataset: bool = True
    shuffle_seed: int = 42
    context_column: str | None = None
    response_column: str | None = None
    messages_column: str | None = None
    train_test_split: float = 0.8


@dataclass(frozen=True)
class CollatorOptions:
    """How rows become a batch; the defaults are those of transformers."""

    mlm: bool = True
    mlm_probability: float = 0.15
    pad_to_multiple_of: int | None = None


@dataclass(frozen=True)
class Configuration:
    """
    All that a training is told.

    Attributes:
        quantization: Arguments of ``BitsAndBytesConfig``; None for weights as they are.
        lora: Arguments of ``peft.LoraConfig``.
        training: Arguments of ``transformers.TrainingArguments``, but for ``output_dir`` and what
            this program does itself.
        output_dir: Where checkpoints and the adapter go.
        begin_anew: Whether what is in ``output_dir`` is written over rather than resumed.
        evaluates: Whether the rows that are not trained on are evaluated at the end.
        kept_checkpoints: How many at most; None for all.
        name: Of the run, for the log.
        notes: What the log says of translated parameters and those that change nothing.
        written: The configuration as it was written, nulls left out.

    """

    model: ModelOptions
    quantization: Arguments | None
    lora: Arguments
    training: Arguments
    dataset: DatasetOptions
    collator: CollatorOptions
    output_dir: Path
    begin_anew: bool = False
    evaluates: bool = False
    kept_checkpoints: int | None = None
    name: str = ""
    notes: tuple[str, ...] = ()
    written: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_configuration(settings: Settings) -> Configuration:
    """
    Return the configuration of the file that the settings name.

    Raises:
        ConfigurationRefused: The file cannot be read, or these are all the problems in it.

    """
    file = settings.configuration
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationRefused(
            f"there is no configuration {file}: set YAML_FILE_PATH to the place where it is"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise ConfigurationRefused(
            f"cannot read the configuration {file}: {reason}; set YAML_FILE_PATH to the place "
            "where it is"
        ) from error
    except yaml.YAMLError as error:
        raise ConfigurationRefused(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or set(document) != {ROOT}:
        raise ConfigurationRefused(f"{file} must have the one key {ROOT}, and {_instead(document)}")
    sections = document[ROOT]
    if sections is None:
        sections = {}
    if not isinstance(sections, dict):
        raise ConfigurationRefused(f"{ROOT} must be a map of sections, not {sections!r}")
    return parse_configuration(sections, settings)


def _instead(document: object) -> str:
    """Return what a configuration without its root has, as the end of a sentence."""
    if document is None or document == {}:
        return "is empty"
    if not isinstance(document, dict):
        return f"is {'a list' if isinstance(document, list) else repr(document)}"
    keys = [str(key) for key in document if key != ROOT]
    if ROOT in document:
        return f"has {', '.join(keys)} beside it"
    below = f": write them below {ROOT}" if any(key in SECTIONS for key in keys) else ""
    return f"has {', '.join(keys)}{below}"


def parse_configuration(sections: dict[str, Any], settings: Settings) -> Configuration:
    """
    Return the configuration that sections say, with the defaults for what they do not.

    Raises:
        ConfigurationRefused: All the problems.

    """
    problems: list[str] = []
    notes: list[str] = []
    told: dict[str, Arguments] = {}
    problems += [
        f"{name}: is not a section{suggestion(str(name), SECTIONS)}"
        for name in sections
        if name not in SECTIONS
    ]
    for name, parameters in SECTIONS.items():
        section = sections.get(name)
        if section is not None and not isinstance(section, dict):
            problems.append(f"{name}: must be a map, not {section!r}")
            section = None
        told[name] = _arguments(name, section or {}, parameters, problems, notes)
    problems += _contradictions(told)
    if problems:
        raise ConfigurationRefused(*problems)
    notes += _without_effect(told)
    return _configuration(told, sections, notes, settings)


def suggestion(name: str, known: dict[str, Any]) -> str:
    """Return the end of a sentence about an unknown name: a near one, and those there are."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    if len(known) > MANY:
        return f"{hint or ';'} `python3 fine_tuning.py --help` lists all {len(known)}"
    return f"{hint or ';'} there are {', '.join(known)}"


def _arguments(
    section: str,
    values: dict[str, Any],
    parameters: dict[str, Parameter],
    problems: list[str],
    notes: list[str],
) -> Arguments:
    """Return what the library is told; problems and notes are added to."""
    arguments: Arguments = {}
    origins: dict[str, str] = {}
    for key, value in values.items():
        parameter = parameters.get(key)
        if parameter is None:
            problems.append(
                f"{section}.{key}: is not a parameter of the trainer"
                f"{suggestion(str(key), parameters)}"
            )
            continue
        if value is None:  # the default is meant
            continue
        try:
            more = parameter.arguments(value)
        except ValueError as error:
            problems.append(f"{section}.{key}: {error}")
            continue
        if parameter.note:
            notes.append(f"{section}.{key}: {parameter.note}")
        for name, argument in more.items():
            before = arguments.get(name)
            if isinstance(before, dict) and isinstance(argument, dict):
                argument = {**before, **argument}  # noqa: PLW2901, a part of the same map
            elif name in arguments and before != argument:
                problems.append(f"{section}.{key}: contradicts {section}.{origins[name]}")
            arguments[name] = argument
            origins[name] = key
    return arguments


def _contradictions(told: dict[str, Arguments]) -> Iterator[str]:
    """Yield what is wrong with parameters that are right one by one."""
    dtype = told["ModelConfig"].get("torch_dtype", "float32")
    if dtype not in DTYPES:
        yield f"ModelConfig.torch_dtype: must be one of {', '.join(DTYPES)}, not {dtype!r}"
    quantization = told["QuantizationConfig"]
    if quantization.get("load_in_4bit") and quantization.get("load_in_8bit"):
        yield "QuantizationConfig: cannot have both load_in_4bit and load_in_8bit"
    split = told["DatasetConfig"].get("train_test_split", DatasetOptions.train_test_split)
    if not 0 < split <= 1:
        yield f"DatasetConfig.train_test_split: must be above 0 and at most 1, not {split:g}"
    training = told["TrainingArguments"]
    asked = [
        name
        for name, asks in (
            ("eval_strategy", training.get("eval_strategy", "no") != "no"),
            ("do_eval", training.get("do_eval", False)),
        )
        if asks
    ]
    if asked and split == 1:
        yield (
            f"TrainingArguments.{asked[0]}: asks for an evaluation, and "
            f"DatasetConfig.train_test_split "
            "is 1, which keeps no rows for it: set it below 1"
        )
    if training.get("num_train_epochs") == 0 and training.get("max_steps", -1) <= 0:
        yield "TrainingArguments.num_train_epochs: is 0, so nothing would be trained"


def _without_effect(told: dict[str, Arguments]) -> Iterator[str]:
    """Yield what is given and has nothing to act on."""
    quantization = told["QuantizationConfig"]
    if not (quantization.get("load_in_4bit") or quantization.get("load_in_8bit")):
        for key in quantization.keys() - {"load_in_4bit", "load_in_8bit"}:
            yield f"QuantizationConfig.{key}: changes nothing: weights are not quantized"
    if not told["DataCollator"].get("mlm", True) and "mlm_probability" in told["DataCollator"]:
        yield "DataCollator.mlm_probability: changes nothing: mlm is false"


def _configuration(
    told: dict[str, Arguments], written: dict[str, Any], notes: list[str], settings: Settings
) -> Configuration:
    quantization = told["QuantizationConfig"]
    quantized = quantization.get("load_in_4bit") or quantization.get("load_in_8bit")
    training = dict(told["TrainingArguments"])
    output_dir = settings.mount / training.pop("output_dir", OUTPUT_DIR)
    begin_anew = training.pop("overwrite_output_dir", False)
    evaluates = training.pop("do_eval", False)
    kept = training.pop("save_total_limit", None)
    name = training.pop("run_name", "")
    model = {"pretrained_model_name_or_path": str(settings.weights), **told["ModelConfig"]}
    return Configuration(
        model=ModelOptions(**model),
        quantization=({"bnb_4bit_compute_dtype": "float32", **quantization} if quantized else None),
        lora=told["LoraConfig"],
        training=training,
        dataset=DatasetOptions(**told["DatasetConfig"]),
        collator=CollatorOptions(**told["DataCollator"]),
        output_dir=output_dir,
        begin_anew=begin_anew,
        evaluates=evaluates,
        kept_checkpoints=kept,
        name=name,
        notes=tuple(notes),
        written={
            section: {key: value for key, value in (values or {}).items() if value is not None}
            for section, values in written.items()
        },
    )


def refused_by(section: str, error: Exception) -> ConfigurationRefused:
    """Return the refusal of a library that checks the arguments of a section itself."""
    return ConfigurationRefused(f"{section}: {first_line(str(error))}")
