"""
Clients that are slow, rude or gone, on the real server: others are served meanwhile.

Two processes of four threads, so that a dozen such clients would have all of them. Where the server
let a client keep a thread, or its main thread, the requests of others would run out of patience.
"""

import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from hooks.settings import Settings
from tests.hooks.questions import a_sync, a_workspace, text
from tests.hooks.test_server import PATIENCE_SECONDS, Running, running, until

MOST_BYTES = 65536
CLIENTS = 32
HEAD = b"POST /workspaces/sync HTTP/1.1\r\nHost: hooks\r\n"
BODY = text(a_sync())
PAGE_BYTES = 4096


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(
        tmp_path_factory.mktemp("hostile"),
        METAKAITO_THREADS="4",
        METAKAITO_MAX_REQUEST_BYTES=str(MOST_BYTES),
    ) as server:
        until(lambda: len(workers(server)) == 2)
        yield server


@pytest.fixture
def server(started: Running) -> Iterator[Running]:
    """The server, which afterwards serves as before, in the same processes, and logged no error."""
    before = workers(started)
    yield started
    assert_others_are_served(started)
    assert workers(started) == before
    assert [line for line in started.lines() if line["level"] in ("error", "critical")] == []


def one_process(directory: Path) -> AbstractContextManager[Running]:
    """One process of four threads, which takes large requests."""
    return running(
        directory,
        METAKAITO_WORKERS="1",
        METAKAITO_THREADS="4",
        METAKAITO_MAX_REQUEST_BYTES=str(2**24),
    )


def workers(server: Running) -> set[int]:
    found = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return set(map(int, found.split()))


def resident_mib(server: Running) -> int:
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in workers(server)]
    return sum(pages) * PAGE_BYTES // 2**20


def assert_others_are_served(server: Running, requests: int = 12) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(server.ask, "/workspaces/sync", BODY) for _ in range(requests)]
        assert {each.result(PATIENCE_SECONDS)[0] for each in asked} == {200}


def connected(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS)


def answer_to(server: Running, *parts: bytes) -> bytes:
    """All that comes back until the server ends the connection."""
    with connected(server) as peer:
        for part in parts:
            with suppress(OSError):  # it may be refused before all of it is sent
                peer.sendall(part)
        found = b""
        with suppress(ConnectionResetError):
            while received := peer.recv(65536):
                found += received
        return found


@contextmanager
def dribbling(server: Running, begin: bytes, more: bytes, clients: int = CLIENTS) -> Iterator[None]:
    """Clients that send a byte now and then, and come again when they are sent away."""
    over = threading.Event()

    def dribble() -> None:
        while not over.is_set():
            with suppress(OSError), connected(server) as peer:
                peer.sendall(begin)
                while not over.wait(0.2):
                    peer.sendall(more)
                    peer.setblocking(False)  # noqa: FBT003  (the socket's own)
                    with suppress(BlockingIOError):
                        if not peer.recv(100):
                            break
                    peer.settimeout(PATIENCE_SECONDS)

    threads = [threading.Thread(target=dribble, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)


def test_idle_connections_take_no_thread(server: Running) -> None:
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(connected(server))

        assert_others_are_served(server)


def test_more_idle_connections_than_there_may_be_close_the_oldest(server: Running) -> None:
    with ExitStack() as stack:
        for _ in range(2200):
            stack.enter_context(connected(server))

        assert_others_are_served(server)


def test_idle_connections_do_not_keep_a_server_from_stopping(tmp_path: Path) -> None:
    with running(tmp_path) as server, ExitStack() as stack:
        until(lambda: len(workers(server)) == 2)
        for _ in range(CLIENTS):
            stack.enter_context(connected(server))
        assert server.ask("/healthz")[0] == 200
        begun = time.monotonic()

        server.process.send_signal(signal.SIGTERM)

        assert server.process.wait(PATIENCE_SECONDS) == 0
        assert time.monotonic() - begun < Settings().stop_seconds / 2


def test_headers_that_dribble_in_keep_nobody_waiting(server: Running) -> None:
    with dribbling(server, HEAD + b"X-Slow: ", b"a"):
        assert_others_are_served(server)


def test_a_body_that_dribbles_in_keeps_nobody_waiting(server: Running) -> None:
    with dribbling(server, HEAD + b"Content-Length: 60000\r\n\r\n", b" "):
        assert_others_are_served(server)


def test_chunks_that_dribble_in_keep_nobody_waiting(server: Running) -> None:
    with dribbling(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"):
        assert_others_are_served(server)


def test_clients_that_keep_a_closed_connection_open_keep_nobody_waiting(server: Running) -> None:
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            peer = stack.enter_context(connected(server))
            peer.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")

        assert_others_are_served(server)


def test_clients_that_read_no_answer_keep_nobody_waiting(server: Running) -> None:
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            peer = stack.enter_context(connected(server))
            peer.sendall((HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY) * 3)

        assert_others_are_served(server)


def test_answers_that_nobody_takes_keep_nobody_waiting(tmp_path: Path) -> None:
    workspace = a_workspace()
    more = [{"name": "MORE", "value": "a" * 6_000_000}]
    template = {"spec": {"containers": [{"name": "model", "image": "model", "env": more}]}}
    body = text(a_sync({**workspace, "inference": {"template": template}}))
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with one_process(tmp_path) as server, ExitStack() as stack:
        for _ in range(12):
            peer = stack.enter_context(socket.socket())
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.settimeout(PATIENCE_SECONDS)
            peer.connect(("127.0.0.1", server.port))
            peer.sendall(request)

        assert server.ask("/healthz")[0] == 200
        assert_others_are_served(server)


def test_hundreds_that_send_one_byte_each_keep_nobody_waiting(tmp_path: Path) -> None:
    with one_process(tmp_path) as server, ExitStack() as stack:
        for _ in range(850):
            stack.enter_context(connected(server)).sendall(b"P")

        assert server.ask("/healthz")[0] == 200
        assert_others_are_served(server)


def test_who_is_sent_away_in_the_middle_of_a_body_is_closed_without_an_answer(
    tmp_path: Path,
) -> None:
    half = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY[:-1]
    with one_process(tmp_path) as server, ExitStack() as stack:
        peers = [stack.enter_context(connected(server)) for _ in range(CLIENTS)]
        for peer in peers:
            peer.sendall(half)
        assert server.ask("/healthz")[0] == 200

        found = []
        for peer in peers:
            with suppress(OSError):
                peer.sendall(BODY[-1:])  # too late for some: may they learn it from the connection
                peer.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                found.append(peer.recv(2**16)[:13])

        assert set(found) <= {b"", b"HTTP/1.1 200 "}
        assert found.count(b"HTTP/1.1 200 ") < CLIENTS


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /work",
        HEAD,
        HEAD + b"Content-Length: 60000\r\n\r\n" + BODY[:1000],
        HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n{",
    ],
    ids=["nothing", "a word", "headers", "half a body", "a request", "half a chunk"],
)
@pytest.mark.parametrize("end", ["closed", "reset"])
def test_clients_that_go_away_in_the_middle_change_nothing(
    server: Running, sent: bytes, end: str
) -> None:
    for _ in range(CLIENTS):
        with connected(server) as peer:
            peer.sendall(sent)
            if end == "reset":
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_request_that_says_it_is_too_large_is_refused_unread(server: Running) -> None:
    before = resident_mib(server)
    for _ in range(20):
        found = answer_to(server, HEAD + b"Content-Length: 99999999999\r\n\r\n", b" " * 2**18)

        assert found.startswith(b"HTTP/1.1 413 "), found[:80]
        assert b"METAKAITO_MAX_REQUEST_BYTES allows more\n" in found
    assert resident_mib(server) - before < 64


def test_a_request_in_chunks_that_does_not_say_so_is_refused_once_it_is(server: Running) -> None:
    before = resident_mib(server)
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    for _ in range(20):
        found = answer_to(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 100)

        assert found.startswith(b"HTTP/1.1 413 "), found[:80]
    assert resident_mib(server) - before < 64


@pytest.mark.parametrize(
    "length",
    [b"-1", b"abc", b"1e3", b"0x10", b"1, 2", b"+5", b""],
)
def test_a_length_that_is_none_is_a_bad_request(server: Running, length: bytes) -> None:
    found = answer_to(server, HEAD + b"Content-Length: " + length + b"\r\n\r\n" + BODY)

    assert found.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 422 ")), found[:80]


def test_a_length_and_chunks_at_once_are_a_bad_request(server: Running) -> None:
    both = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"

    found = answer_to(server, HEAD + both)

    assert found.startswith(b"HTTP/1.1 400 "), found[:80]
    assert found.count(b"HTTP/1.1 ") == 1, "the rest is no second request"


def test_what_follows_a_body_that_is_too_long_is_no_answer_of_ours(server: Running) -> None:
    short = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % (len(BODY) // 2)

    found = answer_to(server, HEAD + short + BODY)

    assert found.startswith(b"HTTP/1.1 422 "), found[:80]
    assert found.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "headers",
    [
        b"".join(b"X-%d: a\r\n" % number for number in range(5000)),
        b"X: " + b"a" * 2**20 + b"\r\n",
        b"X" * 2**20 + b": a\r\n",
        b"no colon\r\n",
        b"X: a\x00b\r\n",
        b": nameless\r\n",
    ],
    ids=["many", "a long one", "a long name", "no colon", "a zero", "no name"],
)
def test_headers_that_are_none_or_too_many_are_refused(server: Running, headers: bytes) -> None:
    found = answer_to(server, HEAD + headers + b"\r\n")

    assert found[:10] in (b"HTTP/1.1 4", b""), found[:80]


@pytest.mark.parametrize(
    "line",
    [b"\x00", b"GET", b"GET / HTTP/9.9", b"a" * 10000, b"\x16\x03\x01\x02\x00\x01\x00", b"{}"],
)
def test_what_is_no_http_is_refused(server: Running, line: bytes) -> None:
    found = answer_to(server, line + b"\r\n\r\n")

    assert found[:10] in (b"HTTP/1.1 4", b"HTTP/1.1 5", b""), found[:80]


def test_requests_that_come_at_once_are_answered_one_after_the_other(server: Running) -> None:
    one = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    last = b"GET /healthz HTTP/1.1\r\nHost: hooks\r\nConnection: close\r\n\r\n"

    found = answer_to(server, one * 3 + last)

    assert found.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert found.endswith(b"\r\n\r\nok\n")


def test_http_1_0_is_answered_and_closed(server: Running) -> None:
    request = b"POST /workspaces/sync HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(BODY)

    found = answer_to(server, request + BODY)

    assert found.startswith((b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\n"))
    assert b"\r\nConnection: close\r\n" in found
