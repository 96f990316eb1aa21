"""``check``: whether the Workspaces in files are accepted."""

import click

from hooks.cli.completing import FILE
from hooks.cli.options import Flags, output_option, settings_of, settings_options


@click.command(short_help="Say whether Workspaces in files are accepted; others pass.")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE|DIRECTORY|- ...")
@click.option(
    "--beside",
    multiple=True,
    type=FILE,
    metavar="FILE|DIRECTORY",
    help="Objects that exist besides, such as a ConfigMap that a training names. May be given "
    "several times.",
)
@settings_options
@output_option("text", "json", "sarif")
def check(files: tuple[str, ...], beside: tuple[str, ...], output: str, flags: Flags) -> int:
    """
    Say of each Workspace in the files whether it is accepted, and on which line it is not.

    Meant for every YAML or JSON file of a repository, before a commit or in CI: a file in which no
    Workspace is passes without a word, whatever else it holds. Workspaces and other objects of all
    files know each other. A DIRECTORY is read with the directories in it. With sarif a code host
    shows problems beside the lines of a change.

    Examples:
      metakaito check examples/phi-3.yaml
      metakaito check deploy/ --cloud aws
      metakaito check changed.yaml --beside deploy/ -o sarif > metakaito.sarif

    All files are looked at, also where one cannot be read: FILE:LINE: what is wrong is said of it
    on standard error, and in json and sarif, where it has no name.

    Exit codes: 0 all are accepted, or there is none; 1 a file cannot be read in which a Workspace
    may be, whatever is said of the others; 2 one is refused, with a line for each problem:
    FILE:LINE: NAME: FIELD: what is wrong.

    """
    from hooks.cli.checking import check_files  # noqa: PLC0415  (see the package)

    return check_files(files, beside, settings_of(**flags), output)
