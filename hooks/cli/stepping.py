"""What ``fetch`` and ``push`` have in common: progress, and how they fail in a Pod and by hand."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import click
from click.core import ParameterSource

from hooks.cli.errors import Failed, Refused
from hooks.steps.failures import CannotBe, StepFailed
from hooks.steps.last_words import leave_words

# What a shell says of a program that SIGTERM ended.
TERMINATED = 128 + signal.SIGTERM
LATE_SECONDS = 0.7


def say(line: str) -> None:
    """Print a line of progress."""
    click.echo(line, err=True)


def given_by_job(context: click.Context, parameter: str) -> bool:
    """Whether something came in a variable, as a Job passes it, and not on the command line."""
    return context.get_parameter_source(parameter) is ParameterSource.ENVIRONMENT


class Stopped(SystemExit):
    """SIGTERM came; whoever is in the middle of something leaves it so that it can be gone on."""


@contextmanager
def last_words(field: str, file: Path | None, left: str) -> Iterator[None]:
    """
    End the command with the sentence of a step that fails, or that SIGTERM ends.

    Args:
        field: The field of the Workspace that says what the step does; empty by hand.
        file: Where a container leaves its last words, if it does.
        left: What another run finds after SIGTERM, for the sentence.

    Raises:
        Refused: It can never be.
        Failed: It did not work.
        SystemExit: SIGTERM came.

    """
    stopped = f"stopped by SIGTERM: {left}"
    end_at_sigterm(lambda: leave(stopped, file))
    try:
        yield
    except Stopped:
        leave(stopped, file)
        raise
    except StepFailed as failure:
        sentence = f"{field}: {failure}" if field else str(failure)
        keep(sentence, file)
        kind = Refused if isinstance(failure, CannotBe) else Failed
        raise kind(sentence) from failure


def leave(sentence: str, file: Path | None) -> None:
    """Say the last words, and leave them where they are looked for."""
    keep(sentence, file)
    say(sentence)


def keep(sentence: str, file: Path | None) -> None:
    """Leave the last words where they are looked for; that this fails is not the failure."""
    try:
        leave_words(sentence, file)
    except OSError as error:
        say(f"{file} cannot be written: {error.strerror}")


def end_at_sigterm(leave_at_last: Callable[[], None]) -> None:
    """
    End at SIGTERM: in good order at once, and somehow after a moment.

    The first process of a container would not end by itself: the kernel keeps from it what it does
    not handle. https://www.man7.org/linux/man-pages/man7/pid_namespaces.7.html

    Python hands a signal on between two steps of its own. A look-up of a name that nobody answers,
    or a disk that takes its time, is one step of many seconds, so a thread watches as well.
    https://docs.python.org/3/library/signal.html#execution-of-python-signal-handlers

    Args:
        leave_at_last: Called where it did not end in good order.

    """
    watched, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)
    Thread(target=end_late, args=(watched, leave_at_last), daemon=True).start()
    signal.signal(signal.SIGTERM, stop)


def stop(*_: object) -> None:
    """Stop what is under way; a second signal does not interrupt that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped(TERMINATED)


def end_late(watched: int, leave_at_last: Callable[[], None]) -> None:
    """Wait for SIGTERM, and end the process if it has not ended by itself then."""
    while os.read(watched, 1) != bytes([signal.SIGTERM]):
        pass
    time.sleep(LATE_SECONDS)
    try:
        leave_at_last()
    finally:
        os._exit(TERMINATED)
