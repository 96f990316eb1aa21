"""Which files of a model are needed to serve and to train it: one set of weights, and the rest."""

import re
from collections.abc import Collection

from hub.failure import Failure

# The names that transformers and peft load, in the order they are preferred. Other names are other
# precisions (model.fp16.safetensors) or for other programs (consolidated.safetensors).
# https://github.com/huggingface/transformers/blob/main/src/transformers/utils/__init__.py
FORMATS = {
    "safetensors": re.compile(r"(adapter_)?model(-\d+-of-\d+)?\.safetensors(\.index\.json)?"),
    "PyTorch's": re.compile(r"(pytorch_|adapter_)model(-\d+-of-\d+)?\.bin(\.index\.json)?"),
}
WEIGHTS = re.compile(
    r".*\.(safetensors|bin|gguf|ggml|onnx|onnx_data|h5|msgpack|ot|pt|pth|ckpt|tflite|llamafile)"
    r"(\.index\.json)?"
)

# Tokenizer, configuration, chat templates, and code for --trust_remote_code. Folders are other
# formats (original/, onnx/, coreml/), but for this one.
# https://huggingface.co/docs/transformers/chat_templating
OTHERS = re.compile(
    r"[^/]+\.(json|model|txt|py|jinja|tiktoken|spm|bpe|vocab)"
    r"|additional_chat_templates/[^/]+\.jinja|LICEN[SC]E[^/]*|USE_POLICY\.md|NOTICE[^/]*"
)


def needed_files(files: Collection[str], name: str) -> list[str]:
    """
    Return which of a model's files are to be fetched, sorted.

    Raises:
        Failure: There are no weights in a format that can be loaded.

    """
    weights = {file for file in files if WEIGHTS.fullmatch(file)}
    for pattern in FORMATS.values():
        chosen = {file for file in files if pattern.fullmatch(file)}
        if any(not file.endswith(".json") for file in chosen):
            others = {file for file in files if OTHERS.fullmatch(file)} - weights
            return sorted(chosen | others)
    seen = ", ".join(sorted(weights)[:5]) or "none"
    raise Failure(
        f"{name} has no weights in safetensors or PyTorch's format (it has {seen}):"
        " name a model that transformers can load"
    )
