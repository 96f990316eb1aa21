"""
Related objects: what the customize hook asks to see beside the children (version v2).

Source: https://github.com/metacontroller/metacontroller/blob/v4.17.2/pkg/controller/common/customize/manager.go
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from composite.models import JsonObject
from composite.simulate import objects, selectors
from composite.simulate.clock import Clock
from composite.simulate.controllers import Controller
from composite.simulate.errors import HookError, SyncError
from composite.simulate.objects import Kind, Ref
from composite.simulate.store import Change, Store

CACHE_SECONDS = 20 * 60


class Rule(NamedTuple):
    """One rule of an answer: no restriction at all means every object of the cluster."""

    kind: Kind
    namespace: str
    names: tuple[str, ...] | None
    selector: JsonObject

    def matches(self, obj: JsonObject) -> bool:
        """Tell whether an object is asked for."""
        metadata = obj["metadata"]
        if objects.kind_key(obj) != self.kind.key:
            return False
        if self.namespace and metadata.get("namespace") != self.namespace:
            return False
        if self.names is not None and metadata["name"] not in self.names:
            return False
        return selectors.matches_labels(self.selector, objects.labels_of(obj))


class Related:
    """
    The related objects of all parents of one controller.

    The hook is asked once per uid and metadata.generation of a parent, and again after 20 minutes
    that reading does not extend. A failure is not remembered.
    """

    def __init__(
        self,
        controller: Controller,
        store: Store,
        clock: Clock,
        ask: Callable[[str, JsonObject], JsonObject],
    ) -> None:
        self._controller = controller
        self._store = store
        self._clock = clock
        self._ask = ask
        self._answers: dict[tuple[str, int], tuple[float, tuple[Rule, ...]]] = {}
        self._watched: set[str] = set()

    def of(self, parent: JsonObject) -> JsonObject:
        """
        Return the related objects as a request has them; a kind that no rule asks for is absent.

        Raises:
            HookError: The customize hook failed, or a rule is malformed.

        """
        found: dict[str, dict[str, JsonObject]] = {}
        for rule in self.rules(parent):
            matching = found.setdefault(rule.kind.key, {})
            for obj in self._candidates(rule):
                if rule.matches(obj):
                    matching[objects.ref_of(obj).key] = obj
        return {kind: dict(sorted(matching.items())) for kind, matching in sorted(found.items())}

    def parents(self, change: Change) -> Iterator[Ref]:
        """Return the parents that see an object which changed, as it was or as it is."""
        if objects.kind_key(change.obj) not in self._watched:
            return
        for parent in self._store.list_of(self._controller.parent.key):
            try:
                rules = self.rules(parent)
            except SyncError:
                continue  # logged by Metacontroller; the parent's own sync meets it again
            sides = [side for side in (change.old, change.new) if side is not None]
            if any(rule.matches(side) for rule in rules for side in sides):
                yield objects.ref_of(parent)

    def rules(self, parent: JsonObject) -> tuple[Rule, ...]:
        """
        Return the rules for one parent, from the cache or from the hook.

        Raises:
            HookError: The customize hook failed, or a rule is malformed.

        """
        path = self._controller.customize_path
        if path is None:
            return ()
        key = objects.uid_of(parent), int(parent["metadata"].get("generation", 0))
        until, rules = self._answers.get(key, (0.0, ()))
        if self._clock.seconds < until:
            return rules
        body = {"controller": self._controller.to_json(), "parent": parent}
        rules = read_rules(path, self._ask(path, body))
        self._answers[key] = self._clock.seconds + CACHE_SECONDS, rules
        self._watched.update(rule.kind.key for rule in rules)
        return rules

    def _candidates(self, rule: Rule) -> list[JsonObject]:
        if rule.names is None or (rule.kind.namespaced and not rule.namespace):
            return self._store.list_of(rule.kind.key, rule.namespace)
        refs = [Ref(rule.kind.key, rule.namespace, name) for name in rule.names]
        return [obj for obj in map(self._store.get, refs) if obj is not None]


def read_rules(path: str, answer: JsonObject) -> tuple[Rule, ...]:
    """
    Return the rules of an answer, strictly read.

    Raises:
        HookError: A field is unknown, a kind does not exist, or restrictions exclude each other.

    """
    unknown = sorted(set(answer) - {"relatedResources"})
    if unknown:
        raise HookError(f'{path}: strict validation failed: unknown field "{unknown[0]}"', 200)
    return tuple(_read_rule(path, rule) for rule in answer.get("relatedResources") or ())


RULE_FIELDS = frozenset(
    {"apiVersion", "resource", "labelSelector", "namespaceSelector", "namespace", "names"}
)


def _read_rule(path: str, rule: JsonObject) -> Rule:
    unknown = sorted(set(rule) - RULE_FIELDS)
    if unknown:
        raise HookError(f'{path}: strict validation failed: unknown field "{unknown[0]}"', 200)
    found = objects.RESOURCES.get((rule.get("apiVersion", ""), rule.get("resource", "")))
    if found is None:
        raise HookError(
            f"{path}: no resource {rule.get('resource')!r} in {rule.get('apiVersion')!r}", 200
        )
    if rule.get("names") and (rule.get("labelSelector") or rule.get("namespaceSelector")):
        raise HookError(f"{path}: a rule has either names or selectors, not both", 200)
    if rule.get("namespaceSelector"):
        raise HookError(f"{path}: namespaceSelector is not simulated", 200)
    names = tuple(rule["names"]) if rule.get("names") else None
    namespace = rule.get("namespace") or ""
    return Rule(
        found, namespace if found.namespaced else "", names, rule.get("labelSelector") or {}
    )
