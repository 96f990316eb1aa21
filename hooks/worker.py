"""
Gunicorn's worker with threads, in which no client keeps the others waiting for long.

Gunicorn gives a thread to each connection at once, and the thread waits for whatever the client
sends or takes, so that as many slow clients as there are threads stop everything. Here a
connection gets a thread only once it has sent something; a request has to arrive within
``REQUEST_SECONDS``, and its answer has to be taken within ``ANSWER_SECONDS``; and while others
wait for a thread, a client that is slow is sent away: the sooner, the more of them wait.

What remains: connections are taken up in the order in which they sent something, and each that
is slow costs a thread up to ``MOMENT_SECONDS``, or ``LEAST_SECONDS`` where many wait. N of them
delay the next by up to N * ``LEAST_SECONDS`` / threads and about a second. Those who come again
at once, or send and take more than ``SLOW_BYTES_PER_SECOND``, are served like anybody else:
whoever is let in has to be limited by the network's policy.

Source: gunicorn 27, ``gunicorn/workers/gthread.py``
"""

import errno
import socket
import time
from collections.abc import Callable
from functools import partial
from math import inf
from select import POLLIN, POLLOUT, poll
from selectors import EVENT_READ
from socket import MSG_DONTWAIT
from threading import Lock
from typing import Any

from gunicorn import util
from gunicorn.workers import gthread

# Metacontroller gives a request up after 10 s, and sends one in milliseconds.
REQUEST_SECONDS = 10.0
# From the first byte of an answer to its last.
ANSWER_SECONDS = 10.0
# After an answer that ends a connection: so long the peer may still send what nobody reads, lest
# it is reset before it has read the answer.
LINGER_SECONDS = 0.5
BRIEF_SECONDS = 0.05  # at most, while others wait
# While others wait, a client has to be faster than this, and may pause for a moment at most: for
# this long, or the part of it that Pressure.share leaves.
MOMENT_SECONDS = 0.25
SLOW_BYTES_PER_SECOND = 100_000
LEAST_SECONDS = 0.01
# How often a thread that waits for its client looks whether others have come.
LOOK_SECONDS = 0.05
# As a number: each "|" of its enumeration takes microseconds.
AT_ONCE = int(MSG_DONTWAIT)


class Pressure:
    """How many connections wait for a thread, and what that leaves to those which have one."""

    def __init__(self, threads: int) -> None:
        """Begin with nobody waiting for one of so many threads."""
        self._threads = threads
        self._lock = Lock()
        self._waiting = 0
        self._leaving = 0  # clients that have been sent away; their threads are about to be free

    @property
    def is_felt(self) -> bool:
        """Whether any connection waits."""
        return self._waiting > 0

    def share(self, seconds: float) -> float:
        """Return what is left of so many seconds: less, the more wait, down to LEAST_SECONDS."""
        return max(LEAST_SECONDS, seconds / (1 + self._waiting / self._threads))

    def come(self) -> None:
        """Count one more that waits."""
        with self._lock:
            self._waiting += 1

    def taken_up(self) -> None:
        """Count one less: a thread has it, or it is not to have one."""
        with self._lock:
            self._waiting -= 1

    def sends_one_away(self) -> bool:
        """Whether one more client has to go: as many as wait, and no more."""
        with self._lock:
            if self._waiting <= self._leaving:
                return False
            self._leaving += 1
            return True

    def gone(self) -> None:
        """Count one less that is about to go."""
        with self._lock:
            self._leaving -= 1


class Socket(socket.socket):
    """A connection on which one request has a time to arrive, and its answer to be taken."""

    pressure: Pressure | None = None  # while a thread answers on it
    sent_away = False  # for being slow while others waited
    is_over = False  # whether nothing is read from it any more, nor written to it
    is_answering = False

    def begin(self, pressure: Pressure) -> None:
        """Begin to wait for a request."""
        self.pressure, self.is_answering = pressure, False
        self._allow(REQUEST_SECONDS)

    def end(self) -> None:
        """Be a socket like any other until the next request."""
        if self.pressure is not None and self.sent_away:
            self.pressure.gone()
        self.pressure = None

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """
        Return what the client sent.

        Raises:
            ConnectionResetError: Its time is over; gunicorn takes it as if the client had gone.
            TimeoutError: The timeout of the socket, where gunicorn set one, is over.

        """
        if self.pressure is None:
            return super().recv(size, flags)
        self.is_answering = False  # what was sent before a body was "100 Continue"
        found: list[bytes] = []

        def receive() -> int:
            found.append(socket.socket.recv(self, size, flags | AT_ONCE))
            return len(found[0])

        self._transfer(receive, POLLIN, self.pressure)
        return found[0]

    def sendall(self, data: Any, flags: int = 0, /) -> None:  # noqa: ANN401  (bytes-like)
        """
        Send all of a part of an answer.

        Raises:
            ConnectionResetError: The client does not take it, or its request was given up.

        """
        if self.pressure is None:
            super().sendall(data, flags)
            return
        if not self.is_answering:
            self.is_answering = True
            self._allow(ANSWER_SECONDS)
        rest = memoryview(data)
        while rest:
            sent = self._transfer(
                partial(super().send, rest, flags | AT_ONCE), POLLOUT, self.pressure
            )
            rest = rest[sent:]

    def _allow(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._moved = 0
        self._waited = 0.0

    def _transfer(self, move: Callable[[], int], event: int, pressure: Pressure) -> int:
        """Return how many bytes moved, once some do; time counts only while the client is late."""
        if self.is_over:
            raise ConnectionResetError(errno.ECONNRESET, "the request was given up")
        prior, begun, before = self.gettimeout(), time.monotonic(), self._waited
        now, limit = begun, begun + (prior or inf)
        if prior is not None:  # else Python would wait that long by itself
            self.settimeout(None)
        try:
            while True:
                # First, and after each pause before anything is judged: this thread may be the
                # one that is late.
                try:
                    moved = move()
                except BlockingIOError:
                    pass
                else:
                    self._moved += moved
                    return moved
                self._end_if_late(now, now - begun, pressure)
                if now >= limit:
                    raise TimeoutError
                pause = min(pressure.share(LOOK_SECONDS), self._deadline - now, limit - now)
                ready = poll()
                ready.register(self, event)
                ready.poll(1 + pause * 1000)  # milliseconds, at least one
                now = time.monotonic()
                self._waited = before + now - begun
        finally:
            if prior is not None:
                self.settimeout(prior)

    def _end_if_late(self, now: float, paused: float, pressure: Pressure) -> None:
        moment = pressure.share(MOMENT_SECONDS)
        is_slow = paused >= moment or (
            self._waited >= moment and self._moved < self._waited * SLOW_BYTES_PER_SECOND
        )
        if now >= self._deadline:
            self.is_over = True
        elif is_slow and pressure.sends_one_away():
            self.is_over = self.sent_away = True
        if self.is_over:
            raise ConnectionResetError(errno.ECONNRESET, "the client is too slow")


# Gunicorn has no types: its classes are Any to mypy, and so is what it hands to ours.
class Connection(gthread.TConn):  # type: ignore[misc]  # (a class of gunicorn's)
    """A connection that is closed without waiting, for the main thread closes it."""

    def close(self, graceful: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  (gunicorn's)
        """Close it; a thread has waited for the client already."""
        util.close(self.sock)


class Worker(gthread.ThreadWorker):  # type: ignore[misc]  # (a class of gunicorn's)
    """One process; its main thread accepts connections, its others answer."""

    def init_process(self) -> None:
        """Begin."""
        self._pressure = Pressure(self.cfg.threads)
        super().init_process()

    def accept(self, listener: Any) -> None:  # noqa: ANN401  (gunicorn's)
        """Accept a connection; it gets a thread once it has sent something."""
        try:
            accepted, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                return
            raise
        self.nr_conns += 1
        sock = Socket(fileno=accepted.detach())
        self.wait_for(Connection(self.cfg, sock, client, listener.getsockname()))

    def wait_for(self, conn: Any) -> None:  # noqa: ANN401  (gunicorn's)
        """Wait for the first bytes of a connection, as long as for the next on one that is kept."""
        conn.set_timeout()
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def make_room(self) -> None:
        """Close the connection that has been idle for longest, for there are too many."""
        for idle in (self.pending_conns, self.keepalived_conns):
            if idle:
                conn = idle.popleft()
                self.poller.unregister(conn.sock)
                self.nr_conns -= 1
                conn.close()
                return

    def _cap_keepalive(self, deadline: float) -> None:
        # Gunicorn's, for a worker that stops: nor shall one wait for who never sent anything.
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def enqueue_req(self, conn: Any) -> None:  # noqa: ANN401  (gunicorn's)
        """Hand a connection to a thread, or let it wait for one."""
        self._pressure.come()
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> object:  # noqa: ANN401  (gunicorn's)
        """Answer one request. This is what a thread does."""
        pressure, sock = self._pressure, conn.sock
        pressure.taken_up()
        sock.begin(pressure)
        try:
            kept = super().handle(conn) and not sock.is_over
        finally:
            sock.end()
        if sock.is_over:
            util.close(sock)
        elif not kept:
            # Here and not in the main thread, which would accept nobody meanwhile.
            seconds = pressure.share(BRIEF_SECONDS) if pressure.is_felt else LINGER_SECONDS
            util.close_graceful(sock, timeout=seconds)
        return kept

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for what happens next, and make room where there are too many connections."""
        super().wait_for_and_dispatch_events(timeout)
        # Not earlier: what has just happened to a connection has to find it.
        if self.nr_conns >= self.worker_connections:
            self.make_room()
