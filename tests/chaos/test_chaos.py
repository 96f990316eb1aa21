"""The laws under chaos, for so many stories as an ordinary run of the tests has time for."""

import subprocess
import sys
from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composite.simulate import objects
from tests.chaos.events import Story
from tests.chaos.laws import violations
from tests.chaos.playing import play
from tests.chaos.program import result_of, story_of, table, together
from tests.chaos.stories import random_story

SEEDED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@SEEDED
@given(chance=st.randoms(use_true_random=False))
def test_no_story_breaks_a_law(chance: Random) -> None:
    story = random_story(chance)

    assert violations(play(story)) == []


@pytest.mark.parametrize("start", [0, 20])
def test_none_of_the_first_stories_of_the_long_run_breaks_a_law(start: int) -> None:
    found = together(result_of(number, story_of(0, number)) for number in range(start, start + 20))

    assert found.broken == ()
    assert found.syncs > 20 * 10
    assert "0 violations" not in table(found, 0.0)


def digest_of(story: Story) -> str:
    """Return what tells one play from another: all that happened, and all that was asked."""
    played = play(story)
    told = [entry.to_json() for entry in played.cluster.timeline]
    asked = [list(exchange) for exchange in played.exchanges]
    return objects.short_hash([told, asked])


def test_the_same_story_gives_the_same_requests_under_any_hash_seed() -> None:
    code = (
        "from tests.chaos.program import story_of; from tests.chaos.test_chaos import digest_of;"
        "print(*(digest_of(story_of(0, n)) for n in range(8)))"
    )
    told = [
        subprocess.run(  # noqa: S603  (our own code)
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert told[0] == told[1]
    assert len(set(told[0].split())) == 8


def test_the_stories_are_about_much() -> None:
    """Otherwise the laws would say little about what they are there for."""
    statuses: Counter[str] = Counter()
    for number in range(40):
        played = play(story_of(1, number))
        for exchange in played.exchanges:
            if exchange.path == "/workspaces/sync" and exchange.response is not None:
                for condition in exchange.response["status"]["conditions"]:
                    statuses[f"{condition['type']}={condition['status']}"] += 1

    for seen in ("WorkspaceReady=True", "Accepted=False", "JobStarted=True", "InferenceReady=True"):
        assert statuses[seen] > 20, statuses
