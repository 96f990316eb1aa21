"""The table of faults: what each costs Kaito, and what it costs here."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

Measured = dict[str, float | str]
HEADER = ("fault", "Kaito v0.3.2", "Kaito v0.12.0", "metakaito")


class Row(NamedTuple):
    """One fault, and what is said of each."""

    fault: str
    kaito_0_3: str
    kaito_0_12: str
    ours: str


def rows(kaito: Mapping[str, Mapping[str, str]], measured: Measured) -> list[Row]:
    """
    Return the table.

    Args:
        kaito: For each fault that was played to Kaito, what was seen of ``v0.3.2``, ``v0.12.0``.
        measured: What was measured here, by the same names; others come after them.

    """
    named = [fault for fault in kaito if fault in measured]
    others = [fault for fault in measured if fault not in kaito]
    return [
        Row(
            fault,
            kaito.get(fault, {}).get("v0.3.2", ""),
            kaito.get(fault, {}).get("v0.12.0", ""),
            told(measured[fault]),
        )
        for fault in (*named, *others)
    ]


def told(value: float | str) -> str:
    """Return a figure as the table shows it."""
    return value if isinstance(value, str) else f"{value:.1f} s"


def written(found: Iterable[Row]) -> str:
    """Return the table as text."""
    lines = [HEADER, *found]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )
