"""``crd`` and ``schema``: what the API server and editors need to know of a Workspace."""

import click

from hooks.cli.options import output_option
from hooks.cli.output import as_json, print_text

SCHEMAS = ("workspace", "preset", "instance-types", "prices", "plan")


@click.command(short_help="Print the CustomResourceDefinition of Workspace.")
@output_option("yaml", "json")
def crd(output: str) -> None:
    """
    Print the CustomResourceDefinition of Workspace.

    Example:
      metakaito crd | kubectl apply --server-side -f -

    Exit code: 0.

    """
    from composite.crd import workspace_crd  # noqa: PLC0415  (see the package)
    from schemas import generated  # noqa: PLC0415

    if output == "json":
        print_text(as_json(workspace_crd()))
    else:
        print_text(generated()["schemas/crd/kaito.sh_workspaces.yaml"])


@click.command(short_help="Print a JSON Schema for your editor.")
@click.argument("name", type=click.Choice(SCHEMAS), default=SCHEMAS[0])
def schema(name: str) -> None:
    """
    Print a JSON Schema, of Workspace by default.

    Example:
      metakaito schema workspace > workspace.schema.json

    And as the first line of your file:
      # yaml-language-server: $schema=workspace.schema.json

    Exit code: 0.

    """
    from schemas import generated  # noqa: PLC0415  (see the package)

    print_text(generated()[f"schemas/{name}.schema.json"])
