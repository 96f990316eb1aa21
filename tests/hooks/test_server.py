"""The real thing: gunicorn with two processes, on a free port of this host."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from hooks.server import KEEP_ALIVE_SECONDS, listen
from hooks.settings import Settings
from tests.hooks.questions import a_sync, a_workspace, text

ROOT = Path(__file__).parents[2]
START = (
    "from hooks.server import serve; from hooks.settings import load_settings; "
    "serve('127.0.0.1:0', load_settings())"
)
PATIENCE_SECONDS = 20


class Running:
    """A server process, where it listens, and what it wrote so far."""

    def __init__(self, process: subprocess.Popen[str], directory: Path) -> None:
        assert process.stderr is not None
        self.process = process
        self.directory = directory
        self.greeting = process.stderr.readline()
        self.port = int(self.greeting.rpartition(":")[2])

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, str]:
        connection = self.connect()
        try:
            connection.request("GET" if body is None else "POST", path, body)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def lines(self) -> list[dict[str, Any]]:
        whole = (self.directory / "stdout").read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def messages(self) -> list[str]:
        return [line["message"] for line in self.lines()]

    def counting(self) -> set[int]:
        """The processes that counted a request."""
        files = self.directory.glob("metakaito-metrics-*/counter_*.db")
        return {int(file.stem.rpartition("_")[2]) for file in files} - {self.process.pid}

    def requests_total(self) -> float:
        found = re.findall(
            r"^metakaito_requests_total{.*} (\S+)$", self.ask("/metrics")[1], re.MULTILINE
        )
        return sum(map(float, found))


def until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.01)


@contextmanager
def running(directory: Path, **settings: str) -> Iterator[Running]:
    environment = {
        **os.environ,  # noqa: TID251  (for the process that is started)
        "METAKAITO_WORKERS": "2",
        "TMPDIR": str(directory),
        **settings,
    }
    with (
        (directory / "stdout").open("w") as stdout,
        subprocess.Popen(  # noqa: S603  (our own interpreter)
            [sys.executable, "-c", START],
            cwd=ROOT,
            env=environment,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            yield Running(process, directory)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(2 * PATIENCE_SECONDS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """A server to do anything with."""
    with running(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server to ask and nothing else, for a start takes most of a second."""
    with running(tmp_path_factory.mktemp("shared")) as server:
        yield server


def test_says_where_it_listens(shared: Running) -> None:
    assert shared.greeting == f"listening on http://127.0.0.1:{shared.port}\n"
    assert shared.ask("/readyz")[0] == 200


def test_processes_answer_side_by_side_and_count_together(server: Running) -> None:
    asked = 0
    with ThreadPoolExecutor(8) as pool:
        while len(server.counting()) < 2:
            assert asked < 2000, "one process answers everything"
            names = [f"w{index}" for index in range(asked, asked + 40)]
            bodies = [text(a_sync(a_workspace(name))) for name in names]
            answers = list(pool.map(lambda body: server.ask("/workspaces/sync", body), bodies))
            asked += 40

            assert {status for status, _ in answers} == {200}
            services = [json.loads(answer)["children"][-1]["metadata"] for _, answer in answers]
            assert [service["name"] for service in services] == names

    assert [server.requests_total() for _ in range(4)] == [asked] * 4
    assert len([line for line in server.lines() if line.get("hook")]) == asked
    assert re.findall(r"^metakaito_build_info.*$", server.ask("/metrics")[1], re.MULTILINE) != []


def test_a_process_that_dies_is_replaced_and_its_counts_are_kept(server: Running) -> None:
    server.ask("/workspaces/sync", text(a_sync()))
    [first] = server.counting()

    os.kill(first, signal.SIGKILL)

    until(lambda: any(f"(pid:{first}) was sent SIGKILL" in said for said in server.messages()))
    until(lambda: len([said for said in server.messages() if said.startswith("Booting")]) == 3)
    server.ask("/workspaces/sync", text(a_sync()))
    assert server.requests_total() == 2


def test_a_connection_is_kept_for_the_next_request(shared: Running) -> None:
    connection = shared.connect()
    ports = set()
    for _ in range(5):
        connection.request("POST", "/workspaces/sync", text(a_sync()))
        ports.add(connection.sock.getsockname())
        response = connection.getresponse()
        response.read()
        assert (response.status, response.will_close) == (200, False)
    connection.close()

    assert len(ports) == 1
    assert KEEP_ALIVE_SECONDS > 90, "Go's client keeps idle connections for 90 s"


def test_on_sigterm_a_request_under_way_is_answered(server: Running) -> None:
    body = text(a_sync())
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) as peer:
        peer.sendall(
            b"POST /workspaces/sync HTTP/1.1\r\nHost: hooks\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        assert peer.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n"), "now it is under way"

        server.process.send_signal(signal.SIGTERM)
        until(lambda: "Handling signal: term" in server.messages())
        peer.sendall(body)

        assert peer.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")

    assert server.process.wait(PATIENCE_SECONDS) == 0
    assert [line["outcome"] for line in server.lines() if "outcome" in line] == ["accepted"]
    assert list(server.directory.glob("metakaito-*")) == []


def test_sigterm_during_the_start_is_not_lost(server: Running) -> None:
    until(lambda: any(said.startswith("Booting") for said in server.messages()))
    started = time.monotonic()

    server.process.send_signal(signal.SIGTERM)

    assert server.process.wait(PATIENCE_SECONDS) == 0
    assert time.monotonic() - started < Settings().stop_seconds / 2


def test_every_line_is_json_gunicorns_too(server: Running) -> None:
    server.ask("/healthz")
    server.ask("/workspaces/sync", b"{}")
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(PATIENCE_SECONDS)

    assert {tuple(line)[:4] for line in server.lines()} == {("time", "level", "logger", "message")}
    assert {line["logger"] for line in server.lines()} == {"metakaito", "gunicorn.error"}
    assert server.process.stderr is not None
    assert server.process.stderr.read() == ""


def test_a_body_that_stops_short_is_malformed(shared: Running) -> None:
    with socket.create_connection(("127.0.0.1", shared.port), PATIENCE_SECONDS) as peer:
        peer.sendall(b"POST /machines/sync HTTP/1.1\r\nHost: hooks\r\nContent-Length: 9\r\n\r\n[{}")
        peer.shutdown(socket.SHUT_WR)

        assert peer.recv(100).startswith(b"HTTP/1.1 422 ")


def test_a_body_in_chunks_is_read(shared: Running) -> None:
    connection = shared.connect()
    connection.request("POST", "/workspaces/sync", iter([text(a_sync())]), encode_chunked=True)

    assert connection.getresponse().status == 200
    connection.close()


def test_an_address_that_is_taken_is_one_line() -> None:
    with listen("127.0.0.1:0") as first, pytest.raises(SystemExit) as caught:
        listen(f"127.0.0.1:{first.getsockname()[1]}")

    assert str(caught.value).startswith("cannot listen on 127.0.0.1:")
    assert str(caught.value).endswith(": Address already in use")


def test_what_is_no_address_is_one_line() -> None:
    with pytest.raises(SystemExit) as caught:
        listen("8080")

    assert str(caught.value) == (
        "cannot listen: '8080' is not an address such as :8080, 127.0.0.1:8080 or [::1]:8080"
    )


def test_an_address_without_a_host_is_every_address() -> None:
    with listen(":0") as listener:
        port = listener.getsockname()[1]

        socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS).close()
