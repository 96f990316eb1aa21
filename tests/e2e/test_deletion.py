"""What is left when things are deleted, in every order: no node, and nothing that hangs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster.bundle import (
    CHART,
    NAMESPACE,
    NODECLAIMS,
    RELEASE,
    Bundle,
    eventually,
    installed,
)
from tests.e2e.cluster.cluster import Cluster, CommandFailed
from tests.e2e.cluster.uninstalling import JOB, try_to_uninstall, uninstall
from tests.e2e.workspaces import await_ready, claims_of, served_template

CRD = "workspaces.kaito.sh"


@pytest.fixture
def bundle(fresh_cluster: Cluster) -> Iterator[Bundle]:
    """The bundle, installed for one test: some of them remove it."""
    with installed(fresh_cluster, NODECLAIMS) as bundle:
        yield bundle


@pytest.fixture
def served(cluster: Cluster, namespace: str) -> str:
    """A namespace with two Workspaces that serve."""
    cluster.apply(*(served_template(name, namespace) for name in ("one", "two")))
    for name in ("one", "two"):
        await_ready(cluster, name, namespace)
    return namespace


def test_a_deleted_namespace_takes_its_nodes_with_it(cluster: Cluster, served: str) -> None:
    cluster.kubectl("delete", "namespace", served, "--timeout=60s")
    assert_nothing_is_left(cluster, served)


def test_a_deleted_crd_takes_all_workspaces_and_their_nodes_with_it(
    cluster: Cluster, served: str
) -> None:
    cluster.kubectl("delete", "crd", CRD, "--timeout=60s")
    assert_nothing_is_left(cluster, served)
    # Helm installs CRDs with the first installation only.
    cluster.kubectl("create", "-f", CHART / "crds" / "kaito.sh_workspaces.yaml")


def test_workspaces_then_the_release_leaves_nothing(
    bundle: Bundle, cluster: Cluster, served: str
) -> None:
    cluster.kubectl("delete", "workspaces", "--all", "-n", served)
    uninstall(bundle)
    assert_nothing_is_left(cluster, served)


def test_the_release_first_is_refused_while_workspaces_have_nodes_or_deletes_them_where_told_to(
    bundle: Bundle, cluster: Cluster, served: str
) -> None:
    assert_another_provisioner_is_refused(bundle, served)
    manifest = cluster.helm("get", "manifest", RELEASE, "--namespace", NAMESPACE)
    refused = try_to_uninstall(bundle)
    assert refused.code != 0
    assert f"{served}/one, {served}/two" in refused.job
    assert len(claims_of(cluster, "nodeclaims", served)) == 2
    cluster.kubectl("get", "-f", "-", given=manifest)  # fails if one is gone
    assert cluster.get("clusterrole", JOB) is None, "its rights exist only as long as it runs"
    # Helm takes it for one that is going, but for who does as the refusal says.
    with pytest.raises(CommandFailed, match="has no deployed releases"):
        bundle.upgrade()
    keep = refused.job.rpartition("or keep the release: helm ")[2].split()
    cluster.helm(*keep)
    bundle.upgrade(values={"uninstall": {"workspaces": "delete"}})
    uninstall(bundle)
    assert_nothing_is_left(cluster, served)


def test_a_release_that_went_first_by_force_leaves_nothing_that_hangs(
    bundle: Bundle, cluster: Cluster, served: str
) -> None:
    cluster.helm("uninstall", RELEASE, "-n", NAMESPACE, "--no-hooks", "--wait")
    bundle.stop()
    cluster.kubectl("delete", "namespace", served, "--timeout=60s")
    assert_nothing_is_left(cluster, served)


def test_nodes_that_were_left_behind_by_force_are_found_afterwards(
    bundle: Bundle, cluster: Cluster, served: str
) -> None:
    cluster.helm("uninstall", RELEASE, "-n", NAMESPACE, "--no-hooks", "--wait")
    bundle.stop()
    cluster.kubectl("delete", "workspaces", "--all", "-n", served)
    assert len(claims_of(cluster, "nodeclaims", served)) == 2, "nobody is there to delete them"
    assert run_cleanup(cluster.kubeconfig).returncode == 0
    assert_nothing_is_left(cluster, served)


def run_cleanup(kubeconfig: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "hooks.cli", "cleanup", "--kubeconfig", str(kubeconfig)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def assert_another_provisioner_is_refused(bundle: Bundle, namespace: str) -> None:
    """Nobody would delete the NodeClaims any more if Machines, or nothing, were made."""
    claims = claims_of(bundle.cluster, "nodeclaims", namespace)
    nodes = ", ".join(sorted(claim["metadata"]["name"] for claim in claims))
    for other in ("none", "machine"):
        refused = bundle.cluster.attempt(
            *("helm", "upgrade", RELEASE, CHART, "--namespace", NAMESPACE),
            *("--reuse-values", "--set", f"provisioner={other}", "--dry-run=server"),
        )
        assert refused.returncode != 0
        assert (
            f"provisioner: is {other}, and the cluster has NodeClaims that were made for "
            f"Workspaces, which nobody would delete any more: {nodes}; set it to nodeclaim, or "
        ) in refused.stderr


def assert_nothing_is_left(cluster: Cluster, namespace: str) -> None:
    eventually(lambda: not claims_of(cluster, "nodeclaims", namespace))
    eventually(lambda: not cluster.items("nodes", "-l", f"kaito.sh/workspacenamespace={namespace}"))
    eventually(lambda: cluster.get("namespace", namespace) is None or not terminating(cluster))


def terminating(cluster: Cluster) -> list[str]:
    """Return the namespaces that are going and not gone."""
    namespaces = cluster.items("namespaces")
    return [n["metadata"]["name"] for n in namespaces if "deletionTimestamp" in n["metadata"]]
