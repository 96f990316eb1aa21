"""The Kubernetes objects we read, reduced to the fields we look at."""

from datetime import datetime
from typing import Any

from pydantic import Field

from composite.models import JsonObject, Observed


class ObjectMeta(Observed):
    """Identity, as the API server reports it."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    deletionTimestamp: datetime | None = None


class Object(Observed):
    """Anything with an identity."""

    metadata: ObjectMeta


class Condition(Observed):
    """A condition of any kind of object."""

    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    lastTransitionTime: datetime | None = None


class Conditions(Observed):
    """A status that is made of conditions."""

    conditions: tuple[Condition, ...] = ()

    def condition(self, name: str) -> Condition:
        """Return the condition called ``name``; one that is absent is Unknown."""
        found = (condition for condition in self.conditions if condition.type == name)
        return next(found, Condition(type=name))


class Taint(Observed):
    """What keeps pods away that do not tolerate it."""

    key: str
    value: str = ""
    effect: str = ""


class NodeSpec(Observed):
    """Whether new pods may come."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeStatus(Conditions):
    """What a node has to offer."""

    allocatable: dict[str, Any] = Field(default_factory=dict)


class Node(Object):
    """v1 Node."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class ClaimStatus(Conditions):
    """How far a provisioner has come."""

    nodeName: str = ""


class Claim(Object):
    """A Machine or a NodeClaim: both tell their story in the same words."""

    status: ClaimStatus = ClaimStatus()


class WorkloadSpec(Observed):
    """How many pods are wanted, and of what."""

    replicas: int = 1
    template: JsonObject = Field(default_factory=dict)


class WorkloadStatus(Conditions):
    """Progress of a Deployment or StatefulSet; the API server omits zeros."""

    observedGeneration: int = 0
    replicas: int = 0
    updatedReplicas: int = 0
    readyReplicas: int = 0
    currentRevision: str = ""
    updateRevision: str = ""


class Workload(Object):
    """apps/v1 Deployment or StatefulSet."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class ContainerStateWaiting(Observed):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class ContainerStateTerminated(Observed):
    """How a container ended."""

    reason: str = ""
    message: str = ""
    exitCode: int = 0


class ContainerStateRunning(Observed):
    """That a container runs."""


class ContainerState(Observed):
    """What a container does."""

    running: ContainerStateRunning | None = None
    waiting: ContainerStateWaiting | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerStatus(Observed):
    """What became of a container."""

    name: str
    ready: bool = False
    restartCount: int = 0
    state: ContainerState = ContainerState()
    lastState: ContainerState = ContainerState()


class PodStatus(Conditions):
    """What became of a pod."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    initContainerStatuses: tuple[ContainerStatus, ...] = ()
    containerStatuses: tuple[ContainerStatus, ...] = ()


class PodSpec(Observed):
    """Where a pod is."""

    nodeName: str = ""


class Pod(Object):
    """v1 Pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class ControllerRevision(Object):
    """apps/v1 ControllerRevision."""

    revision: int = 0
    data: JsonObject = Field(default_factory=dict)


class JobStatus(Conditions):
    """How far a Job is; the API server omits zeros."""

    active: int = 0
    ready: int = 0
    succeeded: int = 0
    failed: int = 0


class Job(Object):
    """batch/v1 Job."""

    status: JobStatus = JobStatus()


class ConfigMap(Object):
    """v1 ConfigMap."""

    data: dict[str, str] = Field(default_factory=dict)
