"""Pictures of what was measured: SVG, the same bytes for the same points."""

import re

import pygal
from pygal.style import CleanStyle

from tests.bench.figures import Picture

# Two names that are longer do not fit beside each other, in characters.
LONG = 30
HEIGHT, LEGEND_ROW = 420, 22


def svg(picture: Picture) -> str:
    """Return a picture as SVG without scripts, for a page and for a repository alike."""
    rows = len(picture.series) if has_long_names(picture) else 0
    chart = pygal.XY(
        title=picture.title,
        x_title=picture.x,
        y_title=picture.y,
        style=CleanStyle(background="white", plot_background="white"),
        width=760,
        height=HEIGHT + LEGEND_ROW * rows,
        logarithmic=True,
        js=(),
        no_prefix=True,
        disable_xml_declaration=True,
        legend_at_bottom=True,
        legend_at_bottom_columns=1 if rows else None,
        truncate_legend=-1,
        value_formatter=short,
        x_value_formatter=short,
        dots_size=3,
    )
    # Every size that was measured has its mark; of times some round ones are enough.
    chart.x_labels = sorted({x for series in picture.series for x, _ in series.points})
    chart.y_labels = round_numbers([y for series in picture.series for _, y in series.points])
    for series in picture.series:
        dashes = {"dasharray": "4, 6"} if series.estimated else {}
        chart.add(series.name, list(series.points), stroke_style=dashes)
    drawn: str = chart.render(is_unicode=True)
    # Its settings, for a script that would show values under the mouse.
    return re.sub(r"<script.*?</script>", "", drawn, flags=re.DOTALL) + "\n"


def has_long_names(picture: Picture) -> bool:
    """Tell whether the names of the lines need a row each."""
    return any(len(series.name) > LONG for series in picture.series)


def round_numbers(values: list[float]) -> list[float]:
    """Return 1, 3, 10, 30 and so on, as far as the values reach and one beyond at each end."""
    marks = [factor * 10.0**power for power in range(-6, 10) for factor in (1, 3)]
    below = [mark for mark in marks if mark <= min(values)][-1:]
    above = [mark for mark in marks if mark >= max(values)][:1]
    between = [mark for mark in marks if min(values) < mark < max(values)]
    return [*below, *between, *above]


def short(value: float) -> str:
    """Write a number so that it can be read at a glance."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
