"""``render``: every object that a Workspace becomes."""

import click

from hooks.cli.completing import FILE
from hooks.cli.options import Flags, output_option, settings_of, settings_options


@click.command(short_help="Print every object that a Workspace becomes.")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE|- ...")
@settings_options
@output_option("yaml", "json")
def render(files: tuple[str, ...], output: str, flags: Flags) -> None:
    """
    Print every object that exists once a Workspace is served, as if its nodes had come up.

    A FILE holds Workspaces and, if you like, objects that exist already, such as Nodes. Workspaces
    of one FILE share a cluster; other objects of any FILE exist in each. A Node without a status
    is taken to be well. With --provisioner none and no Node at all, Nodes that fit are imagined.
    The objects come in this order: what asks for nodes, Services, the workload, the rest. The same
    input always gives the same bytes. What is accepted and still worth a word is a line with
    'warning:' on standard error.

    Examples:
      metakaito render examples/inference/kaito_workspace_phi_3_mini_4k.yaml
      metakaito render workspace.yaml nodes.yaml --provisioner none -o json
      kubectl get workspace my-model -o yaml | metakaito render -

    Exit codes: 0 rendered, 1 a file cannot be read or the Nodes in it are not fit, 2 a Workspace is
    refused, with a line for each problem: FILE: NAME: FIELD: what is wrong and what to do.

    """
    from hooks.cli.rendering import render_files  # noqa: PLC0415  (see the package)

    render_files(files, settings_of(**flags), output)
