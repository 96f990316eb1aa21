"""
A scenario: how long things take, what goes wrong, what the user does, and what must come of it.

One YAML file in ``presets/scenarios`` each. A scenario happens to every Workspace it is played
with.
"""

# ruff: noqa: N815  (the fields are spelled as in the YAML files)

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from composite.models import JsonObject, Value

Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)] | Literal["planned"]


def _spelled(status: Any) -> Any:  # noqa: ANN401  (whatever YAML gave)
    """Return ``True`` and ``False``, which YAML takes for booleans, as a condition spells them."""
    return str(status) if isinstance(status, bool) else status


Status = Annotated[Literal["True", "False", "Unknown"], BeforeValidator(_spelled)]
ConditionType = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]+$")]


class Delays(Value):
    """How long each step takes, in seconds. The defaults are those of a GPU node on a cloud."""

    launch: Seconds = Field(default=20.0, description="From a Machine to a virtual machine.")
    register_: Seconds = Field(
        default=100.0, alias="register", description="From there to its Node."
    )
    initialize: Seconds = Field(default=20.0, description="From there to a Node that is Ready.")
    gpu: Seconds = Field(default=20.0, description="From there to GPUs that the Node shows.")
    schedule: Seconds = Field(default=1.0, description="From a Pod to a Node for it.")
    pull: Seconds = Field(default=120.0, description="From there to all images on the Node.")
    start: Seconds = Field(default=60.0, description="From a running container to a ready one.")
    terminate: Seconds = Field(default=30.0, description="From a deleted Machine to its end.")
    fetch: Seconds = Field(default=120.0, description="How long the data of a training is fetched.")
    train: Seconds = Field(default=3600.0, description="How long a training takes.")
    push: Seconds = Field(default=60.0, description="How long its result is pushed.")


class InstanceTypesUnavailable(Value):
    """The cloud has no such machines, or no quota for them."""

    attempts: int | None = Field(
        default=None, ge=1, description="How many attempts of each node fail; absent: all."
    )
    announced: bool = Field(
        default=False,
        description="The provisioner says so in the Launched condition and leaves the deleting to "
        "us for a minute. Otherwise it deletes the Machine at once, as real ones do.",
    )


class OutOfMemory(Value):
    """The container is killed for its memory while it starts."""

    restarts: int | None = Field(
        default=None, ge=1, description="How often, before it works; absent: always."
    )


class Failing(Value):
    """A step of a training fails."""

    times: int | None = Field(
        default=None,
        ge=1,
        description="How often, for each Workspace, before it works; absent: always.",
    )


class Faults(Value):
    """What goes wrong. By default nothing."""

    instanceTypesUnavailable: InstanceTypesUnavailable | None = Field(
        default=None, description="The cloud has no such machines, or no quota for them."
    )
    imageCannotBePulled: bool = Field(default=False, description="No image can be pulled.")
    gpuPluginMissing: bool = Field(default=False, description="No Node ever shows a GPU.")
    outOfMemory: OutOfMemory | None = Field(
        default=None,
        description="The first container of each Pod that serves, and what trains, is killed for "
        "its memory.",
    )
    datasetNotFound: Failing | None = Field(
        default=None, description="What fetches the data of a training finds none."
    )
    outOfGpuMemory: Failing | None = Field(
        default=None, description="What trains does not fit into the memory of its GPUs."
    )
    pushRefused: Failing | None = Field(
        default=None, description="The registry refuses the result of a training."
    )


class Action(Value):
    """One thing the user does: exactly one of these."""

    patchWorkspace: JsonObject | None = Field(default=None, description="A JSON merge patch.")
    deleteWorkspace: Literal[True] | None = Field(default=None, description="Delete it.")
    deleteNamespace: Literal[True] | None = Field(
        default=None, description="Delete the namespace it is in."
    )
    deleteMachine: int | None = Field(
        default=None, ge=0, description="Delete the Machine or NodeClaim with this index."
    )
    deleteNode: int | None = Field(
        default=None, ge=0, description="Delete this Node of status.workerNodes, from 0."
    )
    apply: JsonObject | None = Field(
        default=None,
        description="Create or replace any object; one that needs a namespace and names none is "
        "put beside each Workspace.",
    )

    @model_validator(mode="after")
    def _one_of(self) -> "Action":
        if len(self._chosen) != 1:
            raise ValueError(f"exactly one of {', '.join(type(self).model_fields)} must be set")
        return self

    @property
    def _chosen(self) -> dict[str, object]:
        return {name: value for name, value in self if value is not None}

    def __str__(self) -> str:
        ((name, value),) = self._chosen.items()
        return f"{name} {value}" if type(value) is int else name


class Step(Value):
    """
    When the user does something. Steps are done one after the other.

    ``when`` waits for a condition of every Workspace, as in ``WorkspaceReady=True``; ``after``
    for some seconds more.
    """

    at: Seconds | None = Field(default=None, description="Seconds from the beginning.")
    when: Annotated[str, StringConstraints(pattern=r"^\w+=(True|False|Unknown)$")] | None = Field(
        default=None, description="A condition and its status: WorkspaceReady=True."
    )
    after: Seconds = Field(default=0.0, description="Seconds to wait once ``when`` holds.")
    do: Action = Field(description="What the user does then.")

    @model_validator(mode="after")
    def _one_time(self) -> "Step":
        if (self.at is None) == (self.when is None):
            raise ValueError("exactly one of at and when must be set")
        return self


class Promise(Value):
    """How it must end, for each Workspace. What is not said may be anything."""

    conditions: dict[ConditionType, Status] = Field(
        default={}, description="Status by condition type."
    )
    contains: dict[ConditionType, str] = Field(
        default={}, description="Text in the message of a condition, by its type."
    )
    gone: Literal[True] | None = Field(
        default=None,
        description="Nothing is left: no Workspace, no child, no Pod, no Machine and no Node made "
        "for it.",
    )
    machines: Count | None = Field(
        default=None, description="Machines or NodeClaims; planned: those of status.machines."
    )
    nodes: Count | None = Field(
        default=None, description="Nodes, given ones included; planned: one made for each Machine."
    )
    attempts: int | None = Field(
        default=None, ge=1, description="Attempts it took or has taken for the node 0, at least."
    )
    jobs: int | None = Field(
        default=None, ge=0, description="Jobs that are there, finished ones included."
    )
    jobsMade: int | None = Field(
        default=None, ge=0, description="Jobs that were ever made, deleted ones included."
    )


class Scenario(Value):
    """A story that is played in the embedded cluster."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")] = Field(
        description="What happens, in kebab case; also the name of the file."
    )
    description: str = Field(min_length=1, description="The story in a sentence.")
    plays: Literal["inference", "tuning"] = Field(
        default="inference", description="What kind of Workspace it is made for."
    )
    delays: Delays = Field(default=Delays(), description="How long each step takes.")
    faults: Faults = Field(default=Faults(), description="What goes wrong.")
    steps: tuple[Step, ...] = Field(default=(), description="What the user does, and when.")
    promise: Promise = Field(
        default=Promise(conditions={"WorkspaceReady": "True"}),
        description="How it must end; if absent, every Workspace is ready.",
    )
    timeLimit: Seconds = Field(default=14400.0, description="Seconds after which it ends anyway.")
