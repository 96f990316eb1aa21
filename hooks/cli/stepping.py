"""What ``fetch`` and ``push`` have in common: progress, and how they fail in a Pod and by hand."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from click.core import ParameterSource

from hooks.cli.errors import Failed, Refused
from hooks.steps.failures import CannotBe, StepFailed
from hooks.steps.last_words import leave_words

# What a shell says of a program that SIGTERM ended.
TERMINATED = 128 + signal.SIGTERM


def say(line: str) -> None:
    """Print a line of progress."""
    click.echo(line, err=True)


def given_by_job(context: click.Context, parameter: str) -> bool:
    """Whether something came in a variable, as a Job passes it, and not on the command line."""
    return context.get_parameter_source(parameter) is ParameterSource.ENVIRONMENT


def ended(*_: object) -> None:
    """
    End at SIGTERM, with nothing half-written left.

    The first process of a container would not: the kernel keeps from it what it does not handle.
    https://www.man7.org/linux/man-pages/man7/pid_namespaces.7.html
    """
    raise SystemExit(TERMINATED)


@contextmanager
def last_words(field: str, file: Path | None) -> Iterator[None]:
    """
    End the command with the sentence of a step that fails.

    Args:
        field: The field of the Workspace that says what the step does; empty by hand.
        file: Where a container leaves its last words, if it does.

    Raises:
        Refused: It can never be.
        Failed: It did not work.

    """
    signal.signal(signal.SIGTERM, ended)
    try:
        yield
    except StepFailed as failure:
        sentence = f"{field}: {failure}" if field else str(failure)
        try:
            leave_words(sentence, file)
        except OSError as error:
            say(f"{file} cannot be written: {error.strerror}")
        kind = Refused if isinstance(failure, CannotBe) else Failed
        raise kind(sentence) from failure
