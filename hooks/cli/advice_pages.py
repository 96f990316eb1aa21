"""What ``advise`` prints: a page for people, a document for programs."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from composite.advice import Advice, Option, Use, need_of
from composite.budget import Share
from composite.catalog import Preset
from composite.models import JsonObject
from composite.prices import (
    PriceTable,
    age_in_days,
    hourly_text,
    is_old,
    monthly_text,
)
from hooks.cli.listing import document
from hooks.cli.output import as_table
from hooks.cli.pricing import about_prices

# So many rows are shown, unless all are asked for.
MOST_FITTING = 10
MOST_OTHERS = 3


class Answer(NamedTuple):
    """
    What is answered.

    ``dearer`` and ``unpriced`` fit and are not advised, since they cost more than ``max_price`` per
    hour, or nobody knows what.
    """

    preset: Preset
    use: Use
    table: PriceTable
    max_price: float | None
    advice: Advice
    dearer: tuple[Option, ...]
    unpriced: tuple[Option, ...]


def as_text(answer: Answer, today: date, *, everything: bool) -> str:
    """Return the page for people."""
    fitting, others = answer.advice
    shown = fitting if everything else fitting[:MOST_FITTING]
    near = others if everything else others[:MOST_OTHERS]
    parts = [
        f"{needs(answer.preset, answer.use)}\n",
        page_of_fitting(shown, answer.table) if shown else "",
        page_of_others(near, answer) if near else "",
        lines(left_out(answer, len(fitting) - len(shown), len(others) - len(near))),
        lines((*about_costs(shown), *about_prices(answer.table, today))),
    ]
    return "\n".join(filter(None, parts))


def lines(sentences: Iterable[str]) -> str:
    """Return one sentence on each line."""
    return "".join(f"{sentence}\n" for sentence in sentences)


def needs(preset: Preset, use: Use) -> str:
    """Return the sentence on what a model needs."""
    need = need_of(preset, use)
    gpus = f"{need.count} GPU{'' if need.count == 1 else 's'}"
    each = f", {need.perGpuMemoryGi}Gi on each GPU" if need.perGpuMemoryGi else ""
    amount = f"{gpus} and {need.totalMemoryGi}Gi of GPU memory{each}"
    if use != "inference":
        return f"Tuning {preset.name} with {use} takes about {amount}, on one node."
    nodes = "one node" if preset.worldSize is None else "one node or on several that share it"
    return f"{preset.name} needs at least {amount}, on {nodes}."


def page_of_fitting(options: Sequence[Option], table: PriceTable) -> str:
    """Return the table of what fits; columns that would be empty are left out."""
    per = table.currency
    columns = {
        "INSTANCE TYPE": [each.row.name for each in options],
        "NODES": right(f"{each.nodes}" for each in options),
        "GPUS PER NODE": [gpus_of(each) for each in options],
        "GPU MEMORY": [f"{each.row.per_gpu_memory_gi}Gi per GPU" for each in options],
        "GPU MEMORY LEFT": [memory_left(each) for each in options],
        f"{per}/HOUR": right(hourly_text(each.cost.hourly) for each in options),
        f"{per}/MONTH": right(monthly_text(each.cost.monthly) for each in options),
    }
    if any(each.cost.spot_hourly is not None for each in options):
        columns |= {
            f"SPOT {per}/HOUR": right(hourly_text(each.cost.spot_hourly) for each in options),
            f"SPOT {per}/MONTH": right(monthly_text(each.cost.spot_monthly) for each in options),
        }
    if any(each.row.note for each in options):
        columns["NOTE"] = [each.row.note or "" for each in options]
    title = "It fits on these, the cheapest first; the price is for all nodes together:"
    rows = zip(*columns.values(), strict=True)
    return f"{title}\n\n{as_table(list(columns), list(rows))}"


def right(cells: Iterable[str]) -> list[str]:
    """Return cells that line up on the right, as numbers do."""
    found = list(cells)
    width = max(map(len, found))
    return [cell.rjust(width) for cell in found]


def gpus_of(option: Option) -> str:
    """Return which GPUs a node has."""
    row = option.row
    return f"{row.gpuCount} x {row.gpuModel}" if row.gpuModel else f"{row.gpuCount}"


def memory_left(option: Option) -> str:
    """Return what is left of the memory that runs out first: of each GPU, or of all together."""
    share = option.budget.tightest
    each = " per GPU" if share is option.budget.per_gpu_gi else ""
    return f"{share.spare}Gi of {share.available}Gi{each}"


def page_of_others(options: Sequence[Option], answer: Answer) -> str:
    """Return the table of what does not fit, a line for each reason."""
    doubtful = any(each.warnings for each in options)
    title = "It does not fit on these, {}the nearest first:".format(
        "or may not, " if doubtful else ""
    )
    rows = [
        (each.row.name if number == 0 else "", reason)
        for each in options
        for number, reason in enumerate(reasons(each))
    ]
    table = as_table(("INSTANCE TYPE", "WHY"), rows)
    whole = answer.use == "inference" and answer.preset.worldSize is None
    hint = f"More nodes do not help: {answer.preset.name} runs whole on each.\n" if whole else ""
    return f"{title}\n\n{table}{hint}"


def reasons(option: Option) -> list[str]:
    """Return why something does not fit, in the words of ``render``."""
    refusals = [problem.message for problem in option.refusals]
    return [*refusals, *(f"warning: {warning}" for warning in option.warnings)]


def left_out(answer: Answer, fitting: int, others: int) -> Iterator[str]:
    """Yield what is not shown, and why."""
    most = f"{answer.max_price or 0:g} {answer.table.currency} per hour"
    if answer.dearer:
        yield f"Left out, since dearer than {most}: {len(answer.dearer)}."
    if answer.unpriced:
        yield f"Left out, since their price is unknown: {len(answer.unpriced)}."
    hidden = {"on which it fits": fitting, "on which it does not fit": others}
    if any(hidden.values()):
        counted = ", ".join(f"{count} more {which}" for which, count in hidden.items() if count)
        yield f"Not shown: {counted}; --all shows them."


def about_costs(shown: Sequence[Option]) -> Iterator[str]:
    """Yield what is not known of what it costs."""
    if any(each.cost.hourly is None for each in shown):
        yield "A price is unknown where the table has none; that region may not have such nodes."
    if all(each.cost.spot_hourly is None for each in shown):
        yield "Spot prices are unknown: there are none in the table."


def as_document(answer: Answer, today: date) -> JsonObject:
    """Return everything, for programs; a price that is not known is null."""
    table = answer.table
    return {
        "preset": answer.preset.name,
        "use": answer.use,
        "needs": document(need_of(answer.preset, answer.use)),
        "prices": {
            "cloud": table.cloud.value,
            "region": table.region,
            "currency": table.currency,
            "date": str(table.date),
            "ageInDays": age_in_days(table, today),
            "old": is_old(table, today),
            "source": table.source,
        },
        "maxPrice": answer.max_price,
        "fitting": [row_of(each) for each in answer.advice.fitting],
        "dearer": [row_of(each) for each in answer.dearer],
        "unpriced": [row_of(each) for each in answer.unpriced],
        "others": [row_of(each) for each in answer.advice.others],
    }


def row_of(option: Option) -> JsonObject:
    """Return one instance type, for programs; memory is in GiB, prices are for all nodes."""
    row, cost = option.row, option.cost
    return {
        "instanceType": row.name,
        "nodes": option.nodes,
        "gpusPerNode": row.gpuCount,
        "gpuModel": row.gpuModel,
        "budget": {
            "gpus": share_of(option.budget.gpus),
            "memoryGi": share_of(option.budget.memory_gi),
            "perGpuMemoryGi": share_of(option.budget.per_gpu_gi),
        },
        "hourly": cost.hourly,
        "monthly": cost.monthly,
        "spotHourly": cost.spot_hourly,
        "spotMonthly": cost.spot_monthly,
        "note": row.note,
        "refusals": [document(problem) for problem in option.refusals],
        "warnings": [*option.warnings],
    }


def share_of(share: Share) -> JsonObject:
    """Return how much is needed, there, and left."""
    return {"needed": share.needed, "available": share.available, "spare": share.spare}
