"""``advise``: which instance types a preset fits, and what they cost."""

from math import inf, nan
from pathlib import Path
from typing import Literal

import click
from click.shell_completion import CompletionItem

from hooks.cli.completing import begun_so, preset_names
from hooks.cli.errors import Stop
from hooks.cli.options import CLOUD, PRESETS, output_option, settings_of

Method = Literal["lora", "qlora"]
METHODS: tuple[Method, ...] = ("lora", "qlora")


def hourly_price(text: str) -> float:
    """Return what nodes may cost an hour: a number above zero."""
    try:
        price = float(text)
    except ValueError:
        price = nan
    if not 0 < price < inf:
        raise click.BadParameter(
            f"{text!r} is no number above 0: say what all nodes together may cost an hour, in the "
            "currency of the prices, such as --max-price 12.50"
        )
    return price


def region_names(
    context: click.Context, _: click.Parameter, begun: str
) -> list[CompletionItem[str]]:
    """Offer the regions of the cloud that have prices."""
    from presets import InvalidPresets  # noqa: PLC0415  (see the package)
    from presets.price_tables import table_files  # noqa: PLC0415

    flags = {name: context.params.get(name) for name in ("cloud", "presets")}
    try:
        settings = settings_of(**flags)
        known = table_files(settings.cloud, settings.presets)
    except (Stop, InvalidPresets):
        return []
    return begun_so(begun, sorted(known))


REGION = click.option(
    "--region",
    metavar="NAME",
    shell_complete=region_names,
    help="Where the nodes are to be, as the cloud spells it.  "
    "[default: that of --prices, else eastus or us-east-1]",
)
PRICES = click.option(
    "--prices",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Prices of your own, instead of those that come with metakaito.",
)


@click.command(short_help="Say on which nodes a model fits, cheapest first.")
@click.argument("preset", shell_complete=preset_names)
@CLOUD
@REGION
@click.option(
    "--max-price",
    type=hourly_price,
    metavar="AMOUNT",
    help="At most so much an hour for all nodes together, on demand, in the currency of the prices "
    "(US dollars in those that come with metakaito), such as 12.50.",
)
@click.option(
    "--tuning",
    type=click.Choice(METHODS),
    help="Fine-tune the model by this method, rather than serve it.",
)
@click.option("--all", "everything", is_flag=True, help="Show every instance type in the tables.")
@PRICES
@PRESETS
@output_option("table", "json", "yaml")
def advise(  # noqa: PLR0913  (one argument for each option)
    *,
    preset: str,
    cloud: str | None,
    region: str | None,
    max_price: float | None,
    tuning: Method | None,
    everything: bool,
    prices: Path | None,
    presets: Path | None,
    output: str,
) -> None:
    """
    List the instance types on which a preset fits, cheapest first, and those that nearly do.

    It fits where a Workspace with this preset, instance type and number of nodes is accepted
    without a word about its GPUs; of the others it is said in the same words why not. Prices are
    those of the cloud's public list on the day that is named, for all nodes together; one that is
    not known is 'unknown' and comes last, and with --max-price it is left out.

    A FILE of prices is as 'metakaito schema prices' describes it. It may also be
    prices/CLOUD/REGION.yaml in the directory of --presets, and replaces ours of that region.

    Examples:
      metakaito advise phi-3-mini-4k-instruct --cloud azure --region westeurope
      metakaito advise falcon-40b --cloud aws --max-price 10
      metakaito advise phi-2 --tuning qlora -o json

    Exit codes: 0 it fits somewhere, 1 a file of presets or prices is broken, 2 it fits nowhere, or
    there is no such preset, no such region, no such tuning.

    """
    from hooks.cli.advising import Question, print_advice  # noqa: PLC0415  (see the package)

    question = Question(preset, tuning or "inference", region, max_price, prices)
    settings = settings_of(cloud=cloud, presets=presets)
    print_advice(question, settings, output, everything=everything)
