"""What Metacontroller does with an answer, and when it asks."""

import json

import pytest

from composite import names
from composite.models import JsonObject
from composite.simulate import HookError, HotLoop, MetacontrollerCrash
from composite.simulate.errors import TooManyRequestsError
from composite.simulate.objects import Ref
from tests.simulate.stubs import (
    WORKSPACE,
    StubHooks,
    a_cluster,
    a_deployment,
    a_machine,
    a_service,
    a_workspace,
    found,
    names_of,
    requests_to,
    wants,
)

SYNC = "/workspaces/sync"
CUSTOMIZE = "/workspaces/customize"
LAST_APPLIED = "metacontroller.k8s.io/last-applied-configuration"


def test_a_child_gets_an_owner_a_label_a_namespace_and_a_note_of_what_was_wanted() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service())))
    workspace = cluster.apply(a_workspace())
    cluster.run()
    child = found(cluster, names.SERVICES, "phi", "default")
    uid = workspace["metadata"]["uid"]

    assert child["metadata"]["labels"] == {"controller-uid": uid}
    assert child["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "kaito.sh/v1alpha1",
            "kind": "Workspace",
            "name": "phi",
            "uid": uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    assert json.loads(child["metadata"]["annotations"][LAST_APPLIED]) == {
        **a_service(),
        "metadata": {"name": "phi", "namespace": "default", "labels": {"controller-uid": uid}},
    }


def test_the_request_has_every_declared_kind_and_only_related_kinds_that_were_asked_for() -> None:
    rules = [{"apiVersion": "v1", "resource": "nodes", "names": ["none-of-this-name"]}]
    cluster = a_cluster(StubHooks(workspace_rules=rules))
    cluster.apply(a_workspace())
    cluster.run()
    (request,) = requests_to(cluster, SYNC)

    assert sorted(request) == ["children", "controller", "finalizing", "parent", "related"]
    assert request["controller"]["spec"]["generateSelector"] is True
    assert request["children"] == {
        "ConfigMap.v1": {},
        "Service.v1": {},
        "ControllerRevision.apps/v1": {},
        "Deployment.apps/v1": {},
        "StatefulSet.apps/v1": {},
        "Job.batch/v1": {},
    }
    assert request["related"] == {"Node.v1": {}}
    assert request["finalizing"] is False


def test_a_decorator_is_asked_about_object_and_attachments() -> None:
    cluster = a_cluster(StubHooks(machines=lambda _: {"attachments": [a_machine()]}))
    cluster.apply(a_workspace())
    cluster.run()
    request = requests_to(cluster, "/machines/sync")[-1]

    assert sorted(request) == ["attachments", "controller", "finalizing", "object", "related"]
    assert request["object"]["metadata"]["name"] == "default"
    assert list(request["attachments"][names.MACHINES]) == ["ws0"]


def test_namespaced_objects_are_keyed_by_namespace_and_name_others_by_name() -> None:
    rules = [
        {"apiVersion": "v1", "resource": "configmaps"},
        {"apiVersion": "v1", "resource": "namespaces"},
    ]
    cluster = a_cluster(StubHooks(sync=wants(a_service()), workspace_rules=rules))
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}})
    cluster.apply(a_workspace())
    cluster.run()
    request = requests_to(cluster, SYNC)[-1]

    assert list(request["children"]["Service.v1"]) == ["default/phi"]
    assert list(request["related"]["ConfigMap.v1"]) == ["default/settings"]
    assert list(request["related"]["Namespace.v1"]) == ["default"]


def test_a_child_left_out_of_the_answer_is_deleted() -> None:
    hooks = StubHooks(sync=wants(a_service("one"), a_service("two")))
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run()
    hooks.answers[SYNC] = wants(a_service("two"))
    cluster.resync()
    cluster.run()

    assert names_of(cluster, names.SERVICES) == ["two"]


@pytest.mark.parametrize("answer", [{}, {"children": None}, {"children": []}])
def test_an_answer_without_children_deletes_them_all_and_the_status(answer: JsonObject) -> None:
    hooks = StubHooks(sync=wants(a_service(), workerNodes=["a"]))
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run()
    hooks.answers[SYNC] = lambda _: answer
    cluster.resync()
    cluster.run()

    assert names_of(cluster, names.SERVICES) == []
    assert found(cluster, *_place())["status"] == {"observedGeneration": 1}


def test_status_is_replaced_whole_and_tells_the_generation_that_was_seen() -> None:
    hooks = StubHooks(sync=wants(workerNodes=["a"], conditions=[]))
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run()
    hooks.answers[SYNC] = wants(conditions=[])
    cluster.patch(WORKSPACE, {"resource": {"count": 2}})
    cluster.run()

    assert found(cluster, *_place())["status"] == {"conditions": [], "observedGeneration": 2}


def test_what_is_already_so_is_not_written_again() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service(), a_deployment(), workerNodes=[])))
    cluster.apply(a_workspace())
    cluster.run()
    written = len(cluster.store.changes(0))
    cluster.resync()
    cluster.run()

    assert len(cluster.store.changes(0)) == written
    assert cluster.store.idle_writes == []


def test_a_manifest_that_is_not_canonical_is_written_for_nothing_at_every_sync() -> None:
    child = a_deployment()
    resources = {"requests": {"cpu": "1000m", "memory": "1024Mi"}}
    child["spec"]["template"]["spec"]["containers"][0]["resources"] = resources
    cluster = a_cluster(StubHooks(sync=wants(child)))
    cluster.apply(a_workspace())
    cluster.run()
    before = len(cluster.store.idle_writes)
    cluster.resync()
    cluster.run()

    assert cluster.store.idle_writes[before:] == [
        ("metacontroller", Ref(names.DEPLOYMENTS, "default", "phi"))
    ]


def test_an_in_place_child_is_updated_and_keeps_what_others_wrote() -> None:
    hooks = StubHooks(sync=wants(a_service(type="ClusterIP")))
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run()
    ref = Ref(names.SERVICES, "default", "phi")
    cluster.patch(ref, {"spec": {"sessionAffinity": "ClientIP"}})
    hooks.answers[SYNC] = wants(a_service(type="LoadBalancer"))
    cluster.resync()
    cluster.run()
    spec = found(cluster, *ref[::2], namespace="default")["spec"]

    assert spec["type"] == "LoadBalancer"
    assert spec["sessionAffinity"] == "ClientIP"
    assert spec["clusterIP"] == "10.0.0.100"


def test_an_edit_of_a_field_the_hook_wants_is_undone_at_once() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service(type="ClusterIP"))))
    cluster.apply(a_workspace())
    cluster.run()
    cluster.patch(Ref(names.SERVICES, "default", "phi"), {"spec": {"type": "NodePort"}})
    cluster.run()

    assert found(cluster, names.SERVICES, "phi", "default")["spec"]["type"] == "ClusterIP"


def test_an_on_delete_child_is_never_updated() -> None:
    hooks = StubHooks(machines=lambda _: {"attachments": [a_machine(size="small")]})
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run()
    hooks.answers["/machines/sync"] = lambda _: {"attachments": [a_machine(size="large")]}
    cluster.resync()
    cluster.run()

    assert found(cluster, names.MACHINES, "ws0")["metadata"]["labels"]["size"] == "small"


def test_a_null_child_crashes_metacontroller() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service(), None)))
    cluster.apply(a_workspace())

    with pytest.raises(MetacontrollerCrash, match=r"children\[1\] is null"):
        cluster.run()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"children": [{"apiVersion": "v1"}]}, "children[0]: Object 'Kind' is missing"),
        ({"children": [{"kind": "Service"}]}, "children[0]: Object 'apiVersion' is missing"),
        (
            {"children": [{"kind": "Service", "apiVersion": "v1", "metadata": {}}]},
            "children[0]: metadata.name: Required value: name is required",
        ),
        ({"children": {}}, "children is not list"),
        ({"resyncAfterSeconds": "1"}, "resyncAfterSeconds is not a number"),
        ("no object", "it is str and no object"),
    ],
)
def test_a_malformed_answer_is_refused_whole(answer: object, reason: str) -> None:
    hooks = StubHooks(sync=wants(a_service()))
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run()
    hooks.answers[SYNC] = lambda _: answer
    cluster.resync()
    cluster.run()

    assert cluster.timeline[-1].details == (
        (
            "sync of metakaito-workspaces failed: can't unmarshal webhookResponse (version: v2, "
            f"type: sync): {reason}"
        ),
    )
    assert names_of(cluster, names.SERVICES) == ["phi"]


@pytest.mark.parametrize(
    ("path", "answer", "kind", "field"),
    [
        (SYNC, {"children": [], "child": []}, "sync", "child"),
        (CUSTOMIZE, {"rules": []}, "customize", "rules"),
        (
            CUSTOMIZE,
            {"relatedResources": [{"resource": "nodes", "selector": {}}]},
            "customize",
            "relatedResources[0].selector",
        ),
    ],
)
def test_a_field_that_nobody_knows_is_refused_in_metacontrollers_words(
    path: str, answer: JsonObject, kind: str, field: str
) -> None:
    hooks = StubHooks()
    hooks.answers[path] = lambda _: answer
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run(until=0)

    assert cluster.timeline[-1].details == (
        (
            "sync of metakaito-workspaces failed: strict validation failed for v2 webhookResponse "
            f'(type: {kind}, mode: strict): unknown field "{field}"'
        ),
    )


def test_a_failing_hook_changes_nothing_and_is_asked_again_more_and_more_rarely() -> None:
    hooks = StubHooks(sync=_fails)
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run()
    times = [exchange.seconds for exchange in cluster.requests if exchange.path == SYNC]

    assert [round(time, 3) for time in times[:5]] == [0.0, 0.005, 0.015, 0.035, 0.075]
    assert "status" not in found(cluster, *_place())


def test_a_hook_that_works_again_is_listened_to() -> None:
    failures = iter(range(5))

    def sync(request: JsonObject) -> JsonObject:
        return {"children": [a_service()]} if next(failures, None) is None else _fails(request)

    cluster = a_cluster(StubHooks(sync=sync))
    cluster.apply(a_workspace())
    cluster.run()

    assert names_of(cluster, names.SERVICES) == ["phi"]


def test_a_customize_hook_that_fails_fails_the_sync() -> None:
    hooks = StubHooks(sync=wants(a_service()))
    hooks.answers[CUSTOMIZE] = _fails
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run()

    assert requests_to(cluster, SYNC) == []
    assert len(requests_to(cluster, CUSTOMIZE)) > 1


def test_customize_is_asked_once_per_generation() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service())))
    cluster.apply(a_workspace())
    cluster.run()
    cluster.patch(WORKSPACE, {"metadata": {"labels": {"a": "b"}}})
    cluster.run()

    assert len(requests_to(cluster, CUSTOMIZE)) == 1

    cluster.patch(WORKSPACE, {"resource": {"count": 2}})
    cluster.run()

    assert len(requests_to(cluster, CUSTOMIZE)) == 2


def test_customize_is_asked_again_after_twenty_minutes() -> None:
    answer = {"status": {}, "children": [], "resyncAfterSeconds": 599}
    cluster = a_cluster(StubHooks(sync=lambda _: answer))
    cluster.apply(a_workspace())
    cluster.run(until=1300)
    times = [exchange.seconds for exchange in cluster.requests if exchange.path == CUSTOMIZE]

    assert times == [0]

    cluster.run(until=2000)
    times = [exchange.seconds for exchange in cluster.requests if exchange.path == CUSTOMIZE]

    assert times == [0, 1797]


def test_a_related_object_that_appears_changes_or_goes_syncs_the_parents_that_see_it() -> None:
    rule = {"apiVersion": "v1", "resource": "configmaps", "namespace": "default", "names": ["a"]}
    cluster = a_cluster(StubHooks(workspace_rules=[rule]))
    cluster.apply(a_workspace())
    cluster.run()
    seen = []
    config: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    cluster.apply(config)
    cluster.run()
    seen.append(len(requests_to(cluster, SYNC)))
    cluster.apply({**config, "data": {"x": "y"}})
    cluster.run()
    seen.append(len(requests_to(cluster, SYNC)))
    cluster.delete(Ref("ConfigMap.v1", "default", "a"))
    cluster.run()
    seen.append(len(requests_to(cluster, SYNC)))
    cluster.apply({**config, "metadata": {"name": "another"}})
    cluster.run()
    seen.append(len(requests_to(cluster, SYNC)))

    assert seen == [2, 3, 4, 4]


def test_a_rule_with_names_and_a_selector_fails_the_sync() -> None:
    rule = {"apiVersion": "v1", "resource": "nodes", "names": ["a"], "labelSelector": {"a": "b"}}
    cluster = a_cluster(StubHooks(workspace_rules=[rule]))
    cluster.apply(a_workspace())
    cluster.run()

    assert requests_to(cluster, SYNC) == []


def test_a_rule_for_a_kind_that_does_not_exist_fails_the_sync_and_is_not_asked_for_again() -> None:
    rule = {"apiVersion": "karpenter.sh/v2", "resource": "nodeclaims"}
    cluster = a_cluster(StubHooks(workspace_rules=[rule]))
    cluster.apply(a_workspace())
    cluster.run(until=1)

    assert requests_to(cluster, SYNC) == []
    assert len(requests_to(cluster, CUSTOMIZE)) == 1


def test_names_exclude_even_a_selector_that_means_all() -> None:
    rule: JsonObject = {
        "apiVersion": "v1",
        "resource": "nodes",
        "names": ["a"],
        "labelSelector": {},
    }
    cluster = a_cluster(StubHooks(workspace_rules=[rule]))
    cluster.apply(a_workspace())
    cluster.run()

    assert requests_to(cluster, SYNC) == []


def test_resync_after_seconds_asks_again_at_that_time() -> None:
    answers = iter([{"resyncAfterSeconds": 30.0}, {"resyncAfterSeconds": 12.5}, {}])
    cluster = a_cluster(StubHooks(sync=lambda _: {"status": {}, **next(answers)}))
    cluster.apply(a_workspace())
    cluster.run()
    times = [exchange.seconds for exchange in cluster.requests if exchange.path == SYNC]

    assert times == [0, 30, 42.5]


def test_a_child_that_cannot_be_made_does_not_put_off_the_resync_that_was_asked_for() -> None:
    bad = a_deployment(selector={"matchLabels": {"tier": "model"}})
    bad["spec"]["template"]["metadata"]["labels"]["tier"] = "model"
    hooks = StubHooks(sync=wants(a_deployment()))
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run()
    now = cluster.clock.seconds
    hooks.answers[SYNC] = lambda _: {"children": [bad], "resyncAfterSeconds": 0.001}
    cluster.resync()
    cluster.run(until=now + 0.0035)
    times = [exchange.seconds - now for exchange in cluster.requests if exchange.path == SYNC]

    assert [round(time, 4) for time in times[-4:]] == [0, 0.001, 0.002, 0.003]


def test_a_hook_that_is_busy_is_asked_again_when_it_says_and_that_is_no_failure() -> None:
    busy = iter([TooManyRequestsError("busy", 3)] * 2)

    def sync(_: JsonObject) -> JsonObject:
        for refusal in busy:
            raise refusal
        return {"children": [a_service()]}

    cluster = a_cluster(StubHooks(sync=sync))
    cluster.apply(a_workspace())
    cluster.run(until=10)

    assert [entry.seconds for entry in cluster.timeline if entry.what == "failed"] == [0, 3]
    assert names_of(cluster, names.SERVICES) == ["phi"]


def test_the_finalizer_of_an_earlier_controller_is_taken_away() -> None:
    cluster = a_cluster()
    workspace = a_workspace()
    mine = "metacontroller.io/compositecontroller-metakaito-workspaces"
    workspace["metadata"]["finalizers"] = [mine, "somebody.else/waits"]
    cluster.apply(workspace)
    cluster.run()

    assert found(cluster, *_place())["metadata"]["finalizers"] == ["somebody.else/waits"]


def test_a_parent_does_not_hear_the_echo_of_its_own_status() -> None:
    cluster = a_cluster(StubHooks(sync=wants(workerNodes=["a"])))
    cluster.apply(a_workspace())
    cluster.run()

    assert len(requests_to(cluster, SYNC)) == 1


def test_a_child_that_somebody_deletes_is_made_again() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service())))
    cluster.apply(a_workspace())
    cluster.run()
    before = found(cluster, names.SERVICES, "phi", "default")["metadata"]["uid"]
    cluster.delete(Ref(names.SERVICES, "default", "phi"))
    cluster.run()

    assert found(cluster, names.SERVICES, "phi", "default")["metadata"]["uid"] != before


def test_of_a_terminating_parents_answer_only_the_status_is_used() -> None:
    hooks = StubHooks(sync=wants(a_service()))
    cluster = a_cluster(hooks)
    workspace = a_workspace()
    workspace["metadata"]["finalizers"] = ["somebody.else/waits"]
    cluster.apply(workspace)
    cluster.run()
    hooks.answers[SYNC] = wants(a_deployment(), workerNodes=["seen"])
    cluster.delete(WORKSPACE)
    cluster.run()

    assert names_of(cluster, names.SERVICES) == ["phi"]
    assert names_of(cluster, names.DEPLOYMENTS) == []
    assert found(cluster, *_place())["status"]["workerNodes"] == ["seen"]
    assert requests_to(cluster, SYNC)[-1]["finalizing"] is False


def test_attachments_are_not_managed_while_their_namespace_is_terminating() -> None:
    hooks = StubHooks(machines=lambda _: {"attachments": [a_machine()]})
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run()
    hooks.answers["/machines/sync"] = lambda _: {"attachments": [a_machine("ws1")]}
    cluster.delete(Ref("Namespace.v1", "", "default"))
    cluster.run(until=cluster.clock.seconds + 3)

    assert names_of(cluster, names.MACHINES) == ["ws0"]

    cluster.run()

    assert names_of(cluster, names.MACHINES) == []


def test_an_orphan_with_the_label_is_adopted() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service())))
    workspace = cluster.apply(a_workspace())
    orphan = a_service()
    orphan["metadata"]["labels"] = {"controller-uid": workspace["metadata"]["uid"]}
    cluster.apply(orphan)
    cluster.run()
    owners = found(cluster, names.SERVICES, "phi", "default")["metadata"]["ownerReferences"]

    assert [owner["uid"] for owner in owners] == [workspace["metadata"]["uid"]]


def test_what_is_adopted_is_shown_as_it_was_and_updated_by_the_next_sync() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service(type="NodePort"))))
    workspace = cluster.apply(a_workspace())
    orphan = a_service()
    orphan["metadata"]["labels"] = {"controller-uid": workspace["metadata"]["uid"]}
    cluster.apply(orphan)
    cluster.run()
    first, second, *_ = requests_to(cluster, SYNC)

    assert "ownerReferences" not in first["children"]["Service.v1"]["default/phi"]["metadata"]
    assert "type" not in second["children"]["Service.v1"]["default/phi"]["spec"]
    assert found(cluster, names.SERVICES, "phi", "default")["spec"]["type"] == "NodePort"


def test_an_owner_that_is_no_controller_becomes_one() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service())))
    workspace = cluster.apply(a_workspace())
    uid = workspace["metadata"]["uid"]
    owner = {"apiVersion": "kaito.sh/v1alpha1", "kind": "Workspace", "name": "phi", "uid": uid}
    orphan = a_service()
    orphan["metadata"] |= {"labels": {"controller-uid": uid}, "ownerReferences": [owner]}
    cluster.apply(orphan)
    cluster.run()
    owners = found(cluster, names.SERVICES, "phi", "default")["metadata"]["ownerReferences"]

    assert owners == [{**owner, "controller": True, "blockOwnerDeletion": True}]


def test_nobody_hears_of_a_child_that_lost_owner_and_label_at_once() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service())))
    cluster.apply(a_workspace())
    cluster.run()
    asked = len(requests_to(cluster, SYNC))
    lost = {"labels": {"controller-uid": None}, "ownerReferences": None}
    cluster.patch(Ref(names.SERVICES, "default", "phi"), {"metadata": lost})
    cluster.run()

    assert len(requests_to(cluster, SYNC)) == asked


def test_a_child_that_lost_its_label_is_released_and_its_name_is_taken() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service())))
    cluster.apply(a_workspace())
    cluster.run()
    ref = Ref(names.SERVICES, "default", "phi")
    cluster.patch(ref, {"metadata": {"labels": {"controller-uid": None}}})
    cluster.run()
    child = found(cluster, names.SERVICES, "phi", "default")

    assert "ownerReferences" not in child["metadata"]
    assert requests_to(cluster, SYNC)[-1]["children"]["Service.v1"] == {}


def test_somebody_elses_object_of_the_name_stays_as_it_is() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service())))
    cluster.apply(a_service(type="NodePort"))
    cluster.apply(a_workspace())
    cluster.run()
    child = found(cluster, names.SERVICES, "phi", "default")

    assert child["spec"]["type"] == "NodePort"
    assert "ownerReferences" not in child["metadata"]


def test_a_child_with_another_controller_uid_label_fails_the_sync() -> None:
    child = a_service()
    child["metadata"]["labels"] = {"controller-uid": "mine"}
    cluster = a_cluster(StubHooks(sync=wants(child)))
    cluster.apply(a_workspace())
    cluster.run()

    assert names_of(cluster, names.SERVICES) == []
    assert "don't match the parent's selector" in cluster.timeline[-1].details[0]


def test_one_child_that_cannot_be_made_does_not_stop_the_others_nor_the_status() -> None:
    hooks = StubHooks(sync=wants(a_deployment()))
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run()
    other = a_deployment(selector={"matchLabels": {"tier": "model"}})
    other["spec"]["template"]["metadata"]["labels"]["tier"] = "model"
    hooks.answers[SYNC] = wants(other, a_service(), workerNodes=["a"])
    cluster.resync()
    cluster.run()

    assert "spec.selector: Invalid value: field is immutable" in cluster.timeline[-1].details[0]
    assert names_of(cluster, names.SERVICES) == ["phi"]
    assert found(cluster, *_place())["status"]["workerNodes"] == ["a"]


def test_a_cluster_scoped_child_of_a_namespaced_parent_is_made_once_and_lost() -> None:
    hooks = StubHooks(sync=wants(a_machine()))
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run()
    hooks.answers[SYNC] = wants()
    cluster.resync()
    cluster.run()
    cluster.delete(WORKSPACE)
    cluster.run()

    assert names_of(cluster, names.MACHINES) == ["ws0"]


def test_a_child_of_an_undeclared_kind_is_made_once_and_lost() -> None:
    child = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}
    hooks = StubHooks(sync=wants(child))
    cluster = a_cluster(hooks)
    cluster.apply(a_workspace())
    cluster.run()
    hooks.answers[SYNC] = wants()
    cluster.resync()
    cluster.run()

    assert names_of(cluster, "Secret.v1") == ["a"]


def test_a_namespace_on_a_machine_is_a_hot_loop() -> None:
    machine = a_machine()
    machine["metadata"]["namespace"] = "default"
    cluster = a_cluster(StubHooks(machines=lambda _: {"attachments": [machine]}))
    cluster.apply(a_workspace())

    with pytest.raises(HotLoop, match="Namespace default for metakaito-machines 200 times at 0 s"):
        cluster.run()


def test_a_status_that_counts_is_not_a_hot_loop_where_status_changes_are_ignored() -> None:
    counter = iter(range(1000))
    cluster = a_cluster(StubHooks(sync=lambda _: {"status": {"count": next(counter)}}))
    cluster.apply(a_workspace())

    assert cluster.run()
    assert len(requests_to(cluster, SYNC)) == 1


def test_a_child_that_counts_is_a_hot_loop() -> None:
    counter = iter(range(1000))

    def sync(_: JsonObject) -> JsonObject:
        return {"children": [a_service(selector={"count": str(next(counter))})]}

    cluster = a_cluster(StubHooks(sync=sync))
    cluster.apply(a_workspace())

    with pytest.raises(HotLoop, match="Workspace default/phi for metakaito-workspaces"):
        cluster.run()


def test_a_decorator_writes_labels_and_leaves_a_null_status_alone() -> None:
    labels = {"seen": "yes", "gone": None}
    answer: JsonObject = {"labels": labels, "status": None, "attachments": []}
    cluster = a_cluster(StubHooks(machines=lambda _: answer))
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "default", "labels": {"gone": "x"}},
        }
    )
    cluster.run()
    namespace = found(cluster, "Namespace.v1", "default")

    assert namespace["metadata"]["labels"] == {
        "kubernetes.io/metadata.name": "default",
        "seen": "yes",
    }
    assert namespace["status"] == {"phase": "Active"}


def test_the_hook_cannot_spoil_what_is_stored() -> None:
    def sync(request: JsonObject) -> JsonObject:
        request["parent"]["metadata"]["name"] = "spoilt"
        request["children"].clear()
        return {"status": {}, "children": []}

    cluster = a_cluster(StubHooks(sync=sync))
    cluster.apply(a_workspace())
    cluster.run()

    assert names_of(cluster, names.WORKSPACES) == ["phi"]
    assert requests_to(cluster, SYNC)[0]["parent"]["metadata"]["name"] == "phi"


def test_desired_lists_machines_then_services_then_workloads_then_the_rest() -> None:
    revision = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": "phi-1"},
        "revision": 1,
    }
    cluster = a_cluster(
        StubHooks(
            sync=wants(revision, a_deployment(), a_service()),
            machines=lambda _: {"attachments": [a_machine()]},
        )
    )
    cluster.apply(a_workspace())
    cluster.run()

    assert [(child["kind"], child["metadata"].get("namespace")) for child in cluster.desired()] == [
        ("Machine", None),
        ("Service", "default"),
        ("Deployment", "default"),
        ("ControllerRevision", "default"),
    ]


def _fails(_: JsonObject) -> JsonObject:
    raise HookError("the catalog lost a preset")


def _place() -> tuple[str, str, str]:
    return WORKSPACE.kind, WORKSPACE.name, WORKSPACE.namespace
