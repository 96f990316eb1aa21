"""Server-side apply: when it asks the API server, and when it has no reason to."""

from typing import Literal

import pytest

from composite.models import JsonObject
from composite.simulate import Clock, Controller, objects
from composite.simulate.appliers import DynamicApply, ServerSideApply
from composite.simulate.apply import with_last_applied
from composite.simulate.controllers import ChildRule, Style
from composite.simulate.errors import ApiError, ConflictError, InvalidError, SyncError
from composite.simulate.memory import MemoryStore
from composite.simulate.objects import CONFIG_MAP, DEPLOYMENT, WORKSPACE, Ref
from tests.simulate.stubs import a_config_map, a_deployment, a_workspace

Method = Literal["InPlace", "OnDelete", "Recreate"]

DEPLOYED = Ref(DEPLOYMENT.key, "default", "phi")
CONFIGURED = Ref(CONFIG_MAP.key, "default", "settings")


class MergingStore(MemoryStore):
    """A store that merges by itself, roughly, and notes what it was asked."""

    def __init__(self) -> None:
        super().__init__(Clock())
        self.asked: list[str] = []
        self.refusal: SyncError | None = None
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
        self.parent = self.create(a_workspace())

    def apply(self, obj: JsonObject, *, dry_run: bool = False) -> JsonObject:
        self.asked.append("dry run" if dry_run else "apply")
        if self.refusal is not None:
            raise self.refusal
        found = self.get(objects.ref_of(obj))
        if found is None:
            return self.create(obj)
        merged: JsonObject = objects.merge_patch(found, obj)
        return merged if dry_run else self.update(merged)

    def remove_annotation(self, ref: Ref, annotation: str) -> None:
        self.asked.append("remove annotation")
        found = self.get(ref)
        assert found is not None
        self.update(objects.merge_patch(found, {"metadata": {"annotations": {annotation: None}}}))

    def delete(self, ref: Ref, uid: str | None = None) -> None:
        self.asked.append("delete")
        super().delete(ref, uid)


@pytest.fixture
def store() -> MergingStore:
    return MergingStore()


def a_controller(method: Method = "InPlace") -> Controller:
    return Controller(
        name="test",
        style=Style.COMPOSITE,
        parent=WORKSPACE,
        children=tuple(ChildRule(kind=kind, method=method) for kind in (DEPLOYMENT, CONFIG_MAP)),
        sync_path="/sync",
    )


class Syncs:
    """One sync after the other, of one child."""

    def __init__(self, store: MergingStore, method: Method = "InPlace") -> None:
        self.store = store
        self.applier = ServerSideApply(store)
        self.controller = a_controller(method)

    def sync(self, child: JsonObject) -> list[str]:
        """What the store is asked."""
        placed = objects.with_metadata(child, namespace="default")
        before = len(self.store.asked)
        observed = self.store.get(objects.ref_of(placed))
        self.applier.apply(self.controller, self.store.parent, observed, placed)
        return self.store.asked[before:]

    def edit(self, ref: Ref, patch: JsonObject) -> None:
        found = self.store.get(ref)
        assert found is not None
        self.store.update(objects.merge_patch(found, patch))


def test_what_was_applied_is_not_applied_again(store: MergingStore) -> None:
    syncs = Syncs(store)

    assert syncs.sync(a_deployment()) == ["apply"]
    assert syncs.sync(a_deployment()) == []
    assert syncs.sync(a_deployment(replicas=2)) == ["apply"]
    assert syncs.sync(a_deployment(replicas=2)) == []


def test_the_child_has_an_owner_and_no_note(store: MergingStore) -> None:
    Syncs(store).sync(a_deployment())
    child = store.get(DEPLOYED)

    assert child is not None
    assert [owner["name"] for owner in child["metadata"]["ownerReferences"]] == ["phi"]
    assert "annotations" not in child["metadata"]


def test_of_kinds_with_a_generation_only_that_is_looked_at(store: MergingStore) -> None:
    syncs = Syncs(store)
    syncs.sync(a_deployment())
    syncs.edit(DEPLOYED, {"metadata": {"labels": {"theirs": "yes"}}})
    unseen = syncs.sync(a_deployment())
    syncs.edit(DEPLOYED, {"spec": {"replicas": 7}})

    assert unseen == []
    assert syncs.sync(a_deployment()) == ["apply"]


def test_of_kinds_without_one_any_change_counts(store: MergingStore) -> None:
    syncs = Syncs(store)
    syncs.sync(a_config_map(a="b"))
    still = syncs.sync(a_config_map(a="b"))
    syncs.edit(CONFIGURED, {"metadata": {"labels": {"theirs": "yes"}}})

    assert still == []
    assert syncs.sync(a_config_map(a="b")) == ["apply"]


def test_another_object_of_the_name_is_taken_over(store: MergingStore) -> None:
    syncs = Syncs(store)
    syncs.sync(a_deployment())
    MemoryStore.delete(store, DEPLOYED)
    store.create(objects.with_metadata(a_deployment(), namespace="default"))

    assert syncs.sync(a_deployment()) == ["apply"]


def test_the_note_of_the_other_strategy_is_taken_away(store: MergingStore) -> None:
    noted = with_last_applied(a_deployment(), a_deployment())
    store.create(objects.with_metadata(noted, namespace="default"))
    syncs = Syncs(store)

    assert syncs.sync(a_deployment()) == ["remove annotation", "apply"]
    assert syncs.sync(a_deployment()) == []


def test_an_on_delete_child_is_only_made(store: MergingStore) -> None:
    syncs = Syncs(store, "OnDelete")

    assert syncs.sync(a_deployment()) == ["apply"]
    assert syncs.sync(a_deployment(replicas=5)) == []


def test_a_child_to_recreate_is_deleted_if_it_would_become_another_one(store: MergingStore) -> None:
    syncs = Syncs(store, "Recreate")
    syncs.sync(a_config_map(a="b"))

    assert syncs.sync(a_config_map(a="b")) == []
    assert syncs.sync(a_config_map(a="c")) == ["dry run", "delete"]
    assert syncs.sync(a_config_map(a="c")) == ["apply"]


def test_a_child_to_recreate_that_would_stay_the_same_stays(store: MergingStore) -> None:
    Syncs(store).sync(a_config_map(a="b"))
    restarted = Syncs(store, "Recreate")

    assert restarted.sync(a_config_map(a="b")) == ["dry run"]
    assert restarted.sync(a_config_map(a="b")) == []


@pytest.mark.parametrize("code", [400, 403])
def test_a_child_to_recreate_stays_if_what_is_wanted_is_refused(
    store: MergingStore, code: int
) -> None:
    syncs = Syncs(store, "Recreate")
    syncs.sync(a_config_map(a="b"))
    store.refusal = ApiError("no", code)

    assert syncs.sync(a_config_map(a="c")) == ["dry run"]
    assert syncs.sync(a_config_map(a="c")) == []


def test_a_refusal_of_another_kind_fails_the_sync(store: MergingStore) -> None:
    syncs = Syncs(store, "Recreate")
    syncs.sync(a_config_map(a="b"))
    store.refusal = InvalidError("bad")

    with pytest.raises(InvalidError) as failure:
        syncs.sync(a_config_map(a="c"))
    assert f"{failure.value.during}{failure.value}" == ("dry run failed for server-side apply: bad")


def test_a_conflict_is_left_to_the_next_event(store: MergingStore) -> None:
    store.refusal = ConflictError("changed")
    syncs = Syncs(store)

    assert syncs.sync(a_deployment()) == ["apply"]
    store.refusal = None
    assert syncs.sync(a_deployment()) == ["apply"]


def test_a_child_that_is_going_away_is_left_alone(store: MergingStore) -> None:
    syncs = Syncs(store)
    syncs.sync(a_deployment())
    syncs.edit(DEPLOYED, {"metadata": {"finalizers": ["a.b/c"]}})
    MemoryStore.delete(store, DEPLOYED)

    assert syncs.sync(a_deployment(replicas=9)) == []


def test_what_was_deleted_is_forgotten(store: MergingStore) -> None:
    syncs = Syncs(store)
    syncs.sync(a_deployment())
    child = store.get(DEPLOYED)
    assert child is not None
    syncs.applier.forget(child)

    assert syncs.sync(a_deployment()) == ["apply"]


def test_the_default_leaves_somebody_elses_object_of_the_name_as_it_is(store: MergingStore) -> None:
    theirs = store.create(objects.with_metadata(a_deployment(replicas=5), namespace="default"))
    ours = objects.with_metadata(a_deployment(replicas=1), namespace="default")
    # Metacontroller shows the hooks what they own, and this it does not show.
    DynamicApply(store).apply(a_controller(), store.parent, None, ours)

    assert store.get(DEPLOYED) == theirs


def test_what_met_its_wish_is_merged_anew_as_soon_as_either_is_another_one(
    store: MergingStore,
) -> None:
    applier = DynamicApply(store)
    wish = objects.with_metadata(a_deployment(replicas=1), namespace="default")

    def applied(desired: JsonObject) -> JsonObject:
        applier.apply(a_controller(), store.parent, store.get(DEPLOYED), desired)
        found = store.get(DEPLOYED)
        assert found is not None
        return found

    made = applied(wish)
    assert applied(wish) is made
    assert applied(objects.with_metadata(wish, labels={"a": "1"}))["metadata"]["labels"] == {
        "a": "1"
    }
    assert objects.labels_of(applied(wish)) == {}
    now = applied(wish)
    store.update({**now, "spec": {**now["spec"], "replicas": 7}})
    assert applied(wish)["spec"] == now["spec"]
