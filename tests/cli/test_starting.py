"""
What a plan loads and builds before it can begin: nothing that it has no use for.

Counted, for times differ from machine to machine; nearly all the time of a plan goes there.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
before = set(sys.modules)
from hooks.cli import run
code = run(sys.argv[1:])
from pydantic import BaseModel
def below(kind):
    return {kind}.union(*map(below, kind.__subclasses__()))
def is_library(module):
    return "site-packages" in (getattr(module, "__file__", None) or "")
loaded = {name: sys.modules[name] for name in set(sys.modules) - before}
print(json.dumps({
    "code": code,
    "libraries": sorted({n.partition(".")[0] for n, m in loaded.items() if is_library(m)}),
    "modules": sorted(loaded),
    "models": len(below(BaseModel)),
}), file=sys.stderr)
"""

LIBRARIES = {
    "annotated_types",
    "click",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
    "yaml",
}

# Of Python's own those that take long, and none of which has a part in a plan.
SLOW = {"asyncio", "concurrent.futures", "http.client", "ssl", "subprocess", "urllib.request"}

# A model takes a millisecond: the way to fewer is a module that is imported once it is needed.
MOST_MODELS = 205


@pytest.fixture(scope="module")
def plan() -> dict[str, object]:
    file = Path(__file__).parents[2] / "examples/phi-3.yaml"
    done = subprocess.run(  # noqa: S603  (our own interpreter)
        [sys.executable, "-c", PROGRAM, "plan", str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stderr)
    assert found["code"] == 3
    return found


def test_a_plan_loads_no_library_that_it_has_no_use_for(plan: dict[str, object]) -> None:
    assert set(plan["libraries"]) - {"_yaml"} == LIBRARIES  # type: ignore[call-overload]


def test_a_plan_loads_nothing_slow_of_pythons_own(plan: dict[str, object]) -> None:
    assert SLOW & set(plan["modules"]) == set()  # type: ignore[call-overload]


def test_a_plan_builds_no_more_models_than_it_did(plan: dict[str, object]) -> None:
    assert isinstance(plan["models"], int)
    assert 150 < plan["models"] <= MOST_MODELS
