"""Servers that misbehave as they are told: one for HTTP, and a line that cuts connections."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import NamedTuple


class Asked(NamedTuple):
    method: str
    path: str
    headers: Message


class Handler(BaseHTTPRequestHandler):
    server: "Site"

    def do_GET(self) -> None:
        self.server.asked.append(Asked(self.command, self.path, self.headers))
        answers = self.server.answers.get(self.path.partition("?")[0], [status(404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(self)

    def do_HEAD(self) -> None:
        self.server.head(self)

    def do_CONNECT(self) -> None:
        """Be a proxy, to which every name is this machine."""
        self.server.asked.append(Asked(self.command, self.path, self.headers))
        port = int(self.path.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as upstream:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=copy, args=[upstream, self.connection], daemon=True)
            back.start()
            copy(self.connection, upstream)
            back.join(5)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    do_POST = do_GET  # noqa: N815  (the standard library's name)
    do_PATCH = do_PUT  # noqa: N815  (the same)

    def log_message(self, *_: object) -> None:
        pass


def copy(source: socket.socket, sink: socket.socket) -> None:
    """Carry bytes until there are no more, and say so to who gets them."""
    with suppress(OSError):
        while found := source.recv(65536):
            sink.sendall(found)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


Answer = Callable[[Handler], None]


class Site(ThreadingHTTPServer):
    """
    A server on 127.0.0.1; each path has answers, of which the last is given for ever.
    """

    daemon_threads = True

    def __init__(self, trust: SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "http"
        if trust is not None:
            self.socket = trust.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"
        self.asked: list[Asked] = []
        self.answers: dict[str, list[Answer]] = {}
        self.head: Answer = status(404)
        """The answer to HEAD, whatever the path."""

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away."""

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.server_port}{path}"

    def headers(self, name: str) -> list[str | None]:
        """One header of each request so far."""
        return [asked.headers.get(name) for asked in self.asked]


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    thread = threading.Thread(target=site.serve_forever, args=[0.01])
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        thread.join()
        site.server_close()


def status(code: int, **headers: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def body(content: bytes, *, cut_at: int | None = None, code: int = 200, **headers: str) -> Answer:
    """All of it, or its beginning and then the end of the connection."""

    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in {"Content_Length": str(len(content)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content[:cut_at])

    return answer


def resumable(content: bytes, etag: str, *, cut_at: int | None = None) -> Answer:
    """As a good server does it: a part where If-Range still fits."""

    def answer(handler: Handler) -> None:
        wanted = handler.headers.get("Range", "")
        if not wanted or handler.headers.get("If-Range") != etag:
            body(content, cut_at=cut_at, ETag=etag)(handler)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        part = f"bytes {start}-{len(content) - 1}/{len(content)}"
        end = None if cut_at is None else cut_at - start
        body(content[start:], cut_at=end, code=206, ETag=etag, Content_Range=part)(handler)

    return answer


def versioned(content: bytes, etag: str) -> Answer:
    """As a good server does it: nothing where If-None-Match has the version."""

    def answer(handler: Handler) -> None:
        same = handler.headers.get("If-None-Match") == etag
        (status(304) if same else resumable(content, etag))(handler)

    return answer


def cut_before_the_answer(handler: Handler) -> None:
    """Take the request, and end the connection without a word."""
    handler.close_connection = True


class Line:
    """
    A TCP proxy to a port; each connection is cut after so many bytes one way or the other.

    Args:
        port: Where the line leads.
        up: For one connection after the other: bytes to the server before the cut, None for all.
        down: The same for bytes from the server.

    """

    def __init__(
        self, port: int, up: list[int | None] | None = None, down: list[int | None] | None = None
    ) -> None:
        self._target = port
        self._up = up or []
        self._down = down or []
        self.carried: list[int] = []
        """Bytes to the server of each connection."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._open: list[socket.socket] = [self._socket]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        for end in self._open:
            cut(end)
        for thread in self._threads:
            thread.join(5)
        for end in self._open:
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._open += [client, server]
            number = len(self.carried)
            self.carried.append(0)
            for arguments in (
                (client, server, limit(self._up, number), number),
                (server, client, limit(self._down, number), None),
            ):
                thread = threading.Thread(target=self._carry, args=arguments, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _carry(
        self, source: socket.socket, sink: socket.socket, most: int | None, number: int | None
    ) -> None:
        left = most
        with suppress(OSError):
            while left is None or left > 0:
                found = source.recv(65536 if left is None else min(left, 65536))
                if not found:
                    break
                sink.sendall(found)
                if number is not None:
                    self.carried[number] += len(found)
                left = left - len(found) if left is not None else None
        cut(source)
        cut(sink)


def limit(limits: list[int | None], number: int) -> int | None:
    return limits[number] if number < len(limits) else None


def cut(end: socket.socket) -> None:
    """End a connection for both sides, whoever is reading."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
