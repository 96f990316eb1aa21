"""
The files of a result as one layer of an image; equal files make an equal layer.

Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md
"""

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from hooks.steps.failures import StepFailed
from hooks.steps.files import opened_as_it_is
from hooks.steps.patience import Clock, Say
from hooks.steps.progress import Progress

FOLDER = "data"
# Weights hardly become smaller, so what costs less time is the better one.
COMPRESSION = 1


class Layer(NamedTuple):
    """A layer as a file, compressed with gzip."""

    path: Path
    digest: str
    """Of the compressed bytes: what a registry knows it by."""
    diff_id: str
    """Of the bytes that were compressed: what the image's configuration knows it by."""
    size: int


class Hashing(io.RawIOBase):
    """A file to write that hashes what goes through it."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: object) -> int:
        """Write it and hash it."""
        content = bytes(cast("bytes", data))
        self._hash.update(content)
        self._target.write(content)
        self.size += len(content)
        return len(content)

    @property
    def digest(self) -> str:
        """Of all that was written, as registries write it."""
        return f"sha256:{self._hash.hexdigest()}"


def make_layer(files: Sequence[Path], path: Path, clock: Clock, say: Say) -> Layer:
    """
    Return the layer with these files in its directory ``data``, written to a path.

    Owner, time and mode are the same for all, so that nothing but names and bytes tells one layer
    from another.

    Raises:
        StepFailed: A file cannot be read, or the layer not written.

    """
    try:
        total = sum(file.lstat().st_size for file in files)
        progress = Progress("the layer", total, clock, say)
        with path.open("wb") as target:
            packed = Hashing(target)
            with gzip.GzipFile("", "wb", COMPRESSION, packed, mtime=0) as compressor:
                plain = Hashing(cast("BinaryIO", compressor))
                write_tar(files, plain, progress)
    except OSError as error:
        raise StepFailed(f"the layer cannot be made in {path}: {error}") from error
    return Layer(path, packed.digest, plain.digest, packed.size)


def write_tar(files: Sequence[Path], target: Hashing, progress: Progress) -> None:
    """Write the directory and its files, sorted by name."""
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(entry(FOLDER, tarfile.DIRTYPE, 0o755))
        for file in sorted(files, key=lambda file: file.name):
            with Watched(file, progress, target) as content:
                size = os.fstat(content.fileno()).st_size
                archive.addfile(
                    entry(f"{FOLDER}/{file.name}", tarfile.REGTYPE, 0o644, size), content
                )


def entry(name: str, kind: bytes, mode: int, size: int = 0) -> tarfile.TarInfo:
    """Return an entry of root's, of 1970."""
    found = tarfile.TarInfo(name)
    found.type, found.mode, found.size = kind, mode, size
    return found


class Watched(io.FileIO):
    """
    A regular file to read that tells how far it is.

    Raises:
        StepFailed: It is something else, such as a link.

    """

    def __init__(self, path: Path, progress: Progress, written: Hashing) -> None:
        super().__init__(path, opener=opened_as_it_is)
        self._progress = progress
        self._written = written

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and tell how much was packed so far."""
        self._progress.at(self._written.size)
        return super().read(-1 if size is None else size) or b""
