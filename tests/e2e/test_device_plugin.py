"""What the chart knows of the namespace into which it is to put the device plugin."""

import json
import subprocess

import pytest

from tests.e2e.cluster.bundle import CHART, NODECLAIMS
from tests.e2e.cluster.cluster import Cluster


def rendered(cluster: Cluster, namespace: str) -> subprocess.CompletedProcess[str]:
    """Return what Helm says of a release with the device plugin, asking the cluster."""
    return cluster.attempt(
        *("helm", "template", "metakaito", CHART, "--dry-run=server", "--namespace", namespace),
        *("--values", "-"),
        given=json.dumps({**NODECLAIMS, "devicePlugin": {"enabled": True}}),
    )


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_a_namespace_that_would_refuse_its_pods_is_told_of(
    cluster: Cluster, namespace: str, level: str
) -> None:
    label = f"pod-security.kubernetes.io/enforce={level}"
    cluster.kubectl("label", "namespace", namespace, label)

    refused = rendered(cluster, namespace)

    assert refused.returncode == 1
    assert (
        f"devicePlugin.enabled: the namespace {namespace} enforces the Pod Security standard "
        f"{level}, which forbids the device plugin its directory of the node; install the device "
        "plugin in a namespace of its own, or label this one: kubectl label --overwrite namespace "
        f"{namespace} pod-security.kubernetes.io/enforce=privileged"
    ) in refused.stderr.splitlines()


def test_other_namespaces_take_it(cluster: Cluster, namespace: str) -> None:
    unlabelled = rendered(cluster, namespace)
    label = "pod-security.kubernetes.io/enforce=privileged"
    cluster.kubectl("label", "namespace", namespace, label)

    assert (unlabelled.returncode, unlabelled.stderr) == (0, "")
    assert rendered(cluster, namespace).returncode == 0
