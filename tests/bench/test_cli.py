import sys
from pathlib import Path

import pytest

from tests.bench import cli
from tests.bench.cli import HELP, IMPORTS, PLAN, Command

TAKEN = {PLAN: [0.6, 0.9, 0.7], HELP: [0.3, 0.3, 0.3], IMPORTS: [0.3, 0.3, 0.2]}


def test_goals_are_about_the_plan_beside_the_imports_of_the_same_turn() -> None:
    found = [(goal.name, goal.figure, goal.met) for goal in cli.goals(TAKEN)]

    assert found == [
        ("cli: plan of one Workspace, against the imports alone", pytest.approx(3.0), True),
        ("cli: plan of one Workspace", 0.7, False),
    ]


def test_the_first_turn_is_not_counted_and_all_take_turns(tmp_path: Path) -> None:
    log = tmp_path / "log"
    started = {
        name: Command((sys.executable, "-c", f"open({str(log)!r}, 'a').write({name!r})"))
        for name in "ab"
    }

    found = cli.in_turn(started, 2)

    assert log.read_text() == "ababab"
    assert {name: len(seconds) for name, seconds in found.items()} == {"a": 2, "b": 2}


def test_a_command_that_ends_as_it_should_not_is_not_measured() -> None:
    with pytest.raises(RuntimeError, match=r"ends with 2: no$"):
        cli.seconds_of(
            Command((sys.executable, "-c", "import sys; sys.stderr.write('no'); sys.exit(2)"), 3)
        )
