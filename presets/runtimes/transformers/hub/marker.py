"""The file that says that a volume holds a model as a whole, so that nothing is fetched again."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hub.failure import Failure

MARKER = ".metakaito-weights.json"


@dataclass(frozen=True)
class Snapshot:
    """
    One model at one commit.

    Attributes:
        name: As on Hugging Face.
        revision: As it was asked for: a branch, a tag, a commit.
        commit: What that was then.
        files: The size of each file, in bytes.

    """

    name: str
    revision: str
    commit: str
    files: Mapping[str, int]

    @property
    def size(self) -> int:
        """Of all files, in bytes."""
        return sum(self.files.values())


def read_marker(directory: Path) -> Snapshot | None:
    """
    Return what the directory was last filled with, or none.

    Raises:
        Failure: The marker is not one of ours.

    """
    path = directory / MARKER
    if not path.exists():
        return None
    try:
        return Snapshot(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise Failure(f"{path} cannot be read ({error}): remove it, or empty the volume") from error


def write_marker(directory: Path, snapshot: Snapshot) -> None:
    """Write in one step that the directory holds the snapshot as a whole."""
    path = directory / MARKER
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(asdict(snapshot), indent=2), encoding="utf-8")
    beside.replace(path)


def is_whole(directory: Path, snapshot: Snapshot) -> bool:
    """Say whether each file is there in its size."""
    return all(file_size(directory / file) == size for file, size in snapshot.files.items())


def file_size(path: Path) -> int:
    """Return the size in bytes, 0 if there is no such file."""
    return path.stat().st_size if path.is_file() else 0
