"""The root directories of the images, made once by the steps of the ``Dockerfile``s."""

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.__main__ import make_root
from image.cache import cache_folder, kept_place
from image.runtime import ingredients, make_code


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("image") / "root"
    make_root(made)
    return made


@pytest.fixture(scope="session")
def runtime_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of the variant without CUDA; a test does not fetch its packages, which are gigabytes."""
    kept = kept_place("packages-cpu", ingredients("cpu"), cache_folder())
    if not kept.exists():
        pytest.skip(f"{kept} is not there, which `make runtime-image` makes; it installs 6 GB")
    made = tmp_path_factory.mktemp("runtime") / "root"
    with tarfile.open(kept / "layer.tar") as layer:
        layer.extractall(made, filter="tar")
    make_code(made)
    yield made
    shutil.rmtree(made)  # pytest keeps what tests write for a while
