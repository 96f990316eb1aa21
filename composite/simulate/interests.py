"""Which parents may see an object: the rules of all of them, by what the rules restrict most."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from composite.models import JsonObject
from composite.simulate import objects, selectors
from composite.simulate.objects import Kind, Ref

# The uid and generation of a parent: an answer of the customize hook is about one of them.
Version = tuple[str, int]
# What an object and a rule that means it have in common, the kind first.
Mark = tuple[str, ...]


class Rule(NamedTuple):
    """One rule of an answer: no restriction at all means every object of the cluster."""

    kind: Kind
    namespace: str
    names: tuple[str, ...] | None
    selector: JsonObject

    def matches(self, obj: JsonObject) -> bool:
        """Tell whether an object of the rule's kind is asked for."""
        metadata = obj["metadata"]
        if self.namespace and metadata.get("namespace") != self.namespace:
            return False
        if self.names is not None and metadata["name"] not in self.names:
            return False
        return selectors.matches_labels(self.selector, objects.labels_of(obj))


class Known(NamedTuple):
    """One parent whose rules are known, until when, and where they are noted."""

    version: Version
    until: float
    marks: frozenset[Mark]


class Interests:
    """What all parents of a controller ask for. Of some it is not known, so they may see all."""

    def __init__(self) -> None:
        self._unknown: dict[Ref, Version] = {}
        self._known: dict[Ref, Known] = {}
        self._marked: dict[Mark, set[Ref]] = {}
        self._ends: list[tuple[float, Ref]] = []

    def meet(self, ref: Ref, version: Version) -> None:
        """Take note of a parent: of another version than before nothing is known."""
        known = self._known.get(ref)
        if known is None or known.version != version:
            self.forget(ref)
            self._unknown[ref] = version

    def learn(
        self, ref: Ref, version: Version, until: float, rules: Mapping[str, Sequence[Rule]]
    ) -> None:
        """
        Take note of what a parent asks for, by kind, and until when that is known.

        Nothing happens if another version of it was met meanwhile.
        """
        known = self._known.get(ref)
        met = known.version if known is not None else self._unknown.get(ref)
        if met != version or (known is not None and known.until == until):
            return
        self.forget(ref)
        every = (rule for of_kind in rules.values() for rule in of_kind)
        marks = frozenset(mark for rule in every for mark in self._marks(rule))
        self._known[ref] = Known(version, until, marks)
        for mark in marks:
            self._marked.setdefault(mark, set()).add(ref)
        heapq.heappush(self._ends, (until, ref))

    def forget(self, ref: Ref) -> None:
        """Drop a parent and its rules."""
        self._unknown.pop(ref, None)
        known = self._known.pop(ref, None)
        for mark in known.marks if known is not None else ():
            group = self._marked[mark]
            group.discard(ref)
            if not group:
                del self._marked[mark]

    def possible(self, kind: str, sides: Sequence[JsonObject], now: float) -> list[Ref]:
        """Return the parents that may see an object as it is or was, by their names."""
        while self._ends and self._ends[0][0] <= now:
            _, ref = heapq.heappop(self._ends)
            known = self._known.get(ref)
            if known is not None and known.until <= now:
                self.forget(ref)
                self._unknown[ref] = known.version
        found = set(self._unknown)
        for side in sides:
            for mark in _marks_of(kind, side):
                found |= self._marked.get(mark, set())
        return sorted(found)

    def _marks(self, rule: Rule) -> Iterator[Mark]:
        """Yield where a rule is noted: of several labels, at the one that fewest others want."""
        kind = rule.kind.key
        labels = rule.selector.get("matchLabels") or {}
        if rule.names is not None:
            yield from ((kind, "name", name) for name in rule.names)
        elif labels:
            marks = [(kind, "label", key, value) for key, value in labels.items()]
            yield min(marks, key=lambda mark: len(self._marked.get(mark, ())))
        elif rule.namespace:
            yield kind, "namespace", rule.namespace
        else:
            yield kind, "any"


def _marks_of(kind: str, obj: JsonObject) -> Iterator[Mark]:
    """Yield where the rules are noted that may mean an object."""
    metadata = obj["metadata"]
    yield kind, "any"
    yield kind, "name", metadata["name"]
    yield kind, "namespace", metadata.get("namespace", "")
    for key, value in objects.labels_of(obj).items():
        yield kind, "label", key, value
