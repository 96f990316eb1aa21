"""``demo``: the quick start, played through the real webhooks."""

from pathlib import Path

import click

from hooks.cli.options import settings_of


@click.command(short_help="Watch a model come up, through the real webhooks, without a cluster.")
@click.option(
    "--keep-serving", is_flag=True, help="Leave the server running until Ctrl-C when all is done."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Where to write the objects that were made.  [default: a new temporary directory]",
)
def demo(keep_serving: bool, out: Path | None) -> None:  # noqa: FBT001  (click passes it by name)
    """
    Watch the phi-3 quick start go from created to ready, without a cluster.

    It starts 'metakaito serve' on a free port, plays Metacontroller and the rest of a cluster
    against it over HTTP with a virtual clock, shows what 'kubectl get workspace' would, writes the
    objects that were made, one YAML file each, and stops the server.

    Examples:
      metakaito demo
      metakaito demo --out phi-3
      metakaito demo --keep-serving        and then try it with curl

    Exit codes: 0 the Workspace became ready, 1 it did not, 2 a setting cannot be used.

    """
    settings_of()  # what cannot be used is told before anything starts
    from hooks.cli.showing import show_demo  # noqa: PLC0415  (see the package)

    show_demo(out, keep_serving=keep_serving)
