"""
The prices of instance types: ``prices/CLOUD/REGION.yaml``, one table for each region of a cloud.

They are no part of the catalog: nothing that the hooks decide depends on a price, so they are read
only where one is asked for.
"""

from collections.abc import Iterator
from pathlib import Path

from composite.catalog import Cloud
from composite.prices import PriceTable
from presets import BUILT_IN, PRICES, visible
from presets.loading import InvalidPresets, parse, read_yaml

# Of AWS the one region whose prices the source has; of Azure one that has most of the types.
DEFAULT_REGIONS = {Cloud.AZURE: "eastus", Cloud.AWS: "us-east-1"}


def load_prices(cloud: Cloud, region: str, overlay: Path | None = None) -> PriceTable | None:
    """
    Read the prices of a region; None if there are none.

    Args:
        cloud: Whose region it is.
        region: As the cloud spells it.
        overlay: Directory of own facts, as for the catalog. A file replaces the table of the same
            region whole, since it has a date and a source of its own.

    Raises:
        InvalidPresets: All the mistakes in the table, and all files that do not belong there.

    """
    file = table_files(cloud, overlay).get(region)
    if file is None:
        return None
    table = read_table(file)
    problems = [
        f"{file}: {field}: is {written!r}, so the file must be {PRICES}/{table.cloud}/"
        f"{table.region}.yaml"
        for field, written, place in (
            ("cloud", table.cloud.value, file.parent.name),
            ("region", table.region, file.stem),
        )
        if written != place
    ]
    if problems:
        raise InvalidPresets(*problems)
    return table


def table_files(cloud: Cloud, overlay: Path | None = None) -> dict[str, Path]:
    """
    Return the file of each region that has prices, that of the overlay where both have one.

    Raises:
        InvalidPresets: A file is in the wrong place, where nobody would look for it.

    """
    folders = [BUILT_IN, *([overlay] if overlay is not None else [])]
    return {
        region: file
        for folder in folders
        for its_cloud, region, file in located(folder / PRICES)
        if its_cloud == cloud
    }


def located(folder: Path) -> Iterator[tuple[Cloud, str, Path]]:
    """Yield cloud, region and file of every table below a folder, which need not be there."""
    clouds = {cloud.value: cloud for cloud in Cloud}
    strays: list[Path] = []
    for entry in visible(folder) if folder.is_dir() else []:
        if entry.name not in clouds or not entry.is_dir():
            strays.append(entry)
            continue
        for file in visible(entry):
            if file.suffix == ".yaml" and file.is_file():
                yield clouds[entry.name], file.stem, file
            else:
                strays.append(file)
    if strays:
        layout = ", ".join(f"{PRICES}/{cloud}/REGION.yaml" for cloud in clouds)
        raise InvalidPresets(
            *(f"{stray}: does not belong here; there can be {layout}" for stray in strays)
        )


def read_table(file: Path) -> PriceTable:
    """
    Read one table, wherever it is.

    Raises:
        InvalidPresets: All the mistakes in it.

    """
    return parse(PriceTable, read_yaml(file), file)
