"""Webhooks that answer what a test wants, behind HTTP."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from composite.models import JsonObject

Answer = Callable[[JsonObject], Any]


class Reply(Exception):  # noqa: N818  (it is none)
    """What a hook answers instead of HTTP 200 and JSON."""

    def __init__(self, code: int, text: str = "", **headers: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class HookServer:
    """``answers`` by path; ``asked`` are the questions: path, body, header Authorization."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {
            "/workspaces/sync": lambda _: {"status": {}, "children": []},
            "/workspaces/customize": lambda _: {"relatedResources": []},
            "/machines/sync": lambda _: {"attachments": []},
            "/machines/customize": lambda _: {"relatedResources": []},
        }
        self.asked: list[tuple[str, JsonObject, str | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def requests_to(self, path: str) -> list[JsonObject]:
        return [body for asked, body, _ in self.asked if asked == path]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hooks.asked.append((self.path, body, self.headers.get("Authorization")))
                try:
                    answer = hooks.answers[self.path](body)
                    reply = Reply(200, answer if isinstance(answer, str) else json.dumps(answer))
                except Reply as other:
                    reply = other
                text = reply.text.encode()
                self.send_response(reply.code)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
