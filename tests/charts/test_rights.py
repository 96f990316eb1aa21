"""The page with the rights says what Helm installs."""

import re

import pytest

from charts.rbac import VERBS
from charts.rights import REASONS, rights_page
from composite.catalog import Provisioner
from composite.models import JsonObject
from tests.charts.test_chart import render

ALL: JsonObject = {
    "webhookAuthentication": {"enabled": True, "secretName": "metakaito-token"},
    "metacontroller": {"replicas": 2, "ownerReferencesPermissionEnforcement": True},
}
Right = tuple[str, str]


def listed() -> set[Right]:
    """Return the rights on the page: resource as ``kubectl`` names it, and verb."""
    verb = f"(?:{'|'.join(VERBS)})"
    of_a_row = rf"^\|.*?`([a-z0-9.]+(?:/[a-z]+)?)` \| ({verb}(?:, {verb})*) \|"
    rows = re.findall(of_a_row, rights_page(), re.MULTILINE)
    return {(resource, verb) for resource, verbs in rows for verb in verbs.split(", ")}


def installed(values: JsonObject) -> set[Right]:
    """Return the rights in the roles that Helm renders."""
    return {
        (shown(group, resource), verb)
        for document in render(values)
        for rule in document.get("rules", ())
        if document["kind"] in {"ClusterRole", "Role"}
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def shown(group: str, resource: str) -> str:
    plural, slash, part = resource.partition("/")
    return f"{plural}.{group}{slash}{part}" if group else resource


def test_the_page_has_every_right_that_the_chart_grants() -> None:
    granted = {
        right
        for provisioner in Provisioner
        for strategy in ("dynamic-apply", "server-side-apply")
        for policy in ("refuse", "delete")
        for right in installed(
            {
                **ALL,
                "provisioner": provisioner.value,
                "uninstall": {"workspaces": policy},
                "metacontroller": {**ALL["metacontroller"], "applyStrategy": strategy},
            }
        )
    }

    assert listed() == granted


def test_no_reason_is_of_a_right_that_is_not_granted() -> None:
    named = {f"`{shown(each.group, each.plural)}`" for each in REASONS}

    assert [name for name in sorted(named) if f"| {name} |" not in rights_page()] == []


@pytest.mark.parametrize("provisioner", Provisioner)
def test_no_right_reads_a_secret_by_default(provisioner: Provisioner) -> None:
    granted = installed({"provisioner": provisioner.value})

    assert {resource for resource, _ in granted if "secret" in resource} == set()


@pytest.mark.parametrize("provisioner", Provisioner)
def test_nothing_of_others_is_written(provisioner: Provisioner) -> None:
    writes = {
        resource
        for resource, verb in installed({"provisioner": provisioner.value})
        if verb not in ("get", "list", "watch")
    }
    others = {"nodes", "pods", "namespaces", "workspaces.kaito.sh", "serviceaccounts"}

    # The Job before an uninstall deletes Workspaces only where it is told to.
    assert writes & others == set()
    assert not [each for each in writes if "rbac" in each or "admission" in each]


WRITES = {"create", "update", "patch", "delete", "deletecollection", "*"}


def test_nothing_may_write_nodes_pods_roles_or_workspaces_nor_read_secrets() -> None:
    rights = installed({"provisioner": "machine"})
    writable = {resource for resource, verb in rights if verb in WRITES}

    assert {"machines.karpenter.sh", "workspaces.kaito.sh/status"} <= writable
    strange = {
        resource
        for resource in writable
        if resource.split(".")[0] in {"nodes", "pods", "roles", "rolebindings", "clusterroles"}
        or resource == "workspaces.kaito.sh"
    }
    assert strange == set()
    assert [right for right in rights if right[0] == "secrets"] == []


def test_nothing_leaves_the_pod_of_the_hooks_and_only_who_asks_them_comes_in() -> None:
    [policy] = [
        each["spec"]
        for each in render({"provisioner": "machine"})
        if each["kind"] == "NetworkPolicy"
    ]
    component = "app.kubernetes.io/component"
    [rule] = policy["ingress"]

    assert policy["podSelector"]["matchLabels"][component] == "hooks"
    assert (policy["policyTypes"], policy["egress"]) == (["Ingress", "Egress"], [])
    peers = [peer["podSelector"]["matchLabels"][component] for peer in rule["from"]]
    assert peers == ["metacontroller", "test"]
