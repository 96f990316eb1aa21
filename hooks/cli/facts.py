"""``presets`` and ``instance-types``: which models there are, and which nodes."""

from pathlib import Path

import click

from hooks.cli.completing import instance_type_names, preset_names
from hooks.cli.options import CLOUD, PRESETS, output_option, settings_of


@click.group("presets", invoke_without_command=True, short_help="List the models to serve.")
@output_option("table", "json", "yaml")
@PRESETS
@click.pass_context
def list_models(context: click.Context, output: str, presets: Path | None) -> None:
    """
    List the models that can be served, with what they need.

    RUNTIME is whose program serves and tunes a model: kaito's, in its images; metakaito's own,
    where the preset has weights for it and METAKAITO_RUNTIME or the preset asks for it; or what is
    in an image of yours.

    Examples:
      metakaito presets
      metakaito presets show phi-3-mini-4k-instruct

    Exit codes: 0 listed, 1 a file of presets is broken, 2 there is no such preset.

    """
    context.obj = settings_of(presets=presets)
    if context.invoked_subcommand is None:
        from hooks.cli import listing  # noqa: PLC0415  (see the package)

        listing.list_presets(context.obj, output)


@list_models.command("show", short_help="Print one preset whole.")
@click.argument("name", shell_complete=preset_names)
@output_option("yaml", "json")
@click.pass_context
def show_preset(context: click.Context, name: str, output: str) -> None:
    """
    Print everything that is known of one preset, as in its file, and which runtime serves it here.

    Example:
      metakaito presets show falcon-7b -o json

    Exit codes: 0 printed, 2 there is no such preset.

    """
    from hooks.cli import listing  # noqa: PLC0415  (see the package)

    listing.show_preset(context.obj, name, output)


@click.group(
    "instance-types", invoke_without_command=True, short_help="List the nodes that can be had."
)
@output_option("table", "json", "yaml")
@CLOUD
@PRESETS
@click.pass_context
def list_instance_types(
    context: click.Context, output: str, cloud: str | None, presets: Path | None
) -> None:
    """
    List the instance types that a Workspace can name, with their GPUs.

    Examples:
      metakaito instance-types --cloud aws
      metakaito instance-types show Standard_NC6s_v3

    Exit codes: 0 listed, 1 a file of presets is broken, 2 there is no such instance type.

    """
    context.obj = settings_of(cloud=cloud, presets=presets)
    if context.invoked_subcommand is None:
        from hooks.cli import listing  # noqa: PLC0415  (see the package)

        listing.list_instance_types(context.obj, output)


@list_instance_types.command("show", short_help="Print one instance type whole.")
@click.argument("name", shell_complete=instance_type_names)
@output_option("yaml", "json")
@click.pass_context
def show_instance_type(context: click.Context, name: str, output: str) -> None:
    """
    Print everything that is known of one instance type, with its source.

    Example:
      metakaito instance-types --cloud aws show p4d.24xlarge

    Exit codes: 0 printed, 2 there is no such instance type.

    """
    from hooks.cli import listing  # noqa: PLC0415  (see the package)

    listing.show_instance_type(context.obj, name, output)
