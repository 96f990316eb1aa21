"""A server of our own, started for a while."""

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from hooks.cli.errors import Failed

START_SECONDS = 30.0
STOP_SECONDS = 10.0
READY = "listening on "

# All that a play needs: one process, the usual settings, virtual time, any port that is free.
SERVE = (
    *(sys.executable, "-m", "hooks.cli", "serve", "--bind", "127.0.0.1:0"),
    *("--workers", "1", "--virtual-clock"),
)


class Server(NamedTuple):
    """A server that answers."""

    url: str
    process: subprocess.Popen[str]


@contextmanager
def started_server(log: Path, *options: str) -> Iterator[Server]:
    """
    Start ``metakaito serve`` and stop it in the end, whatever happens.

    Args:
        log: File for the lines that it logs.
        options: More options of ``metakaito serve``.

    Raises:
        Failed: It does not start; in its own words.

    """
    with (
        log.open("w", encoding="utf-8") as lines,
        subprocess.Popen(  # noqa: S603  (our own program)
            [*SERVE, *options],
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            yield Server(url_of(process), process)
        finally:
            stop(process)


def url_of(process: "subprocess.Popen[str]") -> str:
    """Wait until the server says where it listens."""
    assert process.stderr is not None  # noqa: S101  (it is a pipe)
    deadline = monotonic() + START_SECONDS
    said: list[str] = []
    while (left := deadline - monotonic()) > 0:
        ready, _, _ = select.select([process.stderr], [], [], left)
        line = process.stderr.readline() if ready else ""
        if line.startswith(READY):
            return line.removeprefix(READY).strip()
        if not line:
            break
        said.append(line.rstrip())
    reason = "; ".join(said[-3:]) or f"it said nothing in {START_SECONDS:.0f} s"
    raise Failed(f"the server did not start: {reason}")


def stop(process: "subprocess.Popen[str]") -> None:
    """End the server: politely first."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
