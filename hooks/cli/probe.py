"""``probe``: whether a running server answers as it should."""

import click

from hooks.cli.options import Flags, settings_of, settings_options


@click.command(short_help="See whether a running server answers as it should.")
@click.argument("url")
@settings_options
def probe(url: str, flags: Flags) -> None:
    """
    See whether a running server answers as it should: 'helm test' does this in the cluster.

    It posts what Metacontroller would ask about the quick start to each hook, and holds the answer
    against what this program answers. So the server must be of the same version and have the same
    settings, which are given here as for 'metakaito serve'. Nothing is created.

    Example:
      metakaito probe http://127.0.0.1:8080

    Exit codes: 0 it does; 1 it does not, or nobody answers; 2 a setting or the URL cannot be used.

    """
    from hooks.cli.probing import probe_server  # noqa: PLC0415  (see the package)

    probe_server(url, settings_of(**flags))
