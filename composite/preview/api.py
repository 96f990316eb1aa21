"""A preview as a value, and so as JSON: what would be made, changed, restarted, needed and paid."""

# ruff: noqa: N815  (spelled as in JSON)

from typing import Annotated, Any, Literal

from pydantic import Field

from composite.models import Value
from composite.preview.effects import Effect
from composite.refusal import Problem

Action = Literal["added", "changed", "removed", "recreated"]
Amount = Annotated[float | None, Field(description="In the currency of the prices; null: unknown.")]


class FieldChange(Value):
    """A field of a child that would hold something else; null where there was or will be none."""

    path: str = Field(examples=["spec.template.spec.containers[0].image"])
    before: Any
    after: Any
    effect: Effect = Field(description="What comes of it.")


class ObjectChange(Value):
    """An object that would be written, by Metacontroller or by applying the files."""

    action: Action
    apiVersion: str
    kind: str
    namespace: str = Field(description="Empty for a kind without namespaces.")
    name: str
    about: tuple[str, ...] = Field(description="What it is, in a few words each.")
    fields: tuple[FieldChange, ...] = Field(default=(), description="Of what is changed.")
    restarts: tuple[str, ...] = Field(
        default=(), description="Names of the pods that would be stopped and started anew for it."
    )
    unseen: int = Field(
        default=0,
        ge=0,
        description="How many pods would be besides, that are not in what is observed: by the "
        "status of the workload.",
    )

    @property
    def because(self) -> tuple[str, ...]:
        """The fields that force pods to be started anew."""
        return tuple(each.path for each in self.fields if each.effect is Effect.ROLLED)


class NodesChange(Value):
    """Nodes of one instance type that would come or go; what that costs or saves."""

    instanceType: str
    added: int = Field(ge=0)
    removed: int = Field(ge=0)
    hourly: Amount
    monthly: Amount
    spotHourly: Amount
    spotMonthly: Amount


class MemoryBudget(Value):
    """GPU memory in GiB: of each GPU, and of all of them together."""

    instanceType: str
    nodes: int
    gpusNeeded: int
    gpusAvailable: int
    perGpuNeeded: int = Field(description="0: any GPU will do.")
    perGpuAvailable: int
    totalNeeded: int
    totalAvailable: int


class WorkspacePreview(Value):
    """What would become of one Workspace."""

    namespace: str
    name: str
    given: Literal["new", "edited", "same", "not given"] = Field(
        description="What the files say of it; not given: it is there, and affected."
    )
    refused: tuple[Problem, ...] = ()
    deleting: tuple[str, ...] = Field(
        default=(),
        description="What goes with it, where it is being deleted: it first, then its objects.",
    )
    changes: tuple[ObjectChange, ...] = ()
    nodes: tuple[NodesChange, ...] = ()
    keeps: tuple[str, ...] = Field(default=(), description="Nodes that are there and are used.")
    memory: MemoryBudget | None = None
    notes: tuple[str, ...] = Field(
        default=(), description="What is accepted and still worth a word, in sentences."
    )
    waits: str = Field(default="", description="Why it would not get its nodes; empty if it does.")
    fails: str = Field(
        default="", description="What Metacontroller would fail with again and again; else empty."
    )
    unknown: tuple[str, ...] = Field(
        default=(), description="What cannot be known before its nodes are there, in sentences."
    )

    @property
    def restarts(self) -> tuple[str, ...]:
        """All pods that would be started anew."""
        return tuple(dict.fromkeys(pod for each in self.changes for pod in each.restarts))


class UnlistedWorkspace(Value):
    """A Workspace that is there, and in no file any more."""

    namespace: str
    name: str


class Total(Value):
    """Sums over all Workspaces."""

    added: int
    changed: int
    removed: int
    recreated: int
    restarts: int
    nodes: tuple[NodesChange, ...]
    hourly: Amount
    monthly: Amount


class Preview(Value):
    """Everything that would become of some Workspaces, and of others for their sake."""

    applied: tuple[ObjectChange, ...] = Field(
        default=(), description="What applying the files itself writes: the user's own objects."
    )
    workspaces: tuple[WorkspacePreview, ...]
    unlisted: tuple[UnlistedWorkspace, ...] = Field(
        default=(),
        description="Workspaces of the base that are in no file any more: a plan deletes nothing, "
        "and their nodes stay until somebody does.",
    )
    total: Total
    currency: str | None = Field(default=None, description="Of the prices; null without prices.")

    @property
    def refused(self) -> bool:
        """Whether a Workspace would be refused."""
        return any(each.refused for each in self.workspaces)

    @property
    def changes(self) -> bool:
        """Whether anything would be written."""
        return bool(self.applied) or any(each.changes or each.nodes for each in self.workspaces)
