"""Which files a data set is made of, and of what format each is."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from training.configuration import DatasetOptions
from training.failures import DataSetRefused

FORMATS = ("arrow", "csv", "json", "jsonl", "parquet")

# Kaito's downloader keeps the query of an address: x.parquet?download=true becomes
# x.parquet_download_true.
SUFFIX = re.compile(rf"\.({'|'.join(FORMATS)})(_[^./]*)?$", re.IGNORECASE)


@dataclass(frozen=True)
class DataFile:
    """
    A file of the data set.

    Attributes:
        path: Where it is.
        name: Below the directory of the data set, for messages.
        format: One of ``FORMATS``.

    """

    path: Path
    name: str
    format: str


def format_of(name: str) -> str | None:
    """Return the format that a file's name says; None if it says none."""
    found = SUFFIX.search(name)
    return found[1].lower() if found else None


def data_files(
    options: DatasetOptions, folder: Path, mount: Path
) -> tuple[list[DataFile], list[str]]:
    """
    Return the files of the data set by name, and the names of others that lie beside them.

    Args:
        options: May name a file or a directory, and the format of all files.
        folder: Where they are looked for otherwise.
        mount: What a named path leads below.

    Raises:
        DataSetRefused: There are none, or the path leads elsewhere.

    """
    root = named_path(options.dataset_path, mount) if options.dataset_path else folder
    if root.is_file():
        found = [root]
        root = root.parent
    elif root.is_dir():
        found = _below(root)
    else:
        raise DataSetRefused(f"there is no data set at {root}")
    files: list[DataFile] = []
    others: list[str] = []
    for path in found:
        name = path.relative_to(root).as_posix()
        form = options.dataset_extension or format_of(name)
        if form is None:
            others.append(name)
        else:
            files.append(DataFile(path, name, form))
    if not files:
        there = f"; there are {', '.join(others[:5])}" if others else ", which is empty"
        raise DataSetRefused(
            f"there is no data set in {root}{there}: its files end in "
            f"{', '.join(f'.{form}' for form in FORMATS)}, or DatasetConfig.dataset_extension says "
            "what they are"
        )
    return files, others


def named_path(written: str, mount: Path) -> Path:
    """
    Return what ``dataset_path`` means: a path below the mount, with or without its name before.

    Raises:
        DataSetRefused: It leads out of it.

    """
    path = Path(written)
    if not path.is_relative_to(mount):
        path = mount / written.strip("/")
    if not path.resolve().is_relative_to(mount.resolve()):
        raise DataSetRefused(f"DatasetConfig.dataset_path: {written} leads out of {mount}")
    return path


def _below(root: Path) -> list[Path]:
    """Return the files in and below a directory by name; none that are hidden."""
    found = []
    for directory, directories, names in os.walk(root):
        directories[:] = [name for name in directories if not name.startswith(".")]
        found += [Path(directory, name) for name in names if not name.startswith(".")]
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())
