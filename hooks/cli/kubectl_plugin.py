"""
``kubectl metakaito``: the same program as a plugin of kubectl.

kubectl runs ``kubectl-metakaito`` where that is on the PATH, and asks
``kubectl_complete-metakaito`` how to go on.
https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/
"""

import sys
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem, ShellComplete

from hooks.cli import cli
from hooks.cli import main as run_and_exit

PROGRAM = "kubectl metakaito"

# How a shell goes on. https://pkg.go.dev/github.com/spf13/cobra#ShellCompDirective
FILES, NO_FILES, DIRECTORIES = 0, 4, 16
DIRECTIVES = {"file": FILES, "dir": DIRECTORIES}


def main() -> None:
    """Run the command line and exit with its code."""
    run_and_exit(program=PROGRAM)


def complete(words: Sequence[str] | None = None) -> None:
    """Print what the last of some words may become, and in the last line whether files may too."""
    *before, begun = (sys.argv[1:] if words is None else words) or [""]
    shell = ShellComplete(cli, {}, PROGRAM, "")
    for line in completion_lines(shell.get_completions(before, begun)):
        click.echo(line)


def completion_lines(items: Sequence[CompletionItem[str]]) -> list[str]:
    """Return what is offered as kubectl reads it: a word, a tab, and what it is for."""
    plain = [item for item in items if item.type == "plain"]
    directives = [DIRECTIVES[item.type] for item in items if item.type in DIRECTIVES]
    return [
        *(f"{item.value}\t{item.help}" if item.help else str(item.value) for item in plain),
        f":{directives[0] if directives else NO_FILES}",
    ]
