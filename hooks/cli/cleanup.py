"""``cleanup``: no node is left behind, before the release is uninstalled or after."""

import time
from pathlib import Path

import click

from hooks.cli.options import CONTEXT, KUBECONFIG


@click.command(short_help="See that no node is left that was made for a Workspace.")
@click.option(
    "--workspaces",
    type=click.Choice(("refuse", "delete")),
    default="refuse",
    show_default=True,
    help="What happens where Workspaces have nodes: nothing, with exit code 2, or all Workspaces "
    "are deleted.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long nodes may take to go.",
)
@click.option(
    "--keep",
    default="",
    metavar="COMMAND",
    help="What keeps the release, to be told with a refusal. The Job before an uninstall says it.",
)
@KUBECONFIG
@CONTEXT
@click.option(
    "--in-cluster", is_flag=True, help="Run in a Pod, with the token of its ServiceAccount."
)
def cleanup(
    *,
    workspaces: str,
    timeout: float,
    keep: str,
    kubeconfig: Path | None,
    context: str | None,
    in_cluster: bool,
) -> None:
    """
    See that no node is left that was made for a Workspace, and wait until it is so.

    Once Metacontroller is gone nobody deletes nodes any more. So 'helm uninstall' runs this before
    it removes anything. Where that was not so (--no-hooks, or the namespace of the release was
    deleted) run it afterwards: it deletes the nodes whose Workspace is gone. It looks at Machines
    and NodeClaims, whatever the provisioner is now; those that others made are never touched.
    While the API server does not answer it tries again.

    Examples:
      metakaito cleanup
      metakaito cleanup --workspaces delete --kubeconfig ~/.kube/config

    Exit codes: 0 no node is left; 1 one still is after the timeout, or the API server says no;
    2 Workspaces have nodes, and nothing was done.

    """
    from composite.simulate.controllers import CLAIMS  # noqa: PLC0415  (see the package)
    from hooks.cli.cleaning import clean, connect  # noqa: PLC0415

    api = connect(kubeconfig, context, in_cluster=in_cluster)
    clean(
        api,
        [*CLAIMS.values()],
        "delete" if workspaces == "delete" else "refuse",
        timeout,
        lambda line: click.echo(line, err=True),
        time,
        keep,
    )
