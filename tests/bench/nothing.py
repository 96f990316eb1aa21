"""
A server that answers everything with the same bytes: what Flask and gunicorn cost.

``python -m tests.bench.nothing BYTES`` listens on a free port, with the settings of the hooks.
"""

import sys

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue

from hooks import server
from hooks.settings import load_settings
from tests.bench.questions import MACHINES, WORKSPACES


class NothingServer(server.Server):
    """The server of the hooks around an app that does nothing: no lines, no metrics, no core."""

    answer = b""

    def load(self) -> Flask:
        """Make the app."""
        app = nothing(self.answer)
        server.keep_what_is_loaded()
        return app


def nothing(answer: bytes) -> Flask:
    """
    Return an app whose routes return what is known already.

    They read the body: one that is left to gunicorn it throws away in pieces of 1 KB, which takes
    longer than to read it.
    """
    app = Flask("nothing", static_folder=None)

    def same() -> ResponseReturnValue:
        request.get_data(cache=False)
        return Response(answer, mimetype="application/json")

    for path in (WORKSPACES, MACHINES):
        app.add_url_rule(path, endpoint=path, view_func=same, methods=["POST"])
    return app


def main(size: int) -> None:
    """Answer so many bytes until SIGTERM."""
    NothingServer.answer = b'"' + b"x" * (size - 2) + b'"'
    server.Server = NothingServer  # type: ignore[misc]  # so that serve() starts it as it does ours
    server.serve("127.0.0.1:0", load_settings())


if __name__ == "__main__":
    main(int(sys.argv[1]))
