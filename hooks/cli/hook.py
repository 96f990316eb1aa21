"""``sync`` and ``customize``: one webhook request answered, without a server."""

import click

from hooks.cli.completing import FILE
from hooks.cli.options import Flags, output_option, settings_of, settings_options

CONTROLLERS = ("workspaces", "machines")


@click.command(short_help="Answer one sync request of Metacontroller.")
@click.argument("file", default="-", type=FILE, metavar="[FILE|-]")
@click.option("--now", metavar="TIME", help="Answer as of then, 2026-01-01T00:00:00Z.")
@output_option("json", "yaml")
@settings_options
def sync(file: str, now: str | None, output: str, flags: Flags) -> None:
    """
    Answer one sync request of Metacontroller, as the server would.

    The request is on standard input or in FILE, JSON or YAML: one with 'parent' asks about a
    Workspace, one with 'object' about a Namespace.

    Examples:
      metakaito sync examples/requests/workspaces-sync.json -o yaml
      metakaito sync examples/requests/machines-sync.json --now 2026-01-01T00:00:00Z

    Exit codes: 0 answered, also where the answer says Accepted=False; 1 neither JSON nor
    YAML, or nothing may be changed (HTTP 500); 2 not a request of Metacontroller (HTTP 422).

    """
    from hooks.cli.answering import answer_sync  # noqa: PLC0415  (see the package)

    answer_sync(file, now, output, settings_of(**flags))


@click.command(short_help="Answer one customize request of Metacontroller.")
@click.argument("file", default="-", type=FILE, metavar="[FILE|-]")
@click.option(
    "--controller",
    type=click.Choice(CONTROLLERS),
    help="Whose request it is.  [default: workspaces for a Workspace, machines for a Namespace]",
)
@output_option("json", "yaml")
@settings_options
def customize(file: str, controller: str | None, output: str, flags: Flags) -> None:
    """
    Answer one customize request of Metacontroller: what else to watch for a parent.

    The request is on standard input or in FILE, JSON or YAML.

    Examples:
      metakaito customize examples/requests/workspaces-customize.json
      echo '{"parent": {"kind": "Namespace", "metadata": {"name": "a"}}}' | metakaito customize

    Exit codes: 0 answered; 1 neither JSON nor YAML; 2 not a request of Metacontroller (HTTP 422).

    """
    from hooks.cli.answering import answer_customize  # noqa: PLC0415  (see the package)

    answer_customize(file, controller, output, settings_of(**flags))
