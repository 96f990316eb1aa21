"""
Related objects: what the customize hook asks to see beside the children (version v2).

Source: https://github.com/metacontroller/metacontroller/blob/v4.17.2/pkg/controller/common/customize/manager.go
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from composite.models import JsonObject
from composite.simulate import objects, selectors
from composite.simulate.clock import Seconds
from composite.simulate.controllers import Controller
from composite.simulate.errors import HookError, SyncError
from composite.simulate.hooks import require_known, unreadable
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
        """Tell whether an object of the rule's kind is asked for."""
        metadata = obj["metadata"]
        if self.namespace and metadata.get("namespace") != self.namespace:
            return False
        if self.names is not None and metadata["name"] not in self.names:
            return False
        return selectors.matches_labels(self.selector, objects.labels_of(obj))


class Asked(NamedTuple):
    """What a customize hook asked for one parent, and until when it holds."""

    until: float
    rules: list[JsonObject]
    # Found out once they are all known to exist: every event is held against every parent.
    by_kind: dict[str, list[Rule]]


class Related:
    """
    The related objects of all parents of one controller.

    The hook is asked once per uid and metadata.generation of a parent, and again after 20 minutes
    that reading does not extend. A failure is not remembered; an answer is, whatever it asks for.

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
        self._answers: dict[tuple[str, int], Asked] = {}
        self._watched: set[str] = set()

    def of(self, parent: JsonObject) -> JsonObject:
        """
        Return the related objects as a request has them; a kind that no rule asks for is absent.

        Raises:
            HookError: The customize hook failed, or a rule cannot be followed.
            NotSyncedError: The objects of a kind are not known yet.

        """
        found: dict[str, dict[str, JsonObject]] = {}
        for kind, rules in self._rules(parent).items():
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
        for parent in self._store.list_of(self._controller.parent.key):
            try:
                rules = self._rules(parent).get(kind, ())
            except SyncError:
                continue  # logged by Metacontroller; the parent's own sync meets it again
            if any(rule.matches(side) for rule in rules for side in sides):
                yield objects.ref_of(parent)

    def _rules(self, parent: JsonObject) -> dict[str, list[Rule]]:
        """
        Return the rules for one parent by kind, from the cache or from the hook.

        Raises:
            HookError: The customize hook failed, or a rule cannot be followed.

        """
        path = self._controller.customize_path
        if path is None:
            return {}
        key = objects.uid_of(parent), int(parent["metadata"].get("generation", 0))
        asked = self._answers.get(key)
        if asked is None or self._clock.seconds >= asked.until:
            body = {"controller": self._controller.to_json(), "parent": parent}
            rules = read_rules(self._ask(path, body))
            now = self._clock.seconds
            if len(self._answers) > MANY_ANSWERS:
                known = list(self._answers.items())  # other workers add to it meanwhile
                self._answers = {k: kept for k, kept in known if now < kept.until}
            asked = self._answers[key] = Asked(now + CACHE_SECONDS, rules, {})
        if not asked.by_kind:
            by_kind: dict[str, list[Rule]] = {}
            for rule in map(self._read_rule, asked.rules):
                by_kind.setdefault(rule.kind.key, []).append(rule)
            asked.by_kind.update(by_kind)
        return asked.by_kind

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
        if rule.names is None or (rule.kind.namespaced and not rule.namespace):
            return self._store.list_of(rule.kind.key, rule.namespace)
        refs = [Ref(rule.kind.key, rule.namespace, name) for name in rule.names]
        return [obj for obj in map(self._store.get, refs) if obj is not None]


# So many answers are kept before those that are too old are looked for.
MANY_ANSWERS = 10_000

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
