"""The command line teaches, and the environment is read in one place."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.lab import RUNTIME
from training.failures import MEANINGS
from training.parameters import SECTIONS
from training.settings import VARIABLES, Settings, read_settings


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


def test_arguments_are_refused() -> None:
    told = run("fine_tuning.py", "--epochs=3")

    assert told.returncode == 2
    assert "unrecognized arguments: --epochs=3" in told.stderr


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
