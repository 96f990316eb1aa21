"""``python -m tests.bench``: measures, says which goals are met, and writes the report."""

import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click
import psutil
import yaml
from rich.console import Console
from rich.table import Table as Grid

from tests.bench import page
from tests.bench.figures import Goal, Machine, Part, Report, Table
from tests.bench.pictures import svg
from tests.e2e.cluster.programs import ProgramsMissing

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
PICTURES = "performance"
SCHEMA = HERE / "report.schema.json"
DEPENDENCIES = ("pydantic", "pydantic-core", "flask", "gunicorn", "kubernetes")
GIB = 2**30


# Modules of this package, and what each measures.
PARTS = {
    "core": "the pure functions, by themselves",
    "cli": "the start of the command line, beside importing its libraries",
    "server": "the hooks behind HTTP, beside a route that does nothing",
    "scale": "up to 10,000 Workspaces in the embedded cluster",
    "control_plane": "up to 1,000 Workspaces on a real API server, beside a bare client",
    "churn": "300 Workspaces there that are edited, deleted and broken all the time",
}
LISTED = "\n".join(f"  {name:<13} {about}" for name, about in PARTS.items())
HELP = f"""\
Measure how fast metakaito is, how small, and how far it scales.

Every goal is printed with the figure and the word met or missed. Exit code 0 in either case: a
figure depends on the machine. The parts:

\b
{LISTED}
"""


@click.command(help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Three minutes, with smaller numbers.")
@click.option("--only", multiple=True, type=click.Choice(list(PARTS)), help="Only these parts.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("dist/bench"),
    show_default=True,
    help="Where the report and the pictures go.",
)
@click.option("--docs", is_flag=True, help="Make docs/performance.md of the report in --out.")
@click.option("--schema", is_flag=True, help="Write the schema of a report.")
def main(*, quick: bool, only: tuple[str, ...], out: Path, docs: bool, schema: bool) -> None:
    if schema:
        SCHEMA.write_text(written_schema())
        return
    if docs:
        if quick or only:
            raise click.UsageError("--docs makes the page of a report: it measures nothing")
        written = out / "report.json"
        if not written.exists():
            raise click.UsageError(f"{written} is not there: run the bench first")
        report = Report.model_validate_json(written.read_text())
        write_page(report.model_copy(update={"parts": with_reasons(report.parts)}), DOCS)
        return
    machine = this_machine()
    found = (measured(name, quick=quick) for name in PARTS if not only or name in only)
    parts = tuple(part for part in found if part is not None)
    report = Report(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),  # noqa: TID251  (a program, not the core)
        quick=quick,
        machine=machine,
        parts=with_reasons(parts),
    )
    write(report, out)
    show(report)
    tell(f"written to {out}/report.json and the pictures beside it")


def written_schema() -> str:
    """Return the JSON Schema of a report as it is kept."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Report.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2) + "\n"


def measured(name: str, *, quick: bool) -> Part | None:
    """Measure one part; None if that cannot be done here, which is said."""
    tell(f"{name}: {PARTS[name]}")
    measure: Callable[..., Part] = importlib.import_module(f"tests.bench.{name}").measured
    started = time.monotonic()
    try:
        found = measure(lambda text: tell(f"{name}: {text}"), quick=quick)
    except ProgramsMissing as missing:
        tell(f"{name}: left out: {missing}")
        return None
    return found.model_copy(update={"seconds": round(time.monotonic() - started, 1)})


def with_reasons(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return the parts with what is known of goals that are missed."""
    reasons: dict[str, str] = yaml.safe_load((HERE / "reasons.yaml").read_text()) or {}

    def explained(goal: Goal) -> Goal:
        if goal.met:
            return goal.model_copy(update={"why": ""})
        return goal.model_copy(update={"why": reasons.get(goal.name, goal.why)})

    return tuple(
        part.model_copy(update={"goals": tuple(map(explained, part.goals))}) for part in parts
    )


def this_machine() -> Machine:
    """Return what it is measured on."""
    return Machine(
        processor=processor(),
        processors=os.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / GIB, 1),
        system=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        load_before=round(os.getloadavg()[0], 2),
        versions={name: version(name) for name in DEPENDENCIES},
    )


def processor() -> str:
    """Return the processor's name, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def write(report: Report, out: Path) -> None:
    """Write the report as JSON, and its pictures."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(report.model_dump_json(indent=1) + "\n")
    write_pictures(report, out)


def write_page(report: Report, docs: Path) -> None:
    """Write the page of the documentation, and its pictures."""
    (docs / "performance.md").write_text(page.page(report, PICTURES))
    (docs / PICTURES).mkdir(exist_ok=True)
    write_pictures(report, docs / PICTURES)


def write_pictures(report: Report, folder: Path) -> None:
    """Write every picture."""
    for part in report.parts:
        for drawn in part.pictures:
            (folder / f"{drawn.name}.svg").write_text(svg(drawn))


def show(report: Report) -> None:
    """Print the tables, and last the goals."""
    console = Console()
    for part in report.parts:
        for table in part.tables:
            console.print(grid(table))
    found = Grid("goal", "reached", "limit", "", title="Goals", title_justify="left")
    for goal in report.goals:
        limit = f"{goal.bound.value} {page.number(goal.limit)} {goal.unit}"
        verdict = "[green]met[/]" if goal.met else "[red]missed[/]"
        found.add_row(goal.name, page.number(goal.figure), limit, verdict)
    console.print(found)
    for goal in report.goals:
        if not goal.met:
            console.print(f"missed: {goal.name}: {goal.reason}")
    met = sum(goal.met for goal in report.goals)
    console.print(f"{met} of {len(report.goals)} goals met")


def grid(table: Table) -> Grid:
    """Return a table for a terminal."""
    found = Grid("", *table.columns, title=table.title, title_justify="left")
    for cells in page.written(table):
        found.add_row(*cells)
    return found


def tell(text: str) -> None:
    """Say how far it is."""
    click.echo(text, err=True)


if __name__ == "__main__":
    sys.exit(main())
