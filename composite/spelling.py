"""Which of the names that there are was probably meant."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

MOST = 3
# No name that we know is as long, and to compare takes the product of both lengths.
LONGEST = 253


def nearest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """
    Return at most three names like this one, the likeliest first; none where none is like it.

    Letters and digits count, and what stands behind the last ``/``: ``phi3`` and
    ``microsoft/Phi-3-mini`` mean names that begin with ``phi-3``. Names that hold all of it come
    before, and keep out, those that only look like it.
    """
    wanted = bare(name[:LONGEST].rpartition("/")[2])
    by_bare = {bare(each): each for each in known}
    holding = [(each.find(wanted), len(each), each) for each in by_bare if wanted in each]
    found = [each for _, _, each in sorted(holding)] if wanted else []
    like = found or get_close_matches(wanted, by_bare, n=MOST, cutoff=0.6)
    return tuple(by_bare[each] for each in like[:MOST])


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
    if not near:
        return ""
    *others, last = near
    either = f"{', '.join(others)} or {last}" if others else last
    return f" (perhaps {either} is meant)"
