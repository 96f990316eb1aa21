"""Kinds: asked for when somebody needs them, and again when they are missed."""

import pytest

from composite.simulate.errors import ApiError
from composite.simulate.objects import Kind, Ref
from hooks.dev import discovery
from hooks.dev.api import Api
from hooks.dev.discovery import Discovery
from tests.hooks.dev.fake_api import FakeApi

MACHINE = Kind("karpenter.sh/v1alpha5", "Machine", "machines", namespaced=False)


@pytest.fixture
def kinds(connection: Api) -> Discovery:
    return Discovery(connection)


def test_a_kind_has_a_scope_and_perhaps_a_status(kinds: Discovery) -> None:
    assert kinds.kind("karpenter.sh/v1alpha5", "machines") == MACHINE
    assert kinds.kind("v1", "configmaps") == Kind("v1", "ConfigMap", "configmaps", status=False)
    assert kinds.named("Machine.karpenter.sh/v1alpha5") == MACHINE
    assert kinds.kind("v1", "things") is None
    assert kinds.kind("a.b/v1", "things") is None


def test_a_group_is_asked_for_once(api: FakeApi, kinds: Discovery) -> None:
    for plural in ("services", "pods", "services"):
        kinds.kind("v1", plural)

    assert api.requests == ["GET /api/v1"]


def test_a_kind_that_was_missed_is_looked_for_again(
    api: FakeApi, kinds: Discovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "MISSED_SECONDS", 0.0)
    api.hidden = {MACHINE.key}
    before = kinds.kind("karpenter.sh/v1alpha5", "machines")
    api.hidden = set()

    assert before is None
    assert kinds.kind("karpenter.sh/v1alpha5", "machines") == MACHINE


def test_what_was_known_holds_while_nobody_answers(
    api: FakeApi, kinds: Discovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "FRESH_SECONDS", 0.0)
    kinds.kind("v1", "services")
    api.refusals["/api/v1"] = api.refusals["/apis/apps/v1"] = (503, "down")

    assert kinds.kind("v1", "services") == Kind("v1", "Service", "services")
    with pytest.raises(ApiError, match=r"^down$"):
        kinds.kind("apps/v1", "deployments")


def test_objects_are_where_their_scope_says(kinds: Discovery) -> None:
    assert kinds.path(Ref("Service.v1", "default", "phi")) == (
        "/api/v1/namespaces/default/services/phi"
    )
    assert (
        kinds.path(Ref("Deployment.apps/v1", "a", "b"))
        == "/apis/apps/v1/namespaces/a/deployments/b"
    )
    assert (
        kinds.path(Ref(MACHINE.key, "stray", "ws0")) == "/apis/karpenter.sh/v1alpha5/machines/ws0"
    )
    assert kinds.path(Ref("Node.v1", "", "a")) == "/api/v1/nodes/a"
