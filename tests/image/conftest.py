"""The root directory of the image, made once by the steps of the ``Dockerfile``."""

from pathlib import Path

import pytest

from image.__main__ import make_root


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("image") / "root"
    make_root(made)
    return made
