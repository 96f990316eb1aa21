"""Which of the names that there are was probably meant."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from math import inf

MOST = 3
# What is shorter is in too many names, or only at the beginning of those that are meant.
SHORTEST = 3
# A beginning that more names share says nothing of which of them was meant.
FEW = 6
# No name that we know is as long, and to compare takes the product of both lengths.
LONGEST = 253


def nearest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """
    Return at most three names like this one, the likeliest first; none where none is like it.

    Letters and digits count, and what stands behind the last ``/``: ``phi3`` and
    ``microsoft/Phi-3-mini`` mean names that begin with ``phi-3``. Names that hold all of it come
    before, and keep out, those that begin alike, and these those that only look like it.
    """
    wanted = bare(name[:LONGEST].rstrip("/").rpartition("/")[2])
    by_bare = {bare(each): each for each in known}
    found = (
        holding(wanted, by_bare)
        or beginning_alike(wanted, by_bare)
        or get_close_matches(wanted, by_bare, n=MOST, cutoff=0.6)
    )
    return tuple(by_bare[each] for each in found[:MOST])


def holding(wanted: str, known: Iterable[str]) -> list[str]:
    """Return the names that hold all of a word, those that begin with it and short ones first."""
    latest = inf if len(wanted) >= SHORTEST else 0
    places = [(each.find(wanted), len(each), each) for each in known if wanted in each]
    return [each for place, _, each in sorted(places) if place <= latest and len(wanted) > 1]


def beginning_alike(wanted: str, known: Iterable[str]) -> list[str]:
    """
    Return the names that share the longest beginning with a word, if they are few.

    No beginning ends within a number: 80 is not like 8.
    """
    names = [*known]
    lengths = range(len(wanted) - 1, SHORTEST - 1, -1)
    for length in (each for each in lengths if not wanted[each - 1 : each + 1].isdigit()):
        if found := [each for each in names if each.startswith(wanted[:length])]:
            return sorted(found, key=lambda each: (len(each), each)) if len(found) <= FEW else []
    return []


def bare(name: str) -> str:
    """Return the letters and digits of a name, in lower case."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def no_preset(name: str, known: Iterable[str]) -> str:
    """Say that no preset is called so, and which to name in its place."""
    return f"no preset is called {name!r}: {instead(name, known, 'metakaito presets')}"


def instead(name: str, known: Iterable[str], command: str) -> str:
    """Say what to use in the place of a name that is not known; the command lists all there are."""
    near = ", ".join(nearest(name, known))
    return f"use {f'{near} or another' if near else 'one'} that '{command}' lists"


def meant(near: Sequence[str]) -> str:
    """Say in brackets which of some names may have been meant; nothing where there is none."""
    return f" (perhaps {either(near)} is meant)" if near else ""


def either(words: Sequence[str]) -> str:
    """Return a choice of at least one thing in words."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
