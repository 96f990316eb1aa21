"""The fake API server, hooks, and the program between them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from composite.simulate import objects
from hooks.dev.api import Api
from hooks.dev.program import Options, Program
from tests.hooks.dev.fake_api import MORE_KINDS, FakeApi
from tests.hooks.dev.hook_server import HookServer

# For a machine that does ten other things.
SECONDS = 30.0


def wait_for(what: Callable[[], Any]) -> Any:  # noqa: ANN401  (whatever it returns)
    """What is told, as soon as it is something."""
    deadline = time.monotonic() + SECONDS
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found


@contextmanager
def fake_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """An API server with the kinds of the controllers, and the namespace that all have."""
    for kind in MORE_KINDS:
        monkeypatch.setitem(objects.KINDS, kind.key, kind)
        monkeypatch.setitem(objects.RESOURCES, (kind.api_version, kind.plural), kind)
    fake = FakeApi()
    fake.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
    yield fake
    fake.stop()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    with fake_api(monkeypatch) as fake:
        yield fake


@pytest.fixture
def connection(api: FakeApi, tmp_path: Path) -> Api:
    return Api(api.kubeconfig(tmp_path), None, 32)


@pytest.fixture
def hooks() -> Iterator[HookServer]:
    server = HookServer()
    yield server
    server.stop()


class Play:
    """The program in a thread, and what became of it."""

    def __init__(self, connection: Api, **options: object) -> None:
        usual: dict[str, Any] = {
            "server_side_apply": False,
            "field_manager": "metacontroller",
            "target_labels": {},
            "workers": 2,
            "recording": None,
        }
        self.program = Program(connection, Options(**{**usual, **options}))
        self.failure: BaseException | None = None
        self.thread = Thread(target=self._run)
        self.thread.start()

    def end(self) -> None:
        self.program.end()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()

    def _run(self) -> None:
        try:
            self.program.run()
        except BaseException as failure:  # noqa: BLE001  (told to the test)
            self.failure = failure


@pytest.fixture
def play(connection: Api) -> Iterator[Callable[..., Play]]:
    played: list[Play] = []

    def start(**options: object) -> Play:
        played.append(Play(connection, **options))
        return played[-1]

    yield start
    for each in played:
        each.end()
