"""``explain``: where every field of every child comes from."""

import click

from hooks.cli.completing import FILE
from hooks.cli.options import Flags, output_option, settings_of, settings_options


@click.command(short_help="Say where every field of every object comes from.")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE|- ...")
@click.option(
    "--field",
    metavar="PATH",
    help="Only this field and what is in it: spec.replicas, or Deployment.spec.replicas. Where a "
    "path goes through a list, [0] is one item; without a number it is all of them.",
)
@settings_options
@output_option("text", "json", "yaml")
def explain(files: tuple[str, ...], field: str | None, output: str, flags: Flags) -> None:
    """
    Print every object that a Workspace becomes, with the origin of each field beside it.

    An origin is a field of the Workspace, a row of a preset or of an instance type, the default
    configuration of a tuning method, a setting of the installation, something that only the cluster
    can tell, or the default, which is the same for every Workspace. '(not set)' is a field of the
    Workspace or a setting that is left to its default. 'here for' says why something is there.

    FILES are those of 'metakaito render', and what is shown is what it would be with nodes that are
    up. The text is YAML; -o json and -o yaml list the fields one by one.

    Examples:
      metakaito explain examples/inference/kaito_workspace_phi_3_mini_4k.yaml
      metakaito explain workspace.yaml --field Deployment.spec.template.spec.containers.image
      metakaito explain workspace.yaml --field Machine.spec -o json

    Exit codes: 0 explained, 1 a file cannot be read or nothing has such a field, 2 a Workspace is
    refused, with a line for each problem: FILE: NAME: FIELD: what is wrong and what to do.

    """
    from hooks.cli.explaining import explain_files  # noqa: PLC0415  (see the package)

    explain_files(files, field, settings_of(**flags), output)
