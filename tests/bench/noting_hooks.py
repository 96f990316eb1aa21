"""
The hooks, as ``metakaito`` runs them, that log of each question how many bytes it had.

``python -m tests.bench.noting_hooks serve ...``
"""

from flask import Flask, Response, g, request

from hooks import server
from hooks.cli import main


class NotingServer(server.Server):
    """The server, with one more field in its lines: ``bytes``."""

    def load(self) -> Flask:
        """Make the app."""
        app = super().load()

        @app.after_request
        def note(response: Response) -> Response:  # before the line is written
            g.noted["bytes"] = request.content_length
            return response

        return app


if __name__ == "__main__":
    server.Server = NotingServer  # type: ignore[misc]  # it is replaced on purpose
    main()
