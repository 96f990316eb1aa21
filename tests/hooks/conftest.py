import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from composite.catalog import Catalog
from hooks.app import create_app
from hooks.logs import JsonLines
from hooks.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*Settings.model_fields, "worker"]:
        monkeypatch.delenv(f"METAKAITO_{name.upper()}", raising=False)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Settings().catalog()


@pytest.fixture
def client(catalog: Catalog) -> FlaskClient:
    return create_app(catalog, Settings(), clock=lambda: NOW).test_client()


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """The lines logged so far, without what differs from run to run."""
    caplog.set_level(logging.INFO, logger="metakaito")

    def read() -> list[dict[str, Any]]:
        found = [json.loads(JsonLines().format(record)) for record in caplog.records]
        return [
            {key: value for key, value in line.items() if key not in ("time", "milliseconds", "id")}
            for line in found
        ]

    return read
