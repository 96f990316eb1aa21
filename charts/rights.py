"""
Why the bundle has each of its rights, for the page ``docs/reference/rights.md``.

The rights are those of :mod:`charts.rbac`; one without a reason here stops the writing of the page.
"""

from collections.abc import Iterable, Iterator

from charts.rbac import (
    LEASES,
    POLICIES,
    SECRETS,
    STRATEGIES,
    Resource,
    finalizers,
    in_order,
    rules,
    uninstall,
)
from composite.catalog import Provisioner
from composite.models import JsonObject
from composite.simulate.objects import WORKSPACE

CHILD = "made, kept as planned and deleted as a child of a Workspace"
REASONS = {
    Resource(
        "", "configmaps"
    ): f"{CHILD} that tunes: its configuration; one that a Workspace names is read",
    Resource("", "events"): "says what Metacontroller could not do, on the Workspace or Namespace",
    Resource("", "namespaces"): "owns the Machines of its Workspaces; is never written",
    Resource(
        "", "nodes"
    ): "which there are, whether they are Ready and show their GPUs; never written",
    Resource("", "pods"): "why a model does not start; never written, and no log is read",
    Resource("", "services"): f"{CHILD}: the address of its model server",
    Resource(
        "apiextensions.k8s.io", "customresourcedefinitions"
    ): "whether a kind has a status of its own",
    Resource("apps", "controllerrevisions"): f"{CHILD}: what was accepted, ten of it",
    Resource("apps", "deployments"): f"{CHILD}: its model server",
    Resource("apps", "statefulsets"): f"{CHILD}: its model server where that spans nodes",
    Resource("batch", "jobs"): f"{CHILD} that tunes: its training",
    Resource("kaito.sh", "workspaces"): "what is asked for; its fields are never written",
    Resource("kaito.sh", "workspaces/status"): "how far it is, and which nodes shall be made",
    Resource(
        "karpenter.sh", "machines"
    ): "the nodes, as Azure's gpu-provisioner makes them: this costs money",
    Resource("karpenter.sh", "nodeclaims"): "the nodes, as Karpenter makes them: this costs money",
    Resource("metacontroller.k8s.io", "compositecontrollers"): "Metacontroller's own configuration",
    Resource(
        "metacontroller.k8s.io", "controllerrevisions"
    ): "Metacontroller's own, of which we need none",
    Resource("metacontroller.k8s.io", "decoratorcontrollers"): "Metacontroller's own configuration",
}
# What only some installations have.
FINALIZERS = "so that a child may keep its owner from going first, where the cluster checks that"
ONLY_WHERE: tuple[tuple[str, list[JsonObject], str], ...] = (
    (
        "`webhookAuthentication.enabled`",
        SECRETS,
        "the token that the hooks ask for; Metacontroller reads one Secret only by listing all",
    ),
    (
        "`metacontroller.replicas` above 1",
        LEASES,
        "which of them is the one that works; in the namespace of the release",
    ),
)

WHY_WORKSPACES = {
    "refuse": "the release is not removed while one has nodes",
    "delete": "all go before the release does",
}
WHY_NODES = "none shall be left that is paid for: those of Workspaces that are gone are deleted"


INTRODUCTION = """\
# What the bundle may do

The pods of the hooks have no right at all and no token. Everything below is of Metacontroller's
ServiceAccount, which does what the hooks answer. What follows from it says
[security.md](../security.md).

## In every namespace

`patch` of children is there with `metacontroller.applyStrategy: server-side-apply` only.

| resource | verbs | where | why |
|---|---|---|---|"""

OPTIONAL = """
## Only where it is asked for

| value | resource | verbs | why |
|---|---|---|---|"""

UNINSTALL = """
## For the Job that runs before the release is removed

It has a ServiceAccount of its own, and both go when it is done.

| `uninstall.workspaces` | resource | verbs | why |
|---|---|---|---|"""


def rights_page() -> str:
    """Return the tables of all rights, each with its reason."""
    parts = [
        INTRODUCTION,
        *cluster_rows(),
        OPTIONAL,
        *optional_rows(),
        UNINSTALL,
        *uninstall_rows(),
    ]
    return "\n".join([*parts, ""])


def cluster_rows() -> Iterator[str]:
    """Yield a row for each resource of the ClusterRole, of whatever provisioner and strategy."""
    found: dict[Resource, tuple[set[str], set[str]]] = {}
    for provisioner in Provisioner:
        for strategy in STRATEGIES:
            for each, verbs in resources(rules(provisioner, strategy)):
                known, where = found.setdefault(each, (set(), set()))
                known.update(verbs)
                where.add(provisioner.value)
    for each, (known, where) in sorted(found.items()):
        everywhere = len(where) == len(Provisioner)
        only = "" if everywhere else f"provisioner {' or '.join(sorted(where))}"
        yield row(shown(each), ", ".join(in_order(known)), only or "always", REASONS[each])


def optional_rows() -> Iterator[str]:
    """Yield a row for each right that a value brings."""
    for value, granted, why in ONLY_WHERE:
        for each, verbs in resources(granted):
            yield row(value, shown(each), ", ".join(verbs), why)
    every = {each: verbs for p in Provisioner for each, verbs in resources(finalizers(p))}
    for each, wanted in sorted(every.items()):
        value = "`metacontroller.ownerReferencesPermissionEnforcement`"
        yield row(value, shown(each), ", ".join(wanted), FINALIZERS)


def uninstall_rows() -> Iterator[str]:
    """Yield a row for each right of the Job."""
    for policy in POLICIES:
        for each, verbs in resources(uninstall(policy)):
            workspaces = each.plural == WORKSPACE.plural
            why = WHY_WORKSPACES[policy] if workspaces else WHY_NODES
            yield row(f"`{policy}`", shown(each), ", ".join(verbs), why)


def resources(granted: Iterable[JsonObject]) -> Iterator[tuple[Resource, list[str]]]:
    """Yield each resource of some rules with its verbs."""
    for rule in granted:
        for group in rule["apiGroups"]:
            for plural in rule["resources"]:
                yield Resource(group, plural), rule["verbs"]


def shown(resource: Resource) -> str:
    """Return a resource as ``kubectl`` names it."""
    plural, _, part = resource.plural.partition("/")
    named = f"{plural}.{resource.group}" if resource.group else plural
    return f"`{named}{f'/{part}' if part else ''}`"


def row(*cells: str) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(cells)} |"
