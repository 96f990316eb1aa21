"""
Load for a server: requests over connections that are kept, from one thread that waits for all.

It takes a few dozen microseconds of a processor for each request, and is told by its own CPU time.
"""

import math
import socket
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from select import EPOLLIN, epoll
from time import perf_counter, process_time
from typing import NamedTuple

from tests.bench.questions import Question

HOST = "127.0.0.1"
# An answer is a few kilobytes.
PIECE = 1 << 18
OK = b"HTTP/1.1 200 "
END = b"\r\n\r\n"  # of the headers
# So short before a request is due nobody sleeps any more: the system wakes who sleeps too late.
AWAKE_SECONDS = 0.0002
PATIENCE_SECONDS = 30.0


class Told(NamedTuple):
    """What came of some seconds of load. ``latencies`` are in seconds, in the order of answers."""

    seconds: float
    latencies: list[float]
    client: float  # CPU seconds of the load itself

    @property
    def rate(self) -> float:
        """Answers in each second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Return the latency that so many percent of the requests do not exceed, in seconds."""
        return percentile(self.latencies, percent)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the least value that at least so many percent of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def request(question: Question) -> bytes:
    """Return a question as Go sends it."""
    head = (
        f"POST {question.path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: Go-http-client/1.1\r\n"
        f"Content-Length: {len(question.body)}\r\nContent-Type: application/json\r\n"
        "Accept-Encoding: gzip\r\n\r\n"
    )
    return head.encode() + question.body


class Broken(Exception):  # noqa: N818  (it says what the answer is)
    """An answer is not one that a server should give under load."""


class Client:
    """Connections to one server, each with at most one request under way."""

    def __init__(self, sockets: Iterable[socket.socket]) -> None:
        """Take over connections."""
        self.sockets = {sock.fileno(): sock for sock in sockets}
        self.poll = epoll()
        for number in self.sockets:
            self.poll.register(number, EPOLLIN)
        self.parts: dict[int, bytes] = {}

    def close(self) -> None:
        """End all connections."""
        self.poll.close()
        for sock in self.sockets.values():
            sock.close()

    def answered(self, seconds: float) -> Iterator[int]:
        """Yield the connections whose answers have arrived whole, within so many seconds."""
        for number, _ in self.poll.poll(max(seconds, 0)):
            if self.is_whole(number):
                yield number

    def is_whole(self, number: int) -> bool:
        """
        Read what there is of an answer.

        Raises:
            Broken: The connection was closed, or the answer is not 200.

        """
        piece = self.sockets[number].recv(PIECE)
        if not piece:
            raise Broken("the server closed a connection")
        text = self.parts.pop(number, b"") + piece
        if is_whole(text):
            return True
        self.parts[number] = text
        return False

    def ask(self, number: int, text: bytes) -> None:
        """Send a request; it may have to wait for room, but the server always reads."""
        self.sockets[number].sendall(text)

    def body_bytes(self, text: bytes) -> int:
        """Return how many bytes the body of the answer to one request has."""
        sock = next(iter(self.sockets.values()))
        sock.sendall(text)
        answer = b""
        while not is_whole(answer):
            answer += sock.recv(PIECE)
        return len(answer.partition(END)[2])


def is_whole(text: bytes) -> bool:
    """
    Return whether an answer has all of its body.

    Raises:
        Broken: It is not 200.

    """
    end = text.find(END)
    if end < 0:
        return False
    if not text.startswith(OK):
        raise Broken(text[:500].decode(errors="replace"))
    head = text[:end].lower()
    _, _, rest = head.partition(b"content-length:")
    return len(text) >= end + len(END) + int(rest.partition(b"\r\n")[0])


def connection(port: int) -> socket.socket:
    """Return a connection to a server of this machine."""
    sock = socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def as_fast_as_it_goes(
    client: Client, texts: Sequence[bytes], *, seconds: float = 1e9, most: int = 1 << 60
) -> Told:
    """
    Ask again on each connection as soon as it has been answered: the peak of the server.

    It ends after so many seconds, or with so many requests.
    """
    began, cpu = perf_counter(), process_time()
    sent: dict[int, float] = {}
    latencies: list[float] = []
    asked = 0

    def ask(number: int) -> None:
        nonlocal asked
        sent[number] = perf_counter()
        client.ask(number, texts[asked % len(texts)])
        asked += 1

    for number in list(client.sockets)[:most]:
        ask(number)
    while sent:
        for number in client.answered(PATIENCE_SECONDS):
            now = perf_counter()
            latencies.append(now - sent.pop(number))
            if now - began < seconds and asked < most:
                ask(number)
    return Told(perf_counter() - began, latencies, process_time() - cpu)


def paced(client: Client, texts: Sequence[bytes], *, rate: float, seconds: float) -> Told:
    """
    Ask at a steady rate, whatever the server does.

    The latency counts from when a request was due, not from when it could be sent: a server that
    falls behind is not asked more gently (no coordinated omission). The connection that has been
    idle for longest is taken; where none is, the request waits for one.
    """
    began, cpu = perf_counter(), process_time()
    idle, due = deque(client.sockets), dict[int, float]()
    latencies: list[float] = []
    asked, total = 0, max(1, round(rate * seconds))
    while len(latencies) < total:
        next_due = began + asked / rate
        while idle and asked < total and next_due <= perf_counter():
            number = idle.popleft()
            due[number] = next_due
            client.ask(number, texts[asked % len(texts)])
            asked += 1
            next_due = began + asked / rate
        wait = PATIENCE_SECONDS
        if idle and asked < total:
            wait = next_due - perf_counter() - AWAKE_SECONDS
        for number in client.answered(wait):
            latencies.append(perf_counter() - due.pop(number))
            idle.append(number)
    return Told(perf_counter() - began, latencies, process_time() - cpu)
