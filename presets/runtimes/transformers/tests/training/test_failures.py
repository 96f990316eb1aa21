"""Each end without a result has a sentence that says what to do, and an exit code."""

import errno
from pathlib import Path

import pytest
import torch

from last_words import leave_last_words
from training.failures import (
    ConfigurationRefused,
    ExitCode,
    TrainingFailure,
    known_failure,
)


def wrapped(cause: Exception) -> Exception:
    try:
        try:
            raise cause  # noqa: TRY301, so that it is one within another
        except Exception as error:
            raise RuntimeError("a library's own") from error
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize(
    ("error", "code", "advice"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMore."),
            ExitCode.GPU_MEMORY,
            "lower TrainingArguments.per_device_train_batch_size",
        ),
        (
            wrapped(OSError(errno.ENOSPC, "No space left on device")),
            ExitCode.NO_SPACE,
            "give the results a larger volume",
        ),
        (
            RuntimeError("I/O error: No space left on device (os error 28)"),
            ExitCode.NO_SPACE,
            "give the results a larger volume",
        ),
        (wrapped(ConfigurationRefused("a", "b")), ExitCode.CONFIGURATION, "a; b"),
    ],
)
def test_what_is_known_says_what_to_do(error: Exception, code: ExitCode, advice: str) -> None:
    failure = known_failure(error)

    assert failure is not None
    assert failure.code == code
    assert advice in str(failure)
    assert "\n" not in str(failure)


def test_what_is_not_known_is_left_to_its_traceback() -> None:
    assert known_failure(KeyError("x")) is None
    assert known_failure(OSError(errno.ENOENT, "No such file")) is None


def test_last_words_are_left_where_there_is_a_place_and_cut_to_what_is_read(tmp_path: Path) -> None:
    place = tmp_path / "termination-log"
    leave_last_words("nobody reads it", place)
    assert not place.exists()

    place.touch()
    leave_last_words("ä" * 5000, place)
    words = place.read_bytes()
    assert len(words) <= 4096
    assert words.decode().endswith("ä ...")

    leave_last_words(str(TrainingFailure("why", ExitCode.MODEL)), place)
    assert place.read_text() == "why"


def test_last_words_that_cannot_be_left_are_no_failure(tmp_path: Path) -> None:
    leave_last_words("why", tmp_path)
