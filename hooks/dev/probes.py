"""Where others can ask whether the program runs: /healthz and /readyz."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

# How soon it stops.
POLL_SECONDS = 0.1

OK = 200
NOT_FOUND = 404
UNAVAILABLE = 503


class Probes:
    """
    A small server for two questions; /readyz says no until every controller runs.

    Args:
        address: Host and port; port 0 takes a free one.
        is_ready: Whether every controller runs.

    Raises:
        OSError: It cannot listen there.

    """

    def __init__(self, address: tuple[str, int], is_ready: Callable[[], bool]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers = {"/healthz": True, "/readyz": is_ready()}
                known = answers.get(self.path)
                code = NOT_FOUND if known is None else OK if known else UNAVAILABLE
                text = b"ok\n" if known else b"no\n"
                self.send_response(code)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(address, Handler)
        self._thread = Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="probes", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
