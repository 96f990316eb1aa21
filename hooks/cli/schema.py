"""``crd`` and ``schema``: what the API server and editors need to know of a Workspace."""

import click

from hooks.cli.options import output_option
from hooks.cli.output import as_json, print_text

SCHEMAS = ("workspace", "preset", "instance-types", "prices", "plan")
OF_WHAT_IS_WRITTEN = ("recording", "replay")


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
    from schemas.files import generated  # noqa: PLC0415

    if output == "json":
        print_text(as_json(workspace_crd()))
    else:
        print_text(generated()["schemas/crd/kaito.sh_workspaces.yaml"])


@click.command(short_help="Print a JSON Schema for your editor.")
@click.argument("name", type=click.Choice((*SCHEMAS, *OF_WHAT_IS_WRITTEN)), default=SCHEMAS[0])
def schema(name: str) -> None:
    """
    Print a JSON Schema, of Workspace by default.

    Those of plan and replay are of what these commands print with -o json, that of recording is of
    the files that a server records.

    Example:
      metakaito schema workspace > workspace.schema.json

    And as the first line of your file:
      # yaml-language-server: $schema=workspace.schema.json

    Exit code: 0.

    """
    if name in OF_WHAT_IS_WRITTEN:
        from hooks.schemas import written_schemas  # noqa: PLC0415  (see the package)

        found = written_schemas()
    else:
        from schemas.files import generated  # noqa: PLC0415

        found = generated()
    print_text(found[f"schemas/{name}.schema.json"])
