"""
The Kubernetes objects we write, reduced to the fields we set.

A field is added here on the day a builder needs it.
Source: https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.33/
"""

from typing import Literal

from composite.models import Desired, JsonObject


class ObjectMeta(Desired):
    """Identity and labels. Metacontroller adds owner references; we never write them."""

    name: str | None = None
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Object(Desired):
    """Anything with an identity: what a list of children holds."""

    apiVersion: str
    kind: str
    metadata: ObjectMeta


class LabelSelector(Desired):
    """Which objects are meant, by their labels."""

    matchLabels: dict[str, str]


class SecretKeySelector(Desired):
    """One key of a Secret."""

    name: str
    key: str
    optional: bool


class EnvVarSource(Desired):
    """Where a variable's value comes from."""

    secretKeyRef: SecretKeySelector


class EnvVar(Desired):
    """One environment variable of a container."""

    name: str
    value: str | None = None
    valueFrom: EnvVarSource | None = None


class ContainerPort(Desired):
    """A port the container listens on."""

    containerPort: int


class HTTPGetAction(Desired):
    """The request a probe sends."""

    path: str
    port: int


class Probe(Desired):
    """How the kubelet asks a container whether it is well."""

    httpGet: HTTPGetAction
    initialDelaySeconds: int
    periodSeconds: int


class ExecAction(Desired):
    """A program that the kubelet runs in a container."""

    command: list[str]


class LifecycleHandler(Desired):
    """What the kubelet does at one moment of a container's life."""

    exec: ExecAction


class Lifecycle(Desired):
    """What the kubelet does before it ends a container."""

    preStop: LifecycleHandler


class ResourceRequirements(Desired):
    """Quantities by resource name."""

    requests: dict[str, str]
    limits: dict[str, str]


class VolumeMount(Desired):
    """Where a volume appears in a container."""

    name: str
    mountPath: str
    subPath: str | None = None
    readOnly: Literal[True] | None = None


class EmptyDirVolumeSource(Desired):
    """A directory that lives as long as its pod."""

    medium: Literal["Memory"] | None = None


class ConfigMapVolumeSource(Desired):
    """The keys of a ConfigMap as files."""

    name: str


class KeyToPath(Desired):
    """One key as a file."""

    key: str
    path: str


class SecretProjection(Desired):
    """Keys of a Secret as files."""

    name: str
    items: list[KeyToPath]
    optional: Literal[True] | None = None


class VolumeProjection(Desired):
    """One of the things that a volume shows."""

    secret: SecretProjection


class ProjectedVolumeSource(Desired):
    """Several things as files of one volume."""

    sources: list[VolumeProjection]


class ImageVolumeSource(Desired):
    """The files of an image."""

    reference: str


class PersistentVolumeClaimVolumeSource(Desired):
    """A claim of the same namespace."""

    claimName: str
    readOnly: Literal[True] | None = None


class HostPathVolumeSource(Desired):
    """A directory of the node."""

    path: str
    type: Literal["Directory"] = "Directory"


class Volume(Desired):
    """A volume of a pod, from one of these sources."""

    name: str
    emptyDir: EmptyDirVolumeSource | None = None
    configMap: ConfigMapVolumeSource | None = None
    projected: ProjectedVolumeSource | None = None
    image: ImageVolumeSource | None = None
    persistentVolumeClaim: PersistentVolumeClaimVolumeSource | None = None
    hostPath: HostPathVolumeSource | None = None


class Capabilities(Desired):
    """What a container may do beyond an ordinary process."""

    drop: list[Literal["ALL"]]


class SecurityContext(Desired):
    """What a container may do; these are the words of the Pod Security standard "restricted"."""

    allowPrivilegeEscalation: Literal[False] = False
    capabilities: Capabilities = Capabilities(drop=["ALL"])
    runAsNonRoot: Literal[True] | None = None
    runAsUser: int | None = None


class SeccompProfile(Desired):
    """Which calls to the kernel are open."""

    type: Literal["RuntimeDefault"] = "RuntimeDefault"


class PodSecurityContext(Desired):
    """What all containers of a pod may do, and whose its volumes are."""

    fsGroup: int
    seccompProfile: SeccompProfile = SeccompProfile()


class Container(Desired):
    """One container of a pod."""

    name: str
    image: str
    imagePullPolicy: Literal["Always"] | None = None
    command: list[str]
    ports: list[ContainerPort] | None = None
    env: list[EnvVar] | None = None
    resources: ResourceRequirements | None = None
    volumeMounts: list[VolumeMount] | None = None
    livenessProbe: Probe | None = None
    readinessProbe: Probe | None = None
    lifecycle: Lifecycle | None = None
    securityContext: SecurityContext | None = None
    terminationMessagePolicy: Literal["FallbackToLogsOnError"] | None = None


class Toleration(Desired):
    """A taint the pod accepts."""

    key: str
    operator: Literal["Exists", "Equal"]
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


class NodeSelectorRequirement(Desired):
    """One condition on a node's labels."""

    key: str
    operator: Literal["In", "DoesNotExist"]
    values: list[str] | None = None


class NodeSelectorTerm(Desired):
    """Conditions that must all hold."""

    matchExpressions: list[NodeSelectorRequirement]


class NodeSelector(Desired):
    """Terms of which one must hold."""

    nodeSelectorTerms: list[NodeSelectorTerm]


class NodeAffinity(Desired):
    """Which nodes a pod may run on."""

    requiredDuringSchedulingIgnoredDuringExecution: NodeSelector


class PodAffinityTerm(Desired):
    """Pods that must not share a topology domain with this one."""

    labelSelector: LabelSelector
    topologyKey: str


class PodAntiAffinity(Desired):
    """Which pods a pod must not run beside."""

    requiredDuringSchedulingIgnoredDuringExecution: list[PodAffinityTerm]


class Affinity(Desired):
    """Where a pod may run."""

    nodeAffinity: NodeAffinity
    podAntiAffinity: PodAntiAffinity | None = None


class LocalObjectReference(Desired):
    """An object of the same namespace, by name."""

    name: str


class PodSpec(Desired):
    """What runs, and where it may run."""

    initContainers: list[Container] | None = None
    containers: list[Container]
    imagePullSecrets: list[LocalObjectReference] | None = None
    affinity: Affinity
    tolerations: list[Toleration]
    volumes: list[Volume | JsonObject] | None = None
    restartPolicy: Literal["Never"] | None = None
    terminationGracePeriodSeconds: int | None = None
    securityContext: PodSecurityContext | None = None


class PodTemplateSpec(Desired):
    """A pod to be."""

    metadata: ObjectMeta
    spec: PodSpec


class RollingUpdateDeployment(Desired):
    """How many pods more and fewer than wanted an update may leave."""

    maxSurge: int
    maxUnavailable: int


class DeploymentStrategy(Desired):
    """How pods are replaced."""

    type: Literal["RollingUpdate"] = "RollingUpdate"
    rollingUpdate: RollingUpdateDeployment


class DeploymentSpec(Desired):
    """A number of equal pods. A template of the user's is passed on as it came."""

    replicas: int
    selector: LabelSelector
    strategy: DeploymentStrategy | None = None
    progressDeadlineSeconds: int | None = None
    template: PodTemplateSpec | JsonObject


class Deployment(Object):
    """apps/v1 Deployment."""

    apiVersion: Literal["apps/v1"] = "apps/v1"
    kind: Literal["Deployment"] = "Deployment"
    spec: DeploymentSpec


class StatefulSetSpec(Desired):
    """A fixed number of pods with stable names."""

    replicas: int
    serviceName: str
    podManagementPolicy: Literal["Parallel"] = "Parallel"
    selector: LabelSelector
    template: PodTemplateSpec


class StatefulSet(Object):
    """apps/v1 StatefulSet."""

    apiVersion: Literal["apps/v1"] = "apps/v1"
    kind: Literal["StatefulSet"] = "StatefulSet"
    spec: StatefulSetSpec


class OnPodCondition(Desired):
    """A condition of a pod."""

    type: str
    status: Literal["True"] = "True"


class OnExitCodes(Desired):
    """How a container ended."""

    operator: Literal["In", "NotIn"]
    values: list[int]


class PodFailurePolicyRule(Desired):
    """What a failed pod means for its Job; exactly one of the two says for which pods."""

    action: Literal["Count", "FailJob"]
    onPodConditions: list[OnPodCondition] | None = None
    onExitCodes: OnExitCodes | None = None


class PodFailurePolicy(Desired):
    """Rules of which the first that fits counts."""

    rules: list[PodFailurePolicyRule]


class JobSpec(Desired):
    """Something that runs to its end."""

    backoffLimit: int
    podFailurePolicy: PodFailurePolicy
    template: PodTemplateSpec


class Job(Object):
    """batch/v1 Job."""

    apiVersion: Literal["batch/v1"] = "batch/v1"
    kind: Literal["Job"] = "Job"
    spec: JobSpec


class ConfigMap(Object):
    """v1 ConfigMap."""

    apiVersion: Literal["v1"] = "v1"
    kind: Literal["ConfigMap"] = "ConfigMap"
    immutable: bool
    data: dict[str, str]


class ServicePort(Desired):
    """A port of a Service and where it leads."""

    name: str
    protocol: Literal["TCP"] = "TCP"
    port: int
    targetPort: int


class ServiceSpec(Desired):
    """A stable address for a set of pods."""

    type: Literal["ClusterIP", "LoadBalancer"] | None = None
    clusterIP: Literal["None"] | None = None
    selector: dict[str, str]
    ports: list[ServicePort]
    publishNotReadyAddresses: Literal[True] | None = None


class Service(Object):
    """v1 Service."""

    apiVersion: Literal["v1"] = "v1"
    kind: Literal["Service"] = "Service"
    spec: ServiceSpec


class ControllerRevision(Object):
    """apps/v1 ControllerRevision: what was accepted of a Workspace, immutable."""

    apiVersion: Literal["apps/v1"] = "apps/v1"
    kind: Literal["ControllerRevision"] = "ControllerRevision"
    revision: int
    data: JsonObject


class Taint(Desired):
    """What keeps pods away that do not tolerate it."""

    key: str
    value: str
    effect: Literal["NoSchedule"]


class Requirement(Desired):
    """A condition on the node a provisioner makes."""

    key: str
    operator: Literal["In"] = "In"
    values: list[str]


class ResourceRequests(Desired):
    """What a node must have at least."""

    requests: dict[str, str]


class MachineTemplateRef(Desired):
    """A name the Machine API wants; Kaito points it at nothing."""

    name: str


class MachineSpec(Desired):
    """A node to be made, in the words of Karpenter v0.29."""

    machineTemplateRef: MachineTemplateRef
    requirements: list[Requirement]
    resources: ResourceRequests
    taints: list[Taint]


class Machine(Object):
    """karpenter.sh/v1alpha5 Machine; cluster-scoped, so never with a namespace."""

    apiVersion: Literal["karpenter.sh/v1alpha5"] = "karpenter.sh/v1alpha5"
    kind: Literal["Machine"] = "Machine"
    spec: MachineSpec


class NodeClassRef(Desired):
    """What kind of node a NodeClaim wants."""

    group: str
    kind: str
    name: str


class NodeClaimSpec(Desired):
    """A node to be made, in the words of Karpenter v1."""

    nodeClassRef: NodeClassRef
    requirements: list[Requirement]
    resources: ResourceRequests
    taints: list[Taint]


class NodeClaim(Object):
    """karpenter.sh/v1 NodeClaim; cluster-scoped, so never with a namespace."""

    apiVersion: Literal["karpenter.sh/v1"] = "karpenter.sh/v1"
    kind: Literal["NodeClaim"] = "NodeClaim"
    spec: NodeClaimSpec
