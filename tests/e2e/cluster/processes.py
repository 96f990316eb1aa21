"""Programs that run beside a test: started with a log, waited for, and ended whatever happens."""

import contextlib
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

HOST = "127.0.0.1"
LAST_WORDS = 2000
STOP_SECONDS = 10.0


class NotReady(Exception):  # noqa: N818  (it says what is so)
    """A program ended, or did not become ready in time; with the end of its log."""


class Processes:
    """
    Programs that end with this one.

    The kernel itself ends them if this process is killed, where ``setpriv`` is at hand (Linux).

    Args:
        logs: Folder for a log of each.

    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, tuple[tuple[object, ...], Mapping[str, str] | None]] = {}
        guard = shutil.which("setpriv")
        self._guard = (guard, "--pdeathsig", "KILL") if guard else ()

    def start(
        self, name: str, command: tuple[object, ...], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start one program; its output goes to its log, which a second start of it continues."""
        self._started[name] = command, environment
        with (self.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [*self._guard, *map(str, command)],
                env={**os.environ, **(environment or {})},  # noqa: TID251  (a child's)
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self, name: str, is_ready: Callable[[], object], seconds: float = 60.0) -> None:
        """
        Wait until a program is ready.

        Args:
            name: Whose log tells why it is not.
            is_ready: Returns something true once it is; OSError means not yet.
            seconds: How long to wait.

        Raises:
            NotReady: It ended, or is still not ready.

        """
        deadline = time.monotonic() + seconds
        while True:
            failure = ""
            try:
                if is_ready():
                    return
            except OSError as error:
                failure = f" ({error})"
            ended = self._running[name].poll()
            if ended is not None or time.monotonic() > deadline:
                what = f"ended with {ended}" if ended is not None else f"took over {seconds:.0f} s"
                raise NotReady(
                    f"{name} {what}{failure}; its log ends with:\n{self.log(name)[-LAST_WORDS:]}"
                )
            time.sleep(0.05)

    def pid(self, name: str) -> int:
        """Return the number of a program's process."""
        return self._running[name].pid

    def log(self, name: str) -> str:
        """Return what a program has written."""
        return (self.logs / f"{name}.log").read_text(errors="replace")

    def end(self, name: str) -> None:
        """End one program: politely first."""
        process = self._running.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def start_again(self, name: str) -> None:
        """Start a program that has ended as it was started last."""
        command, environment = self._started[name]
        self.start(name, command, environment)

    def kill(self, name: str) -> None:
        """End one program as a crash does: it cannot finish anything."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    @contextlib.contextmanager
    def slowed(self, name: str, *, stopped: float, running: float) -> Iterator[None]:
        """
        Let one program run for a moment only, and stand still for a while, again and again.

        Args:
            name: Which.
            stopped: How long it stands still each time, in seconds.
            running: How long it runs in between.

        """
        process, over = self._running[name], threading.Event()

        def alternate() -> None:
            while not over.is_set():
                process.send_signal(signal.SIGSTOP)
                over.wait(stopped)
                process.send_signal(signal.SIGCONT)
                over.wait(running)

        thread = threading.Thread(target=alternate)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def end_all(self) -> None:
        """End all, the last started first."""
        for name in reversed(tuple(self._running)):
            self.end(name)


def free_ports(count: int) -> list[int]:
    """
    Return ports of the loopback address that nobody uses now.

    Below those that the kernel gives to outgoing connections (32768 and up on Linux): a port that
    is free between a stop and a start would else become the other end of somebody's connection.
    """
    found: list[int] = []
    for port in random.sample(range(20000, 32000), 1000):
        with contextlib.suppress(OSError), socket.create_server((HOST, port)):
            found.append(port)
        if len(found) == count:
            return found
    raise NotReady(f"there are no {count} free ports between 20000 and 32000")


def listens(address: str) -> bool:
    """
    Tell that somebody takes connections at ``host:port``.

    Raises:
        OSError: Nobody does.

    """
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5):
        return True


def answers(url: str, certificate: Path | None = None, token: str = "") -> bool:
    """
    Tell that a URL is answered with success.

    Raises:
        OSError: It is not, or not with success.

    """
    context = None
    if certificate is not None:
        context = ssl.create_default_context(cafile=certificate)
        # Go's self-signed certificates lack an extension that newer Pythons ask for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    request = urllib.request.Request(url)  # noqa: S310  (our own program, on loopback)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=5, context=context):  # noqa: S310  (the same)
        return True
