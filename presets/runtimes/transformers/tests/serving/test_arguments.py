"""The command line and the settings: what is applied, and what is refused."""

from pathlib import Path

import pytest

from last_words import leave_last_words
from serving.arguments import ArgumentError, Arguments, parse_arguments
from serving.loading import load_model, weight_type
from serving.refusal import LoadError
from serving.settings import Settings, SettingsError, load_settings
from tests.serving.lab import arguments


def test_the_presets_command_line_is_understood() -> None:
    told = parse_arguments(
        ["--pipeline=text-generation", "--torch_dtype=auto", "--trust_remote_code"],
    )

    assert told == Arguments(
        pipeline="text-generation",
        path="/workspace/tfs/weights",
        combination_type="svd",
        cache_dir=None,
        force_download=False,
        output_loading_info=False,
        trust_remote_code=True,
        load_in_4bit=False,
        load_in_8bit=False,
        allow_remote_files=False,
        revision="main",
        dtype="auto",
        device_map="auto",
    )


def test_flags_without_effect_are_accepted() -> None:
    told = parse_arguments(
        [
            "--pipeline", "conversational", "--from_tf=false", "--proxies=none",
            "--state_dict=None",
            "--resume_download", "--load_in_8bit=false", "--torch_dtype=none", "--device_map=none",
        ],
    )  # fmt: skip

    assert (told.pipeline, told.dtype, told.device_map) == ("conversational", None, None)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "the following arguments are required: --pipeline"),
        (["--pipeline=chat"], "--pipeline: 'chat' is not one of text-generation, conversational"),
        (
            ["--pipeline=conversational", "--torch_dtyp=auto"],
            "--torch_dtyp: there is no such flag; did you mean --torch_dtype?",
        ),
        (
            ["--pipeline=conversational", "--max_seq_len=512"],
            "--max_seq_len: there is no such flag; see --help for those there are",
        ),
        (
            ["--pipeline=conversational", "--combination_type=sum"],
            (
                "--combination_type: 'sum' is not one of svd, linear, cat, ties, ties_svd, "
                "dare_ties, dare_linear, dare_ties_svd, dare_linear_svd, "
                "magnitude_prune, magnitude_prune_svd"
            ),
        ),
        (
            ["--pipeline=conversational", "--trust_remote_code=maybe"],
            "argument --trust_remote_code: 'maybe' is neither true nor false",
        ),
        (
            ["--pipeline=conversational", "--from_tf"],
            (
                "--from_tf: transformers no longer reads TensorFlow's weights: convert them "
                "to safetensors"
            ),
        ),
        (
            ["--pipeline=conversational", "--proxies={'http': 'a'}"],
            "--proxies: {'http': 'a'}: downloads heed HTTPS_PROXY: set that environment variable",
        ),
        (
            ["--pipeline=conversational", "--load_in_4bit", "--load_in_8bit"],
            "--load_in_4bit and --load_in_8bit exclude each other: drop one",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_followed_is_refused(flags: list[str], sentence: str) -> None:
    with pytest.raises(ArgumentError) as told:
        parse_arguments(flags)

    assert str(told.value) == sentence


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError) as told:
        load_model(arguments(path=tmp_path))

    assert str(told.value) == (
        f"{tmp_path}: has no config.json, so it holds no model: mount or fetch the weights "
        "there, or "
        "name another directory with --pretrained_model_name_or_path"
    )


@pytest.mark.parametrize("name", ["bfloat", "nn", "Tensor"])
def test_a_type_that_torch_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(LoadError) as told:
        weight_type(name)

    assert str(told.value) == (
        f"--torch_dtype: torch has no type {name!r}: use auto, bfloat16, float16 or float32"
    )


def test_broken_weights_are_one_sentence(tiny_directory: Path, tmp_path: Path) -> None:
    for each in tiny_directory.iterdir():
        (tmp_path / each.name).write_bytes(each.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])

    with pytest.raises(LoadError) as told:
        load_model(arguments(path=tmp_path))

    assert str(told.value).startswith(f"{tmp_path}: cannot be loaded: ")
    assert "\n" not in str(told.value)


def test_settings_are_read_from_their_variables() -> None:
    told = load_settings(
        {"LOCAL_RANK": "3", "DEBUG_MODE": "true", "METAKAITO_QUEUE_LENGTH": "7", "RANK": ""},
    )

    assert told == Settings(local_rank=3, debug=True, queue_length=7)
    assert told.port == 5003


def test_a_setting_that_cannot_be_is_refused_with_its_variable() -> None:
    with pytest.raises(SettingsError) as told:
        load_settings({"METAKAITO_BATCH_SIZE": "0"})

    assert str(told.value) == (
        "METAKAITO_BATCH_SIZE is '0': Input should be greater than or equal to 1"
    )


def test_last_words_are_written_only_where_kubernetes_reads_them(tmp_path: Path) -> None:
    log = tmp_path / "termination-log"
    leave_last_words("gone", log)
    assert not log.exists()

    log.touch()
    leave_last_words("gone", log)
    assert log.read_text() == "gone"
