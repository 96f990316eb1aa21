"""The Kubernetes objects we read, reduced to the fields we look at."""

from typing import Any

from pydantic import AwareDatetime, Field

from composite.models import JsonObject, Observed


class ObjectMeta(Observed):
    """Identity, as the API server reports it."""

    name: str = Field(min_length=1)
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    deletionTimestamp: AwareDatetime | None = None


class Object(Observed):
    """Anything with an identity."""

    metadata: ObjectMeta


class Condition(Observed):
    """A condition of any kind of object."""

    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    lastTransitionTime: AwareDatetime | None = None


class Conditions(Observed):
    """A status that is made of conditions."""

    conditions: tuple[Condition, ...] = ()

    def condition(self, name: str) -> Condition:
        """Return the condition called ``name``; one that is absent is Unknown."""
        for condition in self.conditions:
            if condition.type == name:
                return condition
        return Condition(type=name)


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
    progressDeadlineSeconds: int | None = None
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

    # 64 bits, and there has to be a next one.
    revision: int = Field(default=0, ge=0, le=2**63 - 2)
    data: JsonObject = Field(default_factory=dict)


class EnvVar(Observed):
    """A variable of a container; one that is read from elsewhere has no value here."""

    name: str = ""
    value: str = ""


class Container(Observed):
    """A container of a Job, by its variables."""

    env: tuple[EnvVar, ...] | None = None


class ConfigMapSource(Observed):
    """Which ConfigMap a volume shows."""

    name: str = ""


class Volume(Observed):
    """A volume, as far as it shows a ConfigMap."""

    configMap: ConfigMapSource | None = None


class JobPodSpec(Observed):
    """What runs in a Job, and what it reads."""

    containers: tuple[Container, ...] | None = None
    volumes: tuple[Volume, ...] | None = None


class JobTemplate(Observed):
    """The pod of a Job."""

    spec: JobPodSpec = JobPodSpec()


class JobSpec(Observed):
    """What a Job runs."""

    template: JobTemplate = JobTemplate()


class JobStatus(Conditions):
    """How far a Job is; the API server omits zeros."""

    active: int = 0
    ready: int = 0
    succeeded: int = 0
    failed: int = 0


class JobMeta(ObjectMeta):
    """Identity of a Job, whose name is a label of its pods."""

    name: str = Field(min_length=1, max_length=63)


class Job(Object):
    """batch/v1 Job."""

    metadata: JobMeta
    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()


class ConfigMap(Object):
    """v1 ConfigMap."""

    data: dict[str, str] = Field(default_factory=dict)
