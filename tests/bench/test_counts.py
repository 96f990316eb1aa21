"""
An answer takes no more steps than it did: counted, for times differ from machine to machine.

``pytest tests/bench --update-golden`` writes the figures anew, for the Python it runs with. They
are of Python's instructions and of pydantic's checks.
"""

import json
import sys
from pathlib import Path

import pytest

from tests.bench.core import call, workspace_questions
from tests.bench.counts import instructions, models

FILE = Path(__file__).with_name("counts.json")
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ALLOWED = 1.10


def counted() -> dict[str, dict[str, int]]:
    calls = {name: call(question) for name, question in workspace_questions().items()}
    return {
        name: {"instructions": instructions(asked), "models": models(asked)}
        for name, asked in calls.items()
    }


def test_no_answer_takes_a_tenth_more_steps_than_it_did(pytestconfig: pytest.Config) -> None:
    known = json.loads(FILE.read_text())
    found = counted()
    if pytestconfig.getoption("--update-golden"):
        FILE.write_text(json.dumps(dict(sorted({**known, PYTHON: found}.items())), indent=1) + "\n")
        return
    if PYTHON not in known:
        pytest.skip(f"no figures of Python {PYTHON}: pytest tests/bench --update-golden")

    assert found.keys() == known[PYTHON].keys()
    for name, steps in found.items():
        for what, count in steps.items():
            assert count <= known[PYTHON][name][what] * ALLOWED, (name, what)


def test_the_count_is_the_same_each_time() -> None:
    asked = call(workspace_questions()["converged, 1 node"])

    assert len({instructions(asked) for _ in range(3)}) == 1
    assert len({models(asked) for _ in range(3)}) == 1


def test_the_count_grows_with_what_is_done() -> None:
    assert instructions(lambda: [number + 1 for number in range(10)]) < instructions(
        lambda: [number + 1 for number in range(1000)]
    )
