"""
What nodes cost: the prices of one region as a value, and the sums that are made of them.

A price that is not known is None, and "unknown" where it is shown. It is never zero: whoever reads
a total has to see that a part of it is missing.
"""

import datetime as dt
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from composite.catalog import Cloud
from composite.models import Value

# What an average month has: 365 days of 24 hours, shared by 12.
HOURS_PER_MONTH = 730

# Prices that are older may have changed, and are marked.
OLD_AFTER_DAYS = 180

UNKNOWN = "unknown"

# Digits behind the point that a sum keeps: those of the price lists, without the noise of floats.
DIGITS = 6

Hourly = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]


class Price(Value):
    """What one node of an instance type costs for an hour."""

    onDemand: Hourly = Field(description="Per hour, for as long as one likes.")  # noqa: N815  (as in the file)
    spot: Hourly | None = Field(
        default=None,
        description="Per hour, for what the cloud can take back at any time; absent: not known.",
    )


class PriceTable(Value):
    """Prices in one region of a cloud; one file in ``presets/prices``."""

    cloud: Cloud = Field(description="Whose prices they are.")
    region: Region = Field(description="As the cloud spells it.")
    currency: str = Field(pattern="^[A-Z]{3}$", description="By its code in ISO 4217: USD.")
    date: dt.date = Field(description="On which these were the prices.")
    source: str = Field(min_length=1, description="Where they were read.")
    hourly: dict[Annotated[str, StringConstraints(min_length=1)], Price] = Field(
        description="Of one node with Linux, by instance type; one that is absent is not known."
    )


class Cost(NamedTuple):
    """What nodes cost for an hour, on demand and on the spot market; None: it is not known."""

    hourly: float | None
    spot_hourly: float | None

    @property
    def monthly(self) -> float | None:
        """The same for a month."""
        return times(self.hourly, HOURS_PER_MONTH)

    @property
    def spot_monthly(self) -> float | None:
        """The same for a month on the spot market."""
        return times(self.spot_hourly, HOURS_PER_MONTH)


def cost(table: PriceTable | None, instance_type: str, nodes: int = 1) -> Cost:
    """Return what so many nodes of an instance type cost; without a table nothing is known."""
    price = table.hourly.get(instance_type) if table is not None else None
    if price is None:
        return Cost(hourly=None, spot_hourly=None)
    return Cost(hourly=times(price.onDemand, nodes), spot_hourly=times(price.spot, nodes))


def times(amount: float | None, factor: int) -> float | None:
    """Return a multiple of an amount; of one that is not known, that is not known either."""
    return None if amount is None else round(amount * factor, DIGITS)


def age_in_days(table: PriceTable, today: dt.date) -> int:
    """Return how old the prices are; those of a day that is to come are new."""
    return max(0, (today - table.date).days)


def is_old(table: PriceTable, today: dt.date) -> bool:
    """Whether the prices are so old that they may have changed."""
    return age_in_days(table, today) > OLD_AFTER_DAYS


def hourly_text(amount: float | None) -> str:
    """Write a price per hour: ``3.060``, or that it is unknown. The cheapest differ by mills."""
    return UNKNOWN if amount is None else f"{amount:,.3f}"


def monthly_text(amount: float | None) -> str:
    """Write a price per month: ``2,234``, or that it is unknown."""
    return UNKNOWN if amount is None else f"{amount:,.0f}"
