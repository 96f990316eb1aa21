"""Layers that are kept, for what they are made of changes seldom and they are gigabytes."""

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from image.layer import Layer, write_layer

DAY = 86_400.0


def cache_folder() -> Path:
    """Return where layers are kept: below XDG_CACHE_HOME, or below ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")  # noqa: TID251  (not the product: where to keep a build)
    return (Path(base) if base else Path.home() / ".cache") / "metakaito" / "layers"


def kept_layer(
    name: str, made_of: Iterable[Path], make: Callable[[Path], None], folder: Path
) -> Layer:
    """
    Return the layer from the cache, made first if it was not made of the same files.

    A layer of the same name that nobody has asked for within a day is removed.

    Args:
        name: Of what is in it.
        made_of: Files that decide what that is, beside this Python's version.
        make: Writes the layer's files into a new directory.
        folder: The cache. The layer is there as a whole or not at all.

    """
    place = kept_place(name, made_of, folder)
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="making-") as scratch:
            root, whole = Path(scratch, "root"), Path(scratch, "whole")
            make(root)
            whole.mkdir()
            write_kept(root, whole)
            if not place.exists():  # somebody else may have been faster
                whole.rename(place)
    os.utime(place)
    forget_others(place)
    return read_kept(place)


def kept_place(name: str, made_of: Iterable[Path], folder: Path) -> Path:
    """Return where the layer is, or would be."""
    return folder / f"{name}-{fingerprint(made_of)}"


def fingerprint(made_of: Iterable[Path]) -> str:
    """Return a hash of the files, their names, and this Python's version."""
    told = hashlib.sha256(sys.version.encode())
    for path in made_of:
        told.update(f"\0{path}\0".encode())
        told.update(path.read_bytes())
    return told.hexdigest()[:16]


def write_kept(root: Path, place: Path) -> None:
    """Write the files under the root as a layer without compression, and its digests beside it."""
    layer = write_layer(root, place / "layer.tar", compress=False)
    described = {name: value for name, value in asdict(layer).items() if name != "file"}
    (place / "layer.json").write_text(json.dumps(described), encoding="utf-8")


def read_kept(place: Path) -> Layer:
    """Return what :func:`write_kept` wrote."""
    described = json.loads((place / "layer.json").read_text(encoding="utf-8"))
    return Layer(place / "layer.tar", **described)


def forget_others(place: Path) -> None:
    """Remove layers of the same name that nobody has asked for within a day."""
    for other in place.parent.glob(f"{place.name.rpartition('-')[0]}-*"):
        if other != place and other.stat().st_mtime < time.time() - DAY:
            shutil.rmtree(other)
