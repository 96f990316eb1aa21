"""``docs/performance.md``, made of a report: the goals, the tables, the pictures."""

from collections.abc import Iterator

from tests.bench.figures import Figure, Goal, Part, Report, Table

INTRODUCTION = """\
# Performance

How fast metakaito answers, how small it is and how far it scales, as one run of `make bench` found
it. **No figure here is promised**: they are of one machine on one day. What compares is a ratio of
things that were measured in turn in the same run.

Run it yourself: `make bench` takes about half an hour, `make bench QUICK=1` three minutes. Both
print every goal with what was reached, and write `dist/bench/report.json`, of which
`make bench ARGS=--docs` makes this page ([schema](../tests/bench/report.schema.json)).
"""


def page(report: Report, folder: str) -> str:
    """Return the page; the pictures are in a folder beside it."""
    return "\n".join([INTRODUCTION, *machine(report), *goals(report.goals), *parts(report, folder)])


def machine(report: Report) -> Iterator[str]:
    """Yield what it was measured on."""
    found = report.machine
    yield f"Measured on {report.date}{', quickly' if report.quick else ''}:\n"
    yield "| | |"
    yield "|---|---|"
    yield f"| processor | {found.processors} of {found.processor} |"
    yield f"| memory | {found.memory_gib:.0f} GiB |"
    yield f"| system | {found.system} |"
    yield f"| load before | {found.load_before:.2f} |"
    for name, version in {"Python": found.python, **found.versions}.items():
        yield f"| {name} | {version} |"
    yield ""


def goals(found: tuple[Goal, ...]) -> Iterator[str]:
    """Yield every goal with what was reached, and why where that is too little."""
    met = sum(goal.met for goal in found)
    yield f"## Goals: {met} of {len(found)} met\n"
    yield "| goal | reached | limit | |"
    yield "|---|---|---|---|"
    for goal in found:
        verdict = "met" if goal.met else "**missed**"
        limit = f"{goal.bound.value} {number(goal.limit)} {goal.unit}"
        yield f"| {goal.name} | {number(goal.figure)} | {limit} | {verdict} |"
    yield ""
    missed = [goal for goal in found if not goal.met]
    if missed:
        yield "What dominates where one was missed, and what was tried:\n"
        yield from (f"* **{goal.name}**: {goal.reason}" for goal in missed)
        yield ""


def parts(report: Report, folder: str) -> Iterator[str]:
    """Yield the tables and pictures of every part."""
    for part in report.parts:
        yield f"## {part.title}\n"
        for drawn in part.pictures:
            yield f"![{drawn.title}]({folder}/{drawn.name}.svg)\n"
        yield from tables(part)


def tables(part: Part) -> Iterator[str]:
    """Yield the tables of a part."""
    for table in part.tables:
        yield f"### {table.title}\n"
        yield f"{table.about}\n"
        yield f"| | {' | '.join(table.columns)} |"
        yield f"|---|{'---:|' * len(table.columns)}"
        yield from (f"| {' | '.join(cells)} |" for cells in written(table))
        yield ""


def written(table: Table) -> list[list[str]]:
    """Return the rows of a table as texts, the name first."""
    return [[row.name, *map(cell, row.cells)] for row in table.rows]


def cell(value: Figure | float | str | None) -> str:
    """Write what is in a cell; of several measurements the median, with least and most."""
    if isinstance(value, Figure):
        if value.runs == 1:
            return number(value.median)
        return f"{number(value.median)} ({number(value.least)} to {number(value.most)})"
    if value is None:
        return ""
    return value if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """Write a number with three figures, or whole if it has more."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
