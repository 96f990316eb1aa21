"""Which prices hold where somebody asks for them, and what is said of them."""

from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from pathlib import Path

import click

from composite.catalog import Catalog
from composite.prices import HOURS_PER_MONTH, OLD_AFTER_DAYS, PriceTable, age_in_days, is_old
from composite.spelling import instead
from hooks.cli.errors import Failed, Refused
from hooks.settings import Settings
from presets import InvalidPresets
from presets.price_tables import DEFAULT_REGIONS, load_prices, read_table, table_files

# So many regions are told by name.
FEW_REGIONS = 5


def find_prices(region: str | None, file: Path | None, settings: Settings) -> PriceTable:
    """
    Return the prices in a file of the user's, else those of a region.

    Args:
        region: That was asked for; None: that of the file, else the cloud's default.
        file: That was given.
        settings: Whose cloud it is, and where presets of the user's are.

    Raises:
        Failed: A file of prices is broken.
        Refused: There are no prices of that region, or the file has those of another one.

    """
    cloud, overlay = settings.cloud, settings.presets
    try:
        if file is not None:
            table = read_table(file)
            require_asked_for(table, region, file, settings)
            return table
        wanted = region or DEFAULT_REGIONS[cloud]
        found = load_prices(cloud, wanted, overlay)
        known = sorted(table_files(cloud, overlay))
    except InvalidPresets as error:
        raise Failed(*error.problems) from None
    if found is not None:
        return found
    raise Refused(
        f"--region: no prices of {cloud.value} {wanted!r} are known; "
        f"{regions_like(wanted, known)}; --prices takes a file of yours"
    )


def regions_like(region: str, known: list[str]) -> str:
    """Return which regions may have been meant, or all that there are."""
    alike = get_close_matches(region, known, n=FEW_REGIONS)
    if alike and len(known) > FEW_REGIONS:
        return f"the nearest are {', '.join(alike)}"
    return f"there are {', '.join(known)}"


def require_asked_for(
    table: PriceTable, region: str | None, file: Path, settings: Settings
) -> None:
    """
    See that a file of prices is of the cloud and the region that were asked for.

    Raises:
        Refused: It is of others.

    """
    wanted = {"cloud": settings.cloud.value, "region": region or table.region}
    found = {"cloud": table.cloud.value, "region": table.region}
    lines = [
        f"--prices: {file} has those of the {name} {found[name]}, and not of {wanted[name]}: "
        f"--{name} {found[name]} asks for them"
        for name in found
        if found[name] != wanted[name]
    ]
    if lines:
        raise Refused(*lines)


def warn_of_strangers(table: PriceTable, catalog: Catalog, file: Path | None) -> None:
    """Say on standard error which prices are of no use, since no instance type is called so."""
    cloud = table.cloud.value
    place = file or f"prices of {cloud} {table.region}"
    for name in sorted(table.hourly.keys() - catalog.instance_types.keys()):
        hint = instead(name, catalog.instance_types, f"metakaito instance-types --cloud {cloud}")
        sentence = f"hourly: no instance type of {cloud} is called {name!r}: {hint}"
        click.echo(f"{place}: warning: {sentence}", err=True)


def about_prices(table: PriceTable, today: date) -> Iterator[str]:
    """Yield what the prices are and how old, and where they are from."""
    days = age_in_days(table, today)
    yield (
        f"Prices: {table.cloud.value} {table.region}, on demand, in {table.currency}, of "
        f"{table.date} ({days} day{'' if days == 1 else 's'} ago); a month has "
        f"{HOURS_PER_MONTH} hours."
    )
    if is_old(table, today):
        yield (
            f"THEY ARE OLD: more than {OLD_AFTER_DAYS} days, and may have changed. "
            "--prices takes a file of yours."
        )
    yield f"Source: {table.source}"
