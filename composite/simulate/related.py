"""
Related objects: what the customize hook asks to see beside the children (version v2).

Source: https://github.com/metacontroller/metacontroller/blob/v4.17.2/pkg/controller/common/customize/manager.go
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock
from typing import NamedTuple

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.clock import Seconds
from composite.simulate.controllers import Controller
from composite.simulate.errors import HookError, SyncError
from composite.simulate.hooks import require_known, unreadable
from composite.simulate.interests import Interests, Rule, Version
from composite.simulate.objects import Kind, Ref
from composite.simulate.store import Change, Store

CACHE_SECONDS = 20 * 60


class Asked(NamedTuple):
    """What a customize hook asked for one parent, and until when it holds."""

    until: float
    rules: list[JsonObject]
    # Found out once they are all known to exist.
    by_kind: dict[str, list[Rule]]


NOTHING = Asked(math.inf, [], {})


class Related:
    """
    The related objects of all parents of one controller.

    The hook is asked once per uid and metadata.generation of a parent, and again after 20 minutes
    that reading does not extend. A failure is not remembered; an answer is, whatever it asks for.

    Every event is held against the rules of every parent. What makes that cheap is an index of the
    rules of all parents whose answer holds; only the others are gone through one by one.

    Args:
        controller: Whose parents.
        store: Where objects are.
        clock: When an answer is forgotten.
        ask: Asks a hook, by its path.
        watch: Has the objects of a kind known from now on; NotSyncedError if they are not yet.

    """

    def __init__(
        self,
        controller: Controller,
        store: Store,
        clock: Seconds,
        ask: Callable[[str, JsonObject], JsonObject],
        watch: Callable[[Kind], None],
    ) -> None:
        self._controller = controller
        self._store = store
        self._clock = clock
        self._ask = ask
        self._watch = watch
        self._answers: OrderedDict[Version, Asked] = OrderedDict()
        self._watched: set[str] = set()
        self._interests = Interests()
        self._news: Callable[[], list[Ref]] | None = None
        self._lock = Lock()  # several threads may ask and hear

    def of(self, parent: JsonObject) -> JsonObject:
        """
        Return the related objects as a request has them; a kind that no rule asks for is absent.

        Raises:
            HookError: The customize hook failed, or a rule cannot be followed.
            NotSyncedError: The objects of a kind are not known yet.

        """
        found: dict[str, dict[str, JsonObject]] = {}
        for kind, rules in self._asked(parent).by_kind.items():
            self._watched.add(kind)
            self._watch(rules[0].kind)
            found[kind] = {
                objects.ref_of(obj).key: obj
                for rule in rules
                for obj in self._candidates(rule)
                if rule.matches(obj)
            }
        return {kind: dict(sorted(matching.items())) for kind, matching in sorted(found.items())}

    def parents(self, change: Change) -> Iterator[Ref]:
        """Return the parents that see an object which changed, as it was or as it is."""
        kind = objects.kind_key(change.obj)
        if kind not in self._watched:
            return
        sides = [side for side in (change.old, change.new) if side is not None]
        for ref in self._possible(kind, sides):
            parent = self._store.get(ref)
            if parent is None:
                continue
            try:
                asked = self._asked(parent)
            except SyncError:
                continue  # logged by Metacontroller; the parent's own sync meets it again
            with self._lock:
                self._interests.learn(ref, _version(parent), asked.until, asked.by_kind)
            rules = asked.by_kind.get(kind, ())
            if any(rule.matches(side) for rule in rules for side in sides):
                yield ref

    def _possible(self, kind: str, sides: list[JsonObject]) -> list[Ref]:
        """Return the parents that may see an object, in the order of their names."""
        with self._lock:
            if self._news is None:
                self._news = self._store.follow(self._controller.parent.key)
            for ref in self._news():
                parent = self._store.get(ref)
                if parent is None:
                    self._interests.forget(ref)
                else:
                    self._interests.meet(ref, _version(parent))
            return self._interests.possible(kind, sides, self._clock.seconds)

    def _asked(self, parent: JsonObject) -> Asked:
        """
        Return what is asked for one parent, from the cache or from the hook.

        Raises:
            HookError: The customize hook failed, or a rule cannot be followed.

        """
        path = self._controller.customize_path
        if path is None:
            return NOTHING
        version = _version(parent)
        asked = self._answers.get(version)
        if asked is None or self._clock.seconds >= asked.until:
            body = {"controller": self._controller.to_json(), "parent": parent}
            rules = read_rules(self._ask(path, body))
            asked = self._remember(version, rules)
        if not asked.by_kind:
            by_kind: dict[str, list[Rule]] = {}
            for rule in map(self._read_rule, asked.rules):
                by_kind.setdefault(rule.kind.key, []).append(rule)
            asked.by_kind.update(by_kind)
        return asked

    def _remember(self, version: Version, rules: list[JsonObject]) -> Asked:
        """Keep an answer, and those no more whose time is over: the oldest come first."""
        now = self._clock.seconds
        asked = Asked(now + CACHE_SECONDS, rules, {})
        with self._lock:
            while self._answers and next(iter(self._answers.values())).until <= now:
                self._answers.popitem(last=False)
            self._answers[version] = asked
            self._answers.move_to_end(version)
        return asked

    def _read_rule(self, rule: JsonObject) -> Rule:
        """
        Return what a rule asks for.

        Raises:
            HookError: Its kind does not exist, or its restrictions exclude each other.

        """
        kind = self._store.kind(rule.get("apiVersion", ""), rule.get("resource", ""))
        if kind is None:
            raise HookError(
                f"discovery: can't find resource {rule.get('resource')} in apiVersion "
                f"{rule.get('apiVersion')}",
                200,
            )
        chosen = rule.get("labelSelector"), rule.get("namespaceSelector")
        if rule.get("names") and chosen != (None, None):
            raise HookError(
                "related rule cannot have both names and labelSelector/namespaceSelector specified",
                200,
            )
        if rule.get("namespaceSelector") is not None:
            raise HookError("namespaceSelector is not played here", 200)
        names = tuple(rule["names"]) if rule.get("names") else None
        namespace = rule.get("namespace") or ""
        return Rule(
            kind, namespace if kind.namespaced else "", names, rule.get("labelSelector") or {}
        )

    def _candidates(self, rule: Rule) -> list[JsonObject]:
        labels = rule.selector.get("matchLabels") or {}
        if rule.names is None or (rule.kind.namespaced and not rule.namespace):
            return self._store.labelled(rule.kind.key, labels, rule.namespace)
        refs = [Ref(rule.kind.key, rule.namespace, name) for name in rule.names]
        return [obj for obj in map(self._store.get, refs) if obj is not None]


def _version(parent: JsonObject) -> Version:
    """Return what an answer is remembered by."""
    return objects.uid_of(parent), int(parent["metadata"].get("generation", 0))


RULE_FIELDS = frozenset(
    {"apiVersion", "resource", "labelSelector", "namespaceSelector", "namespace", "names"}
)


def read_rules(answer: JsonObject) -> list[JsonObject]:
    """
    Return the rules of an answer, strictly read.

    Raises:
        HookError: A field is unknown, or a rule is no object.

    """
    require_known("customize", answer, frozenset({"relatedResources"}))
    rules = answer.get("relatedResources") or []
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise unreadable("customize", "relatedResources is no list of objects")
    for number, rule in enumerate(rules):
        unknown = sorted(set(rule) - RULE_FIELDS)
        if unknown:
            place = f"relatedResources[{number}].{unknown[0]}"
            require_known("customize", {place: None}, frozenset())
    return rules
