"""The whole program between an API server and hooks, both in this process."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from composite import names
from composite.models import JsonObject
from composite.simulate import MetacontrollerCrash
from composite.simulate.objects import Ref
from hooks.dev.controllers import as_sent
from hooks.dev.recording import Recording
from tests.hooks.dev.conftest import Play, wait_for
from tests.hooks.dev.fake_api import FakeApi
from tests.hooks.dev.hook_server import HookServer, Reply
from tests.hooks.dev.makers import CRD, GROUP, a_composite, a_decorator, a_hook
from tests.simulate.stubs import a_config_map, a_machine, a_service, a_workspace, wants

Start = Callable[..., Play]

SYNC = "/workspaces/sync"
WORKSPACE = Ref(names.WORKSPACES, "default", "phi")
SERVICE = Ref(names.SERVICES, "default", "phi")
COMPOSITE = Ref(f"CompositeController.{GROUP}", "", "workspaces")
PLACE = "/apis/kaito.sh/v1alpha1/namespaces/default/workspaces/phi"
SERVICES = "/api/v1/namespaces/default/services"
REVISIONS = f"/apis/{GROUP}/controllerrevisions"


def events_of(api: FakeApi, reason: str) -> list[tuple[str, str, int]]:
    return [
        (event["involvedObject"]["name"], event["message"], event["count"])
        for event in api.store.list_of("Event.v1")
        if event["reason"] == reason
    ]


def writes_of(api: FakeApi) -> list[str]:
    """What was asked of single objects, Events aside, in order."""
    return [
        request
        for request in api.requests
        if not request.startswith("WATCH")
        and "/namespaces/" in request
        and "/events" not in request
    ]


@pytest.fixture
def one_controller(api: FakeApi, hooks: HookServer) -> FakeApi:
    api.apply(CRD)
    api.apply(a_composite(hooks.url))
    return api


@pytest.mark.parametrize("streams", [True, False])
def test_a_parent_gets_its_children_and_its_status(
    one_controller: FakeApi, hooks: HookServer, play: Start, *, streams: bool
) -> None:
    api = one_controller
    api.streams = streams
    hooks.answers[SYNC] = wants(a_service(), workerNodes=["a"])
    api.apply(a_workspace())
    play()
    wait_for(lambda: "status" in (api.store.get(WORKSPACE) or {}))
    child = api.store.get(SERVICE)

    assert child is not None
    assert [owner["name"] for owner in child["metadata"]["ownerReferences"]] == ["phi"]
    assert (api.store.get(WORKSPACE) or {})["status"] == {
        "workerNodes": ["a"],
        "observedGeneration": 1,
    }


def test_no_request_is_made_that_metacontroller_would_not_make(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    api = one_controller
    hooks.answers[SYNC] = wants(a_service(), workerNodes=["a"])
    hooks.answers["/workspaces/customize"] = lambda _: {
        "relatedResources": [{"apiVersion": "v1", "resource": "nodes"}]
    }
    api.apply(a_workspace())
    play()
    wait_for(lambda: "status" in (api.store.get(WORKSPACE) or {}))
    wait_for(lambda: len(hooks.requests_to(SYNC)) == 2)  # the echo of the new child
    wait_for(lambda: len(writes_of(api)) == 4)

    assert writes_of(api) == [
        f"POST {SERVICES}",
        f"GET {PLACE}",
        f"PUT {PLACE}/status",
        f"GET {PLACE}",
    ]
    assert sorted(request for request in api.requests if request.startswith("WATCH")) == [
        "WATCH /api/v1/namespaces",
        "WATCH /api/v1/nodes",
        "WATCH /api/v1/services",
        "WATCH /apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "WATCH /apis/kaito.sh/v1alpha1/workspaces",
        f"WATCH /apis/{GROUP}/compositecontrollers",
        f"WATCH /apis/{GROUP}/controllerrevisions",
        f"WATCH /apis/{GROUP}/decoratorcontrollers",
    ]
    assert [
        request for request in api.requests if request.startswith("GET") and request[4:] != PLACE
    ] == [
        "GET /apis/kaito.sh/v1alpha1",
        "GET /api/v1",
    ]


def test_the_request_has_what_metacontroller_sends(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    api = one_controller
    parent = api.apply(a_workspace())
    play()
    (request,) = wait_for(lambda: hooks.requests_to(SYNC))
    controller = api.store.get(COMPOSITE) or {}

    assert request == {
        "controller": as_sent(controller),
        "parent": parent,
        "children": {"Service.v1": {}},
        "related": {},
        "finalizing": False,
    }


def test_who_hears_of_related_objects_is_asked_again(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    api = one_controller
    rule = {"apiVersion": "v1", "resource": "configmaps", "names": ["a"], "namespace": "default"}
    hooks.answers["/workspaces/customize"] = lambda _: {"relatedResources": [rule]}
    api.apply(a_workspace())
    play()
    wait_for(lambda: hooks.requests_to(SYNC))
    api.apply(a_config_map("a"))
    wait_for(lambda: len(hooks.requests_to(SYNC)) == 2)

    assert list(hooks.requests_to(SYNC)[1]["related"]["ConfigMap.v1"]) == ["default/a"]


def test_a_child_that_somebody_edits_is_put_right(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    api = one_controller
    hooks.answers[SYNC] = wants(a_service(type="ClusterIP"))
    api.apply(a_workspace())
    play()
    wait_for(lambda: api.store.get(SERVICE))
    api.apply(
        {
            **a_service(),
            "metadata": {"name": "phi", "namespace": "default"},
            "spec": {"type": "NodePort"},
        }
    )
    wait_for(lambda: (api.store.get(SERVICE) or {})["spec"]["type"] == "ClusterIP")

    assert f"PUT {SERVICES}/phi" in writes_of(api)


def test_what_is_not_wanted_is_deleted_if_it_is_still_the_same(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    api = one_controller
    hooks.answers[SYNC] = wants(a_service())
    api.apply(a_workspace())
    play()
    wait_for(lambda: api.store.get(SERVICE))
    hooks.answers[SYNC] = wants()
    api.apply(
        {
            **a_workspace(),
            "resource": {"count": 2},
            "metadata": {"name": "phi", "namespace": "default"},
        }
    )
    wait_for(lambda: api.store.get(SERVICE) is None)

    assert f"DELETE {SERVICES}/phi" in writes_of(api)


def test_an_orphan_is_adopted_after_the_parent_was_read_again(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    api = one_controller
    hooks.answers[SYNC] = wants(a_service())
    parent = api.apply(a_workspace())
    orphan = a_service()
    orphan["metadata"]["labels"] = {"controller-uid": parent["metadata"]["uid"]}
    api.apply(orphan)
    play()
    wait_for(lambda: f"GET {PLACE}" in writes_of(api)[3:])

    assert writes_of(api)[:3] == [f"GET {PLACE}", f"GET {SERVICES}/phi", f"PUT {SERVICES}/phi"]


def test_watches_that_end_begin_anew_and_nothing_is_missed(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    api = one_controller
    hooks.answers[SYNC] = wants(a_service())
    play()
    wait_for(lambda: f"WATCH {SERVICES.replace('namespaces/default/', '')}" in api.requests)
    api.apply(a_workspace())
    wait_for(lambda: len(hooks.requests_to(SYNC)) >= 2)  # the new child has been heard of
    api.forget()
    api.delete(SERVICE)
    wait_for(lambda: api.store.get(SERVICE))

    assert api.requests.count("WATCH /api/v1/services") > 1


def test_a_hook_that_fails_is_told_in_an_event_that_counts(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    api = one_controller

    def fails(_: JsonObject) -> JsonObject:
        raise Reply(500, "no catalog")

    hooks.answers[SYNC] = fails
    api.apply(a_workspace())
    play()
    wait_for(lambda: [count for _, _, count in events_of(api, "SyncError") if count > 2])
    ((about, message, _),) = events_of(api, "SyncError")

    assert about == "phi"
    assert message == (
        "Sync error: sync hook failed for Workspace default/phi: sync hook failed (version=v2): "
        "unsupported status code: 500 body: no catalog"
    )
    assert "status" not in (api.store.get(WORKSPACE) or {})


def test_a_refused_child_is_told_in_the_api_servers_words(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    api = one_controller
    api.refusals[SERVICES] = (403, "services is forbidden")
    hooks.answers[SYNC] = wants(a_service(), workerNodes=["a"])
    api.apply(a_workspace())
    play()
    ((_, message, _),) = wait_for(lambda: events_of(api, "SyncError"))

    assert message == (
        "Sync error: can't reconcile children for Workspace default/phi: services is forbidden"
    )
    assert (api.store.get(WORKSPACE) or {})["status"]["workerNodes"] == ["a"]


def test_a_hook_that_is_busy_is_asked_again_and_nobody_is_told(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    api = one_controller
    busy = iter([Reply(429, "", Retry_After="1")])

    def sync(_: JsonObject) -> JsonObject:
        for reply in busy:
            raise reply
        return {"children": [a_service()]}

    hooks.answers[SYNC] = sync
    api.apply(a_workspace())
    play()
    wait_for(lambda: api.store.get(SERVICE))

    assert events_of(api, "SyncError") == []


def test_a_null_child_ends_the_program(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    hooks.answers[SYNC] = wants(a_service(), None)
    one_controller.apply(a_workspace())
    played = play()
    wait_for(lambda: played.failure)

    assert isinstance(played.failure, MetacontrollerCrash)


def test_a_controller_that_changes_starts_anew_and_one_that_is_deleted_stops(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    api = one_controller
    hooks.answers[SYNC] = wants(a_service())
    hooks.answers["/elsewhere"] = wants(a_service("elsewhere"))
    api.apply(a_workspace())
    played = play()
    wait_for(lambda: api.store.get(SERVICE))
    changed = a_composite(hooks.url)
    changed["spec"]["hooks"]["sync"] = a_hook(f"{hooks.url}/elsewhere")
    api.apply(changed)
    wait_for(lambda: api.store.get(SERVICE._replace(name="elsewhere")))
    wait_for(lambda: played.program.is_ready)
    api.delete(COMPOSITE)
    wait_for(lambda: [count for _, _, count in events_of(api, "Stopped")] == [2])
    asked = len(hooks.asked)
    api.apply(
        {
            **a_workspace(),
            "resource": {"count": 2},
            "metadata": {"name": "phi", "namespace": "default"},
        }
    )

    assert not played.program.is_ready
    assert len(hooks.asked) == asked
    assert events_of(api, "Started") == [("workspaces", "Started controller: workspaces", 2)]


def test_a_controller_of_a_kind_that_is_missing_starts_once_it_is_there(
    api: FakeApi, hooks: HookServer, play: Start
) -> None:
    api.hidden = {names.MACHINES}
    api.apply(a_decorator(hooks.url))
    hooks.answers["/machines/sync"] = lambda _: {"attachments": [a_machine()]}
    play()
    ((about, message, _),) = wait_for(lambda: events_of(api, "CreateError"))
    api.hidden = set()
    wait_for(lambda: api.store.get(Ref(names.MACHINES, "", "ws0")))

    assert about == "machines"
    assert message == (
        "Cannot create new controller: can't create informer for child resource: can't create "
        "client for machines.karpenter.sh/v1alpha5 shared informer: discovery: can't find resource "
        "machines in apiVersion karpenter.sh/v1alpha5"
    )


def test_a_parent_whose_kind_has_no_status_is_ignored(
    api: FakeApi, hooks: HookServer, play: Start
) -> None:
    api.apply({**CRD, "spec": {"versions": [{"name": "v1alpha1"}]}})
    api.apply(a_composite(hooks.url))
    play()
    ((_, message, _),) = wait_for(lambda: events_of(api, "SyncError"))

    assert message == (
        "[workspaces] Sync error - ignoring, CRD [workspaces.kaito.sh] does not have subresource "
        "'Status' enabled"
    )
    assert events_of(api, "Started") == []


def test_it_is_not_ready_before_it_knows_the_kinds_of_its_own(
    one_controller: FakeApi, hooks: HookServer, play: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "metakaito.dev")
    api = one_controller
    api.refusals[REVISIONS] = (403, "not yet")
    api.apply(a_workspace())
    program = play().program
    wait_for(lambda: hooks.requests_to(SYNC))

    assert not program.is_ready

    del api.refusals[REVISIONS]
    wait_for(lambda: program.is_ready)
    wait_for(lambda: "ready: workspaces" in caplog.messages)


def test_only_controllers_with_the_labels_are_played(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    api = one_controller
    decorator = a_decorator(hooks.url)
    decorator["metadata"]["labels"] = {"mine": "yes"}
    api.apply(decorator)
    play(target_labels={"matchLabels": {"mine": "yes"}})
    wait_for(lambda: hooks.requests_to("/machines/sync"))

    started = wait_for(lambda: events_of(api, "Started"))

    assert [name for name, _, _ in started] == ["machines"]


def test_only_parents_with_the_labels_are_looked_at(
    api: FakeApi, hooks: HookServer, play: Start
) -> None:
    api.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b", "labels": {"a": "b"}}}
    )
    rule = {
        "apiVersion": "v1",
        "resource": "namespaces",
        "labelSelector": {"matchLabels": {"a": "b"}},
    }
    api.apply(a_decorator(hooks.url, resources=[rule]))
    played = play()
    wait_for(lambda: hooks.requests_to("/machines/sync"))
    played.end()

    assert {body["object"]["metadata"]["name"] for body in hooks.requests_to("/machines/sync")} == {
        "b"
    }


def test_a_token_from_a_secret_is_sent(api: FakeApi, hooks: HookServer, play: Start) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "hooks", "namespace": "default"},
    }
    api.apply({**secret, "data": {"token": "dDBrM24K"}})
    reference = {"name": "hooks", "namespace": "default", "key": "token"}
    hook = a_hook(f"{hooks.url}/machines/sync", authorization={"secretRef": reference})
    api.apply(a_decorator(hooks.url, hooks={"sync": hook}))
    play()

    assert wait_for(lambda: hooks.asked)[0][2] == "Bearer t0k3n"
    assert "WATCH /api/v1/secrets" in api.requests


def test_with_server_side_apply_the_api_server_merges_and_at_rest_nothing_is_sent(
    one_controller: FakeApi, hooks: HookServer, play: Start
) -> None:
    api = one_controller
    hooks.answers[SYNC] = wants(a_service(), workerNodes=["a"])
    api.apply(a_workspace())
    play(server_side_apply=True)
    wait_for(lambda: "status" in (api.store.get(WORKSPACE) or {}))
    api.apply(
        {
            **a_workspace(),
            "resource": {"count": 2},
            "metadata": {"name": "phi", "namespace": "default"},
        }
    )
    wait_for(lambda: (api.store.get(WORKSPACE) or {})["status"]["observedGeneration"] == 2)
    child = api.store.get(SERVICE) or {}

    assert [request for request in writes_of(api) if "services" in request] == [
        f"PATCH {SERVICES}/phi"
    ]
    assert "annotations" not in child["metadata"]


def test_exchanges_are_recorded(
    one_controller: FakeApi, hooks: HookServer, play: Start, tmp_path: Path
) -> None:
    one_controller.apply(a_workspace())
    played = play(recording=Recording(tmp_path / "exchanges"))
    wait_for(lambda: list((tmp_path / "exchanges").glob("*sync.json")))
    played.end()
    files = sorted((tmp_path / "exchanges").iterdir())
    exchange = json.loads(files[1].read_text())

    assert [file.name for file in files] == [
        "00001-workspaces-customize.json",
        "00002-workspaces-sync.json",
    ]
    assert exchange == {
        "path": f"{hooks.url}{SYNC}",
        "request": hooks.requests_to(SYNC)[0],
        "response": {"status": {}, "children": []},
    }


def test_each_write_is_told(
    one_controller: FakeApi, hooks: HookServer, play: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "metakaito.dev")
    hooks.answers[SYNC] = wants(a_service(), workerNodes=["a"])
    one_controller.apply(a_workspace())
    play()
    wait_for(lambda: "status" in (one_controller.store.get(WORKSPACE) or {}))
    wait_for(lambda: any(record.message.startswith("updated") for record in caplog.records))
    whose = {"controller": "workspaces", "for": "Workspace default/phi"}

    assert [
        (record.message, record.__dict__.get("fields"))
        for record in caplog.records
        if record.message.startswith(("created", "updated"))
    ] == [
        ("created Service default/phi", {**whose, "changed": None}),
        ("updated status of Workspace default/phi", {**whose, "changed": "status"}),
    ]
