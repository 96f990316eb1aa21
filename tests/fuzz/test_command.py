"""What the command prints, and the options that it refuses."""

import json

import pytest
from click.testing import CliRunner

from tests.fuzz.__main__ import MEANINGS, main
from tests.fuzz.laws import STATED
from tests.fuzz.requests import request_of, shown
from tests.fuzz.seeds import load_corpus


def test_a_short_run_says_that_growth_was_not_measured_and_what_each_outcome_means() -> None:
    told = CliRunner().invoke(main, ["--requests", "400", "--processes", "1"])

    assert told.exit_code == 0
    assert "MiB, growth not measured: no process had more than 6,000 requests\n" in told.stdout
    [unplannable] = [
        line.split(maxsplit=4)
        for line in told.stdout.splitlines()
        if line.startswith("/workspaces/sync") and " 500 " in line
    ]
    assert unplannable[2] == "unplannable"
    assert unplannable[4] == "stated: nothing can be planned, nothing changes"


def test_every_outcome_that_is_stated_has_a_meaning() -> None:
    assert set(MEANINGS) == {outcome for outcomes in STATED.values() for outcome in outcomes}


def test_a_large_request_is_shown_in_part_unless_all_of_it_is_wanted() -> None:
    corpus = load_corpus()
    number = next(n for n in range(3000) if len(request_of(n, 1, corpus).body) > 300_000)
    part = CliRunner().invoke(main, ["--only", str(number)])
    whole = CliRunner().invoke(main, ["--only", str(number), "--whole"])

    assert (part.exit_code, whole.exit_code) == (0, 0)
    assert len(part.stdout) < 30_000
    shown_whole = shown(request_of(number, 1, corpus))
    assert shown_whole in whole.stdout
    assert f"\n... this is not all of {len(shown_whole):,} characters; --whole" in part.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--only", "7", "--requests", "9"),
            "--requests is for many requests, and --only asks one",
        ),
        (("--only", "7", "-o", "json"), "--output is for many requests, and --only asks one"),
        (("--whole",), "--whole needs --only NUMBER"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(arguments: tuple[str, ...], said: str) -> None:
    told = CliRunner().invoke(main, arguments)

    assert (told.exit_code, told.stdout) == (2, "")
    assert said in told.stderr


def test_one_request_is_shown_with_its_answer() -> None:
    shown = CliRunner().invoke(main, ["--only", "7"])

    assert shown.exit_code == 0
    assert "POST '/" in shown.output
    assert '"logger":"metakaito"' in shown.output


def test_a_report_is_told_in_json() -> None:
    told = CliRunner().invoke(main, ["--requests", "20", "--processes", "1", "-o", "json"])

    report = json.loads(told.stdout)
    assert (told.exit_code, report["requests"], report["unexpected"]) == (0, 20, [])
    assert sum(row["count"] for row in report["answers"]) == 20
