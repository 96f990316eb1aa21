"""What a training left: the newest result that it finished."""

from collections.abc import Iterator
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

    Links are not followed: whoever trained could publish with them what only the push may read.

    Raises:
        StepFailed: The training finished none, or it lacks a file.

    """
    marks = sorted(marks_below(folder), key=lambda mark: (mark.stat().st_mtime_ns, str(mark)))
    if not marks:
        raise StepFailed(
            f"the training ended without a result: there is no {MARK} in {folder}"
            + ("" if folder.is_dir() else ", which is not there")
        )
    result = Result(marks[-1].parent)
    for file in result.files:
        if file.is_symlink() or not file.is_file() or not file.stat().st_size:
            state = "is empty" if file.is_file() else "is missing"
            state = "is a link, which is not followed" if file.is_symlink() else state
            raise StepFailed(f"the result in {result.folder} is not whole: {file.name} {state}")
    return result


def marks_below(folder: Path) -> Iterator[Path]:
    """
    Yield the mark of each finished result.

    Raises:
        StepFailed: The directory cannot be read.

    """
    try:
        root = folder.resolve()
        found = (path for path in folder.rglob(MARK) if path.is_file() and not path.is_symlink())
        yield from (path for path in found if path.resolve().is_relative_to(root))
    except OSError as error:
        raise StepFailed(f"{folder} cannot be read: {error.strerror}") from error
