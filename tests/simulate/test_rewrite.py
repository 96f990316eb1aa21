"""Changing an object whatever has become of it meanwhile."""

import pytest

from composite.models import JsonObject
from composite.simulate import Clock, objects
from composite.simulate.errors import ConflictError, NotFoundError
from composite.simulate.memory import MemoryStore
from composite.simulate.objects import Ref
from composite.simulate.store import ATTEMPTS, rewrite
from tests.simulate.stubs import a_config_map

PLACE = Ref("ConfigMap.v1", "default", "settings")


class BusyStore(MemoryStore):
    """A store in which somebody else writes so often before we do."""

    def __init__(self, busy: int) -> None:
        super().__init__(Clock())
        self.busy = busy
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
        self.made = self.create(a_config_map(a="b"))

    def update(self, obj: JsonObject) -> JsonObject:
        if self.busy:
            self.busy -= 1
            found = self.get(PLACE)
            assert found is not None
            super().update(objects.merge_patch(found, {"data": {"theirs": str(self.busy)}}))
        return super().update(obj)


def with_mine(obj: JsonObject) -> JsonObject:
    return {**obj, "data": {**obj["data"], "mine": "yes"}}


def test_it_is_read_again_until_nobody_is_faster() -> None:
    store = BusyStore(ATTEMPTS - 1)
    written = rewrite(store, store.made, with_mine, store.update)

    assert written["data"] == {"a": "b", "theirs": "0", "mine": "yes"}


def test_somebody_who_is_always_faster_wins() -> None:
    store = BusyStore(ATTEMPTS)

    with pytest.raises(ConflictError):
        rewrite(store, store.made, with_mine, store.update)


def test_what_can_stay_as_it_is_is_not_written() -> None:
    store = BusyStore(1)

    assert rewrite(store, store.made, lambda _: None, store.update) is store.made
    assert store.busy == 1


def test_another_object_of_the_name_is_not_touched() -> None:
    store = BusyStore(0)
    before = store.made
    store.delete(PLACE)

    with pytest.raises(NotFoundError):
        rewrite(store, before, with_mine, store.update)

    store.create(a_config_map(a="b"))

    with pytest.raises(NotFoundError):
        rewrite(store, before, with_mine, store.update)
