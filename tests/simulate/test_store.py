"""What the API server in memory keeps to."""

import pytest

from composite import names
from composite.models import JsonObject
from composite.simulate.clock import Clock
from composite.simulate.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from composite.simulate.memory import MemoryStore
from composite.simulate.objects import Ref, merge_patch, ref_of
from tests.simulate.stubs import (
    WORKSPACE,
    a_deployment,
    a_machine,
    a_pod_template,
    a_service,
    a_stateful_set,
    a_workspace,
)


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore(Clock())
    store.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
    return store


def test_a_new_object_gets_an_identity_and_the_time(store: MemoryStore) -> None:
    metadata = store.create(a_workspace())["metadata"]

    assert metadata == {
        "name": "phi",
        "namespace": "default",
        "uid": "230d2b93-8504-52aa-a432-33d106b7ab18",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "generation": 1,
        "resourceVersion": "2",
    }


def test_a_uid_that_is_given_is_kept(store: MemoryStore) -> None:
    workspace = a_workspace()
    workspace["metadata"]["uid"] = "mine"

    assert store.create(workspace)["metadata"]["uid"] == "mine"


def test_the_next_object_of_a_name_is_another_one(store: MemoryStore) -> None:
    first = store.create(a_service())
    store.delete(ref_of(first))
    second = store.create(a_service())

    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    assert first["spec"]["clusterIP"] == "10.0.0.100"
    assert second["spec"]["clusterIP"] == "10.0.0.101"


def test_a_headless_service_has_no_address(store: MemoryStore) -> None:
    assert store.create(a_service(clusterIP="None"))["spec"]["clusterIP"] == "None"


def test_a_workspace_gets_the_defaults_of_the_crd(store: MemoryStore) -> None:
    given = a_workspace(
        inference={"preset": {"name": "phi-2"}, "adapters": [{"source": {"name": "tone"}}]}
    )
    stored = store.create(given)

    assert stored["resource"]["count"] == 1
    assert stored["resource"]["instanceType"] == "Standard_NC12s_v3"
    assert stored["inference"]["preset"] == {"name": "phi-2", "accessMode": "public"}
    assert stored["inference"]["adapters"] == [{"source": {"name": "tone"}, "strength": "1.0"}]


def test_generation_counts_changes_of_what_is_wanted_only(store: MemoryStore) -> None:
    stored = store.create(a_workspace())
    generations = []
    for patch in (
        {"metadata": {"labels": {"a": "b"}}},
        {"resource": {"count": 2}},
        {"status": {"workerNodes": ["ignored"]}},
    ):
        stored = store.update(merge_patch(stored, patch))
        generations.append(stored["metadata"]["generation"])
    stored = store.update_status({**stored, "status": {"workerNodes": ["a"]}})

    assert generations == [1, 2, 2]
    assert stored["metadata"]["generation"] == 2
    assert stored["status"] == {"workerNodes": ["a"]}


def test_a_kind_without_generation_has_none(store: MemoryStore) -> None:
    assert "generation" not in store.create(a_service())["metadata"]


def test_update_leaves_the_status_and_update_status_the_rest(store: MemoryStore) -> None:
    stored = store.create({**a_workspace(), "status": {"lost": "at creation"}})
    stored = store.update_status({**stored, "resource": {}, "status": {"kept": "yes"}})
    stored = store.update({**stored, "status": {"ignored": "yes"}})

    assert stored["status"] == {"kept": "yes"}
    assert stored["resource"]["count"] == 1


def test_a_write_that_changes_nothing_is_none(store: MemoryStore) -> None:
    stored = store.create(a_deployment())
    before = len(store.changes(0))

    assert store.update(stored) is stored
    assert store.update_status({**stored, "status": {}}) is stored
    assert len(store.changes(0)) == before
    assert len(store.idle_writes) == 2


def test_an_old_version_is_a_conflict(store: MemoryStore) -> None:
    old = store.create(a_service())
    store.update(merge_patch(old, {"spec": {"type": "NodePort"}}))

    with pytest.raises(ConflictError, match="the object has been modified"):
        store.update(merge_patch(old, {"spec": {"type": "LoadBalancer"}}))


def test_names_are_unique_and_must_exist(store: MemoryStore) -> None:
    store.create(a_service())

    with pytest.raises(AlreadyExistsError, match='services "phi" already exists'):
        store.create(a_service())
    with pytest.raises(NotFoundError):
        store.update(a_service("another"))
    with pytest.raises(NotFoundError):
        store.delete(Ref(names.SERVICES, "default", "another"))
    with pytest.raises(ConflictError):
        store.delete(Ref(names.SERVICES, "default", "phi"), uid="of another one")


def test_an_object_without_a_name_or_kind_is_refused(store: MemoryStore) -> None:
    with pytest.raises(InvalidError):
        store.create({"apiVersion": "v1", "kind": "Service", "metadata": {}})
    with pytest.raises(InvalidError):
        store.create({"apiVersion": "v1", "metadata": {"name": "a"}})


def test_a_namespace_on_a_cluster_scoped_object_is_dropped(store: MemoryStore) -> None:
    machine = a_machine()
    machine["metadata"]["namespace"] = "default"

    assert "namespace" not in store.create(machine)["metadata"]


def test_nothing_is_created_in_a_namespace_that_is_missing_or_going(store: MemoryStore) -> None:
    service = a_service()
    service["metadata"]["namespace"] = "nowhere"
    with pytest.raises(NotFoundError, match='namespaces "nowhere" not found'):
        store.create(service)

    store.delete(Ref("Namespace.v1", "", "default"))
    with pytest.raises(ForbiddenError, match="because it is being terminated"):
        store.create(a_service())


def test_a_finalizer_holds_an_object_until_it_is_taken_away(store: MemoryStore) -> None:
    workspace = a_workspace()
    workspace["metadata"]["finalizers"] = ["a.b/c"]
    store.create(workspace)
    store.delete(WORKSPACE)
    held = store.get(WORKSPACE)

    assert held is not None
    assert held["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:00Z"
    assert held["metadata"]["generation"] == 2

    store.update(merge_patch(held, {"metadata": {"finalizers": None}}))

    assert store.get(WORKSPACE) is None
    assert store.changes(0)[-1].type == "DELETED"


def test_nobody_can_take_a_deletion_back(store: MemoryStore) -> None:
    workspace = a_workspace()
    workspace["metadata"]["finalizers"] = ["a.b/c"]
    stored = store.create(workspace)
    store.delete(WORKSPACE)
    del stored["metadata"]["resourceVersion"]

    assert "deletionTimestamp" in store.update(stored)["metadata"]


@pytest.mark.parametrize(
    ("obj", "patch"),
    [
        (a_deployment(), {"spec": {"selector": {"matchLabels": {"app": "other"}}}}),
        (a_stateful_set(), {"spec": {"serviceName": "other"}}),
        (a_stateful_set(), {"spec": {"podManagementPolicy": "OrderedReady"}}),
        (
            {
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": {"name": "a"},
                "data": {"a": 1},
            },
            {"data": {"a": 2}},
        ),
        (
            {
                "apiVersion": "karpenter.sh/v1",
                "kind": "NodeClaim",
                "metadata": {"name": "a"},
                "spec": {"a": 1},
            },
            {"spec": {"a": 2}},
        ),
    ],
)
def test_immutable_fields_are_refused(
    store: MemoryStore, obj: JsonObject, patch: JsonObject
) -> None:
    stored = store.create(obj)

    with pytest.raises(InvalidError):
        store.update(merge_patch(stored, patch))


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ({"selector": None}, "spec.selector: Required value"),
        (
            {"selector": {"matchLabels": {"app": "other"}}},
            "spec.template.metadata.labels: Invalid value: `selector` does not match",
        ),
        ({"template": a_pod_template(containers=[])}, "spec.template.spec.containers: Required"),
        (
            {"template": a_pod_template(containers=[{"name": "main"}])},
            r"spec.template.spec.containers\[0\].image: Required value",
        ),
    ],
)
def test_a_workload_whose_pods_could_not_be_made_is_refused(
    store: MemoryStore, spec: JsonObject, cause: str
) -> None:
    deployment = a_deployment()
    deployment["spec"] |= spec

    with pytest.raises(InvalidError, match=f'^Deployment "phi" is invalid: {cause}'):
        store.create(deployment)


def test_replicas_and_template_of_a_stateful_set_can_be_changed(store: MemoryStore) -> None:
    stored = store.create(a_stateful_set())
    patch = {"spec": {"replicas": 3, "template": {"spec": {"hostNetwork": True}}}}

    assert store.update(merge_patch(stored, patch))["metadata"]["generation"] == 2


def test_manifests_are_stored_in_canonical_form(store: MemoryStore) -> None:
    template = {
        "metadata": {"labels": {"app": "phi", "value": ""}},
        "spec": {
            "containers": [
                {
                    "name": "a",
                    "image": "i/m:1",
                    "resources": {"limits": {"memory": "1024Mi", "nvidia.com/gpu": 1}},
                    "env": [{"name": "EMPTY", "value": ""}],
                    "readinessProbe": {"initialDelaySeconds": 0},
                    "securityContext": {},
                }
            ],
            "nodeSelector": {},
            "imagePullSecrets": [],
            "volumes": [{"name": "shm", "emptyDir": {}}],
            "hostNetwork": False,
            "serviceAccountName": None,
        },
    }

    assert store.create(a_deployment(template=template))["spec"]["template"] == {
        "metadata": {"labels": {"app": "phi", "value": ""}},
        "spec": {
            "containers": [
                {
                    "name": "a",
                    "image": "i/m:1",
                    "resources": {"limits": {"memory": "1Gi", "nvidia.com/gpu": "1"}},
                    "env": [{"name": "EMPTY"}],
                    "readinessProbe": {},
                    "securityContext": {},
                }
            ],
            "volumes": [{"name": "shm", "emptyDir": {}}],
        },
    }


def test_changes_tell_who_did_what_to_which_object(store: MemoryStore) -> None:
    store.manager = "somebody"
    store.create(a_service())
    change = store.changes(1)[0]

    assert (change.number, change.type, change.manager) == (2, "ADDED", "somebody")
    assert change.old is None
    assert change.obj["metadata"]["name"] == "phi"
