"""Update strategies that our own controllers do not use."""

from typing import Literal

import pytest

from composite import names
from composite.catalog import Provisioner
from composite.models import JsonObject
from composite.simulate import Clock, Controller
from composite.simulate.appliers import DynamicApply
from composite.simulate.children import desired_children, manage, observed_children
from composite.simulate.controllers import ChildRule, Style, controllers
from composite.simulate.memory import MemoryStore
from composite.simulate.objects import SERVICE, WORKSPACE, Ref
from tests.simulate.stubs import a_service, a_workspace


def a_controller(method: Literal["InPlace", "OnDelete", "Recreate"]) -> Controller:
    return Controller(
        name="test",
        style=Style.COMPOSITE,
        parent=WORKSPACE,
        children=(ChildRule(kind=SERVICE, method=method),),
        sync_path="/sync",
    )


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore(Clock())
    store.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
    return store


def sync(
    controller: Controller, parent: JsonObject, store: MemoryStore, child: JsonObject
) -> JsonObject | None:
    """The child as it is after one sync that wants it so."""
    observed = observed_children(controller, parent, store)
    desired = desired_children(controller, parent, [child])
    assert manage(controller, parent, observed, desired, store, DynamicApply(store)) == []
    return store.get(Ref(names.SERVICES, "default", "phi"))


def test_a_recreated_child_is_deleted_now_and_made_by_the_next_sync(store: MemoryStore) -> None:
    controller, parent = a_controller("Recreate"), store.create(a_workspace())
    first = sync(controller, parent, store, a_service())
    same = sync(controller, parent, store, a_service())
    gone = sync(controller, parent, store, a_service(type="NodePort"))
    again = sync(controller, parent, store, a_service(type="NodePort"))

    assert first is not None
    assert same is first
    assert gone is None
    assert again is not None
    assert again["metadata"]["uid"] != first["metadata"]["uid"]


def test_a_child_that_is_going_away_is_left_alone(store: MemoryStore) -> None:
    controller, parent = a_controller("InPlace"), store.create(a_workspace())
    child = sync(controller, parent, store, a_service())
    assert child is not None
    store.update({**child, "metadata": {**child["metadata"], "finalizers": ["a.b/c"]}})
    store.delete(Ref(names.SERVICES, "default", "phi"))
    left = sync(controller, parent, store, a_service(type="NodePort"))

    assert left is not None
    assert "type" not in left["spec"]


def test_an_installation_that_makes_no_nodes_has_one_controller() -> None:
    kinds = {
        provisioner.value: [
            (controller.to_json()["kind"], controller.child_kinds)
            for controller in controllers(provisioner)[1:]
        ]
        for provisioner in Provisioner
    }

    assert kinds == {
        "machine": [("DecoratorController", (names.MACHINES,))],
        "nodeclaim": [("DecoratorController", (names.NODECLAIMS,))],
        "none": [],
    }
