"""The tokenizer, the model, and the adapter that is trained on it."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import is_bitsandbytes_available

from hub.marker import MARKER
from training.configuration import Configuration, ModelOptions, refused_by
from training.failures import ConfigurationRefused, ModelRefused, first_line, known_failure

logger = logging.getLogger(__name__)

UNBOUNDED = 10**9
"""Tokenizers that know no limit say a number that is larger than this."""


def require_quantization(configuration: Configuration) -> None:
    """
    Check that weights can be quantized on this machine, if they are to be.

    Raises:
        ConfigurationRefused: They cannot.

    """
    if configuration.quantization is None:
        return
    key = next(
        key for key in ("load_in_4bit", "load_in_8bit") if configuration.quantization.get(key)
    )
    if not torch.cuda.is_available():
        raise ConfigurationRefused(
            f"QuantizationConfig.{key}: quantized training needs a GPU with CUDA, and this node "
            f"shows "
            "none: use the method lora, or an instance type with a GPU"
        )
    if not is_bitsandbytes_available():
        raise ConfigurationRefused(
            f"QuantizationConfig.{key}: bitsandbytes is not installed in this image: use the "
            f"method "
            "lora, or the image for CUDA"
        )


def load_tokenizer(options: ModelOptions) -> PreTrainedTokenizerBase:
    """
    Return the tokenizer; where it has no token to pad with, that for the end is taken.

    Raises:
        ModelRefused: It cannot be loaded.

    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            options.pretrained_model_name_or_path, **_where(options)
        )
    except Exception as error:
        raise _not_loaded("the tokenizer", options, error) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token is None:
        raise ModelRefused("the tokenizer has neither a token to pad with nor one for the end")
    tokenizer.padding_side = "right"
    loaded: PreTrainedTokenizerBase = tokenizer
    return loaded


def load_model(configuration: Configuration, local_rank: int, processes: int) -> PreTrainedModel:
    """
    Return the model with its weights, quantized if the configuration says so.

    Args:
        configuration: Says which and how.
        local_rank: Which GPU is this process's, if there are several processes.
        processes: How many train together.

    Raises:
        ModelRefused: It cannot be loaded, or does not fit onto the GPUs.

    """
    options = configuration.model
    quantization = (
        BitsAndBytesConfig(**configuration.quantization) if configuration.quantization else None
    )
    try:
        model = AutoModelForCausalLM.from_pretrained(
            options.pretrained_model_name_or_path,
            dtype=options.torch_dtype,
            device_map=device_map(configuration, local_rank, processes),
            quantization_config=quantization,
            **_where(options),
        )
    except Exception as error:
        raise _not_loaded("the model", options, error) from error
    elsewhere = {str(place) for place in (getattr(model, "hf_device_map", None) or {}).values()}
    if torch.cuda.is_available() and len(elsewhere) > 1 and elsewhere & {"cpu", "disk"}:
        raise ModelRefused(
            "the model does not fit into the memory of the GPUs: use the method qlora, or choose "
            "an instance type with more GPU memory"
        )
    loaded: PreTrainedModel = model
    return loaded


def device_map(
    configuration: Configuration, local_rank: int, processes: int
) -> str | dict[str, int] | None:
    """
    Return where the weights go.

    Each of several processes has the whole model on its own GPU. Without a GPU there is nothing to
    choose.

    Raises:
        ConfigurationRefused: A device is named that is not there.

    """
    asked = configuration.model.device_map
    if not torch.cuda.is_available() or configuration.training.get("use_cpu"):
        if asked not in ("auto", "balanced", "balanced_low_0", "sequential", "cpu"):
            raise ConfigurationRefused(
                f"ModelConfig.device_map: is {asked!r}, and this node shows no GPU: use auto"
            )
        return None
    return {"": local_rank} if processes > 1 else asked


def context_length(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return how many tokens the model can see, at most."""
    limits = [tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None)]
    known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < UNBOUNDED]
    return min(known, default=1024)


def with_adapter(
    model: PreTrainedModel, configuration: Configuration, default_modules: Sequence[str]
) -> PeftModel:
    """
    Return the model with a new adapter, the only part of it that is trained.

    Args:
        model: As it was loaded.
        configuration: Says of which shape the adapter is.
        default_modules: What is adapted if the configuration does not say.

    Raises:
        ConfigurationRefused: The model has none of these modules, or peft refuses something else.

    """
    if configuration.quantization:
        # As Kaito's trainer, which leaves it to peft; it saves memory.
        checkpointing = configuration.training.get("activation_checkpointing", True)
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=checkpointing)
    modules = target_modules(model, configuration, default_modules)
    arguments = {**configuration.lora, "task_type": "CAUSAL_LM", "target_modules": modules}
    arguments.pop(
        "base_model_name_or_path", None
    )  # the result says it; peft would ask the Hub for it
    try:
        adapted = get_peft_model(model, LoraConfig(**arguments))
    except Exception as error:
        if known_failure(error):
            raise
        raise refused_by("LoraConfig", error) from error
    trained = sum(one.numel() for one in adapted.parameters() if one.requires_grad)
    logger.info("%d parameters are trained, in %s", trained, _named(modules))
    return adapted


def target_modules(
    model: PreTrainedModel, configuration: Configuration, default_modules: Sequence[str]
) -> list[str] | str:
    """
    Return the names of the modules to adapt, or ``all-linear``.

    Those of the configuration, else those of the environment, else those that peft knows for this
    kind of model, else all that are linear. Names that the model does not have are told and left
    out: presets name those of a family of models.

    Raises:
        ConfigurationRefused: The model has none of them.

    """
    known = TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING.get(model.config.model_type)
    written = configuration.lora.get("target_modules")
    wanted: Any = written or list(default_modules) or known or "all-linear"
    if isinstance(wanted, str):
        return wanted
    there = {name for name, _ in model.named_modules()}
    found = [
        name for name in wanted if any(one == name or one.endswith(f".{name}") for one in there)
    ]
    lacking = sorted(set(wanted) - set(found))
    where = "LoraConfig.target_modules" if written else "DEFAULT_TARGET_MODULES"
    linear = sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear)
        }
    )
    if not found:
        raise ConfigurationRefused(
            f"{where}: the model has none of {', '.join(lacking)}; it has {', '.join(linear)}"
        )
    if lacking:
        logger.warning(
            "%s: the model has no %s; %s are adapted, of %s",
            where, ", ".join(lacking), ", ".join(found), ", ".join(linear),
        )  # fmt: skip
    return sorted(found)


def base_model_name(configuration: Configuration) -> str:
    """
    Return what the adapter says it belongs to.

    What the configuration says, else the name under which the weights were fetched, else the one
    that they have of themselves, else where they are.
    """
    told = configuration.lora.get("base_model_name_or_path")
    place = Path(configuration.model.pretrained_model_name_or_path)
    fetched = _field(place / MARKER, "name")
    itself = _field(place / "config.json", "_name_or_path")
    own = itself if itself and not itself.startswith("/") else None
    return str(told or fetched or own or place)


def _field(file: Path, name: str) -> str | None:
    """Return a text in a JSON file; None if it is not there."""
    try:
        value = json.loads(file.read_bytes()).get(name)
    except (OSError, ValueError, AttributeError):
        return None
    return value if isinstance(value, str) else None


def _where(options: ModelOptions) -> dict[str, Any]:
    """Return what loading a tokenizer and a model have in common."""
    return {
        "revision": options.revision,
        "cache_dir": options.cache_dir,
        "force_download": options.force_download,
        "local_files_only": options.local_files_only,
        "trust_remote_code": options.trust_remote_code,
    }


def _not_loaded(what: str, options: ModelOptions, error: Exception) -> Exception:
    if known_failure(error):
        return error
    place = options.pretrained_model_name_or_path
    if place.startswith("/") and not Path(place).exists():
        return ModelRefused(
            f"ModelConfig.pretrained_model_name_or_path: there is no directory {place}: is the "
            f"image one "
            "with weights, or are they fetched to another place?"
        )
    hint = ""
    if "trust_remote_code" in str(error):
        hint = (
            "; set ModelConfig.trust_remote_code to true if you trust the code beside the weights"
        )
    return ModelRefused(f"{what} in {place} cannot be loaded: {first_line(str(error))}{hint}")


def _named(modules: list[str] | str) -> str:
    return modules if isinstance(modules, str) else ", ".join(modules)
