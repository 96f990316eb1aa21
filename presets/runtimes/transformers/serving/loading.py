"""Loads the model and its tokenizer as the command line says."""

import importlib.util
import json
import logging
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from serving.arguments import Arguments
from serving.refusal import LoadError

LOG = logging.getLogger("metakaito.loading")


def load_model(arguments: Arguments) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """
    Return the model, ready to compute, and its tokenizer.

    Raises:
        LoadError: There is no such model, it does not fit, or a flag cannot be followed here.

    """
    source = {
        "cache_dir": arguments.cache_dir,
        "force_download": arguments.force_download,
        "local_files_only": not arguments.allow_remote_files,
        "revision": arguments.revision,
    }
    require_directory(arguments)
    remote = runs_remote_code(arguments, source)
    dtype, quantization = weight_type(arguments.dtype), quantization_config(arguments)
    LOG.info("Loading the model from %s", arguments.path)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            arguments.path, trust_remote_code=remote, **source
        )
        loaded = AutoModelForCausalLM.from_pretrained(
            arguments.path,
            dtype=dtype,
            device_map=device_map(arguments.device_map),
            quantization_config=quantization,
            output_loading_info=arguments.output_loading_info,
            trust_remote_code=remote,
            **source,
        )
    except torch.cuda.OutOfMemoryError as error:
        raise LoadError(
            f"{arguments.path}: the model does not fit into the GPU's memory"
        ) from error
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as error:
        raise LoadError(f"{arguments.path}: cannot be loaded: {one_line(error)}") from error
    model = loaded
    if arguments.output_loading_info:
        model, loading_info = loaded
        LOG.info(
            "Loading info: %s",
            {key: sorted(map(str, value)) for key, value in loading_info.items()},
        )
    model.eval()
    return model, tokenizer


def require_directory(arguments: Arguments) -> None:
    """
    Refuse a path without a model, unless it may be a name on the hub.

    Raises:
        LoadError: There is nothing to load.

    """
    if Path(arguments.path, "config.json").is_file() or not arguments.path.startswith(("/", ".")):
        return
    raise LoadError(
        f"{arguments.path}: has no config.json, so it holds no model: mount or fetch the weights "
        "there, or name another directory with --pretrained_model_name_or_path"
    )


def runs_remote_code(arguments: Arguments, source: dict[str, Any]) -> bool:
    """Say whether code that comes with the model is to run: allowed, and the only way."""
    if not arguments.trust_remote_code:
        return False
    try:
        config, _ = PreTrainedConfig.get_config_dict(arguments.path, **source)
    except (OSError, ValueError) as error:
        raise LoadError(f"{arguments.path}: cannot be loaded: {one_line(error)}") from error
    kind = config.get("model_type", "")
    if kind in CONFIG_MAPPING:
        LOG.info("transformers knows models of type %s: code that comes with it is not run", kind)
        return False
    LOG.warning(
        "transformers does not know models of type %r: running the code that comes with it", kind
    )
    return True


def weight_type(name: str | None) -> torch.dtype | str:
    """
    Return the type that ``--torch_dtype`` names; 32-bit floats if it names none, as Kaito does.

    Raises:
        LoadError: torch has no type of this name.

    """
    if name is None:
        return torch.float32
    if name == "auto":
        return name
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise LoadError(
            f"--torch_dtype: torch has no type {name!r}: use auto, bfloat16, float16 or float32"
        )
    return found


def device_map(text: str | None) -> str | dict[str, str] | None:
    """
    Return where the layers go.

    On a machine without a GPU "auto" is the CPU, said directly: else accelerate would look for room
    on the disk as well.

    Raises:
        LoadError: It is JSON, and not an object.

    """
    if text == "auto" and not torch.cuda.is_available():
        return "cpu"
    if text is None or not text.startswith("{"):
        return text
    try:
        parsed: dict[str, str] = json.loads(text)
    except ValueError as error:
        raise LoadError(f"--device_map: is not JSON: {error}") from error
    return parsed


def quantization_config(arguments: Arguments) -> BitsAndBytesConfig | None:
    """
    Return how weights are quantized; None if they are not.

    Raises:
        LoadError: It is asked for and cannot be done here.

    """
    bits = 4 if arguments.load_in_4bit else 8 if arguments.load_in_8bit else None
    if bits is None:
        return None
    if not torch.cuda.is_available():
        raise LoadError(f"--load_in_{bits}bit: needs a CUDA GPU, and there is none: drop the flag")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise LoadError(f"--load_in_{bits}bit: needs bitsandbytes, which this image does not have")
    return BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8)  # noqa: PLR2004  (bits)


def one_line(error: BaseException) -> str:
    """Return what an error says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
