"""What the API server makes of a Job, and which it refuses."""

import pytest

from composite.models import JsonObject
from composite.simulate.clock import Clock
from composite.simulate.errors import InvalidError
from composite.simulate.memory import MemoryStore
from composite.simulate.objects import merge_patch
from tests.simulate.stubs import a_job, a_step

IGNORE_LOSS = {
    "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}],
}


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore(Clock())
    store.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
    return store


@pytest.mark.parametrize(
    "patch",
    [
        {"template": {"metadata": {"annotations": {"a": "b"}}}},
        {"template": {"spec": {"containers": [a_step("pusher", image="i/pusher:2")]}}},
        {"completions": 2},
        {"podFailurePolicy": {"rules": []}},
    ],
)
def test_what_runs_cannot_be_changed(store: MemoryStore, patch: JsonObject) -> None:
    stored = store.create(a_job())
    field = next(iter(patch))

    with pytest.raises(InvalidError) as refusal:
        store.update(merge_patch(stored, {"spec": patch}))

    assert refusal.value.code == 422
    assert str(refusal.value) == (
        f'Job "phi" is invalid: spec.{field}: Invalid value: field is immutable'
    )


TWICE = [a_step("pusher"), a_step("pusher")]
NOT_THERE: JsonObject = {"volumeMounts": [{"name": "data", "mountPath": "/mnt/data"}]}
SAME_PATH: JsonObject = {
    "volumeMounts": [
        {"name": "data", "mountPath": "/mnt/data"},
        {"name": "results", "mountPath": "/mnt/data"},
    ]
}
VOLUMES = [{"name": "data", "emptyDir": {}}, {"name": "results", "emptyDir": {}}]


@pytest.mark.parametrize(
    ("pod", "cause"),
    [
        (
            {"restartPolicy": None},
            'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
        ),
        (
            {"restartPolicy": "Sometimes"},
            (
                'spec.template.spec.restartPolicy: Unsupported value: "Sometimes": '
                'supported values: "OnFailure", "Never"'
            ),
        ),
        ({"containers": []}, "spec.template.spec.containers: Required value"),
        (
            {"containers": TWICE},
            'spec.template.spec.containers[1].name: Duplicate value: "pusher"',
        ),
        (
            {"initContainers": [a_step("fetch", image="")]},
            "spec.template.spec.initContainers[0].image: Required value",
        ),
        (
            {"containers": [a_step("pusher", **NOT_THERE)]},
            'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"',
        ),
        (
            {"containers": [a_step("pusher", **SAME_PATH)], "volumes": VOLUMES},
            (
                "spec.template.spec.containers[0].volumeMounts[1].mountPath: Invalid value: "
                '"/mnt/data": must be unique'
            ),
        ),
    ],
)
def test_a_job_whose_pods_could_not_be_made_is_refused(
    store: MemoryStore, pod: JsonObject, cause: str
) -> None:
    with pytest.raises(InvalidError) as refusal:
        store.create(a_job(pod=pod))

    assert str(refusal.value) == f'Job "phi" is invalid: {cause}'


def test_the_policy_for_failures_is_for_pods_that_are_not_restarted(store: MemoryStore) -> None:
    job = a_job(pod={"restartPolicy": "OnFailure"}, podFailurePolicy=IGNORE_LOSS)

    with pytest.raises(InvalidError, match='only "Never" is supported when podFailurePolicy is'):
        store.create(job)


def test_a_jobs_name_must_fit_into_a_label(store: MemoryStore) -> None:
    with pytest.raises(InvalidError, match="must be no more than 63 characters"):
        store.create(a_job("a" * 64))


def test_a_job_gets_defaults_and_the_labels_of_its_pods(store: MemoryStore) -> None:
    spec = store.create(a_job(podFailurePolicy=IGNORE_LOSS))["spec"]
    uid = spec["template"]["metadata"]["labels"]["controller-uid"]

    assert {key: value for key, value in spec.items() if key != "template"} == {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 0,
        "completionMode": "NonIndexed",
        "suspend": False,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                }
            ]
        },
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}},
    }


def test_a_job_may_fail_more_often_later(store: MemoryStore) -> None:
    stored = store.create(a_job())

    assert (
        store.update(merge_patch(stored, {"spec": {"backoffLimit": 1}}))["spec"]["backoffLimit"]
        == 1
    )
