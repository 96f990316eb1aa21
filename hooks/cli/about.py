"""``version`` and ``completion``: what the program says about itself."""

import click
from click.shell_completion import get_completion_class

from hooks.cli.output import as_json, print_text


@click.command(short_help="Print the version.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def version(output: str) -> None:
    """
    Print the version.

    Example:
      metakaito version -o json

    Exit code: 0.

    """
    found = {"metakaito": installed(), "kaito": "v0.3.2", "hooks": "v2"}
    print_text(as_json(found) if output == "json" else f"metakaito {found['metakaito']}\n")


def print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  (click)
    """Print the version and exit where ``--version`` is given."""
    if wanted and not context.resilient_parsing:
        print_text(f"metakaito {installed()}\n")
        context.exit()


def installed() -> str:
    """Return the version of the package."""
    from importlib import metadata  # noqa: PLC0415  (see the package)

    return metadata.version("metakaito")


@click.command(short_help="Print a script that completes commands in your shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """
    Print a script that completes commands and options in your shell.

    Examples:
      source <(metakaito completion bash)                    in ~/.bashrc
      source <(metakaito completion zsh)                     in ~/.zshrc
      metakaito completion fish | source                     in ~/.config/fish/config.fish

    Exit code: 0.

    """
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101  (the choices are those that click has)
    script = found(context.find_root().command, {}, "metakaito", "_METAKAITO_COMPLETE")
    # Not script.source(): for bash that would start a bash to ask for its version.
    print_text(script.source_template % script.source_vars())
