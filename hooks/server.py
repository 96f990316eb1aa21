"""Gunicorn, embedded: one catalog, some processes of some threads, no configuration but ours."""

import gc
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from composite.catalog import Catalog
from hooks import logs
from hooks.authentication import TokenFile
from hooks.settings import Settings, parse_address, share_metrics
from hooks.worker import Worker

if TYPE_CHECKING:
    from flask import Flask

# Go keeps an idle connection for 90 s and does not repeat a POST whose connection turns out to be
# closed: the server has to be the one that waits longer.
# https://pkg.go.dev/net/http#Transport (DefaultTransport.IdleConnTimeout)
KEEP_ALIVE_SECONDS = 120

# Of each process. Beyond it the one that is idle for longest is closed; Metacontroller has some
# dozens. Each takes a descriptor, of which a process has 1,024 or more.
MOST_CONNECTIONS = 900

# New containers after which Python looks for cycles among them, and how often it does so before it
# looks again at those that were in use. A request leaves 8 that only this finds: a process would
# grow by a tenth until they are looked for after 100,000. One about 1,000 Workspaces makes half a
# million that are in use: walked again and again, as is usual, they take 290 ms instead of 170.
COLLECT_AFTER = 20_000
LOOK_AGAIN_AFTER = 1_000

# Connections that wait for a process to accept them, for example while the first ones start.
BACKLOG = 2048


def serve(bind: str, settings: Settings) -> None:
    """
    Answer requests until SIGTERM, then finish those under way and exit with status 0.

    Once connections are taken, a line on standard error says where. It ends with SystemExit.

    Args:
        bind: ``host:port``, ``[host]:port`` or ``:port``; port 0 takes a free one.
        settings: Everything else.

    Raises:
        SystemExit: Always: 0 after SIGTERM, or with a line that says why it cannot listen.
        presets.InvalidPresets: The catalog cannot be loaded.
        hooks.authentication.InvalidToken: The file with the token cannot be used.

    """
    logs.configure(settings.log_level, settings.log_format)
    catalog = settings.catalog()
    if settings.token_file is not None:
        TokenFile(settings.token_file)  # each process reads its own; here it is said in a line
    listener = listen(bind)
    shared, owner = Path(tempfile.mkdtemp(prefix="metakaito-metrics-")), os.getpid()
    try:
        Server(catalog, settings, listener, shared).run()
    finally:
        # Processes that gunicorn forks leave through here as well.
        if os.getpid() == owner:
            shutil.rmtree(shared, ignore_errors=True)


def listen(bind: str) -> socket.socket:
    """
    Return a socket that listens on the address.

    Gunicorn would try five times, a second each, and give no reason that is one line.

    Raises:
        SystemExit: The address is taken, none of this host's, or no address.

    """
    try:
        host, port = parse_address(bind)
    except ValueError as error:
        sys.exit(f"cannot listen: {error}")
    dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual or ":" in host else socket.AF_INET
    try:
        listener = socket.create_server(
            (host, port), family=family, backlog=BACKLOG, dualstack_ipv6=dual
        )
    except OSError as error:
        reason = str(error.strerror).partition(" (while attempting")[0]
        sys.exit(f"cannot listen on {bind}: {reason}")
    return listener


# Gunicorn has no types.
class Server(BaseApplication):  # type: ignore[misc]
    """The app in gunicorn: loaded once, then forked."""

    def __init__(
        self, catalog: Catalog, settings: Settings, listener: socket.socket, shared: Path
    ) -> None:
        self._catalog = catalog
        self._settings = settings
        self._shared = shared
        self._address = address(listener)
        self._options = options(settings, listener.detach())
        super().__init__()

    def load_config(self) -> None:
        """Hand over our options; no file, variable or argument of gunicorn's is read."""
        known = {key: value for key, value in self._options.items() if key in self.cfg.settings}
        for key, value in known.items():
            self.cfg.set(key, value)
        self.cfg.set("when_ready", self._ready)
        self.cfg.set("child_exit", self._forget)
        self.cfg.set("post_worker_init", Master.listen_to_signals)

    def run(self) -> None:
        """Answer requests until a signal comes."""
        Master(self).run()

    def load(self) -> "Flask":
        """Make the app. Only now may prometheus_client be imported."""
        share_metrics(self._shared)
        from hooks.app import create_app  # noqa: PLC0415

        app = create_app(self._catalog, self._settings, shared_metrics=self._shared)
        keep_what_is_loaded()
        return app

    def _ready(self, _arbiter: object) -> None:
        print(f"listening on {self._address}", file=sys.stderr, flush=True)  # noqa: T201

    def _forget(self, _arbiter: object, worker: Any) -> None:  # noqa: ANN401
        from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

        mark_process_dead(worker.pid, str(self._shared))  # type: ignore[no-untyped-call]


def keep_what_is_loaded() -> None:
    """
    Have the collector walk no more what there is now, and seldom what comes.

    What is loaded stays: nor are its pages copied after a fork.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, LOOK_AGAIN_AFTER, LOOK_AGAIN_AFTER)
    gc.enable()


class Master(Arbiter):  # type: ignore[misc]
    """
    Gunicorn's first process, with signals held back from a process that is being forked.

    A young process has the handlers of its parent for a moment, and what it is told then is lost:
    a SIGTERM during the start would take ``stop_seconds`` to have an effect.
    """

    SIGNALS_TO_STOP = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})

    def spawn_worker(self) -> Any:  # noqa: ANN401
        """Fork; the child listens to signals once it has handlers of its own."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self.SIGNALS_TO_STOP)
        try:
            return super().spawn_worker()
        finally:
            self.listen_to_signals()

    @classmethod
    def listen_to_signals(cls, _worker: object = None) -> None:
        """Receive what was held back, and from now on all."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, cls.SIGNALS_TO_STOP)


class Lines(Logger):  # type: ignore[misc]
    """What gunicorn has to say, in the form of our own lines; ours replace its access log."""

    def setup(self, cfg: Any) -> None:  # noqa: ANN401
        """Leave the writing to the root logger."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def options(settings: Settings, descriptor: int) -> Mapping[str, object]:
    """Return gunicorn's settings. https://docs.gunicorn.org/en/stable/settings.html."""
    return {
        "bind": f"fd://{descriptor}",
        "workers": settings.workers,
        "threads": settings.threads,
        "worker_class": Worker,
        "worker_connections": MOST_CONNECTIONS,
        "preload_app": True,
        "keepalive": KEEP_ALIVE_SECONDS,
        "graceful_timeout": settings.stop_seconds,
        "logger_class": Lines,
        "loglevel": settings.log_level,
        "accesslog": None,
        "proc_name": "metakaito",
        # Gunicorn 25 and later: a socket in the home directory to steer it with.
        "control_socket_disable": True,
    }


def address(listener: socket.socket) -> str:
    """Return where the socket listens, as a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
