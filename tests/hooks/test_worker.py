"""One connection of the worker, its pressure, and what the worker takes for granted of gunicorn."""

import inspect
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gunicorn import util
from gunicorn.http import parser, wsgi
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread

from hooks.worker import LEAST_SECONDS, Connection, Pressure, Socket, Worker

MUCH = b"a" * 20_000_000


@pytest.fixture
def pair() -> Iterator[tuple[Socket, socket.socket]]:
    """Our end of a connection, and the client's."""
    ours, theirs = socket.socketpair()
    with Socket(fileno=ours.detach()) as sock, theirs:
        yield sock, theirs


def pressure(waiting: int, threads: int = 4) -> Pressure:
    found = Pressure(threads)
    for _ in range(waiting):
        found.come()
    return found


def test_the_more_wait_the_shorter_is_the_moment_and_it_has_a_least() -> None:
    assert [pressure(waiting).share(1.0) for waiting in (0, 4, 12, 10_000)] == [
        1.0,
        0.5,
        0.25,
        LEAST_SECONDS,
    ]


def test_as_many_are_sent_away_as_wait() -> None:
    two = pressure(waiting=2)

    assert [two.sends_one_away() for _ in range(3)] == [True, True, False]
    two.gone()
    assert [two.sends_one_away() for _ in range(2)] == [True, False]
    two.taken_up()
    assert not two.sends_one_away()


def test_a_client_that_pauses_is_waited_for_while_nobody_else_waits(
    pair: tuple[Socket, socket.socket],
) -> None:
    sock, client = pair
    sock.begin(pressure(waiting=0))
    later = threading.Timer(0.4, client.sendall, [b"here"])
    later.start()

    assert sock.recv(100) == b"here"
    later.join()
    assert not sock.is_over


@pytest.mark.parametrize("wait", [lambda s: s.recv(100), lambda s: s.sendall(MUCH)])
def test_a_client_that_pauses_while_others_wait_is_sent_away_and_gets_no_answer(
    pair: tuple[Socket, socket.socket], wait: Callable[[Socket], object]
) -> None:
    sock, client = pair
    sock.begin(pressure(waiting=1))

    with pytest.raises(ConnectionResetError, match="too slow"):
        wait(sock)

    assert sock.sent_away
    client.sendall(b"the rest")  # now it is complete, and too late
    with pytest.raises(ConnectionResetError, match="given up"):
        sock.recv(100)
    with pytest.raises(ConnectionResetError, match="given up"):
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")


def test_a_client_that_sent_much_may_not_pause_for_it(
    pair: tuple[Socket, socket.socket],
) -> None:
    sock, client = pair
    sender = threading.Thread(target=client.sendall, args=(MUCH,))
    sender.start()
    sock.begin(pressure(waiting=1))
    left = len(MUCH)
    while left:
        left -= len(sock.recv(2**20))
    sender.join()

    with pytest.raises(ConnectionResetError):
        sock.recv(100)

    assert sock.sent_away, "its time was over instead"


def test_after_a_continue_the_body_and_the_answer_have_their_own_time(
    pair: tuple[Socket, socket.socket],
) -> None:
    sock, client = pair
    sock.begin(pressure(waiting=0))
    sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    client.sendall(b"body")
    assert sock.recv(100) == b"body"
    before = sock._deadline  # noqa: SLF001  (else the test would take as long)

    sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    assert sock._deadline > before  # noqa: SLF001  (what is tested)


def test_what_has_arrived_is_read_however_many_wait(pair: tuple[Socket, socket.socket]) -> None:
    sock, client = pair
    client.sendall(b"all of it")
    sock.begin(pressure(waiting=10_000))

    assert sock.recv(100) == b"all of it"
    client.close()
    assert sock.recv(100) == b""


def test_an_answer_larger_than_any_buffer_arrives_whole(
    pair: tuple[Socket, socket.socket],
) -> None:
    sock, client = pair
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.extend(iter(lambda: client.recv(2**16), b"")))
    reader.start()
    sock.begin(pressure(waiting=0))

    sock.sendall(MUCH)
    sock.shutdown(socket.SHUT_WR)

    reader.join()
    assert b"".join(found) == MUCH


@pytest.mark.parametrize("timeout", [0.05, None])
def test_a_timeout_that_gunicorn_sets_is_kept_to_and_left_as_it_was(
    pair: tuple[Socket, socket.socket], timeout: float | None
) -> None:
    sock, client = pair
    sock.begin(pressure(waiting=0))
    client.sendall(b"a")
    sock.settimeout(timeout)

    assert sock.recv(100) == b"a"
    assert sock.gettimeout() == timeout
    sock.sendall(b"b")
    assert sock.gettimeout() == timeout
    if timeout is not None:
        with pytest.raises(TimeoutError):
            sock.recv(100)
        assert sock.gettimeout() == timeout
        assert not sock.is_over


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (gthread.TConn.__init__, "self cfg sock client server"),
        (gthread.TConn.set_timeout, "self"),
        (gthread.TConn.close, "self graceful"),
        (gthread.ThreadWorker.init_process, "self"),
        (gthread.ThreadWorker.accept, "self listener"),
        (gthread.ThreadWorker.enqueue_req, "self conn"),
        (gthread.ThreadWorker.handle, "self conn"),
        (gthread.ThreadWorker.finish_request, "self conn fs"),
        (gthread.ThreadWorker.on_pending_socket_readable, "self conn client"),
        (gthread.ThreadWorker.wait_for_and_dispatch_events, "self timeout"),
        (gthread.ThreadWorker.murder_pending, "self"),
        (gthread.ThreadWorker._cap_keepalive, "self deadline"),  # noqa: SLF001  (overridden)
        (parser.Parser.finish_body, "self deadline max_bytes"),
        (util.close, "sock"),
        (util.close_graceful, "sock timeout max_drain"),
        (util.write, "sock data chunked"),
        (wsgi.Response.force_close, "self"),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_gunicorn_has_what_the_worker_builds_on(
    function: Callable[..., Any], parameters: str
) -> None:
    assert list(inspect.signature(function).parameters) == parameters.split()


def test_gunicorn_has_the_attributes_that_the_worker_uses() -> None:
    made = inspect.getsource(gthread.ThreadWorker) + inspect.getsource(gthread.TConn)

    for attribute in (
        "nr_conns += 1",
        "self.pending_conns = deque()",
        "self.keepalived_conns = deque()",
        "self.poller = selectors.DefaultSelector()",
        "self.worker_connections = self.cfg.worker_connections",
        "self.data_ready = True",
        "self.timeout = time.monotonic() + self.cfg.keepalive",
        "self.tpool.submit(self.handle, conn)",
        "callback(key.fileobj)",
    ):
        assert attribute in made, attribute
    assert "self.sock.recv(size)" in inspect.getsource(SocketUnreader)
    assert "sock.sendall(data)" in inspect.getsource(util.write)


def test_each_of_our_methods_replaces_one_of_gunicorns_or_has_a_name_of_its_own() -> None:
    ours = {"wait_for", "make_room"}

    for mine, theirs in ((Worker, gthread.ThreadWorker), (Connection, gthread.TConn)):
        methods = {name for name, member in vars(mine).items() if inspect.isfunction(member)}
        for name in methods - ours:
            expected = inspect.signature(getattr(theirs, name)).parameters
            assert list(inspect.signature(getattr(mine, name)).parameters) == list(expected), name
        assert not [name for name in methods & ours if hasattr(theirs, name)]
