"""What must hold of every story, by the sentence that says it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.chaos.answers import kept_children, kept_claims, kept_templates, named, true_answers
from tests.chaos.backing_off import backs_off
from tests.chaos.hooks import MOST_SYNCS, SYNC
from tests.chaos.playing import Played
from tests.chaos.readiness import can_be_ready_is_ready
from tests.chaos.rest import answered, as_wanted, nothing_left, quiet, ready_is_ready
from tests.chaos.way import taken_away, too_many


class Violation(NamedTuple):
    """A law, and how it was broken."""

    law: str
    how: str


SOON = "rest comes soon"


def soon(played: Played) -> Iterator[str]:
    """No Workspace needs more than so many syncs."""
    for name, count in syncs_to_rest(played).items():
        if count > MOST_SYNCS and not played.circles:
            yield f"{name} needed {count} syncs"


def syncs_to_rest(played: Played) -> dict[str, int]:
    """Return how often each Workspace was synced between the last event and rest."""
    found: dict[str, int] = {}
    for exchange in played.exchanges[played.ended.exchanges : played.rest.exchanges]:
        if exchange.path == SYNC:
            name = named(exchange.request["parent"])
            found[name] = found.get(name, 0) + 1
    return found


def violations(played: Played) -> list[Violation]:
    """Return how the laws were broken, each as often as it was."""
    return [Violation(law, how) for law, broken in LAWS.items() for how in broken(played)]


LAWS: dict[str, Callable[[Played], Iterator[str]]] = {
    "no answer says ready of what is not seen to be ready": true_answers,
    "a refusal keeps what runs": kept_children,
    "pods are not made anew for nothing": kept_templates,
    "no claim is left out of an answer that its Workspace wants": kept_claims,
    "nothing is taken away that nobody gave up": taken_away,
    "no node is bought twice": too_many,
    "what failed is not made anew at once": backs_off,
    SOON: soon,
    "at rest every question is answered": answered,
    "at rest nothing is written": quiet,
    "at rest all is there that is wanted": as_wanted,
    "at rest nothing is left over": nothing_left,
    "at rest ready is ready": ready_is_ready,
    "at rest what can be ready is ready": can_be_ready_is_ready,
}
