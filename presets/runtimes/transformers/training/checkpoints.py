"""Checkpoints: which are whole, which belong to this training, and which one is resumed."""

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from training.atomically import write_atomically

MARK = "fine_tuning_checkpoint.json"
"""The last file of a checkpoint to be written; without it a checkpoint is not whole."""

NEEDED = ("adapter_model.safetensors", "trainer_state.json", "optimizer.pt", "scheduler.pt")
"""Without these a training cannot go on as if it had not stopped."""

NAME = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True)
class Choice:
    """
    What is resumed.

    Attributes:
        checkpoint: The newest one that can be; None to begin at the beginning.
        step: The number of steps it has behind it.
        remarks: Why others are left alone, newest first.

    """

    checkpoint: Path | None
    step: int
    remarks: tuple[str, ...]


def mark_whole(checkpoint: Path, fingerprint: str) -> None:
    """Say that a checkpoint, all of whose files are written, is whole, and of which training."""
    sizes = {file.name: file.stat().st_size for file in checkpoint.iterdir() if file.name != MARK}
    content = json.dumps({"fingerprint": fingerprint, "sizes": sizes}, indent=2, sort_keys=True)
    for file in checkpoint.iterdir():
        file.chmod(0o644)
    write_atomically(checkpoint / MARK, content.encode())


def choose_checkpoint(output_dir: Path, fingerprint: str) -> Choice:
    """Return the newest whole checkpoint of this training, and remarks on newer ones."""
    remarks: list[str] = []
    for step, checkpoint in sorted(checkpoints(output_dir), reverse=True):
        objection = _objection(checkpoint, fingerprint)
        if objection is None:
            return Choice(checkpoint, step, tuple(remarks))
        remarks.append(f"{checkpoint.name} is left alone: {objection}")
    return Choice(None, 0, tuple(remarks))


def checkpoints(output_dir: Path) -> Iterable[tuple[int, Path]]:
    """Return all directories that are named as checkpoints, each with its step."""
    if not output_dir.is_dir():
        return []
    return [
        (int(named[1]), path)
        for path in output_dir.iterdir()
        if path.is_dir() and (named := NAME.fullmatch(path.name))
    ]


def discard_oldest(output_dir: Path, fingerprint: str, keep: int, best: str | None) -> None:
    """
    Delete the oldest whole checkpoints of this training.

    Args:
        output_dir: Where they are.
        fingerprint: Of this training; those of others are not touched.
        keep: How many are left, at least the newest.
        best: The path of one that is left in any case, and counts.

    """
    own = [
        path
        for _, path in sorted(checkpoints(output_dir))
        if _objection(path, fingerprint) in (None, NO_STATE)
    ]
    kept = [path for path in own if best and path == Path(best)]
    others = [path for path in own if path not in kept]
    for path in others[: max(0, min(len(others) - 1, len(own) - keep))]:
        (path / MARK).unlink()  # first, so that one that is half deleted is not taken for whole
        shutil.rmtree(path, ignore_errors=True)


NO_STATE = "it holds no state of the optimizer (save_only_model)"


def _objection(checkpoint: Path, fingerprint: str) -> str | None:
    """Return why a checkpoint cannot be resumed."""
    try:
        mark = json.loads((checkpoint / MARK).read_bytes())
        sizes = {file.name: file.stat().st_size for file in checkpoint.iterdir()}
    except (OSError, ValueError):
        return "it was not written to its end"
    if mark.get("fingerprint") != fingerprint:
        return "it is of another configuration, data set or model"
    if any(sizes.get(name) != expected for name, expected in mark["sizes"].items()):
        return "it has lost a part of itself"
    if any(name not in sizes for name in NEEDED):
        return NO_STATE
    return None
