"""The work of ``advise``: ask the core where a preset fits, and print its advice."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from composite.advice import Advice, Option, Use, advise
from composite.catalog import Catalog, Preset
from composite.prices import PriceTable, hourly_text
from composite.refusal import Refusal
from composite.spelling import no_preset
from hooks.cli.advice_pages import Answer, as_document, as_text
from hooks.cli.errors import Refused
from hooks.cli.options import catalog_of
from hooks.cli.output import as_json, as_yaml, print_text
from hooks.cli.pricing import find_prices, warn_of_strangers
from hooks.settings import Settings

COMMAND = "metakaito advise"


class Question(NamedTuple):
    """What was asked for on the command line."""

    preset: str
    use: Use
    region: str | None = None
    max_price: float | None = None
    prices: Path | None = None


def print_advice(question: Question, settings: Settings, output: str, *, everything: bool) -> None:
    """
    Print where a preset fits.

    Raises:
        Failed: A file of presets or prices is broken.
        Refused: It fits nowhere, or there is no such thing as was asked for.

    """
    catalog = catalog_of(settings)
    preset = find_preset(question.preset, catalog)
    table = find_prices(question.region, question.prices, settings)
    warn_of_strangers(table, catalog, question.prices)
    answer = answer_to(question, preset, table, catalog)
    today = datetime.now(UTC).date()  # noqa: TID251  (the shell is where the clock is)
    if output == "table":
        print_text(as_text(answer, today, everything=everything))
    else:
        found = as_document(answer, today)
        print_text(as_json(found) if output == "json" else as_yaml([found]))
    if not answer.advice.fitting:
        raise Refused(f"{COMMAND}: {why_nowhere(answer)}")


def find_preset(name: str, catalog: Catalog) -> Preset:
    """
    Return a preset by its name.

    Raises:
        Refused: There is none of that name.

    """
    if name not in catalog.presets:
        raise Refused(f"{COMMAND}: {no_preset(name, catalog.presets)}")
    return catalog.presets[name]


def answer_to(question: Question, preset: Preset, table: PriceTable, catalog: Catalog) -> Answer:
    """
    Return the advice, less what is too dear.

    Raises:
        Refused: The preset cannot be used so on any node.

    """
    try:
        found = advise(preset, question.use, catalog, table)
    except Refusal as refusal:
        raise Refused(*(f"{COMMAND}: {problem.message}" for problem in refusal.problems)) from None
    most = question.max_price
    return Answer(
        preset=preset,
        use=question.use,
        table=table,
        max_price=most,
        advice=Advice(tuple(affordable(found.fitting, most)), found.others),
        dearer=tuple(each for each in found.fitting if is_dearer(each, most)),
        unpriced=tuple(
            each for each in found.fitting if most is not None and each.cost.hourly is None
        ),
    )


def affordable(options: tuple[Option, ...], most: float | None) -> Iterator[Option]:
    """Yield what is known to cost no more; everything, where any price will do."""
    for each in options:
        if most is None or (each.cost.hourly is not None and not is_dearer(each, most)):
            yield each


def is_dearer(option: Option, most: float | None) -> bool:
    """Whether something is known to cost more."""
    hourly = option.cost.hourly
    return most is not None and hourly is not None and not hourly <= most


def why_nowhere(answer: Answer) -> str:
    """Return why nothing is advised."""
    name, table = answer.preset.name, answer.table
    if answer.dearer:
        cheapest = answer.dearer[0]
        return (
            f"{name} fits on nothing of {table.cloud.value} {table.region} for at most "
            f"{answer.max_price:g} {table.currency} per hour: {cheapest.nodes} x "
            f"{cheapest.row.name} is the cheapest, for {hourly_text(cheapest.cost.hourly)}"
        )
    if answer.unpriced:
        return (
            f"{name} fits only on instance types whose price in {table.cloud.value} "
            f"{table.region} is unknown; without --max-price they are shown"
        )
    return f"{name} fits on no instance type of {table.cloud.value}"
