"""
What Metacontroller's ServiceAccount may do: exactly what it does for our two controllers.

The verbs are those that Metacontroller 4.17.2 uses, read in its source:
https://github.com/metacontroller/metacontroller/tree/v4.17.2/pkg

* Everything that it looks at is listed and watched, never read one by one, but for the two cases
  below. Newer clients replace the list by a watch, and fall back on it.
* A parent is read before its status is written, and before a child is adopted.
* A child that has lost its label is let go, and one that has it back is adopted: each time it is
  read and written. This is why also a Job, which is never updated, needs ``get`` and ``update``.
* Attachments of a DecoratorController are neither adopted nor let go.
* Server-side apply patches; where the patch makes the object, the API server asks for ``create``.
"""

from collections.abc import Iterable
from typing import NamedTuple

from charts.release import Release
from charts.values import Values
from composite import machines, workspace
from composite.catalog import Provisioner
from composite.machines.related import related_rules as namespace_rules
from composite.metacontroller import RelatedRule
from composite.models import JsonObject
from composite.simulate.controllers import CLAIMS, Controller, Style, controllers
from composite.simulate.objects import WORKSPACE
from composite.workspace.related import related_rules as workspace_rules

STRATEGIES = ("dynamic-apply", "server-side-apply")
GROUP = "rbac.authorization.k8s.io"

# What happens to Workspaces when the release is uninstalled, where something does.
POLICIES = ("refuse", "delete")

LOOK = ("list", "watch")
# The order in which verbs are written.
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")

# A Workspace that has everything that makes a customize hook ask for one kind more.
CURIOUS_WORKSPACE: JsonObject = {
    "apiVersion": "kaito.sh/v1alpha1",
    "kind": "Workspace",
    "metadata": {"name": "curious", "namespace": "default", "uid": "0", "generation": 1},
    "resource": {"instanceType": "any", "labelSelector": {"matchLabels": {"a": "b"}}},
    "inference": {"adapters": [{"source": {"workspace": "tuned"}}]},
    "tuning": {"config": "training"},
}
SOME_NAMESPACE: JsonObject = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "default", "uid": "0"},
}


class Resource(NamedTuple):
    """A resource, or part of one, of an API group."""

    group: str
    plural: str


Rights = dict[Resource, set[str]]


def rules(provisioner: Provisioner, strategy: str) -> list[JsonObject]:
    """Return the rules of the ClusterRole, without those that only some installations need."""
    rights = metacontrollers_own()
    for controller in controllers(provisioner):
        add(rights, parents(controller))
        add(rights, children(controller, strategy))
    for related in related_kinds(provisioner):
        group = related.apiVersion.rpartition("/")[0]
        add(rights, {Resource(group, related.resource): {*LOOK}})
    return written(rights)


def metacontrollers_own() -> Rights:
    """Return what Metacontroller needs whatever it is told to do."""
    group = "metacontroller.k8s.io"
    return {
        Resource(group, "compositecontrollers"): {*LOOK},
        Resource(group, "decoratorcontrollers"): {*LOOK},
        Resource(group, "controllerrevisions"): {*LOOK},
        # Whether a parent has a status subresource.
        Resource("apiextensions.k8s.io", "customresourcedefinitions"): {*LOOK},
        # Of every controller with a customize hook, for rules that select namespaces.
        Resource("", "namespaces"): {*LOOK},
        Resource("", "events"): {"create", "patch"},
    }


def parents(controller: Controller) -> Rights:
    """Return what is done to parents; a Namespace is only looked at."""
    parent = Resource(controller.parent.group, controller.parent.plural)
    if controller.style is Style.DECORATOR:
        return {parent: {*LOOK}}
    status = Resource(parent.group, f"{parent.plural}/status")
    return {parent: {*LOOK, "get"}, status: {"update"}}


def children(controller: Controller, strategy: str) -> Rights:
    """Return what is done to children."""
    verbs = {*LOOK, "create", "delete"}
    if controller.style is Style.COMPOSITE:
        verbs |= {"get", "update"}
    if strategy == "server-side-apply":
        verbs |= {"patch"}
    return {Resource(rule.kind.group, rule.kind.plural): verbs for rule in controller.children}


def related_kinds(provisioner: Provisioner) -> list[RelatedRule]:
    """Return what the customize hooks can ask for."""
    parent = workspace.CustomizeQuestion.model_validate({"parent": CURIOUS_WORKSPACE}).parent
    found = workspace_rules(parent, provisioner)
    if provisioner is not Provisioner.NONE:
        namespace = machines.CustomizeQuestion.model_validate({"parent": SOME_NAMESPACE}).parent
        found += namespace_rules(namespace)
    return found


def finalizers(provisioner: Provisioner) -> list[JsonObject]:
    """Return what OwnerReferencesPermissionEnforcement wants of an owner's owner reference."""
    rights: Rights = {}
    for controller in controllers(provisioner):
        owner = controller.parent
        rights[Resource(owner.group, f"{owner.plural}/finalizers")] = {"update"}
    return written(rights)


# For webhook authentication. Metacontroller keeps all Secrets in memory to read one.
SECRETS: list[JsonObject] = [{"apiGroups": [""], "resources": ["secrets"], "verbs": list(LOOK)}]

# For the election of a leader, in the release's namespace.
LEASES: list[JsonObject] = [
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "create", "update"],
    }
]


def uninstall(policy: str) -> list[JsonObject]:
    """
    Return what the Job may do that runs before the release is removed.

    It looks at both kinds of nodes: those of a provisioner that is no longer set are paid for too.
    """
    rights: Rights = {
        Resource(kind.group, kind.plural): {"list", "delete"} for kind in CLAIMS.values()
    }
    parent = Resource(WORKSPACE.group, WORKSPACE.plural)
    rights[parent] = {"list", "delete"} if policy == "delete" else {"list"}
    return written(rights)


def facts() -> JsonObject:
    """Return what the chart's templates need."""
    return {
        "rules": {
            provisioner.value: {strategy: rules(provisioner, strategy) for strategy in STRATEGIES}
            for provisioner in Provisioner
        },
        "finalizers": {provisioner.value: finalizers(provisioner) for provisioner in Provisioner},
        "uninstall": {policy: uninstall(policy) for policy in POLICIES},
        "secrets": SECRETS,
        "leases": LEASES,
    }


def documents(values: Values, release: Release) -> list[JsonObject]:
    """
    Return ServiceAccount, roles and bindings of Metacontroller, as ``helm template`` renders them.

    With an existing Metacontroller it is the ClusterRole alone, to be bound to whom it runs as.
    """
    name = f"{release.fullname(values)}-metacontroller"
    labels = release.labels(values, "metacontroller")
    cluster_role: JsonObject = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": labels},
        "rules": chosen(values, release),
    }
    if values.metacontroller.mode == "existing":
        return [cluster_role]
    local = {"name": name, "namespace": release.namespace, "labels": labels}
    account: JsonObject = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": local,
        "automountServiceAccountToken": False,
    }
    found: list[JsonObject] = [
        account,
        cluster_role,
        binding("ClusterRole", {"name": name, "labels": labels}, local),
    ]
    if values.metacontroller.replicas > 1:
        role = {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": local, "rules": LEASES}
        found += [role, binding("Role", local, local)]
    return found


def chosen(values: Values, release: Release) -> list[JsonObject]:
    """Return the rules of an installation's ClusterRole."""
    provisioner = Provisioner(release.provisioner(values))
    wanted = values.metacontroller
    return [
        *rules(provisioner, wanted.applyStrategy),
        *(finalizers(provisioner) if wanted.ownerReferencesPermissionEnforcement else []),
        *(SECRETS if values.webhookAuthentication.enabled else []),
    ]


def binding(kind: str, metadata: JsonObject, account: JsonObject) -> JsonObject:
    """Return what gives a role to a ServiceAccount."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": metadata["name"]},
        "subjects": [
            {
                "kind": "ServiceAccount",
                "name": account["name"],
                "namespace": account["namespace"],
            }
        ],
    }


def add(rights: Rights, more: Rights) -> None:
    """Add rights to those that there are."""
    for each, verbs in more.items():
        rights[each] = rights.get(each, set()) | verbs


def written(rights: Rights) -> list[JsonObject]:
    """Return rules: one for each group and set of verbs, in an order that never changes."""
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for each, verbs in sorted(rights.items()):
        together.setdefault((each.group, in_order(verbs)), []).append(each.plural)
    return [
        {"apiGroups": [group], "resources": plurals, "verbs": list(verbs)}
        for (group, verbs), plurals in sorted(together.items())
    ]


def in_order(verbs: Iterable[str]) -> tuple[str, ...]:
    """Return verbs as people write them."""
    return tuple(sorted(verbs, key=VERBS.index))
