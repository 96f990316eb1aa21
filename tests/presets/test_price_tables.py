"""The price tables that come along, those of the user, and every way to get one wrong."""

import re
from datetime import date
from pathlib import Path

import pytest

from composite.advice import natural
from composite.catalog import Cloud
from composite.prices import Price, PriceTable
from presets import InvalidPresets, load_catalog
from presets.loading import read_yaml
from presets.price_tables import DEFAULT_REGIONS, load_prices, read_table, table_files

FILES = [file for cloud in Cloud for file in table_files(cloud).values()]
SCHEMA = "# yaml-language-server: $schema=../../../schemas/prices.schema.json\n"
MINE = """\
cloud: aws
region: eu-west-1
currency: EUR
date: 2026-01-31
source: our contract
hourly:
  g5.xlarge: { onDemand: 1, spot: 0.25 }
"""


def by_place(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_there_are_prices_of_both_clouds() -> None:
    assert {cloud.value: len(table_files(cloud)) for cloud in Cloud} == {"azure": 48, "aws": 3}
    assert all(region in table_files(cloud) for cloud, region in DEFAULT_REGIONS.items())


@pytest.mark.parametrize("file", FILES, ids=by_place)
def test_a_table_says_where_and_when_its_prices_were_read(file: Path) -> None:
    table = load_prices(Cloud(file.parent.name), file.stem)

    assert table is not None
    assert (table.cloud.value, table.region, table.currency) == (
        file.parent.name,
        file.stem,
        "USD",
    )
    assert re.fullmatch(r"https://github\.com/.+/blob/[0-9a-f]{40}/.+", table.source)
    assert table.date <= date.today(), "Nobody can know them yet."  # noqa: DTZ011


@pytest.mark.parametrize("file", FILES, ids=by_place)
def test_a_table_has_our_instance_types_sorted_by_name(file: Path) -> None:
    names = list(read_table(file).hourly)

    assert set(names) <= load_catalog(Cloud(file.parent.name)).instance_types.keys()
    assert names == sorted(names, key=natural), f"Sort hourly of {file.name} by name."


@pytest.mark.parametrize("file", FILES, ids=by_place)
def test_a_file_begins_with_its_schema_for_editors(file: Path) -> None:
    begin = file.read_text(encoding="utf-8").splitlines(keepends=True)[0]

    assert begin == SCHEMA, f"Begin {file.name} with this line: editors then check it as you type."


@pytest.mark.parametrize("file", FILES, ids=by_place)
def test_no_price_is_out_of_all_proportion(file: Path) -> None:
    """A digit too few or too many would show here: each GPU costs something, and none a fortune."""
    rows = load_catalog(Cloud(file.parent.name)).instance_types
    hourly = {name: price.onDemand for name, price in read_table(file).hourly.items()}

    of_one_gpu = {name: price / rows[name].gpuCount for name, price in hourly.items()}

    assert {name: price for name, price in of_one_gpu.items() if not 0.1 < price < 20} == {}


@pytest.mark.parametrize("file", FILES, ids=by_place)
def test_fields_come_in_the_order_of_the_model(file: Path) -> None:
    assert list(read_yaml(file)) == list(PriceTable.model_fields)


# --- what the user brings -------------------------------------------------------------------------


def test_a_region_is_added_by_an_overlay(tmp_path: Path) -> None:
    write(tmp_path / "prices/aws/eu-west-1.yaml", MINE)

    table = load_prices(Cloud.AWS, "eu-west-1", tmp_path)

    assert table is not None
    assert table.hourly == {"g5.xlarge": Price(onDemand=1, spot=0.25)}
    assert (table.currency, table.date, table.source) == ("EUR", date(2026, 1, 31), "our contract")
    assert set(table_files(Cloud.AWS, tmp_path)) == {*table_files(Cloud.AWS), "eu-west-1"}
    assert load_prices(Cloud.AZURE, "eu-west-1", tmp_path) is None


def test_a_region_is_replaced_whole_by_an_overlay(tmp_path: Path) -> None:
    write(tmp_path / "prices/aws/us-east-1.yaml", MINE.replace("eu-west-1", "us-east-1"))

    table = load_prices(Cloud.AWS, "us-east-1", tmp_path)

    assert table is not None
    assert list(table.hourly) == ["g5.xlarge"]


def test_prices_change_nothing_of_the_catalog(tmp_path: Path) -> None:
    write(tmp_path / "prices/aws/eu-west-1.yaml", MINE)
    write(tmp_path / "prices/nonsense.txt", "no table")

    assert load_catalog(Cloud.AWS, tmp_path) == load_catalog(Cloud.AWS)


def test_hidden_files_of_an_overlay_are_skipped(tmp_path: Path) -> None:
    write(tmp_path / "prices/..data/aws/eu-west-1.yaml", MINE)
    write(tmp_path / "prices/aws/.eu-west-1.yaml.swp", "")

    assert table_files(Cloud.AWS, tmp_path) == table_files(Cloud.AWS)


def test_a_region_without_prices_has_none() -> None:
    assert load_prices(Cloud.AWS, "nowhere-1") is None


STRAYS = {
    "a cloud that there is not": "prices/gcp/us-east-1.yaml",
    "no folder of a cloud": "prices/us-east-1.yaml",
    "another ending": "prices/aws/us-east-1.yml",
    "a folder too deep": "prices/aws/us/east-1.yaml",
}


@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
def test_what_is_not_of_the_layout_is_refused(tmp_path: Path, stray: str) -> None:
    file = write(tmp_path / stray, MINE)
    told = file.parent if file.parent.name in ("gcp", "us") else file

    with pytest.raises(InvalidPresets) as refused:
        load_prices(Cloud.AWS, "us-east-1", tmp_path)

    assert str(refused.value) == (
        f"{told}: does not belong here; "
        "there can be prices/azure/REGION.yaml, prices/aws/REGION.yaml"
    )


def test_a_table_in_the_place_of_another_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "prices/azure/eastus.yaml", MINE)

    with pytest.raises(InvalidPresets) as refused:
        load_prices(Cloud.AZURE, "eastus", tmp_path)

    assert str(refused.value).splitlines() == [
        f"{file}: cloud: is 'aws', so the file must be prices/aws/eu-west-1.yaml",
        f"{file}: region: is 'eu-west-1', so the file must be prices/aws/eu-west-1.yaml",
    ]


MISTAKES = {
    "nothing": ("", "must be a map, not None"),
    "an unknown field": (f"{MINE}month: 730\n", "month: is not a field here"),
    "a price of nothing": (
        MINE.replace("onDemand: 1,", "onDemand: 0,"),
        "hourly.g5.xlarge.onDemand: must be greater than 0, not 0",
    ),
    "a price in words": (
        MINE.replace("onDemand: 1,", 'onDemand: "1",'),
        "hourly.g5.xlarge.onDemand: must be a valid number, not '1'",
    ),
    "a bare price": (
        MINE.replace("{ onDemand: 1, spot: 0.25 }", "1.006"),
        "hourly.g5.xlarge: must be a map, not 1.006",
    ),
    "only a spot price": (
        MINE.replace("onDemand: 1, ", ""),
        "hourly.g5.xlarge.onDemand: is missing",
    ),
    "a row twice": (
        f"{MINE}  g5.xlarge: {{ onDemand: 2 }}\n",
        "line 8, column 3: 'g5.xlarge' is written twice",
    ),
    "no date": (MINE.replace("date: 2026-01-31\n", ""), "date: is missing"),
    "a currency by its sign": (
        MINE.replace("EUR", "€"),
        "currency: must match pattern '^[A-Z]{3}$', not '€'",
    ),
    "a cloud that there is not": (
        MINE.replace("aws", "gcp"),
        "cloud: must be 'azure' or 'aws', not 'gcp'",
    ),
}


@pytest.mark.parametrize(("text", "told"), MISTAKES.values(), ids=MISTAKES)
def test_one_mistake(tmp_path: Path, text: str, told: str) -> None:
    file = write(tmp_path / "mine.yaml", text)

    with pytest.raises(InvalidPresets) as refused:
        read_table(file)

    assert str(refused.value) == f"{file}: {told}"


def test_a_day_that_there_was_not_is_no_date(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.yaml", MINE.replace("2026-01-31", "2026-02-30"))

    with pytest.raises(InvalidPresets, match=r"mine\.yaml: date: must be a valid date"):
        read_table(file)
