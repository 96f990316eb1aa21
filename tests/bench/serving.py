"""A server as a process of its own: where it listens, what its workers take, how fast it starts."""

import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import NamedTuple

import psutil

from hooks.settings import load_settings
from tests.bench.load import Broken, Client, as_fast_as_it_goes, connection, request
from tests.bench.questions import Question

HOOKS = ("-m", "hooks.cli", "serve", "--bind", "127.0.0.1:0")
NOTHING = ("-m", "tests.bench.nothing")
# What is imported in any case, without anything of ours.
IMPORTS = ("-c", "import flask, pydantic, gunicorn")
LISTENING = "listening on "
MIB = 2**20
PATIENCE_SECONDS = 30.0
SETTLE_SECONDS = 0.02


class Served(NamedTuple):
    """A server that listens."""

    process: psutil.Process
    port: int

    def workers(self) -> list[psutil.Process]:
        """Return the processes that answer."""
        return self.process.children()

    def cpu(self) -> float:
        """Return the CPU seconds that its workers have taken so far."""
        return sum(times.user + times.system for times in (w.cpu_times() for w in self.workers()))

    def memory(self) -> float:
        """Return the resident memory of a worker, on average, in MiB."""
        found = [worker.memory_info().rss for worker in self.workers()]
        return sum(found) / len(found) / MIB

    def shared_out(self, connections: int) -> list[socket.socket]:
        """
        Return connections, as many to each worker.

        Whoever accepts first has one for as long as it lasts. Go keeps two and opens the others
        anew, so that they go to who has time; here they stay, and chance would decide what one
        worker has to do while others idle.
        """
        opened = [connection(self.port) for _ in range(connections)]
        most = connections // len(self.workers())
        deadline = monotonic() + PATIENCE_SECONDS
        while monotonic() < deadline:
            sleep(SETTLE_SECONDS)
            owners = self.owners()
            groups: dict[int, list[socket.socket]] = {}
            for sock in opened:
                groups.setdefault(owners.get(sock.getsockname()[1], 0), []).append(sock)
            groups.pop(0, None)
            chosen = [sock for group in groups.values() for sock in group[:most]]
            if len(chosen) == most * len(self.workers()):
                for sock in set(opened) - set(chosen):
                    sock.close()
                return chosen
            opened += [connection(self.port) for _ in self.workers()]
        raise Broken("a worker of the server accepts no connection")

    def owners(self) -> dict[int, int]:
        """Return which worker has the connection from each port of ours."""
        return {
            held.raddr.port: worker.pid
            for worker in self.workers()
            for held in worker.net_connections(kind="tcp")
            if held.raddr
        }

    @contextmanager
    def client(self, connections: int) -> Iterator[Client]:
        """Connect, and close what was opened in the end."""
        client = Client(self.shared_out(connections))
        try:
            yield client
        finally:
            client.close()


@contextmanager
def served(arguments: Sequence[str], lines: Path) -> Iterator[Served]:
    """
    Start a server, wait for all of its workers, and stop it in the end.

    Args:
        arguments: Of Python.
        lines: Where its log goes: to a file, as a container's does.

    Raises:
        Broken: It does not listen.

    """
    with started(arguments, lines) as process:
        server = Served(psutil.Process(process.pid), port_of(process))
        while len(server.workers()) < load_settings().workers:
            sleep(SETTLE_SECONDS)  # they are forked once it listens
        yield server


@contextmanager
def started(arguments: Sequence[str], lines: Path) -> Iterator[subprocess.Popen[str]]:
    """Start Python with these arguments, and end it in the end."""
    with (
        lines.open("w") as log,
        subprocess.Popen(  # noqa: S603  (our own interpreter)
            (sys.executable, *arguments), stdout=log, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def port_of(process: subprocess.Popen[str]) -> int:
    """
    Return where a server says that it listens.

    Raises:
        Broken: It ends without.

    """
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        if line.startswith(LISTENING):
            return int(line.rpartition(":")[2])
        said += line
    raise Broken(f"the server does not start: {said[-500:]}")


def seconds_to_first_answer(question: Question, lines: Path) -> float:
    """Return how long it takes from the start of the process to a whole answer."""
    began = perf_counter()
    with started(HOOKS, lines) as process:
        client = Client([connection(port_of(process))])
        as_fast_as_it_goes(client, [request(question)], most=1)
        taken = perf_counter() - began
        client.close()
    return taken


def seconds_to_import() -> float:
    """Return how long Python takes to start and to import what any such server is made of."""
    began = perf_counter()
    subprocess.run((sys.executable, *IMPORTS), check=True)  # noqa: S603  (our own interpreter)
    return perf_counter() - began
