from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from hooks.steps.addresses import parse_networks
from hooks.steps.download import Fetched, Limits
from hooks.steps.earlier import LIST
from hooks.steps.fetch import fetch
from hooks.steps.hops import Rules
from hooks.steps.patience import Clock
from hooks.steps.trust import trust
from tests.hooks.steps.certificates import Authority, make_authority
from tests.hooks.steps.servers import Site, serving

ALLOWED = parse_networks(["127.0.0.0/8"])


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


class Fetch(NamedTuple):
    """One fetch into an empty directory, at a time that does not wait."""

    into: Path
    time: Time
    lines: list[str]

    def __call__(
        self, *urls: str, rules: Rules | None = None, limits: Limits | None = None
    ) -> list[Fetched]:
        return fetch(
            urls,
            self.into,
            rules or Rules(trust(), ALLOWED),
            limits or Limits(patience=300),
            self.time.clock,
            self.lines.append,
        )

    @property
    def names(self) -> list[str]:
        """The names in the directory, but for the list of what was fetched."""
        return sorted(path.name for path in self.into.iterdir() if path.name != LIST)

    @property
    def contents(self) -> dict[str, bytes]:
        return {name: (self.into / name).read_bytes() for name in self.names}


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
def into(tmp_path: Path, virtual: Time, lines: list[str]) -> Fetch:
    return Fetch(tmp_path / "data", virtual, lines)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as started:
        yield started


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    names = "DNS:localhost,DNS:data.test,IP:127.0.0.1"
    return make_authority(tmp_path_factory.mktemp("authority"), names)
