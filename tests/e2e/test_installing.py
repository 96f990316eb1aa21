"""What the chart does by what it finds in the cluster: it asks the API server while it renders."""

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from composite.crd import workspace_crd
from tests.e2e.cluster.bundle import CHART, NAMESPACE, RELEASE
from tests.e2e.cluster.cluster import Cluster

DEFINITIONS = "metakaito-crds"
SOMEBODY_ELSES = {
    "apiVersion": "metacontroller.k8s.io/v1alpha1",
    "kind": "CompositeController",
    "metadata": {"name": "somebody-elses"},
    "spec": {"parentResource": {"apiVersion": "v1", "resource": "pods"}, "hooks": {}},
}


@pytest.fixture
def cluster(fresh_cluster: Cluster) -> Iterator[Cluster]:
    """A cluster with the definition of Workspace and without a release."""
    define(fresh_cluster, workspace_crd())
    yield fresh_cluster
    for release in (RELEASE, DEFINITIONS):
        fresh_cluster.attempt("helm", "uninstall", release, "-n", NAMESPACE, "--no-hooks", "--wait")
    define(fresh_cluster, workspace_crd())


def test_auto_does_not_choose_between_two_but_keeps_what_is_in_use(cluster: Cluster) -> None:
    assert "the cluster has both" in refusal(cluster, "provisioner=auto")
    install(cluster, "provisioner=nodeclaim")
    install(cluster, "provisioner=auto")
    decorator = cluster.get("decoratorcontroller", "metakaito-machines") or {}
    assert [each["resource"] for each in decorator["spec"]["attachments"]] == ["nodeclaims"]


def test_auto_keeps_that_nobody_makes_nodes_and_another_metacontroller_is_pointed_out(
    cluster: Cluster,
) -> None:
    assert "WARNING" not in install(cluster, "provisioner=none")
    cluster.apply(SOMEBODY_ELSES)
    try:
        said = install(cluster, "provisioner=auto")
    finally:
        cluster.kubectl("delete", "compositecontroller", "somebody-elses")
    assert cluster.get("decoratorcontroller", "metakaito-machines") is None
    assert cluster.get("compositecontroller", "metakaito-workspaces") is not None
    assert "an upgrade with provisioner auto changes nothing" in said
    assert "WARNING: there are controllers for another Metacontroller: somebody-elses." in said


def test_a_definition_of_somebody_else_is_refused_and_what_the_refusal_says_replaces_it(
    cluster: Cluster,
) -> None:
    kaitos = copy.deepcopy(workspace_crd())
    del kaitos["metadata"]["annotations"]
    [version] = kaitos["spec"]["versions"]
    del version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["machines"]
    define(cluster, kaitos)
    sentence = refusal(cluster, "provisioner=none")
    assert "workspaces.kaito.sh that is not metakaito's" in sentence
    assert "metakaito crd | kubectl apply --server-side --force-conflicts -f -" in sentence
    ours = subprocess.run(
        [sys.executable, "-m", "hooks.cli", "crd"], capture_output=True, text=True, check=True
    )
    cluster.kubectl(*["apply", "--server-side", "--force-conflicts", "-f", "-"], given=ours.stdout)
    install(cluster, "provisioner=none")


def test_a_definition_of_another_version_is_refused_and_what_the_refusal_says_mends_it(
    cluster: Cluster,
) -> None:
    older = copy.deepcopy(workspace_crd())
    older["metadata"]["annotations"] = {"kaito.sh/definition-hash": "0" * 16}
    define(cluster, older)
    sentence = refusal(cluster, "provisioner=none")
    assert "workspaces.kaito.sh of another version" in sentence
    _, _, command = sentence.partition("first: helm ")
    words = command.partition(" (without Helm")[0].split()
    cluster.helm(*(CHART.parent / DEFINITIONS if "/" in word else word for word in words))
    install(cluster, "provisioner=none")


def define(cluster: Cluster, definition: dict[str, Any]) -> None:
    """Make a definition exactly this one."""
    text = json.dumps(definition)
    if cluster.attempt("kubectl", "create", "-f", "-", given=text).returncode:
        cluster.kubectl("replace", "-f", "-", given=text)


def install(cluster: Cluster, *values: str) -> str:
    """Install the release or upgrade it, and return what Helm says."""
    return cluster.helm(*command(values))


def refusal(cluster: Cluster, *values: str) -> str:
    """Return why the release is not installed or upgraded."""
    done = cluster.attempt("helm", *command(values))
    assert done.returncode != 0, done.stdout
    return done.stderr


def command(values: tuple[str, ...]) -> tuple[str, ...]:
    return (
        *("upgrade", "--install", RELEASE, str(CHART), "--set", ",".join(values)),
        *("--namespace", NAMESPACE, "--create-namespace"),
    )
