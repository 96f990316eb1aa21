import pytest

from composite.catalog import Catalog
from presets import load_catalog


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()
