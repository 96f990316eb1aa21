"""The figures as text and as JSON."""

import statistics
from dataclasses import dataclass
from typing import Any

from bench.rounds import CLIENTS, Figures

AGAINST_PIPELINE = 0.9
"""Of the pipeline's tokens per second, with one client."""

AGAINST_ONE = 3.0
"""Times the tokens per second of one client, with 16."""


HEADING = (
    f"{'clients':>7}  {'pipeline tokens/s':>22}  {'server tokens/s':>22}  {'ratio':>18}  "
    f"{'by one client':>18}  {'first token ms':>20}"
)


@dataclass(frozen=True)
class Setting:
    """Where and what was measured."""

    device: str
    weights: int
    dtype: str
    rounds: int
    tokens: int
    threads: int
    server_memory: int
    gpu_memory: int | None


def as_json(figures: Figures, setting: Setting) -> dict[str, Any]:
    """Return everything, with medians and extremes."""
    return {
        "setting": vars(setting),
        "tokens_per_second": {
            "pipeline": {str(n): summary(figures.pipeline[n]) for n in CLIENTS},
            "server": {str(n): summary(figures.server[n]) for n in CLIENTS},
        },
        "seconds_to_first_token": {
            "pipeline": summary(figures.pipeline_first),
            "server": {str(n): summary(figures.server_first[n]) for n in CLIENTS},
        },
        "server_by_pipeline": {str(n): summary(figures.ratios(n)) for n in CLIENTS},
        "server_by_one_client": {str(n): summary(figures.gains(n)) for n in CLIENTS},
        "goals": goals(figures),
    }


def goals(figures: Figures) -> dict[str, bool]:
    """Say which goals are met by the medians."""
    return {
        f"{AGAINST_PIPELINE} of the pipeline with 1 client": (
            statistics.median(figures.ratios(1)) >= AGAINST_PIPELINE
        ),
        f"{AGAINST_ONE} times one client with 16": (
            statistics.median(figures.gains(16)) >= AGAINST_ONE
        ),
    }


def summary(values: list[float]) -> dict[str, float]:
    """Return median and extremes."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def as_text(figures: Figures, setting: Setting) -> str:
    """Return a table, and whether the goals are met."""
    gpu = "" if setting.gpu_memory is None else f", {gibibytes(setting.gpu_memory)} of GPU memory"
    lines = [
        f"{setting.weights / 1e6:.0f} million weights in {setting.dtype} on {setting.device}.",
        f"{setting.threads} threads, {setting.rounds} rounds, {setting.tokens} tokens an answer.",
        f"The server's process takes {gibibytes(setting.server_memory)}{gpu}.",
        "Medians, with the least and the most of all rounds.",
        "The pipeline answers as many prompts in one batch as there are clients.",
        "",
        HEADING,
    ]
    for clients in CLIENTS:
        first = [1000 * value for value in figures.server_first[clients]]
        lines.append(
            f"{clients:>7}  {spread(figures.pipeline[clients], 1):>22}  "
            f"{spread(figures.server[clients], 1):>22}  {spread(figures.ratios(clients), 2):>18}  "
            f"{spread(figures.gains(clients), 2):>18}  {spread(first, 0):>20}"
        )
    first = [1000 * value for value in figures.pipeline_first]
    lines += ["", f"The pipeline's first token comes after {spread(first, 0)} ms.", ""]
    lines += [f"{'met' if met else 'NOT MET'}: {goal}" for goal, met in goals(figures).items()]
    return "\n".join(lines)


def spread(values: list[float], digits: int) -> str:
    """Return median and extremes as text."""
    told = f"{statistics.median(values):.{digits}f}"
    return f"{told} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def gibibytes(count: int) -> str:
    """Return an amount of memory as text."""
    return f"{count / 1024**3:.2f} GiB"
