"""``simulate``: a Workspace played in the embedded cluster."""

from pathlib import Path

import click

from hooks.cli.completing import FILE, scenario_names
from hooks.cli.options import Flags, output_option, settings_of, settings_options


@click.command(short_help="Play a Workspace in a cluster that is not there.")
@click.argument("file", required=False, type=FILE, metavar="FILE|-")
@click.option(
    "--scenario",
    metavar="NAME|FILE",
    shell_complete=scenario_names,
    help="What happens meanwhile; without one all goes well. Each is for Workspaces with inference "
    "or for those with tuning, as --list says.",
)
@click.option("--list", "list_them", is_flag=True, help="List the scenarios that come along.")
@click.option(
    "--hooks",
    metavar="URL",
    help="Ask this server instead of calling the functions; start it with "
    "'metakaito serve --virtual-clock' and the same other options.",
)
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Tell every change and every condition, not only the milestones.",
)
@click.option(
    "--dump",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all objects as they are in the end, for 'metakaito plan --observed'.",
)
@settings_options
@output_option("table", "json")
def simulate(  # noqa: PLR0913, PLR0917  (one for each option)
    file: str | None,
    scenario: str | None,
    list_them: bool,  # noqa: FBT001  (click passes it by name)
    hooks: str | None,
    verbose: bool,  # noqa: FBT001  (so does it this one)
    dump: Path | None,
    output: str,
    flags: Flags,
) -> None:
    """
    Play a Workspace against an embedded cluster until nothing changes, and print what happened.

    The cluster has an API server, Metacontroller, a provisioner, a kubelet and a device plugin; its
    clock is virtual, so half an hour takes a second. The columns are those of 'kubectl get
    workspace'. A FILE is what 'metakaito render' takes. It prints the milestones; --verbose prints
    every change and each condition that comes with it.

    Examples:
      metakaito simulate workspace.yaml
      metakaito simulate workspace.yaml --scenario node-lost -v
      metakaito simulate --list

    Exit codes: 0 it ended as the scenario promises (without one: ready), 1 it did not or a file
    cannot be read, 2 a Workspace is refused, or the scenario is for another kind of Workspace.

    """
    from hooks.cli import simulating  # noqa: PLC0415  (see the package)

    if list_them:
        simulating.list_scenarios(output)
        return
    if file is None:
        raise click.UsageError("Missing argument 'FILE|-'", click.get_current_context())
    simulating.simulate_file(
        file, scenario, hooks, settings_of(**flags), output, verbose=verbose, dump=dump
    )
