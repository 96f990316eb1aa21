"""What the long run prints: a story that can be pasted, and a refusal of what makes no sense."""

from collections import Counter
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from composite.catalog import Provisioner
from composite.simulate.informers import Upset
from tests.chaos import events
from tests.chaos.__main__ import main
from tests.chaos.events import Restart, Story, Writes
from tests.chaos.laws import LAWS
from tests.chaos.playing import Played
from tests.chaos.program import story_of


def evaluated(printed: str) -> object:
    """Return what a text is worth in a test that imports from ``tests.chaos.events``."""
    return eval(printed, vars(events).copy())  # noqa: S307  (what is evaluated is our own)


def test_a_story_prints_as_it_is_written() -> None:
    story = Story(
        given=({"kind": "Node"},),
        events=(Restart(0.5, 2.0), Writes(3.0, 1, Upset.KILLED_AFTER)),
        faults={"imageCannotBePulled": True},
        provisioner=Provisioner.NODECLAIM,
    )

    assert repr(story).splitlines() == [
        "Story(",
        "    given=(",
        "        {'kind': 'Node'},",
        "    ),",
        "    events=(",
        "        Restart(after=0.5, seconds=2.0),",
        "        Writes(after=3.0, skipped=1, upset=Upset.KILLED_AFTER),",
        "    ),",
        "    delays={},",
        "    faults={'imageCannotBePulled': True},",
        "    provisioner=Provisioner.NODECLAIM,",
        ")",
    ]
    assert repr(Story(given=(), events=())).splitlines()[1:3] == ["    given=(),", "    events=(),"]


def test_what_is_printed_of_any_story_can_be_pasted_into_a_test() -> None:
    stories = [story_of(0, number) for number in range(300)]

    assert [evaluated(repr(story)) for story in stories] == stories
    kinds = Counter(type(event) for story in stories for event in story.events)
    assert set(kinds) == set(events.Event.__args__)


def test_a_story_that_is_replayed_is_shown() -> None:
    done = CliRunner().invoke(main, ["--seed", "7", "--replay", "42"])

    printed, _, told = done.stdout.partition("\n\n")
    assert done.exit_code == 0
    assert evaluated(printed) == story_of(7, 42)
    assert told.startswith("stories ")


def test_a_story_that_breaks_a_law_is_printed_as_short_as_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    law = "nothing ever befalls a write"

    def no_upset(played: Played) -> Iterator[str]:
        """Break in every story in which that is announced."""
        if played.events["Writes"]:
            yield "one is upset"

    monkeypatch.setitem(LAWS, law, no_upset)
    number = next(n for n in range(100) if "upset=" in repr(story_of(0, n)))

    done = CliRunner().invoke(main, ["--replay", str(number)])

    _, _, told = done.stdout.partition(f"Story {number} breaks the law that {law}: ")
    how, printed = told.split("\n", 1)
    printed, again = printed.rsplit("Again: ", 1)
    shortest = evaluated(printed)
    assert (done.exit_code, how) == (1, "one is upset")
    assert isinstance(shortest, Story)
    assert shortest.given == ()
    assert [type(event) for event in shortest.events] == [Writes]
    assert again == f'make chaos ARGS="--seed 0 --replay {number}"\n'


@pytest.mark.parametrize("option", ["--stories", "--processes"])
def test_an_option_for_many_stories_is_refused_beside_the_number_of_one(option: str) -> None:
    done = CliRunner().invoke(main, ["--replay", "3", option, "2"])

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith(
        f"Error: {option} is for many stories, and --replay plays one; leave one out\n"
    )


def test_progress_is_told_and_a_table_ends_it() -> None:
    done = CliRunner().invoke(main, ["--stories", "2", "--processes", "1"])

    assert done.exit_code == 0
    assert done.stderr == "2 of 2 stories, 0 violations\n"
    assert done.stdout.startswith("stories ")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_has_two_names(option: str) -> None:
    done = CliRunner().invoke(main, [option])

    assert done.exit_code == 0
    assert all(law.split()[0] in click.unstyle(done.stdout) for law in LAWS)
