"""Where a story is played: a namespace of a cluster, whichever kind of cluster it is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from composite import names
from composite.simulate import objects
from composite.simulate.objects import Kind
from tests.e2e.cluster.gpu_provisioner import LAUNCH
from tests.e2e.workspaces import is_true, served_template

Json = dict[str, Any]


class Stage(ABC):
    """
    One namespace in which a story is played.

    Args:
        namespace: Its name.
        story: What is played there, in a sentence.

    """

    def __init__(self, namespace: str, story: str) -> None:
        self.namespace = namespace
        self.story = story

    @abstractmethod
    def create(self, *documents: Mapping[str, Any]) -> None:
        """Create objects in the namespace."""

    @abstractmethod
    def get(self, kind: Kind, name: str) -> Json | None:
        """Return one object, or None."""

    @abstractmethod
    def patch(self, kind: Kind, name: str, patch: Json, part: str = "") -> None:
        """Change an object by a JSON merge patch; ``/status`` is a part that is written alone."""

    @abstractmethod
    def delete(self, kind: Kind, name: str) -> None:
        """Delete an object."""

    @abstractmethod
    def items(self, kind: Kind, **labels: str) -> list[Json]:
        """Return the objects of a kind: those in the namespace, or all of the cluster."""

    @abstractmethod
    def until(self, seen: Callable[[], object], seconds: float = 60.0) -> float:
        """
        Look until something true is seen, and return after how many seconds it was.

        Raises:
            AssertionError: It was not, in that time.

        """

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let some time pass."""

    def machines(self) -> list[Json]:
        """Return the Machines that were made for the Workspaces of the namespace."""
        return self.items(objects.MACHINE, **{names.LABEL_WORKSPACE_NAMESPACE: self.namespace})

    def nodes(self) -> list[Json]:
        """Return the Nodes that were made for the Workspaces of the namespace."""
        return self.items(objects.NODE, **{names.LABEL_WORKSPACE_NAMESPACE: self.namespace})

    def machine_of(self, workspace: str) -> Json | None:
        """Return the Machine of a Workspace that has one node, or None; not one that is going."""
        found = [
            machine
            for machine in self.machines()
            if owner(machine) == workspace and not objects.is_terminating(machine)
        ]
        return found[0] if found else None

    def is_ready(self, *workspaces: str) -> bool:
        """Tell whether some Workspaces are ready for the spec they have."""
        by_name = {one["metadata"]["name"]: one for one in self.items(objects.WORKSPACE)}
        return all(is_true(by_name[name], "WorkspaceReady") for name in workspaces)

    def condition(self, workspace: str, kind: str) -> Json:
        """Return a condition of a Workspace; empty if it has none."""
        found = self.get(objects.WORKSPACE, workspace) or {}
        return objects.condition_of(found, kind) or {}

    def why(self, workspace: str) -> str:
        """Return why the nodes of a Workspace are not ready."""
        return str(self.condition(workspace, "ResourceReady").get("message", ""))

    def planned(self, workspace: str) -> list[tuple[str, int]]:
        """Return names and attempts of the Machines that a Workspace plans."""
        status = objects.status_of(self.get(objects.WORKSPACE, workspace) or {})
        return [(machine["name"], machine["attempt"]) for machine in status.get("machines") or ()]

    def pods_of(self, *workspaces: str) -> set[str]:
        """Return the uids of the Pods of some Workspaces."""
        return {objects.uid_of(pod) for pod in self.items(objects.POD) if owner(pod) in workspaces}

    def until_ready(self, *workspaces: str, seconds: float = 60.0) -> float:
        """Return after how many seconds some Workspaces were ready."""
        return self.until(lambda: self.is_ready(*workspaces), seconds)

    def told(self) -> str:
        """Return what the Workspaces say, for the message of a failure."""
        return "\n".join(
            f"{workspace['metadata']['name']}: "
            f"{condition['type']}={condition['status']} {condition.get('message', '')}"
            for workspace in self.items(objects.WORKSPACE)
            for condition in objects.status_of(workspace).get("conditions") or ()
        )


def owner(obj: Json) -> str:
    """Return the Workspace that an object was made for."""
    return objects.labels_of(obj).get(names.LABEL_WORKSPACE, "")


def is_another(found: Json | None, first: Json | None) -> bool:
    """Tell that there is an object, and not the first."""
    return found is not None and objects.uid_of(found) != objects.uid_of(first or {"metadata": {}})


def served(name: str, launch: str = "", **resource: Any) -> Json:  # noqa: ANN401  (whatever it holds)
    """Return a Workspace on one node of its own, and what is to become of its first launch."""
    labels = {"apps": name, **({LAUNCH: launch} if launch else {})}
    document = served_template(name, "", **{"labelSelector": {"matchLabels": labels}, **resource})
    del document["metadata"]["namespace"]
    return document
