"""The long run: very many stories, in several processes, and what is said of them at the end."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from random import Random
from typing import NamedTuple, TypeVar

from composite.simulate import HotLoop, MetacontrollerCrash
from tests.chaos.events import Story
from tests.chaos.hooks import RestlessError
from tests.chaos.laws import SOON, Violation, syncs_to_rest, violations
from tests.chaos.playing import METACONTROLLER, play
from tests.chaos.stories import random_story

T = TypeVar("T")

# So many stories are played between two lines of progress, by one process.
BATCH = 25


class Result(NamedTuple):
    """What came of one story, or of several."""

    stories: int = 0
    syncs: int = 0
    writes: int = 0
    events: Counter[str] = Counter()  # noqa: RUF012  (it is added to, and never changed)
    most_syncs: tuple[int, int] = (0, 0)
    broken: tuple[tuple[int, Violation], ...] = ()

    def plus(self, other: "Result") -> "Result":
        """Return both together; of the most syncs the first story that needed them."""
        return Result(
            self.stories + other.stories,
            self.syncs + other.syncs,
            self.writes + other.writes,
            self.events + other.events,
            max(self.most_syncs, other.most_syncs, key=lambda most: (most[0], -most[1])),
            (*self.broken, *other.broken),
        )


def story_of(seed: int, number: int) -> Story:
    """Return a story by its number."""
    return random_story(Random(f"{seed}/{number}"))  # noqa: S311  (no secret)


def result_of(number: int, story: Story) -> Result:
    """Play a story and hold it against the laws."""
    try:
        played = play(story)
    except RestlessError as failure:
        return Result(stories=1, broken=((number, Violation(SOON, str(failure))),))
    except (HotLoop, MetacontrollerCrash) as failure:
        how = Violation("nothing burns", f"{type(failure).__name__}: {failure}")
        return Result(stories=1, broken=((number, how),))
    writes = sum(change.manager == METACONTROLLER for change in played.changes)
    most = 0 if played.circles else max(syncs_to_rest(played).values(), default=0)
    return Result(
        stories=1,
        syncs=sum(exchange.path.endswith("/sync") for exchange in played.exchanges),
        writes=writes,
        events=played.events,
        most_syncs=(most, number),
        broken=tuple((number, violation) for violation in violations(played)),
    )


def results(seed: int, stories: int, processes: int) -> Iterator[Result]:
    """Yield what came of all stories, a batch at a time, in the order of their numbers."""
    starts = range(0, stories, BATCH)
    batches = [(seed, start, min(start + BATCH, stories)) for start in starts]
    if processes == 1:
        yield from map(batch_result, batches)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(batch_result, batches)


def batch_result(batch: tuple[int, int, int]) -> Result:
    """Return what came of the stories with some numbers."""
    seed, start, end = batch
    return together(result_of(number, story_of(seed, number)) for number in range(start, end))


def together(found: Iterable[Result]) -> Result:
    """Return several results as one."""
    total = Result()
    for result in found:
        total = total.plus(result)
    return total


def shortened(story: Story, law: str) -> Story:
    """Return the story with as little in it as still breaks a law."""
    for place in reversed(range(len(story.events))):
        shorter = story._replace(events=without(story.events, place))
        story = shorter if breaks(shorter, law) else story
    for place in reversed(range(len(story.given))):
        shorter = story._replace(given=without(story.given, place))
        story = shorter if breaks(shorter, law) else story
    return story


def breaks(story: Story, law: str) -> bool:
    """Whether a story breaks a law."""
    return any(violation.law == law for _, violation in result_of(0, story).broken)


def without(items: tuple[T, ...], place: int) -> tuple[T, ...]:
    """Return all items but one."""
    return items[:place] + items[place + 1 :]


def table(total: Result, started: float) -> str:
    """Return what there is to say at the end."""
    most, number = total.most_syncs
    rows = {
        "stories": f"{total.stories:,}",
        "syncs": f"{total.syncs:,}",
        "writes of Metacontroller": f"{total.writes:,}",
        "most syncs of one Workspace to rest": f"{most} (story {number})",
        "violations": f"{len(total.broken):,}",
        "seconds": f"{time.monotonic() - started:.0f}",
    }
    happened = {f"  {kind}": f"{count:,}" for kind, count in total.events.most_common()}
    lines = {**rows, "events": f"{total.events.total():,}", **happened}
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}}  {value:>12}" for name, value in lines.items())
