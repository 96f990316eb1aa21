"""What nodes cost, how old a price is, and that one which is not known is never nothing."""

from datetime import date, timedelta

import pytest

from composite.catalog import Cloud
from composite.prices import (
    Cost,
    Price,
    PriceTable,
    age_in_days,
    cost,
    hourly_text,
    is_old,
    monthly_text,
    times,
)

DAY = date(2026, 1, 31)
TABLE = PriceTable(
    cloud=Cloud.AWS,
    region="us-east-1",
    currency="USD",
    date=DAY,
    source="here",
    hourly={
        "g5.xlarge": Price(onDemand=1.006, spot=0.4),
        "p4d.24xlarge": Price(onDemand=21.957642),
    },
)


def test_a_node_costs_what_the_table_says_and_a_month_of_it_730_times_as_much() -> None:
    found = cost(TABLE, "g5.xlarge")

    assert found == Cost(hourly=1.006, spot_hourly=0.4)
    assert (found.monthly, found.spot_monthly) == (734.38, 292.0)


def test_nodes_cost_as_many_times_more_without_the_noise_of_floats() -> None:
    found = cost(TABLE, "p4d.24xlarge", 3)

    assert found == Cost(hourly=65.872926, spot_hourly=None)
    assert (found.monthly, found.spot_monthly) == (48087.23598, None)


@pytest.mark.parametrize(
    ("table", "name"), [(TABLE, "g5.2xlarge"), (None, "g5.xlarge")], ids=["no row", "no table"]
)
def test_what_is_in_no_table_is_not_known(table: PriceTable | None, name: str) -> None:
    found = cost(table, name, 4)

    assert found == Cost(hourly=None, spot_hourly=None)
    assert (found.monthly, times(None, 0)) == (None, None)
    assert (hourly_text(found.hourly), monthly_text(found.monthly)) == ("unknown", "unknown")


def test_prices_are_written_to_the_mill_and_months_to_the_unit() -> None:
    assert (hourly_text(0.37853), hourly_text(1234.5)) == ("0.379", "1,234.500")
    assert (monthly_text(734.38), monthly_text(48087.23598)) == ("734", "48,087")


@pytest.mark.parametrize(("days", "old"), [(0, False), (180, False), (181, True)])
def test_prices_are_old_after_180_days(days: int, old: bool) -> None:  # noqa: FBT001
    today = DAY + timedelta(days=days)

    assert (age_in_days(TABLE, today), is_old(TABLE, today)) == (days, old)


def test_prices_of_tomorrow_are_new() -> None:
    yesterday = DAY - timedelta(days=1)

    assert (age_in_days(TABLE, yesterday), is_old(TABLE, yesterday)) == (0, False)
