"""
The command line ``metakaito``.

One module per command, and beside it, where it needs more than click, one that does the work. The
first kind imports nothing slow at its top, so that ``metakaito --help`` starts in a tenth of a
second; the second is imported once its command runs.
"""

import gc
import inspect
import os
import sys
from collections.abc import Sequence
from errno import ENOSPC
from io import TextIOWrapper
from typing import cast

import click

from hooks.cli.about import completion, print_version, version
from hooks.cli.advise import advise
from hooks.cli.check import check
from hooks.cli.cleanup import cleanup
from hooks.cli.demo import demo
from hooks.cli.dev import dev
from hooks.cli.errors import FAILED, OK, REFUSED, Stop
from hooks.cli.explain import explain
from hooks.cli.facts import list_instance_types, list_models
from hooks.cli.fetch import fetch
from hooks.cli.generate import generate
from hooks.cli.hook import customize, sync
from hooks.cli.krm import krm
from hooks.cli.plan import plan
from hooks.cli.probe import probe
from hooks.cli.push import push
from hooks.cli.render import render
from hooks.cli.replay import replay
from hooks.cli.schema import crd, schema
from hooks.cli.serve import serve
from hooks.cli.simulate import simulate
from hooks.cli.support_bundle import support_bundle

__all__ = ["cli", "main"]

PROGRAM = "metakaito"
# What click calls a number that has a least or a largest value.
WORDS = {"a valid float range": "a number", "a valid integer range": "a whole number"}
# What a shell says of a program that Ctrl-C ended.
INTERRUPTED = 130


class InOrder(click.Group):
    """Commands listed in the order in which a newcomer wants them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (overridden)
        """Return the names as they were added."""
        return list(self.commands)


@click.group(
    cls=InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 it went well, 1 it failed, 2 what was asked for is refused or misspelt.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=print_version,
    help="Print the version and exit.",
)
def cli() -> None:
    """
    Turn Kaito Workspaces into nodes and model servers, with pure functions behind Metacontroller.

    Nothing here needs a cluster. Start with:

      metakaito demo                        watch a model come up, through the real webhooks
      metakaito render workspace.yaml       see every object that a Workspace becomes
      metakaito plan workspace.yaml         see what applying it would change, need and cost
      metakaito simulate workspace.yaml     see it happen, also when things go wrong

    Settings are variables called METAKAITO_...; options of a command come before them.
    """


def with_examples(command: click.Command) -> click.Command:
    """Let the help of a command, and of those below it, keep the lines that are indented."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(
        f"\b\n{paragraph}" if "\n  " in f"\n{paragraph}" else paragraph for paragraph in paragraphs
    )
    if isinstance(command, click.Group):
        for below in command.commands.values():
            with_examples(below)
    return command


for _command in (
    demo,
    render,
    plan,
    explain,
    check,
    simulate,
    list_models,
    list_instance_types,
    advise,
    serve,
    probe,
    dev,
    sync,
    customize,
    replay,
    support_bundle,
    generate,
    cleanup,
    fetch,
    push,
    krm,
    crd,
    schema,
    version,
    completion,
):
    cli.add_command(_command)
with_examples(cli)


def main(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> None:
    """Run the command line and exit with its code."""
    write_utf8()
    code = run(arguments, program)
    # The process ends, and all its memory with it: nothing has to be looked through for garbage.
    gc.freeze()
    sys.exit(code)


def write_utf8() -> None:
    r"""
    Write UTF-8 into files and pipes, as kubectl does; to a terminal only what it can show.

    What stands for a byte of a file name that is not UTF-8 goes out as that byte, so that another
    program finds the file, and in a message as ``\udcff``, so that it can be read.
    """
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, TextIOWrapper):
            if stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                # Without errors an encoding brings "strict" with it, whatever there was before.
                stream.reconfigure(encoding="utf-8", errors=errors)


def run(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    """Run one command; whatever its user can mend is told in a line and without a traceback."""
    try:
        code = cli.main(args=arguments, prog_name=program, standalone_mode=False)
        sys.stdout.flush()
    except Stop as stop:
        code = told(stop.code, *stop.lines)
    except click.ClickException as error:
        given = sys.argv[1:] if arguments is None else arguments
        code = told(*verdict(error, command_of(given, program)))
    except OSError as error:
        # What click prints itself, a help; all else is written by us, and told by then.
        if error.errno != ENOSPC or error.filename is not None:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = told(FAILED, f"standard output: cannot be written: {error.strerror}")
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    return code if isinstance(code, int) else OK


def told(code: int, *lines: str) -> int:
    """Write lines to standard error and return the code."""
    for line in lines:
        click.echo(line, err=True)
    return code


def command_of(arguments: Sequence[str], program: str) -> str:
    """Return which command is asked for: ``metakaito presets show``."""
    path, command = [program], cast("click.Command", cli)
    for argument in arguments:
        if isinstance(command, click.Group) and argument in command.commands:
            command = command.commands[argument]
            path.append(argument)
    return " ".join(path)


def verdict(error: click.ClickException, asked: str) -> tuple[int, str]:
    """
    Return the exit code and the line for what is wrong with the arguments.

    Args:
        error: What click says.
        asked: The command that was asked for, of which click does not always know.

    """
    reason = error.format_message()
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return REFUSED, reason
    if not isinstance(error, click.UsageError):
        return FAILED, reason
    command = error.ctx.command_path if error.ctx is not None else asked
    sentence = " ".join(reason.split()).removesuffix(".")
    for theirs, ours in WORDS.items():
        sentence = sentence.replace(theirs, ours)
    stop = "" if sentence.endswith(("?", "?)")) else "."
    return REFUSED, f"{command}: {sentence}{stop} See '{command} --help'."
