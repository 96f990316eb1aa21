"""The command line, as Kaito's presets write it: which model, and how it is loaded."""

import argparse
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from serving.settings import settings_help

PIPELINES = ("text-generation", "conversational")

COMBINATIONS = (
    "svd", "linear", "cat", "ties", "ties_svd", "dare_ties", "dare_linear", "dare_ties_svd",
    "dare_linear_svd", "magnitude_prune", "magnitude_prune_svd",
)  # fmt: skip
"""https://huggingface.co/docs/peft/package_reference/lora#peft.LoraModel.add_weighted_adapter"""

NOTHING = ("", "none", "null")


@dataclass(frozen=True)
class Arguments:
    """What the command line says, checked; what it may only say with no effect is not kept."""

    pipeline: str
    path: str
    combination_type: str
    cache_dir: str | None
    force_download: bool
    output_loading_info: bool
    trust_remote_code: bool
    load_in_4bit: bool
    load_in_8bit: bool
    allow_remote_files: bool
    revision: str
    dtype: str | None
    device_map: str | None


class ArgumentError(ValueError):
    """The command line cannot be followed."""


class Parser(argparse.ArgumentParser):
    """Raises instead of printing the usage, which nobody reads in a container's log."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise ArgumentError(message)


def truth(text: str) -> bool:
    """
    Return the meaning of a flag's value.

    Raises:
        argparse.ArgumentTypeError: It is neither true nor false.

    """
    meaning = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    try:
        return meaning[text.strip().lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false") from None


def parser() -> Parser:
    """Return the parser of the command line; flags may be written ``--flag`` or ``--flag=true``."""
    made = Parser(
        prog="inference_api.py",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Serve a model over HTTP: POST /chat as in Kaito, and OpenAI's\n"
        "/v1/chat/completions, /v1/completions and /v1/models.\n"
        "GET /healthz says whether the model is loaded, GET /metrics what it is doing.",
        epilog="environment variables:\n" + settings_help() + "\n\n"
        "example:\n"
        "  python3 -m tiny /tmp/model\n"
        "  python3 inference_api.py --pipeline=text-generation \\\n"
        "    --pretrained_model_name_or_path=/tmp/model\n"
        "  curl localhost:5000/chat -H 'Content-Type: application/json' \\\n"
        "    -d '{\"prompt\": \"What is\"}'",
    )  # fmt: skip
    add = made.add_argument
    add(
        "--pipeline",
        required=True,
        metavar="|".join(PIPELINES),
        help="what POST /chat takes: a prompt to go on with, or the messages of a conversation",
    )
    add(
        "--pretrained_model_name_or_path",
        default="/workspace/tfs/weights",
        metavar="PATH",
        help="directory of the model, or its name on Hugging Face's hub (default: %(default)s)",
    )
    add(
        "--torch_dtype",
        metavar="auto|bfloat16|float16|float32",
        help="type of the weights in memory; auto: as they are stored (default: float32)",
    )
    add(
        "--device_map",
        default="auto",
        help="where the layers go: auto, cpu, cuda, cuda:1, balanced, ... (default: %(default)s)",
    )
    add(
        "--combination_type",
        default="svd",
        metavar="TYPE",
        help=f"how several adapters become one: {', '.join(COMBINATIONS)} (default: %(default)s)",
    )
    add("--revision", default="main", help="of the model on the hub (default: %(default)s)")
    add("--cache_dir", metavar="DIRECTORY", help="where downloads are kept")
    flag(made, "--allow_remote_files", "load from the hub what is not on disk")
    flag(made, "--force_download", "download again what is in the cache")
    flag(made, "--output_loading_info", "log which weights were missing or left over")
    flag(
        made,
        "--trust_remote_code",
        "run the code that comes with the model; only if transformers "
        "does not know its type: old code of known types breaks with a new transformers",
    )
    flag(made, "--load_in_4bit", "quantize to 4 bits; needs CUDA and bitsandbytes")
    flag(made, "--load_in_8bit", "quantize to 8 bits; needs CUDA and bitsandbytes")
    flag(made, "--resume_download", "as always: downloads are resumed")
    flag(made, "--from_tf", "refused: transformers no longer reads TensorFlow's weights")
    add("--state_dict", help="refused: weights cannot be written on a command line")
    add("--proxies", help="refused: set HTTPS_PROXY instead")
    return made  # fmt: skip


def flag(made: Parser, name: str, meaning: str) -> None:
    """Add a flag that may have a value."""
    made.add_argument(
        name, nargs="?", const=True, default=False, type=truth, metavar="true|false", help=meaning
    )


def parse_arguments(argv: Sequence[str]) -> Arguments:
    """
    Return what a command line says.

    Raises:
        ArgumentError: A flag is unknown, or its value cannot be; with the flag and what to do.

    """
    made = parser()
    told, unknown = made.parse_known_args(argv)
    if unknown:
        raise ArgumentError(unknown_text(unknown[0], made))
    pipeline = chosen("--pipeline", told.pipeline, PIPELINES)
    combination = chosen("--combination_type", told.combination_type, COMBINATIONS)
    if told.from_tf:
        raise ArgumentError(
            "--from_tf: transformers no longer reads TensorFlow's weights: convert them to "
            "safetensors"
        )
    if (told.state_dict or "").lower() not in NOTHING:
        raise ArgumentError(
            "--state_dict: weights cannot be written on a command line: save them as safetensors "
            "in the directory of --pretrained_model_name_or_path"
        )
    if (told.proxies or "").lower() not in (*NOTHING, "{}"):
        raise ArgumentError(
            f"--proxies: {told.proxies}: downloads heed HTTPS_PROXY: set that environment variable"
        )
    if told.load_in_4bit and told.load_in_8bit:
        raise ArgumentError("--load_in_4bit and --load_in_8bit exclude each other: drop one")
    return Arguments(
        pipeline=pipeline,
        path=told.pretrained_model_name_or_path,
        combination_type=combination,
        cache_dir=without_nothing(told.cache_dir),
        force_download=told.force_download,
        output_loading_info=told.output_loading_info,
        trust_remote_code=told.trust_remote_code,
        load_in_4bit=told.load_in_4bit,
        load_in_8bit=told.load_in_8bit,
        allow_remote_files=told.allow_remote_files,
        revision=told.revision,
        dtype=without_nothing(told.torch_dtype),
        device_map=without_nothing(told.device_map),
    )


def chosen(name: str, value: str, allowed: Sequence[str]) -> str:
    """
    Return a value that is one of those allowed.

    Raises:
        ArgumentError: It is none of them.

    """
    if value not in allowed:
        raise ArgumentError(f"{name}: {value!r} is not one of {', '.join(allowed)}")
    return value


def without_nothing(text: str | None) -> str | None:
    """Return a value, or None if the text says that there is none."""
    return None if text is None or text.lower() in NOTHING else text


def unknown_text(argument: str, made: Parser) -> str:
    """Return why an argument is refused, with the flags that are alike."""
    name = argument.split("=", 1)[0]
    known = [option for action in made._actions for option in action.option_strings]  # noqa: SLF001  (argparse tells its options nowhere else)
    near = difflib.get_close_matches(name, known, n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else "see --help for those there are"
    return f"{name}: there is no such flag; {hint}"
