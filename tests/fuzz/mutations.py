"""Edits of a request's JSON: one place becomes something that should not be there."""

from collections.abc import Callable
from random import Random
from typing import Any

from composite.models import JsonObject
from tests.fuzz.hostile_values import TEXTS, any_value, value_for
from tests.fuzz.seeds import Corpus, Path, Seed

# How often each part of a request is edited: the parent decides most.
WEIGHTS = {"parent": 50, "related": 25, "children": 22, "rest": 3}

Edit = Callable[[Any, Any, Random, Corpus], None]


def mutated(seed: Seed, corpus: Corpus, random: Random) -> JsonObject:
    """Return the request of a seed after one edit, or a few; what is not edited is shared."""
    document = seed.document
    parts = [part for part in WEIGHTS if part in seed.paths]
    weights = [WEIGHTS[part] for part in parts]
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 6))):
        part = random.choices(parts, weights)[0]
        path = random.choice(seed.paths[part])
        document = edited(document, path, random.choice(EDITS), random, corpus)
    return document


def edited(
    document: JsonObject, path: Path, edit: Edit, random: Random, corpus: Corpus
) -> JsonObject:
    """Return a copy in which one place is edited; the same if an earlier edit removed the place."""
    root = dict(document)
    place: Any = root
    for step in path[:-1]:
        if not has(place, step) or not isinstance(place[step], dict | list):
            return document
        place[step] = place[step].copy()
        place = place[step]
    if not has(place, path[-1]):
        return document
    edit(place, path[-1], random, corpus)
    return root


def has(place: Any, step: str | int) -> bool:  # noqa: ANN401  (JSON)
    """Whether there is such a place."""
    if isinstance(place, dict):
        return step in place
    return isinstance(place, list) and isinstance(step, int) and step < len(place)


def put_hostile(place: Any, key: Any, random: Random, _: Corpus) -> None:  # noqa: ANN401  (JSON)
    """Put what is wrong for a field of this name, or for any."""
    place[key] = value_for(key, random)


def put_null(place: Any, key: Any, _: Random, __: Corpus) -> None:  # noqa: ANN401  (JSON)
    """Put null."""
    place[key] = None


def remove(place: Any, key: Any, _: Random, __: Corpus) -> None:  # noqa: ANN401  (JSON)
    """Remove it."""
    del place[key]


def put_anothers(place: Any, key: Any, random: Random, corpus: Corpus) -> None:  # noqa: ANN401  (JSON)
    """Put what the same field has in another request; for an item of a list, any value at all."""
    known = corpus.values.get(key) if isinstance(key, str) else None
    place[key] = random.choice(known or corpus.values[random.choice(corpus.keys)])


def rename(place: Any, key: Any, random: Random, corpus: Corpus) -> None:  # noqa: ANN401  (JSON)
    """Give it another name: of another field, or none that any field has."""
    if isinstance(place, dict):
        known = random.choice(corpus.keys)
        new = random.choice((known, random.choice(TEXTS), f"{key}x", key.upper()))
        place[new] = place.pop(key)
    else:
        place.insert(random.randrange(len(place) + 1), place.pop(key))


def repeat(place: Any, key: Any, random: Random, _: Corpus) -> None:  # noqa: ANN401  (JSON)
    """Write it once more, or many times."""
    if isinstance(place, list):
        place[key:key] = [place[key]] * random.choice((1, 1, 2, 200))
    elif isinstance(place[key], list):
        place[key] = place[key] * random.choice((2, 3, 100))
    else:
        place[f"{key}-2"] = place[key]


def add(place: Any, key: Any, random: Random, corpus: Corpus) -> None:  # noqa: ANN401  (JSON)
    """Put something beside or below it, under a name that some field has."""
    inside = place[key]
    if isinstance(inside, dict):
        new = random.choice(corpus.keys)
        value = random.choice((any_value(random), random.choice(corpus.values[new])))
        place[key] = {**inside, new: value}
    elif isinstance(inside, list):
        place[key] = [*inside, any_value(random)]
    elif isinstance(place, dict):
        place[random.choice(corpus.keys)] = any_value(random)


def wrap(place: Any, key: Any, random: Random, _: Corpus) -> None:  # noqa: ANN401  (JSON)
    """Make it another kind: a list or an object of it, or a text."""
    value = place[key]
    place[key] = random.choice(([value], {"value": value}, [value, value], str(value)[:2000]))


def twist(place: Any, key: Any, random: Random, corpus: Corpus) -> None:  # noqa: ANN401  (JSON)
    """Change a text or a number a little: what is nearly right."""
    value = place[key]
    if isinstance(value, str):
        cut = random.randrange(len(value) + 1)
        odd = random.choice(TEXTS)
        place[key] = random.choice(
            (value + odd, odd + value, value[:cut], value.upper(), value * 30, value[:cut] + odd)
        )
    elif isinstance(value, int | float):
        number = random.choice((value + 1, value - 1, -value, value * 2**33, float(value)))
        place[key] = random.choice((number, str(value), not value))
    else:
        put_anothers(place, key, random, corpus)


EDITS: tuple[Edit, ...] = (
    *(put_hostile,) * 4,
    *(put_anothers,) * 3,
    *(twist,) * 3,
    *(put_null, remove, rename, repeat, add, wrap),
)
