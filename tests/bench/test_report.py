"""What a run has found: as JSON, as a page, as pictures, and what the command refuses."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from tests.bench.__main__ import PARTS, SCHEMA, main, with_reasons, written_schema
from tests.bench.figures import (
    Bound,
    Figure,
    Goal,
    Machine,
    Part,
    Picture,
    Report,
    Row,
    Series,
    Table,
)
from tests.bench.measuring import figure, line, ratios, slope
from tests.bench.page import number, page
from tests.bench.pictures import round_numbers, svg

MET = Goal(name="core: fast", figure=149.2, limit=150, unit="µs")
MISSED = Goal(
    name="core: many", figure=0.4, bound=Bound.AT_LEAST, limit=0.5, unit="times", why="Reading."
)
PICTURE = Picture(
    name="core",
    title="Time of an answer",
    x="nodes",
    y="µs",
    series=(Series(name="Workspace", points=((1, 140.0), (8, 500.0), (64, 3500.0))),),
)
TABLE = Table(
    title="One question",
    about="From bytes to bytes.",
    columns=("bytes", "µs", "of"),
    rows=(
        Row(name="fresh", cells=(2048.0, Figure(median=81.26, least=80, most=99, runs=7), "us")),
        Row(name="none", cells=(None, Figure(median=3, least=3, most=3, runs=1), None)),
    ),
)
REPORT = Report(
    date="2026-01-01",
    quick=False,
    machine=Machine(
        processor="A processor",
        processors=2,
        memory_gib=24,
        system="Linux 6",
        python="CPython 3.12.1",
        load_before=0.1,
        versions={"pydantic": "2.12"},
    ),
    parts=(
        Part(
            name="core",
            title="The pure functions",
            goals=(MET, MISSED),
            tables=(TABLE,),
            pictures=(PICTURE,),
        ),
    ),
)


def test_a_goal_is_met_on_the_right_side_of_its_limit_and_on_it() -> None:
    goals = [
        MET.model_copy(update={"bound": bound, "figure": found})
        for bound in Bound
        for found in (149.0, 150.0, 151.0)
    ]

    assert [goal.met for goal in goals] == [True, True, False, False, True, True]


def test_the_schema_is_current_and_holds_what_is_written() -> None:
    assert SCHEMA.read_text() == written_schema(), "python -m tests.bench --schema"
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(
        json.loads(REPORT.model_dump_json())
    )
    assert Report.model_validate_json(REPORT.model_dump_json()) == REPORT


def test_the_page_says_what_was_reached_and_why_not() -> None:
    found = page(REPORT, "performance")

    assert "| core: fast | 149 | at most 150 µs | met |" in found
    assert "| core: many | 0.4 | at least 0.5 times | **missed** |" in found
    assert "## Goals: 1 of 2 met" in found
    assert "* **core: many**: Reading." in found
    assert "* **core: fast**" not in found
    assert "| fresh | 2,048 | 81.3 (80 to 99) | us |" in found
    assert "| none |  | 3 |  |" in found
    assert "![Time of an answer](performance/core.svg)" in found


def test_the_same_points_are_the_same_picture_and_it_has_no_script() -> None:
    drawn = svg(PICTURE)

    assert drawn == svg(PICTURE)
    assert drawn.startswith("<svg")
    assert "<script" not in drawn
    assert "Time of an answer" in drawn


def test_an_axis_has_round_marks_as_far_as_the_values_reach() -> None:
    assert round_numbers([140.0, 3500.0]) == [100.0, 300.0, 1000.0, 3000.0, 10000.0]
    assert round_numbers([10.0]) == [10.0, 10.0]


def test_numbers_have_three_figures() -> None:
    assert [number(value) for value in (0.01234, 1.5, 99.96, 149.6, 12345.0)] == [
        "0.0123",
        "1.5",
        "100",
        "150",
        "12,345",
    ]


def test_of_several_measurements_the_median_counts_with_its_spread() -> None:
    assert figure([3, 1, 2]) == Figure(median=2, least=1, most=3, runs=3)
    assert ratios([2, 9], [1, 3]) == Figure(median=2.5, least=2, most=3, runs=2)


def test_growth_is_told_as_an_exponent_and_as_a_line() -> None:
    assert slope([(10, 7), (100, 70), (1000, 700)]) == pytest.approx(1)
    assert slope([(10, 1), (100, 100)]) == pytest.approx(2)
    assert line([(1, 3), (2, 5), (3, 7)]) == pytest.approx((2, 1, 1))


def test_a_reason_stands_only_where_a_goal_was_missed() -> None:
    [part] = with_reasons(REPORT.parts)

    assert [goal.why for goal in part.goals] == ["", "Reading."]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "nothing"], "Invalid value for '--only'"),
        (["--docs", "--quick"], "it measures nothing"),
        (["--docs", "--out", "no-such"], "run the bench first"),
    ],
)
def test_what_cannot_be_done_is_refused(arguments: list[str], said: str) -> None:
    found = CliRunner().invoke(main, arguments)

    assert found.exit_code == 2
    assert said in found.output


def test_help_names_every_part() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "tests.bench", "-h"], capture_output=True, text=True, check=True
    )

    for part in PARTS:
        assert f"  {part} " in found.stdout


def test_one_part_can_be_measured_and_written(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603  (our own code)
        [sys.executable, "-m", "tests.bench", "--quick", "--only", "core", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )

    report = Report.model_validate_json((tmp_path / "report.json").read_text())
    assert [part.name for part in report.parts] == ["core"]
    assert (tmp_path / "core.svg").read_text().startswith("<svg")
    assert f"of {len(report.goals)} goals met" in done.stdout


def test_what_was_seen_in_the_run_stands_beside_what_is_known_of_the_goal() -> None:
    seen = MISSED.model_copy(update={"seen": "edit 2 of a"})
    alone = seen.model_copy(update={"why": ""})

    assert seen.reason == "Reading. Seen in this run: edit 2 of a."
    assert alone.reason == "Seen in this run: edit 2 of a."
    assert alone.model_copy(update={"seen": ""}).reason == "not looked into yet."


def test_a_line_that_is_an_estimate_is_dashed_and_its_name_whole() -> None:
    long = "A line that was not measured at all, but estimated"
    guess = Series(name=long, points=((64, 3500.0), (100, 5000.0)), estimated=True)
    drawn = svg(PICTURE.model_copy(update={"series": (*PICTURE.series, guess)}))

    assert "stroke-dasharray:4,6" in drawn
    assert "stroke-dasharray:4,6" not in svg(PICTURE)
    assert long in drawn
