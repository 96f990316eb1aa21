"""The policies on a real API server say what the hooks say, and stand in nobody's way."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from charts.policy import documents
from charts.policy_limits import Limits
from charts.release import Release
from charts.values import AdmissionPolicy, Values
from composite.catalog import Catalog
from composite.models import JsonObject
from tests.charts.sentences import hook_notes, hook_says, said
from tests.charts.workspaces import BAD, EXAMPLES, GOOD, NOTED, SERVED, templated, written
from tests.e2e.admission import only_audited
from tests.e2e.cluster.bundle import RELEASE, eventually
from tests.e2e.cluster.cluster import Cluster
from tests.schemas.admission import completed
from tests.schemas.documents import changed

ROOT = Path(__file__).parents[2]
DENIED = re.compile(r"denied request: (.*)$", re.MULTILINE)
WARNED = re.compile(r"^Warning: Validation failed for .*?': (.*)$", re.MULTILINE)


def verdict(
    cluster: Cluster, document: JsonObject, namespace: str, *options: str
) -> tuple[bool, list[str], list[str]]:
    """Return whether it would be created, what it is refused for, and the warnings."""
    meta = {key: document["metadata"].get(key) for key in ("name", "annotations")}
    done = cluster.attempt(
        *("kubectl", "create", "-f", "-", "-n", namespace, *(options or ("--dry-run=server",))),
        given=json.dumps({**document, "metadata": meta}),
    )
    return done.returncode == 0, DENIED.findall(done.stderr), WARNED.findall(done.stderr)


@pytest.fixture(autouse=True)
def _in_force(cluster: Cluster, namespace: str) -> None:
    """A policy takes effect a moment after it is made."""
    eventually(lambda: not verdict(cluster, BAD["an unknown model"], namespace)[0])


def test_what_is_good_passes_without_a_word(cluster: Cluster, namespace: str) -> None:
    said_of = {name: verdict(cluster, document, namespace) for name, document in GOOD.items()}

    assert said_of == dict.fromkeys(GOOD, (True, [], []))


def test_every_example_passes(cluster: Cluster, namespace: str) -> None:
    examples = written(EXAMPLES)
    passed = {name: verdict(cluster, each, namespace)[:2] for name, each in examples.items()}

    assert passed == dict.fromkeys(examples, (True, []))


def test_what_the_hook_refuses_is_refused_with_its_words(
    cluster: Cluster, namespace: str, catalog: Catalog
) -> None:
    for name, document in BAD.items():
        created, refused, _ = verdict(cluster, document, namespace)
        wanted = hook_says(completed(document), catalog)

        # The API server tells the first of several.
        assert (created, len(refused)) == (False, 1), name
        assert said(refused) <= wanted, name


def test_what_the_hook_notes_is_warned_of(
    cluster: Cluster, namespace: str, catalog: Catalog
) -> None:
    for name, document in NOTED.items():
        created, refused, warned = verdict(cluster, document, namespace)

        assert (created, refused) == (True, []), name
        assert said(warned) == hook_notes(completed(document), catalog), name


def test_the_api_server_finds_nothing_to_complain_of_in_the_policies(cluster: Cluster) -> None:
    def checked() -> list[JsonObject]:
        found = [
            each
            for each in cluster.items("validatingadmissionpolicies")
            if each["metadata"]["name"].startswith(f"{RELEASE}-")
        ]
        assert len(found) == 2
        assert all("typeChecking" in each.get("status", {}) for each in found)
        return found

    assert [each["status"]["typeChecking"] for each in eventually(checked)] == [{}, {}]


def test_what_asks_for_nothing_new_always_passes(cluster: Cluster, namespace: str) -> None:
    document = BAD["an unknown model"]
    name = document["metadata"]["name"]
    with only_audited(cluster):
        assert verdict(cluster, document, namespace, "--save-config")[0]
    patch = ("kubectl", "patch", "workspace", name, "-n", namespace, "--type=merge", "-p")
    finalizers = '{"metadata": {"finalizers": ["example.com/mine"]}}'
    passed = [
        cluster.attempt(*patch, text, *more).returncode
        for text, *more in (
            ('{"metadata": {"labels": {"a": "b"}}}',),
            ('{"status": {"workerNodes": ["a"]}}', "--subresource=status"),
            (finalizers,),
        )
    ]
    asked = cluster.attempt(*patch, '{"resource": {"preferredNodes": ["node-1"]}}')
    cluster.kubectl("delete", "workspace", name, "-n", namespace, "--wait=false")
    # It is going now, and whoever holds it up must be able to let it go.
    gone = cluster.attempt(*patch, '{"metadata": {"finalizers": null}}')

    assert (passed, gone.returncode) == ([0, 0, 0], 0)
    assert DENIED.findall(asked.stderr) == [
        (
            "inference.preset.name: no preset is called 'phi-44': use one that 'metakaito presets' "
            "lists"
        )
    ]


@contextmanager
def limited(cluster: Cluster, limits: Limits) -> Iterator[None]:
    """Put limits into force, and take them away again."""
    values = Values(admissionPolicy=AdmissionPolicy(limits=limits))
    # Without the policies that the bundle has already.
    own = [
        each
        for each in documents(values, Release("limited"))
        if each["metadata"]["name"].endswith("-limits")
    ]
    assert [each["kind"] for each in own] == [
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ]
    cluster.apply(*own)
    try:
        yield
    finally:
        for each in own:
            cluster.kubectl("delete", each["kind"].lower(), each["metadata"]["name"])


def test_the_limits_of_an_administrator_are_kept(cluster: Cluster, namespace: str) -> None:
    limits = Limits(maxNodes=2, models=["phi-2"], templates=False, registries=["registry.example"])
    wanted = {
        "resource.count: is 3, this cluster allows a Workspace at most 2": changed(
            SERVED, "resource.count", 3
        ),
        "inference.preset.name: falcon-7b is not allowed in this cluster; allowed are phi-2": (
            changed(SERVED, "inference.preset.name", "falcon-7b")
        ),
        "inference.template: is not allowed in this cluster: use a preset": templated(
            containers=[{"name": "a", "image": "registry.example/a:1"}]
        ),
        "the image there.example/a:1 comes from a registry that is not allowed in this cluster; "
        "allowed are registry.example": changed(
            SERVED, "inference.preset.presetOptions.image", "there.example/a:1"
        ),
    }
    with limited(cluster, limits):
        eventually(lambda: not verdict(cluster, changed(SERVED, "resource.count", 3), namespace)[0])
        refused = {name: verdict(cluster, each, namespace) for name, each in wanted.items()}

        assert refused == {name: (False, [name], []) for name in wanted}
        assert verdict(cluster, SERVED, namespace) == (True, [], [])


def test_an_image_that_is_mounted_comes_from_an_allowed_registry_too(
    cluster: Cluster, namespace: str
) -> None:
    def mounting(image: str) -> JsonObject:
        return templated(
            containers=[{"name": "a", "image": "registry.example/a:1"}],
            volumes=[
                {"name": "scratch", "emptyDir": {}},
                {"name": "weights", "image": {"reference": image}},
            ],
        )

    with limited(cluster, Limits(registries=["registry.example"])):
        elsewhere = mounting("there.example/weights:1")
        eventually(lambda: not verdict(cluster, elsewhere, namespace)[0])

        refused = (
            "the image there.example/weights:1 comes from a registry that is not allowed in this "
            "cluster; allowed are registry.example"
        )
        assert verdict(cluster, elsewhere, namespace)[1] == [refused]
        assert verdict(cluster, mounting("registry.example/weights:1"), namespace) == (True, [], [])


def test_a_namespace_has_no_more_workspaces_than_its_quota(
    cluster: Cluster, namespace: str
) -> None:
    quota = ROOT / "examples/limits/namespace_quota.yaml"
    cluster.kubectl("apply", "-n", namespace, "-f", quota)
    eventually(lambda: used(cluster, namespace) == ("0", "2"))
    # Refused by the hook at once, so that no node is bought for them; they count all the same.
    with only_audited(cluster):
        created = [
            verdict(cluster, called(name), namespace, "--save-config")[0]
            for name in ("first", "second")
        ]
    third = cluster.attempt(
        *("kubectl", "create", "-f", "-", "-n", namespace),
        given=json.dumps(changed(SERVED, "metadata", {"name": "third"})),
    )
    cluster.kubectl("delete", "workspace", "first", "-n", namespace)

    assert (created, third.returncode) == ([True, True], 1)
    assert "exceeded quota: workspaces, requested: count/workspaces.kaito.sh=1" in third.stderr
    eventually(lambda: used(cluster, namespace) == ("1", "2"))


def called(name: str) -> JsonObject:
    """Return a Workspace for which nothing is bought."""
    return changed(BAD["an unknown model"], "metadata", {"name": name})


def used(cluster: Cluster, namespace: str) -> tuple[str, str]:
    """Return how many Workspaces the quota counts, and how many may be."""
    quota = cluster.get("resourcequota", "workspaces", namespace) or {}
    key, status = "count/workspaces.kaito.sh", quota.get("status", {})
    return status.get("used", {}).get(key, ""), status.get("hard", {}).get(key, "")
