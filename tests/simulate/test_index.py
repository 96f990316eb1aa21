"""The index finds what a walk over all objects finds."""

from hypothesis import given, settings
from hypothesis import strategies as st

from composite import names
from composite.models import JsonObject
from composite.simulate import Clock, objects
from composite.simulate.index import Indexed
from composite.simulate.memory import MemoryStore
from composite.simulate.objects import Ref
from composite.simulate.store import Listing

UIDS = ("1", "2", "3")
LABELS = st.dictionaries(st.sampled_from(("app", "tier")), st.sampled_from(("a", "b")))


class Kept(Indexed):
    """Objects that are kept and dropped."""

    def put(self, obj: JsonObject) -> None:
        self._index.put(obj)

    def drop(self, ref: Ref) -> None:
        self._index.drop(ref)


class Walked(Listing):
    """The same with nothing but a dict."""

    def __init__(self) -> None:
        self.objects: dict[Ref, JsonObject] = {}

    def list_of(self, kind: str, namespace: str = "") -> list[JsonObject]:
        return [
            obj
            for ref, obj in sorted(self.objects.items())
            if ref.kind == kind and namespace in ("", ref.namespace)
        ]


@st.composite
def some_objects(draw: st.DrawFn) -> JsonObject:
    kind = draw(st.sampled_from((objects.POD, objects.SERVICE, objects.NODE)))
    owner = draw(st.sampled_from((None, *UIDS)))
    others = [{"uid": uid} for uid in draw(st.lists(st.sampled_from(UIDS), max_size=1))]
    owners = [*others, *([{"uid": owner, "controller": True}] if owner else [])]
    space = draw(st.sampled_from(("one", "two"))) if kind.namespaced else None
    metadata = {
        "name": draw(st.sampled_from(("x", "y", "z"))),
        "namespace": space,
        "labels": draw(LABELS) or None,
        "ownerReferences": owners or None,
    }
    node = draw(st.sampled_from(({}, {"nodeName": "x"}, {"nodeName": "y"})))
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {key: value for key, value in metadata.items() if value is not None},
        "spec": node,
    }


STEPS = st.lists(st.tuples(some_objects(), st.booleans()), max_size=30)


def played(steps: list[tuple[JsonObject, bool]]) -> tuple[Kept, Walked]:
    """Keep each object or drop the one of its name, in both."""
    kept, walked = Kept(), Walked()
    for obj, stays in steps:
        ref = objects.ref_of(obj)
        if stays:
            kept.put(obj)
            walked.objects[ref] = obj
        else:
            kept.drop(ref)
            walked.objects.pop(ref, None)
    return kept, walked


def lists(
    store: Listing, kind: str, labels: dict[str, str], namespace: str
) -> list[list[JsonObject]]:
    """Return all that a store lists of a kind."""
    return [
        store.list_of(kind, namespace),
        store.orphans(kind, namespace),
        store.labelled(kind, labels, namespace),
        *(store.owned_by(kind, uid, namespace) for uid in UIDS),
    ]


@settings(deadline=None)
@given(steps=STEPS, labels=LABELS, namespace=st.sampled_from(("", "one", "two", "none")))
def test_every_list_is_what_a_walk_finds_in_the_same_order(
    steps: list[tuple[JsonObject, bool]], labels: dict[str, str], namespace: str
) -> None:
    kept, walked = played(steps)

    for kind in (names.PODS, names.SERVICES, names.NODES):
        assert lists(kept, kind, labels, namespace) == lists(walked, kind, labels, namespace)
    for ref in walked.objects:
        assert kept.get(ref) is walked.objects[ref]


@settings(deadline=None)
@given(before=STEPS, after=STEPS)
def test_who_follows_a_kind_is_told_of_every_object_that_is_another_one(
    before: list[tuple[JsonObject, bool]], after: list[tuple[JsonObject, bool]]
) -> None:
    kept, _ = played(before)
    told = kept.follow(names.PODS)
    compared = Listing.follow(kept, names.PODS)
    assert sorted(told()) == sorted(compared())

    for obj, stays in after:
        (kept.put if stays else lambda obj: kept.drop(objects.ref_of(obj)))(obj)
    assert set(told()) >= set(compared())
    assert told() == compared() == []


def test_the_pods_of_a_node_are_found_and_those_of_none() -> None:
    store = MemoryStore(Clock())
    store.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": []}}
    first = store.create(pod)
    second = store.create(objects.with_metadata(pod, name="b"))
    assert store.pods_on("") == [first, second]

    bound = store.update({**second, "spec": {**second["spec"], "nodeName": "n"}})
    assert (store.pods_on(""), store.pods_on("n")) == ([first], [bound])

    store.delete(objects.ref_of(bound))
    assert store.pods_on("n") == []
