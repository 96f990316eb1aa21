"""A training that was killed goes on as if it had not been; one that is told to stop stops."""

import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.lab import Lab
from training.checkpoints import MARK
from training.failures import TrainingFailure
from training.reporter import Reporter
from training.run import train
from training.stop import StopSignal

PATIENCE = 120
"""Seconds after which a process that does nothing is given up."""

LONG = {"num_train_epochs": 30, "save_strategy": "steps", "save_steps": 21}


def wait_until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def test_after_a_kill_the_result_is_that_of_an_uninterrupted_training(
    lab: Lab, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lab = lab.configured(TrainingArguments=LONG)
    process = lab.start()
    wait_until((lab.results / "checkpoint-21" / MARK).exists, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (lab.results / "fine_tuning_completed.txt").exists()
    # As if it had been killed while it wrote another one.
    shutil.copytree(lab.results / "checkpoint-21", lab.results / "checkpoint-299")
    (lab.results / "checkpoint-299" / MARK).unlink()

    with caplog.at_level(logging.INFO):
        assert lab.train() == 0
    assert "checkpoint-299 is left alone: it was not written to its end" in caplog.text
    assert "resumes checkpoint-" in caplog.text
    assert "step 180 of 180" in caplog.text

    whole = lab.configured(TrainingArguments={"output_dir": str(tmp_path / "whole")})
    assert whole.train() == 0
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (lab.results / name).read_bytes()


def test_told_to_stop_it_saves_a_checkpoint_and_says_so(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    lab = lab.configured(TrainingArguments={**LONG, "save_strategy": "no"})
    before = signal.getsignal(signal.SIGTERM)
    teller = threading.Thread(target=tell_to_stop, args=[lab])
    teller.start()
    code = lab.train()
    teller.join()
    signal.signal(signal.SIGTERM, before)

    assert code == 143
    (checkpoint,) = lab.results.glob("checkpoint-*")
    step = checkpoint.name.removeprefix("checkpoint-")
    assert lab.last_words == (
        f"told to stop after step {step} of 180: checkpoint-{step} is written, and the same "
        "training goes on from there when it is started again"
    )
    assert caplog.messages[-1] == lab.last_words
    assert (checkpoint / MARK).exists()
    assert '"state":"stopped"' in progress(lab)

    with caplog.at_level(logging.INFO):
        assert lab.train() == 0
    assert f"resumes checkpoint-{step}, after {step} steps" in caplog.text
    # 24 rows in batches of 4 are 6 steps; the first line is of the moment before the next one.
    lines = [line for line in caplog.messages if line.startswith("step ")]
    assert f"step {step} of 180, epoch {int(step) / 6:.2f} of 30" in lines


def tell_to_stop(lab: Lab) -> None:
    """Send SIGTERM once it trains, to the process that is named for that."""
    end = time.monotonic() + PATIENCE
    while '"state":"training"' not in progress(lab) and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(int(lab.settings.pid_file.read_text()), signal.SIGTERM)


def progress(lab: Lab) -> str:
    file = lab.settings.progress_file
    return file.read_text() if file.exists() else ""


def test_told_to_stop_before_the_first_step_it_stops_at_once(lab: Lab) -> None:
    stop = StopSignal()
    stop.received = True

    with Reporter(lab.settings) as reporter, pytest.raises(TrainingFailure) as stopped:
        train(lab.settings, reporter, stop)
    assert stopped.value.code == 143
    assert str(stopped.value) == (
        "told to stop before the first step: the same training begins, or is resumed, when it is "
        "started again"
    )


def test_a_checkpoint_of_another_configuration_is_not_resumed(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    saving = {"save_strategy": "epoch"}
    assert lab.configured(TrainingArguments=saving).train() == 0

    with caplog.at_level(logging.INFO):
        assert lab.configured(TrainingArguments={**saving, "seed": 7}).train() == 0
    assert (
        "checkpoint-6 is left alone: it is of another configuration, data set or model"
        in caplog.text
    )
    assert "resumes" not in caplog.text
