"""What a shell offers where a file or a name is due."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from hooks.cli.errors import Stop
from hooks.cli.options import catalog_of, settings_of

if TYPE_CHECKING:
    from composite.catalog import Catalog

# Whether it is there is found out when it is read. A shell completes names of files by itself.
FILE = click.Path(allow_dash=True)

SCENARIOS = Path(__file__).parents[2] / "presets" / "scenarios"

Items = list[CompletionItem[str]]


def scenario_names(_: click.Context, __: click.Parameter, begun: str) -> Items:
    """Offer the scenarios that come along, and files where none begins like this."""
    names = sorted(file.stem for file in SCENARIOS.glob("*.yaml"))
    found = [CompletionItem(name) for name in names if name.startswith(begun)]
    return found or [CompletionItem(begun, type="file")]


def preset_names(context: click.Context, _: click.Parameter, begun: str) -> Items:
    """Offer the presets."""
    catalog = catalog_for(context)
    return begun_so(begun, catalog.presets if catalog is not None else ())


def instance_type_names(context: click.Context, _: click.Parameter, begun: str) -> Items:
    """Offer the instance types of the cloud."""
    catalog = catalog_for(context)
    return begun_so(begun, catalog.instance_types if catalog is not None else ())


def begun_so(begun: str, names: Iterable[str]) -> Items:
    """Return the names that begin so."""
    return [CompletionItem(name) for name in names if name.startswith(begun)]


def catalog_for(context: click.Context) -> "Catalog | None":
    """Return what the options before the subcommand ask for; None where that cannot be had."""
    options = context.parent.params if context.parent is not None else {}
    flags = {name: options.get(name) for name in ("cloud", "presets")}
    try:
        return catalog_of(settings_of(**flags))
    except Stop:
        return None
