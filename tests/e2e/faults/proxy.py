"""
What stands between Metacontroller and the hooks: it keeps every exchange, and can be in the way.

It tells the hooks what time it is, so that whoever asks them again gets the same answer.
"""

import json
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from hooks.app import NOW_HEADER
from tests.e2e.cluster.recorder import passed_on
from tests.stories.recorded import Asked


def namespace_of(question: dict[str, Any]) -> str:
    """Return the namespace of a question's parent; a Namespace is its own."""
    metadata = (question.get("parent") or question["object"])["metadata"]
    return str(metadata.get("namespace", metadata["name"]))


@dataclass
class Fault:
    """What is done to a question: ``status`` answers in place of the hooks, ``seconds`` waits."""

    status: int = 0
    seconds: float = 0.0
    clock: timedelta = timedelta()


class Proxy:
    """
    A server on loopback that passes questions on.

    ``asked_at`` tells when it was last asked about a namespace, on the monotonic clock.

    Args:
        address: Where it listens, ``host:port``.
        target: The URL of the hooks.

    """

    def __init__(self, address: str, target: str) -> None:
        self.asked: list[Asked] = []
        self.fault = Fault()
        self.asked_at: dict[str, float] = {}
        self._target = urlsplit(target).netloc
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """Pass a question on."""
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, answer = proxy.answer(self.path, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing: the hooks log."""

            def handle(self) -> None:
                """Serve a connection, however it ends."""
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True

        host, _, port = address.rpartition(":")
        self._server = ThreadingHTTPServer((host, int(port)), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> None:
        """Take questions from now on."""
        self._thread.start()

    def now(self) -> datetime:
        """Return the time that the hooks are told."""
        return datetime.now(UTC) + self.fault.clock  # noqa: TID251  (a program, not the core)

    def about(self, namespace: str) -> list[Asked]:
        """Return what was asked about a namespace and answered well, in its order."""
        return [each for each in self.asked if namespace_of(each.request) == namespace]

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Return status and answer to one question, and keep both if the hooks gave them."""
        fault, question = self.fault, json.loads(body)
        self.asked_at[namespace_of(question)] = time.monotonic()
        time.sleep(fault.seconds)
        if fault.status:
            return fault.status, b"a fault of the test\n"
        now = self.now()
        status, answer = passed_on(self._target, path, body, {NOW_HEADER: now.isoformat()})
        if status == HTTPStatus.OK:
            self.asked.append(Asked(now, path, question, json.loads(answer)))
        return status, answer
