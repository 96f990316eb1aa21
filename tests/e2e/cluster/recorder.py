"""
A proxy in front of the hooks that keeps every exchange, for golden cases.

``python -m tests.e2e.cluster.recorder HOST:PORT TARGET FOLDER``: each exchange becomes a file with
its path, request, status and answer.
"""

import http.client
import itertools
import json
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

# Longer than Metacontroller waits.
SECONDS = 30.0


class Recorder(BaseHTTPRequestHandler):
    """Passes one connection's requests on, and keeps them."""

    protocol_version = "HTTP/1.1"
    target: ClassVar[str]
    folder: ClassVar[Path]
    numbers: "ClassVar[itertools.count[int]]" = itertools.count(1)

    def do_POST(self) -> None:
        """Pass a hook's request on."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer = self._asked(body)
        self._keep(body, status, answer)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing: the hooks log."""

    def _asked(self, body: bytes) -> tuple[int, bytes]:
        headers = {}
        if "Authorization" in self.headers:
            headers["Authorization"] = self.headers["Authorization"]
        return passed_on(self.target, self.path, body, headers)

    def _keep(self, body: bytes, status: int, answer: bytes) -> None:
        number = next(self.numbers)
        hook = self.path.strip("/").replace("/", "-")
        exchange = {
            "path": self.path,
            "request": json.loads(body),
            "status": status,
            "answer": json.loads(answer) if status == 200 else answer.decode(errors="replace"),
        }
        path = self.folder / f"{number:05}-{hook}.json"
        path.write_text(json.dumps(exchange, indent=1))


def passed_on(target: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """
    Return status and answer to one question; 502 where nobody answers.

    Args:
        target: Whom to ask, ``host:port``.
        path: Which hook.
        body: The question, in JSON.
        headers: More than what its content is.

    """
    connection = http.client.HTTPConnection(target, timeout=SECONDS)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, response.read()
    except OSError as error:
        return http.HTTPStatus.BAD_GATEWAY, f"{error}\n".encode()
    finally:
        connection.close()


def main() -> None:
    """Serve until the process is ended."""
    address, target, folder = sys.argv[1:]
    host, _, port = address.rpartition(":")
    Recorder.target = urlsplit(target).netloc
    Recorder.folder = Path(folder)
    server = ThreadingHTTPServer((host, int(port)), Recorder)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
