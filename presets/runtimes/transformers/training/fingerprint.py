"""What tells one training from another: its configuration, its data, its model, its processes."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from training.configuration import Configuration
from training.files import DataFile
from training.settings import Settings

BLOCK = 1 << 22
"""Bytes that are read at once."""


def fingerprint(
    configuration: Configuration,
    files: Iterable[DataFile],
    settings: Settings,
    tell: Callable[[str], None] = lambda _: None,
) -> str:
    """
    Return 64 hexadecimal digits, equal for trainings whose results are equal.

    Of the weights only names and sizes count, and the files that describe them whole: there are
    tens of gigabytes of them, and they come with the image. Where the results go does not count.

    Args:
        configuration: As written counts; the order of its keys does not.
        files: Their contents and names count.
        settings: The default modules and the number of processes count.
        tell: Is told now and then how far it has come.

    """
    written = {
        section: {
            key: value
            for key, value in values.items()
            if key not in ("output_dir", "overwrite_output_dir")
        }
        for section, values in configuration.written.items()
    }
    parts = {
        "configuration": written,
        "data": {file.name: content_digest(file.path, tell) for file in files},
        "model": model_identity(configuration.model.pretrained_model_name_or_path),
        "modules": settings.target_modules,
        "processes": settings.processes,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def content_digest(file: Path, tell: Callable[[str], None] = lambda _: None) -> str:
    """Return the SHA-256 of a file of any size."""
    digest = hashlib.sha256()
    read = 0
    with file.open("rb") as content:
        while block := content.read(BLOCK):
            digest.update(block)
            read += len(block)
            tell(f"{file.name}, {read / 2**20:.0f} MiB")
    return digest.hexdigest()


def model_identity(place: str) -> dict[str, str | int]:
    """Return what tells the weights in a directory from others; for a name it is the name."""
    directory = Path(place)
    if not directory.is_dir():
        return {place: ""}
    return {
        file.name: content_digest(file) if file.suffix == ".json" else file.stat().st_size
        for file in sorted(directory.iterdir())
        if file.is_file()
    }
