"""How a training ends without a result: a sentence that says what to do, and an exit code."""

import errno
from collections.abc import Iterator
from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit code says."""

    FINISHED = 0
    UNEXPECTED = 1
    CONFIGURATION = 2
    DATA_SET = 3
    MODEL = 4
    GPU_MEMORY = 5
    NO_SPACE = 6
    TERMINATED = 143


MEANINGS = {
    ExitCode.FINISHED: "the adapter is written, or was there already",
    ExitCode.UNEXPECTED: "a failure that this program does not know; the log has a traceback",
    ExitCode.CONFIGURATION: "the configuration, or what it asks of this machine, is refused",
    ExitCode.DATA_SET: "the data set cannot be used",
    ExitCode.MODEL: "the weights or the tokenizer cannot be loaded",
    ExitCode.GPU_MEMORY: "the GPU has too little memory",
    ExitCode.NO_SPACE: "no space is left on a device",
    ExitCode.TERMINATED: "told to stop with SIGTERM; start again to go on from the checkpoint",
}


class TrainingFailure(Exception):  # noqa: N818, a failure is told, not debugged
    """
    An expected end without a result.

    Args:
        sentence: What is wrong, with the field or the file, and what to do.
        code: The exit code.

    """

    def __init__(self, sentence: str, code: ExitCode) -> None:
        super().__init__(sentence)
        self.code = code


class ConfigurationRefused(TrainingFailure):
    """The configuration cannot be applied; it holds all its problems, separated by semicolons."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems), ExitCode.CONFIGURATION)


class DataSetRefused(TrainingFailure):
    """The data set cannot be trained on."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, ExitCode.DATA_SET)


class ModelRefused(TrainingFailure):
    """The model cannot be loaded or adapted."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, ExitCode.MODEL)


def known_failure(error: BaseException) -> TrainingFailure | None:
    """
    Return what an exception means, if this program knows.

    Libraries raise their own exceptions for a full GPU or disk, and wrap those of others, so the
    causes are looked through too.
    """
    for cause in _causes(error):
        if isinstance(cause, TrainingFailure):
            return cause
        words = str(cause)
        if type(cause).__name__ == "OutOfMemoryError" or "CUDA out of memory" in words:
            return TrainingFailure(
                "the GPU ran out of memory: lower TrainingArguments.per_device_train_batch_size "
                "and raise gradient_accumulation_steps in its place, set "
                "TrainingArguments.gradient_checkpointing to true, use the method qlora, shorten "
                "the longest rows, or choose an instance type with "
                f"more GPU memory ({first_line(words)})",
                ExitCode.GPU_MEMORY,
            )
        full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or "No space left on device" in words or "os error 28" in words:
            return TrainingFailure(
                "no space is left on the device: give the results a larger volume, or keep fewer "
                "checkpoints with TrainingArguments.save_total_limit or save_strategy: 'no' "
                f"({first_line(words)})",
                ExitCode.NO_SPACE,
            )
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def first_line(text: str) -> str:
    """Return the first line that says something, of a library's long message."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
