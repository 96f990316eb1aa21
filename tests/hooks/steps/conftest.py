from collections.abc import Iterator

import pytest

from hooks.steps.patience import Clock
from tests.hooks.steps.certificates import Authority, make_authority
from tests.hooks.steps.servers import Site, serving


class Time:
    """A time that passes only where somebody waits, and a little with each look at it."""

    def __init__(self, *, a_look: float = 0.0) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        self._look = a_look

    def read(self) -> float:
        self.now += self._look
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    @property
    def clock(self) -> Clock:
        # 2026-01-01T00:00:00Z when it begins.
        return Clock(self.read, self.sleep, lambda: 1767225600.0 + self.now - 1000.0)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)


@pytest.fixture
def virtual() -> Time:
    return Time()


@pytest.fixture
def lines() -> list[str]:
    """What was said: give its ``append`` to whom says something."""
    return []


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as started:
        yield started


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    names = "DNS:localhost,DNS:data.test,IP:127.0.0.1"
    return make_authority(tmp_path_factory.mktemp("authority"), names)
