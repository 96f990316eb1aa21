"""What Metacontroller is told: which parents, which children, which hooks."""

from enum import Enum
from functools import cached_property
from typing import Literal

from composite import catalog, names
from composite.models import JsonObject, Value
from composite.simulate import objects, selectors
from composite.simulate.objects import Kind

GROUP = "metacontroller.k8s.io"


class Style(str, Enum):  # noqa: UP042  (as in composite.catalog)
    """The two kinds of controller Metacontroller has."""

    COMPOSITE = "CompositeController"
    DECORATOR = "DecoratorController"


class ChildRule(Value):
    """A kind of child, and what happens when the one observed is not the one wanted."""

    kind: Kind
    method: Literal["InPlace", "OnDelete", "Recreate"]


class Controller(Value):
    """
    One CompositeController or DecoratorController with hooks of version v2.

    A composite's selector is generated, and none has a finalize hook. Only parents that both
    selectors mean are looked at. ``given`` is the object itself, if there is one.
    """

    name: str
    style: Style
    parent: Kind
    children: tuple[ChildRule, ...]
    sync_path: str
    customize_path: str | None = None
    ignore_status_changes: bool = True
    label_selector: JsonObject | None = None
    annotation_selector: JsonObject | None = None
    given: JsonObject | None = None

    @cached_property
    def child_kinds(self) -> tuple[str, ...]:
        """The declared kinds in the order in which Metacontroller manages them."""
        rules = sorted(self.children, key=lambda rule: rule.kind.sort_key)
        return tuple(rule.kind.key for rule in rules)

    def method(self, kind: str) -> str:
        """Return how children of a kind are updated; not at all unless declared."""
        methods = {rule.kind.key: rule.method for rule in self.children}
        return methods.get(kind, "OnDelete")

    @property
    def finalizer(self) -> str:
        """What an earlier version of the controller, with a finalize hook, has put on parents."""
        return f"metacontroller.io/{self.style.value.lower()}-{self.name}"

    def cares_for(self, parent: JsonObject) -> bool:
        """Tell whether an object of the parent's kind is looked at."""
        metadata = parent["metadata"]
        if self.finalizer in (metadata.get("finalizers") or ()):
            return True
        return selectors.matches_labels(
            self.label_selector or {}, objects.labels_of(parent)
        ) and selectors.matches_labels(
            self.annotation_selector or {}, metadata.get("annotations") or {}
        )

    def to_json(self) -> JsonObject:
        """Return the object that a hook finds in the request under ``controller``."""
        if self.given is not None:
            return self.given
        children = [
            {
                "apiVersion": rule.kind.api_version,
                "resource": rule.kind.plural,
                "updateStrategy": {"method": rule.method},
            }
            for rule in self.children
        ]
        parent = {
            "apiVersion": self.parent.api_version,
            "resource": self.parent.plural,
            "ignoreStatusChanges": self.ignore_status_changes,
        }
        paths = {"sync": self.sync_path, "customize": self.customize_path}
        hooks = {
            name: {"version": "v2", "webhook": {"path": path}}
            for name, path in paths.items()
            if path is not None
        }
        spec = (
            {"generateSelector": True, "parentResource": parent, "childResources": children}
            if self.style is Style.COMPOSITE
            else {"resources": [parent], "attachments": children}
        )
        return {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": self.style.value,
            "metadata": {
                "name": self.name,
                "uid": objects.derived_uid(self.style.value, self.name),
                "generation": 1,
            },
            "spec": {**spec, "hooks": hooks},
        }


CLAIMS = {
    catalog.Provisioner.MACHINE: objects.MACHINE,
    catalog.Provisioner.NODECLAIM: objects.NODECLAIM,
}


def controllers(
    provisioner: catalog.Provisioner = catalog.Provisioner.MACHINE,
) -> tuple[Controller, ...]:
    """Return the controllers of an installation; one that makes no nodes has no second one."""
    workspaces = Controller(
        name="metakaito-workspaces",
        style=Style.COMPOSITE,
        parent=objects.WORKSPACE,
        children=(
            ChildRule(kind=objects.DEPLOYMENT, method="InPlace"),
            ChildRule(kind=objects.STATEFULSET, method="InPlace"),
            ChildRule(kind=objects.SERVICE, method="InPlace"),
            ChildRule(kind=objects.CONTROLLER_REVISION, method="InPlace"),
            ChildRule(kind=objects.CONFIG_MAP, method="InPlace"),
            ChildRule(kind=objects.JOB, method="OnDelete"),  # most of a Job cannot be changed
        ),
        sync_path="/workspaces/sync",
        customize_path="/workspaces/customize",
    )
    claim = CLAIMS.get(provisioner)
    if claim is None:
        return (workspaces,)
    machines = Controller(
        name="metakaito-machines",
        style=Style.DECORATOR,
        parent=objects.NAMESPACE,
        children=(ChildRule(kind=claim, method="OnDelete"),),
        sync_path="/machines/sync",
        customize_path="/machines/customize",
    )
    return workspaces, machines


# Claims first, then what is found or read, then what runs: the order in which ``desired`` lists
# children.
LISTING_ORDER = (
    names.MACHINES,
    names.NODECLAIMS,
    names.SERVICES,
    names.CONFIGMAPS,
    names.DEPLOYMENTS,
    names.STATEFULSETS,
    names.JOBS,
)
