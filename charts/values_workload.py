"""Values of the hooks: the server, its Pods, and who may talk to it."""

from typing import Annotated, Literal

from pydantic import Field

from charts.values_parts import Placement, Section
from composite.models import JsonObject


class Autoscaling(Section):
    """A HorizontalPodAutoscaler. The cluster must have a metrics server."""

    enabled: bool = False
    """Whether it is made; it then decides, and `replicas` does not."""

    minReplicas: Annotated[int, Field(ge=1, le=100)] = 2
    """The fewest Pods."""

    maxReplicas: Annotated[int, Field(ge=1, le=100)] = 6
    """The most Pods."""

    targetCPUUtilizationPercentage: Annotated[int, Field(ge=1, le=100)] = 80
    """More Pods are made above this use of the CPU that was asked for, in percent."""


class PodDisruptionBudget(Section):
    """How many of the hooks' Pods may be away while nodes are drained."""

    enabled: bool = True
    """Whether it is made."""

    maxUnavailable: Annotated[int, Field(ge=1, le=100)] = 1
    """The most Pods that may be away at once."""


class Record(Section):
    """
    What each Pod was asked and answered, for `metakaito replay`.

    The newest requests, without what may be secret; docs/replay.md says what that is.
    """

    enabled: bool = False
    """Whether requests are recorded, on a volume that goes with the Pod."""

    maxRequests: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """The most that are kept; the oldest go first."""

    maxMebibytes: Annotated[int, Field(ge=1, le=65536)] = 256
    """The most that they may take together, in MiB. The volume has 64 MiB more."""


class Hooks(Placement):
    """The server that answers Metacontroller."""

    url: Annotated[str, Field(pattern=r"^(https?://[^/\s]+(/[^/\s]+)*)?$")] = ""
    """
    Where the hooks answer, if not behind the chart's own Service: http://host:port, without a last
    slash. For development.
    """

    deploy: bool = True
    """
    Whether the server is installed. Turn it off only if `url` says where it runs; of this section
    nothing else is used then, but where the Job before an uninstall runs.
    """

    replicas: Annotated[int, Field(ge=0, le=100)] = 2
    """How many Pods. 0: nobody answers, so nothing changes; models that run go on."""

    workers: Annotated[int, Field(ge=1, le=64)] = 2
    """Processes of each Pod: as many as it may use cores."""

    threads: Annotated[int, Field(ge=1, le=256)] = 16
    """Requests that one process works at side by side."""

    maxRequestBytes: Annotated[int, Field(ge=65536, le=1 << 30)] = 64 << 20
    """Largest request that is read, in bytes: about 8 KB for each Workspace of a namespace."""

    preStopSeconds: Annotated[int, Field(ge=0, le=300)] = 5
    """
    How long a Pod that is to end keeps answering, in seconds. The cluster's network learns a moment
    late that it ends, and sends requests to it until then.
    """

    stopSeconds: Annotated[int, Field(ge=1, le=600)] = 20
    """How long requests under way may take after that, in seconds."""

    logLevel: Literal["debug", "info", "warning", "error"] = "info"
    """The least serious lines to be logged. info gives one line for every answer."""

    logFormat: Literal["json", "text"] = "json"
    """json: one object on each line, for log collectors. text: for people."""

    record: Record = Record()

    resources: JsonObject = {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"memory": "1Gi"},
    }
    """What each Pod asks for and may use."""

    autoscaling: Autoscaling = Autoscaling()

    podDisruptionBudget: PodDisruptionBudget = PodDisruptionBudget()

    topologySpreadConstraints: list[JsonObject] = [
        {"topologyKey": key, "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]
    """How Pods are spread; the chart adds which Pods are counted."""


class NetworkPolicy(Section):
    """Who may talk to the hooks that the chart installs, and that they talk to nobody."""

    enabled: bool = True
    """
    Whether it is made; the rest of this section is used only then. The chart's own
    Metacontroller and `helm test` may call the hooks, and the kubelet, which every NetworkPolicy
    lets in; beside them only who is named here.
    """

    from_: Annotated[list[JsonObject], Field(alias="from")] = Field(default_factory=list)
    """
    Others that may call the hooks, as NetworkPolicyPeers: an existing Metacontroller, say
    [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: metacontroller}}}].
    """

    prometheus: list[JsonObject] = [
        {
            "namespaceSelector": {},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
        }
    ]
    """
    Who may read the metrics, as NetworkPolicyPeers; used if a ServiceMonitor is made. A
    NetworkPolicy knows ports, not paths: they may call the hooks too. The default is every Pod
    called prometheus in every namespace; name the namespace of yours.
    """
