"""The manifests of Machine and NodeClaim, whole, as Kaito v0.3.2 writes them."""

import pytest

from composite.catalog import Catalog
from composite.models import JsonObject
from tests.composite.makers import (
    a_machine,
    a_namespace_request,
    a_resource,
    a_workspace,
    machines_synced,
    on_aws,
    on_nodeclaims,
    provisioned,
)

NAME = "ws947b23817"


def wanting(**changes: object) -> JsonObject:
    entry = {
        "name": NAME,
        "index": 0,
        "attempt": 0,
        "instanceType": "Standard_NC6s_v3",
        "disk": "50Gi",
        "labels": {"apps": "phi-3"},
    }
    planned = entry | changes
    asked = {
        "instanceType": planned["instanceType"],
        "labelSelector": {"matchLabels": {"apps": "phi-3"}},
    }
    status = {"observedGeneration": 1, "machines": [planned]}
    return a_workspace(resource=a_resource(**asked), status=status)


def made(catalog: Catalog, workspace: JsonObject | None = None) -> JsonObject:
    request = a_namespace_request([workspace or wanting()])
    request["attachments"]["NodeClaim.karpenter.sh/v1"] = {}
    [attachment] = machines_synced(request, catalog)["attachments"]
    return dict(attachment)


def one(key: str, value: str) -> JsonObject:
    return {"key": key, "operator": "In", "values": [value]}


TAINT = {"key": "sku", "value": "gpu", "effect": "NoSchedule"}


def test_the_machine(catalog: Catalog) -> None:
    assert made(catalog) == {
        "apiVersion": "karpenter.sh/v1alpha5",
        "kind": "Machine",
        "metadata": {
            "name": NAME,
            "labels": {
                "karpenter.sh/provisioner-name": "default",
                "kaito.sh/workspace": "phi",
                "kaito.sh/workspacenamespace": "default",
                "apps": "phi-3",
            },
        },
        "spec": {
            "machineTemplateRef": {"name": NAME},
            "requirements": [
                one("node.kubernetes.io/instance-type", "Standard_NC6s_v3"),
                one("karpenter.sh/provisioner-name", "default"),
                one("kaito.sh/machine-type", "gpu"),
                one("kubernetes.io/arch", "amd64"),
                one("kubernetes.io/os", "linux"),
            ],
            "taints": [TAINT],
            "resources": {"requests": {"storage": "50Gi"}},
        },
    }


def test_the_nodeclaim_on_azure(catalog: Catalog) -> None:
    # Kaito writes karpenter.sh/v1beta1, whose nodeClassRef has no group.
    assert made(on_nodeclaims(catalog)) == {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {
            "name": NAME,
            "labels": {
                "karpenter.sh/nodepool": "kaito",
                "kaito.sh/workspace": "phi",
                "kaito.sh/workspacenamespace": "default",
                "apps": "phi-3",
            },
            "annotations": {"karpenter.sh/do-not-disrupt": "true"},
        },
        "spec": {
            "nodeClassRef": {
                "group": "karpenter.azure.com",
                "kind": "AKSNodeClass",
                "name": "default",
            },
            "requirements": [
                one("karpenter.sh/nodepool", "kaito"),
                one("node.kubernetes.io/instance-type", "Standard_NC6s_v3"),
                one("kubernetes.io/os", "linux"),
                one("karpenter.azure.com/sku-name", "Standard_NC6s_v3"),
            ],
            "taints": [TAINT],
            "resources": {"requests": {"ephemeral-storage": "50Gi"}},
        },
    }


def test_the_nodeclaim_on_aws(catalog: Catalog) -> None:
    spec = made(on_aws(catalog), wanting(instanceType="p3.2xlarge"))["spec"]

    assert spec["nodeClassRef"] == {
        "group": "karpenter.k8s.aws",
        "kind": "EC2NodeClass",
        "name": "default",
    }
    assert spec["requirements"] == [
        one("karpenter.sh/nodepool", "kaito"),
        one("node.kubernetes.io/instance-type", "p3.2xlarge"),
        one("kubernetes.io/os", "linux"),
    ]


def test_the_node_class_is_a_setting(catalog: Catalog) -> None:
    reference = {"group": "kaito.sh", "kind": "KaitoNodeClass", "name": "gpu"}
    claims = provisioned(on_nodeclaims(catalog), node_class=reference)

    assert made(claims)["spec"]["nodeClassRef"] == reference


@pytest.mark.parametrize("claims", [False, True])
def test_labels_of_ours_win_over_the_users(catalog: Catalog, claims: bool) -> None:  # noqa: FBT001
    ours = {
        "kaito.sh/workspace": "phi",
        "kaito.sh/workspacenamespace": "default",
        **(
            {"karpenter.sh/nodepool": "kaito"}
            if claims
            else {"karpenter.sh/provisioner-name": "default"}
        ),
    }
    users = dict.fromkeys(ours, "mine")

    known = on_nodeclaims(catalog) if claims else catalog
    found = made(known, wanting(labels=users | {"apps": "phi-3"}))["metadata"]["labels"]

    assert found == ours | {"apps": "phi-3"}


@pytest.mark.parametrize("claims", [False, True])
def test_never_has_a_namespace(catalog: Catalog, claims: bool) -> None:  # noqa: FBT001
    found = made(on_nodeclaims(catalog) if claims else catalog)

    assert "namespace" not in found["metadata"]


def test_a_nodeclaim_that_is_kept_is_named(catalog: Catalog) -> None:
    request = a_namespace_request([a_workspace()], [a_machine(NAME, claim=True)])

    assert machines_synced(request, on_nodeclaims(catalog))["attachments"] == [
        {"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "metadata": {"name": NAME}}
    ]


@pytest.mark.parametrize("disk", ["50Gi", "400", "0"])
def test_the_disk_is_the_presets_as_it_is_written(catalog: Catalog, disk: str) -> None:
    assert made(catalog, wanting(disk=disk))["spec"]["resources"] == {"requests": {"storage": disk}}
