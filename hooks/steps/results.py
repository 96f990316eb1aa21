"""What a training left: the newest result that it finished."""

import stat
from pathlib import Path
from typing import NamedTuple

from hooks.steps.failures import StepFailed

# The trainer writes it last. https://github.com/kaito-project/kaito/blob/v0.3.2/presets/workspace/tuning/text-generation/fine_tuning.py
MARK = "fine_tuning_completed.txt"
FILES = ("adapter_config.json", "adapter_model.safetensors")


class Result(NamedTuple):
    """The files of an adapter."""

    folder: Path

    @property
    def files(self) -> list[Path]:
        """The files that are served, in the order of their names."""
        return [self.folder / name for name in FILES]


def find_result(folder: Path) -> Result:
    """
    Return the newest finished result in a directory or below it.

    Only regular files count: with a link, whoever trained could publish what only the push may
    read, such as the credentials of the registry.

    Raises:
        StepFailed: The training finished none, or it lacks a file.

    """
    found = marks_below(folder)
    marks = [mark for mark in found if why_not_regular(mark) is None]
    if not marks:
        others = "".join(f"; {mark} {why_not_regular(mark)}" for mark in found)
        raise StepFailed(
            f"the training ended without a result: there is no {MARK} in {folder}"
            + (others if folder.is_dir() else ", which is not there")
        )
    newest = max(marks, key=lambda mark: (mark.lstat().st_mtime_ns, str(mark)))
    result = Result(newest.parent)
    for file in result.files:
        why = why_not_regular(file) or (None if file.lstat().st_size else "is empty")
        if why is not None:
            raise StepFailed(f"the result in {result.folder} is not whole: {file.name} {why}")
    return result


def marks_below(folder: Path) -> list[Path]:
    """
    Return what is called like the mark of a finished result; links to directories are not followed.

    Raises:
        StepFailed: The directory cannot be read.

    """
    try:
        return sorted(path for path in folder.rglob(MARK) if within(path, folder))
    except OSError as error:
        raise StepFailed(f"{folder} cannot be read: {error.strerror}") from error


def within(path: Path, folder: Path) -> bool:
    """Whether the directory of a file is really below another, or that one."""
    return path.parent.resolve().is_relative_to(folder.resolve())


def why_not_regular(file: Path) -> str | None:
    """Return what is there instead of a regular file; None where it is one."""
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        return "is missing"
    if stat.S_ISLNK(mode):
        return "is a link, which is not followed"
    return None if stat.S_ISREG(mode) else "is not a regular file"
