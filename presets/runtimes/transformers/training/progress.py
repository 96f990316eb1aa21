"""How far a training is: what the trainer leaves in a file, and the metrics server reads."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from training.atomically import write_atomically

State = Literal["preparing", "training", "finished", "failed", "stopped"]


class Progress(BaseModel):
    """
    One moment of a training.

    Attributes:
        state: What it is at.
        step: Updates of the adapter that are done, those before a resume included.
        total_steps: Updates in all; 0 as long as that is not known.
        epoch: How often the data set has been gone through, with a fraction.
        total_epochs: How often it will be.
        loss: Of the last step, in nats for each token; None before the first.
        samples_per_second: Rows, of all processes, since the training began or was resumed.
        tokens_per_second: The same of tokens, padding not counted.
        seconds_left: Until the last step, if it goes on so; None if that is not known.
        updated: When this was written, in seconds since 1970.

    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: State = "preparing"
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    total_epochs: float = 0.0
    loss: float | None = None
    samples_per_second: float = 0.0
    tokens_per_second: float = 0.0
    seconds_left: float | None = None
    updated: float = 0.0


def write_progress(progress: Progress, file: Path) -> None:
    """Leave progress in a file, whole at any moment."""
    write_atomically(file, progress.model_dump_json().encode(), durable=False)


def read_progress(file: Path) -> Progress | None:
    """Return what a trainer left; None if none has, or it is of another version."""
    try:
        return Progress.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def progress_line(progress: Progress) -> str:
    """Return progress in one line for the log."""
    parts = [
        f"step {progress.step} of {progress.total_steps}",
        f"epoch {progress.epoch:.2f} of {progress.total_epochs:g}",
    ]
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.4f}")
    if progress.samples_per_second:
        parts.append(f"{progress.samples_per_second:.3g} samples/s")
        parts.append(f"{progress.tokens_per_second:.0f} tokens/s")
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return a time as people say it: ``4m10s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
