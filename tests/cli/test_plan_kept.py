"""``metakaito plan --check``: what has moved in the files, and what comes to something else."""

import json
from pathlib import Path

import pytest

from hooks.cli.about import installed
from tests.cli.conftest import QUICK_START, TUNING, Run

MOVED = "plan.json: what it was made of has moved:"
STILL = "plan.json: nothing has moved since it was kept\n"
PHI, TRAINING = (
    f"Workspace default/{name}" for name in ("workspace-phi-3-mini", "workspace-tuning-phi-3")
)
CHECK = ("plan", "phi.yaml", "--check", "plan.json")


@pytest.fixture(autouse=True)
def kept(run: Run, folder: Path) -> Path:
    """A plan of the quick start, which is new."""
    assert run("plan", "phi.yaml", "--out", "plan.json").code == 3
    return folder / "plan.json"


@pytest.mark.parametrize("output", ["text", "json", "markdown", "sarif"])
def test_that_nothing_has_moved_is_said_in_one_line(run: Run, output: str) -> None:
    result = run(*CHECK, "-o", output)

    assert (result.code, result.err) == (3, STILL)
    assert result.out


def test_a_comment_is_no_move(run: Run, folder: Path) -> None:
    (folder / "phi.yaml").write_text(f"# by me\n---\n{QUICK_START}")

    assert run(*CHECK).err == STILL


def test_a_workspace_that_is_edited_since_fails_like_what_moved_in_the_cluster(
    run: Run, folder: Path, kept: Path
) -> None:
    (folder / "phi.yaml").write_text(QUICK_START.replace("resource:", "resource:\n  count: 2"))
    before = kept.read_bytes()

    result = run(*CHECK, "--out", "plan.json")

    assert result.code == 1
    assert result.err.splitlines() == [
        MOVED,
        f"{PHI}: the files say something else than when the plan was kept",
    ]
    assert kept.read_bytes() == before


def test_a_workspace_that_came_or_went_since_is_told(run: Run, folder: Path) -> None:
    (folder / "phi.yaml").write_text(TUNING)

    result = run(*CHECK)

    assert result.code == 1
    assert result.err.splitlines() == [
        MOVED,
        f"{PHI}: was in the files when the plan was kept, and is in none now",
        f"{TRAINING}: is in the files, and was not when the plan was kept",
    ]


def test_what_comes_to_something_else_by_a_setting_is_told(run: Run) -> None:
    result = run(*CHECK, "--provisioner", "nodeclaim")

    assert result.code == 1
    why = "with other settings or presets, after an update, or with time"
    assert result.err.splitlines() == [
        MOVED,
        f"{PHI}: comes to something else than in the plan: {why}",
    ]


def test_another_price_is_no_move(run: Run, folder: Path) -> None:
    (folder / "prices.yaml").write_text(
        "cloud: azure\nregion: here\ncurrency: EUR\ndate: 2999-01-01\nsource: mine\n"
        "hourly: {Standard_NC6s_v3: {onDemand: 2.5}}\n"
    )

    assert run(*CHECK, "--prices", "prices.yaml").err == STILL


@pytest.mark.parametrize("edited", [True, False])
def test_a_plan_that_does_not_say_what_was_wanted_is_held_against_what_it_comes_to(
    run: Run, folder: Path, kept: Path, *, edited: bool
) -> None:
    plan = json.loads(kept.read_text())
    del plan["wanted"], plan["plan"]["unlisted"]
    kept.write_text(json.dumps({**plan, "version": "0.0.1"}))
    if edited:
        (folder / "phi.yaml").write_text(QUICK_START.replace("resource:", "resource:\n  count: 2"))

    result = run(*CHECK)

    told = f"the plan is of metakaito 0.0.1, and this is {installed()}"
    said = f"{MOVED}\n{PHI}: comes to something else than in the plan: {told}\n"
    assert (result.code, result.err) == ((1, said) if edited else (3, STILL))


def test_a_workspace_without_a_name_can_be_kept_too(run: Run, folder: Path) -> None:
    text = QUICK_START.replace("name: workspace-phi-3-mini", "labels: {}")
    (folder / "phi.yaml").write_text(text)
    assert run("plan", "phi.yaml", "--out", "plan.json").code == 2

    same = run(*CHECK)
    (folder / "phi.yaml").write_text(text.replace("phi-3-mini-4k", "phi-3-mini-128k"))
    other = run(*CHECK)

    assert (same.code, same.err) == (2, STILL)
    assert other.err.splitlines() == [
        MOVED,
        "Workspace default/line 1: the files say something else than when the plan was kept",
    ]
