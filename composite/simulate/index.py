"""
Objects by what they are looked for: kind, namespace, label, controller, the Node they are on.

Each lookup costs as much as the smallest of the groups that it is about, however many objects
there are. API server and informers have such indexes too.

Source: https://github.com/kubernetes/client-go/blob/v0.36.0/tools/cache/thread_safe_store.go
"""

from collections.abc import Callable, Iterator, Mapping

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.objects import Ref
from composite.simulate.store import Listing

Place = tuple[str, str]
Trait = tuple[str, ...]


class Index:
    """Objects and what they have in common. What is listed is in the order of the names."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[Place, JsonObject]] = {}
        self._places: dict[tuple[str, Trait], dict[Place, None]] = {}
        self._news: dict[str, list[dict[Ref, None]]] = {}

    @property
    def kinds(self) -> list[str]:
        """Every kind of which there is or was an object, sorted."""
        return sorted(self._objects)

    def put(self, obj: JsonObject) -> None:
        """Keep an object, in the place of the one that has its name."""
        ref, place = objects.ref_of(obj), _place(obj)
        known = self._objects.setdefault(ref.kind, {})
        before, now = _traits(known.get(place)), _traits(obj)
        known[place] = obj
        if before != now:
            self._leave(ref.kind, place, before - now)
            for trait in now - before:
                self._places.setdefault((ref.kind, trait), {})[place] = None
        self._tell(ref)

    def drop(self, ref: Ref) -> None:
        """Keep an object no more, if it was kept."""
        place = ref.namespace, ref.name
        obj = self._objects.get(ref.kind, {}).pop(place, None)
        if obj is not None:
            self._leave(ref.kind, place, _traits(obj))
            self._tell(ref)

    def get(self, ref: Ref) -> JsonObject | None:
        """Return one object, or None."""
        return self._objects.get(ref.kind, {}).get((ref.namespace, ref.name))

    def unsorted(self, kind: str) -> dict[Place, JsonObject]:
        """Return the objects of a kind in the order in which they came."""
        return dict(self._objects.get(kind, {}))

    def having(self, kind: str, *traits: Trait) -> list[JsonObject]:
        """Return the objects of a kind that have all of some traits."""
        known = self._objects.get(kind, {})
        groups: list[Mapping[Place, object]]
        groups = [self._places.get((kind, trait), {}) for trait in traits] or [known]
        fewest = min(groups, key=len)
        if not fewest:
            return []
        others = [group for group in groups if group is not fewest]
        found = (place for place in fewest if all(place in group for group in others))
        return [known[place] for place in sorted(found)]

    def follow(self, kind: str) -> Callable[[], list[Ref]]:
        """Return what tells, at each call, which objects may be others than at the call before."""
        news = {Ref(kind, *place): None for place in self._objects.get(kind, {})}
        self._news.setdefault(kind, []).append(news)

        def told() -> list[Ref]:
            found = list(news)
            news.clear()
            return found

        return told

    def _leave(self, kind: str, place: Place, traits: frozenset[Trait]) -> None:
        for trait in traits:
            group = self._places[kind, trait]
            del group[place]
            if not group:
                del self._places[kind, trait]

    def _tell(self, ref: Ref) -> None:
        for news in self._news.get(ref.kind, ()):
            news[ref] = None


def in_namespace(namespace: str) -> Iterator[Trait]:
    """Yield what the objects of a namespace have in common; of the empty one: nothing."""
    if namespace:
        yield "namespace", namespace


def under(uid: str) -> Trait:
    """Return what the objects have in common that have an owner for their controller, or none."""
    return "controller", uid


def labelled(key: str, value: str) -> Trait:
    """Return what the objects with a label have in common."""
    return "label", key, value


def on_node(name: str) -> Trait:
    """Return what the Pods of a Node have in common; the empty name is none's."""
    return "node", name


def _traits(obj: JsonObject | None) -> frozenset[Trait]:
    if obj is None:
        return frozenset()
    owner = objects.controller_of(obj)
    found = [
        *in_namespace(obj["metadata"].get("namespace", "")),
        under(str(owner["uid"]) if owner is not None else ""),
        *(labelled(key, value) for key, value in objects.labels_of(obj).items()),
    ]
    if objects.kind_key(obj) == names.PODS:
        found.append(on_node(objects.spec_of(obj).get("nodeName") or ""))
    return frozenset(found)


def _place(obj: JsonObject) -> Place:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


class Indexed(Listing):
    """A store that finds its objects by an index."""

    def __init__(self) -> None:
        self._index = Index()

    def get(self, ref: Ref) -> JsonObject | None:
        """Return one object, or None."""
        return self._index.get(ref)

    def list_of(self, kind: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind in the order of their names."""
        return self._index.having(kind, *in_namespace(namespace))

    def owned_by(self, kind: str, uid: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind that have an owner for their controller."""
        return self._index.having(kind, under(uid), *in_namespace(namespace))

    def orphans(self, kind: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind that have no controller."""
        return self._index.having(kind, under(""), *in_namespace(namespace))

    def labelled(
        self, kind: str, labels: Mapping[str, str], namespace: str = ""
    ) -> list[JsonObject]:
        """Return the objects of a kind that carry some labels."""
        traits = [labelled(key, value) for key, value in labels.items()]
        return self._index.having(kind, *traits, *in_namespace(namespace))

    def follow(self, kind: str) -> Callable[[], list[Ref]]:
        """Return what tells, at each call, which objects may be others than at the call before."""
        return self._index.follow(kind)
