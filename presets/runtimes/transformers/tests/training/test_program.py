"""The command line teaches, and the environment is read in one place."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.lab import CHATS, RUNTIME, Lab
from training.failures import MEANINGS
from training.parameters import SECTIONS
from training.settings import VARIABLES, Settings, read_settings

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603, what it runs is ours
        [sys.executable, *arguments], cwd=RUNTIME, capture_output=True, text=True, check=False
    )


def test_help_has_every_variable_exit_code_and_parameter() -> None:
    told = run("fine_tuning.py", "--help")

    assert told.returncode == 0
    words = told.stdout.replace(",", " ").split()
    assert set(words) >= VARIABLES.keys()
    assert set(words) >= {str(code.value) for code in MEANINGS}
    assert set(words) >= {name for parameters in SECTIONS.values() for name in parameters}


def test_the_metrics_server_has_help() -> None:
    assert "5000 + LOCAL_RANK" in run("metrics_server.py", "--help").stdout.replace("\n", " ")


def test_help_has_where_the_result_goes() -> None:
    assert "TrainingArguments.output_dir (default: output, which is /mnt/output)" in " ".join(
        run("fine_tuning.py", "--help").stdout.split()
    )


@pytest.mark.parametrize("arguments", [["x"], ["--epochs=3", "y"]])
def test_arguments_are_refused(arguments: list[str]) -> None:
    told = run("fine_tuning.py", *arguments)

    assert told.returncode == 2
    assert told.stderr.splitlines()[-1] == (
        f"fine_tuning.py: error: there are no arguments, so {' '.join(arguments)} means nothing: a "
        "configuration says how to train, see --help"
    )


def test_a_failure_is_a_line_of_the_log_and_its_sentence_the_last_words(lab: Lab) -> None:
    process = lab.configured(LoraConfig={"r": 0}).start()
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    sentence = "LoraConfig.r: must be at least 1, not 0"
    assert re.fullmatch(rf"{TIME} ERROR {re.escape(sentence)}\n", errors)
    assert lab.last_words == sentence


def test_a_variable_that_cannot_be_is_a_line_of_the_log(lab: Lab) -> None:
    told = subprocess.run(
        [sys.executable, "fine_tuning.py"],
        cwd=RUNTIME,
        env={**lab.environment(), "PROGRESS_SECONDS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 2
    assert re.fullmatch(
        rf"{TIME} ERROR PROGRESS_SECONDS is '0', must be a whole number, at least 1\n", told.stderr
    )


def test_spoilt_data_is_told_before_pytorch_is_imported(lab: Lab) -> None:
    """Neither is the model looked at: there is none."""
    lab.with_rows([*CHATS, {"messages": []}]).configured(
        ModelConfig={"pretrained_model_name_or_path": "/nowhere"}
    )
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import sys; from training.program import main; print(main()); "
                "print({'torch', 'transformers', 'datasets'} & sys.modules.keys())"
            ),
        ],
        cwd=RUNTIME,
        env=lab.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.stdout.splitlines()[-2:] == ["3", "set()"]
    assert lab.last_words == (
        '1 of 25 rows cannot be used: train.jsonl row 25: "messages" is empty'
    )


def test_without_variables_the_settings_are_those_of_the_contract() -> None:
    assert read_settings({}) == Settings(
        configuration=Path("/mnt/config/training_config.yaml"),
        dataset_folder=Path("/mnt/data"),
        weights=Path("/workspace/tfs/weights"),
        mount=Path("/mnt"),
        target_modules=(),
        debug=False,
        local_rank=0,
    )


def test_the_environment_is_read() -> None:
    environment = {
        "YAML_FILE_PATH": "/c.yaml",
        "DATASET_FOLDER_PATH": "/d",
        "DEFAULT_TARGET_MODULES": "q_proj, v_proj,",
        "DEBUG_MODE": "True",
        "RANK": "3",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "4",
        "PROGRESS_SECONDS": " ",
    }

    assert read_settings(environment) == Settings(
        configuration=Path("/c.yaml"),
        dataset_folder=Path("/d"),
        target_modules=("q_proj", "v_proj"),
        debug=True,
        rank=3,
        local_rank=1,
        processes=4,
    )


def test_a_number_that_cannot_be_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^LOCAL_RANK is 'x', must be a whole number, at least 0$"
    ):
        read_settings({"LOCAL_RANK": "x"})
    with pytest.raises(
        ValueError, match=r"^PROGRESS_SECONDS is '0', must be a whole number, at least"
    ):
        read_settings({"PROGRESS_SECONDS": "0"})
