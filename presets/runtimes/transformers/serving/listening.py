"""An HTTP server that ends in order: what runs is finished, and the exit code is 0."""

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn
from fastapi import FastAPI

from serving.settings import Settings

BACKLOG = 2048


class ListenError(Exception):
    """The port cannot be had."""


def listening_socket(host: str, port: int) -> socket.socket:
    """
    Return a socket that accepts connections.

    Raises:
        ListenError: Somebody else has the port.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    made.listen(BACKLOG)
    made.set_inheritable(False)
    return made


class Server(uvicorn.Server):
    """
    uvicorn, which on its own dies of the signal that it was asked to end with.

    Args:
        app: What it serves.
        settings: How.
        on_stop: Called when it is asked to end.

    """

    def __init__(self, app: FastAPI, settings: Settings, on_stop: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=settings.debug,
                lifespan="off",
                # Two seconds beyond the grace, in which those that were given up are told so.
                timeout_graceful_shutdown=int(settings.grace_seconds) + 2,
            )
        )
        self.on_stop = on_stop

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT for the request to end."""
        signals = (signal.SIGTERM, signal.SIGINT)
        before = {each: signal.signal(each, self.stop) for each in signals}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Begin to end; asked a second time, do not wait."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self.on_stop()
