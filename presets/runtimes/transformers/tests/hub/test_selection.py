import pytest

from hub.failure import Failure
from hub.selection import needed_files

PHI = (
    ".gitattributes",
    "CODE_OF_CONDUCT.md",
    "LICENSE",
    "README.md",
    "added_tokens.json",
    "config.json",
    "configuration_phi3.py",
    "generation_config.json",
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json",
    "modeling_phi3.py",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
)


def test_of_a_model_in_safetensors_all_is_taken_but_its_pages() -> None:
    pages = {".gitattributes", "CODE_OF_CONDUCT.md", "README.md"}

    assert needed_files(PHI, "a/b") == sorted(set(PHI) - pages)


def test_of_two_formats_only_safetensors_is_taken() -> None:
    others = ("pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json", "tf_model.h5")

    assert needed_files((*PHI, *others), "a/b") == needed_files(PHI, "a/b")


def test_the_format_of_pytorch_is_taken_where_there_is_no_other() -> None:
    files = (
        "config.json",
        "pytorch_model.bin",
        "training_args.bin",
        "model.onnx",
        "tokenizer.json",
    )

    assert needed_files(files, "a/b") == ["config.json", "pytorch_model.bin", "tokenizer.json"]


def test_an_index_alone_is_no_format() -> None:
    files = ("model.safetensors.index.json", "pytorch_model.bin", "config.json")

    assert needed_files(files, "a/b") == ["config.json", "pytorch_model.bin"]


def test_other_programs_weights_and_folders_are_left() -> None:
    others = (
        "consolidated.safetensors",
        "model.fp16.safetensors",
        "model-q4.gguf",
        "onnx/config.json",
        "original/consolidated.00.pth",
        "original/params.json",
    )

    assert needed_files((*PHI, *others), "a/b") == needed_files(PHI, "a/b")


def test_chat_templates_and_adapters_are_taken() -> None:
    files = (
        "adapter_config.json",
        "adapter_model.safetensors",
        "additional_chat_templates/tool_use.jinja",
        "chat_template.jinja",
    )

    assert needed_files(files, "a/b") == sorted(files)


def test_a_model_that_nothing_here_can_load_is_refused() -> None:
    with pytest.raises(Failure) as refused:
        needed_files(("config.json", "model-q4.gguf", "model-q8.gguf"), "a/b")

    assert str(refused.value) == (
        "a/b has no weights in safetensors or PyTorch's format (it has model-q4.gguf,"
        " model-q8.gguf): name a model that transformers can load"
    )
