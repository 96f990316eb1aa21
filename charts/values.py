"""
Everything that an installation can set, with its meaning and its default.

``values.yaml`` and ``values.schema.json`` of the chart are written from these classes, and
``metakaito generate`` reads values with them, so that all three say the same.
"""

from typing import Annotated, Literal

from pydantic import Field

from charts.policy_limits import Limits
from charts.values_metacontroller import Controllers, Metacontroller, WebhookAuthentication
from charts.values_parts import Image, Labels, Name, QualifiedName, Section, Toleration, Word
from charts.values_workload import Hooks, NetworkPolicy
from composite.catalog import ADAPTER_BASE, IMAGE_PATTERN, InstanceType, Preset
from composite.models import JsonObject

__all__ = ["Values"]


class NodeClass(Section):
    """What NodeClaims point at; used with provisioner nodeclaim only."""

    group: Word = ""
    """API group. Empty: that of the cloud, karpenter.azure.com or karpenter.k8s.aws."""

    kind: Word = ""
    """Kind. Empty: that of the cloud, AKSNodeClass or EC2NodeClass."""

    name: Annotated[Word, Field(min_length=1)] = "default"
    """Name of the node class. It must exist: a provisioner gives up without it."""


class Presets(Section):
    """
    Models and instance types of your own. They are added to ours, or replace one by its name.

    The chart gives them to the hooks that it installs; hooks elsewhere need them in the directory
    that METAKAITO_PRESETS names.
    """

    models: dict[str, Preset] = Field(default_factory=dict)
    """Models by name, each as `metakaito schema preset` describes it."""

    instanceTypes: list[InstanceType] = Field(default_factory=list)
    """Rows for the cloud's table, each as `metakaito schema instance-types` describes it."""


class AdmissionPolicy(Section):
    """
    ValidatingAdmissionPolicies that refuse at `kubectl apply` what the hooks would refuse later.

    They need no webhook server: the API server itself holds a Workspace against the presets.
    """

    enabled: bool = True
    """Whether it is installed."""

    action: Literal["Deny", "Warn", "Audit"] = "Deny"
    """
    What happens to a Workspace that breaks a rule. The hooks refuse it in any case, but for one
    that is beyond the limits.
    """

    limits: Limits = Limits()


class DevicePlugin(Section):
    """
    NVIDIA's device plugin, which shows a node's GPUs to Kubernetes.

    Its Pods need a directory of the node, which the Pod Security standard "baseline" forbids, so
    the release's namespace must be "privileged". Leave it off where the cloud or the GPU operator
    brings one.
    """

    enabled: bool = False
    """Whether it is installed."""

    image: Image = Image(repository="nvcr.io/nvidia/k8s-device-plugin", tag="v0.17.4")
    """Image of the device plugin."""

    resources: JsonObject = {
        "requests": {"cpu": "50m", "memory": "64Mi"},
        "limits": {"memory": "256Mi"},
    }
    """What each Pod asks for and may use."""

    nodeLabel: QualifiedName = "kaito.sh/workspace"
    """It runs on the nodes that have this label, whatever its value. The default: on ours."""

    tolerations: list[Toleration] = [
        {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"},
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
    ]
    """Taints of GPU nodes that its Pods accept."""


class ServiceMonitor(Section):
    """ServiceMonitors of the Prometheus operator, for the hooks and for Metacontroller."""

    enabled: bool = False
    """Whether they are made. The cluster must have the API monitoring.coreos.com/v1."""

    intervalSeconds: Annotated[int, Field(ge=5, le=3600)] = 30
    """How often numbers are taken, in seconds."""

    labels: Labels = Field(default_factory=dict)
    """Labels by which your Prometheus finds them."""


class PrometheusRule(Section):
    """Alerts: a Workspace that is stuck, a hot loop, errors."""

    enabled: bool = False
    """Whether they are made. The cluster must have the API monitoring.coreos.com/v1."""

    labels: Labels = Field(default_factory=dict)
    """Labels by which your Prometheus finds them."""


class Dashboard(Section):
    """A Grafana dashboard, in a ConfigMap that Grafana's sidecar reads."""

    enabled: bool = False
    """Whether it is made."""

    labels: Labels = {"grafana_dashboard": "1"}
    """Labels by which the sidecar finds it."""


class Monitoring(Section):
    """What Prometheus and Grafana are told. All of it is off by default."""

    serviceMonitor: ServiceMonitor = ServiceMonitor()

    prometheusRule: PrometheusRule = PrometheusRule()

    dashboard: Dashboard = Dashboard()


class Uninstall(Section):
    """
    What happens to Workspaces when the release is uninstalled.

    Once Metacontroller is gone nobody deletes nodes any more. A Job therefore runs before anything
    is removed, with rights that exist only as long as it runs.
    """

    workspaces: Literal["refuse", "delete", "abandon"] = "refuse"
    """
    refuse: uninstalling fails, and nothing is removed, while Workspaces have nodes that were made
    for them; delete the Workspaces first. delete: all Workspaces are deleted with their nodes.
    abandon: nothing is looked at; models keep running, and nodes are paid for until you delete
    them yourself.
    """

    timeoutSeconds: Annotated[int, Field(ge=10, le=86400)] = 240
    """
    How long nodes may take to go, in seconds. Helm itself waits 5 minutes unless told with
    `--timeout`; keep this below.
    """


class Runtime(Section):
    """Whose programs serve and tune the models."""

    name: Literal["kaito", "metakaito"] = "kaito"
    """
    kaito: Kaito's images, which bring the weights. metakaito: our image, with weights from where
    the preset says. A preset that only one of them can serve is served by it; models that serve
    already stay with theirs.
    """

    image: Annotated[str, Field(pattern=f"^({IMAGE_PATTERN})?$", max_length=1024)] = ""
    """
    Image of metakaito's runtime, registry/repository:tag. Empty: that of the chart's own version,
    ghcr.io/metakaito/metakaito-transformers.
    """


class Training(Section):
    """
    The steps that fetch the data of a training and push its result.

    They run with the image of the hooks, so nodes must be able to pull it.
    """

    adapterBase: Annotated[str, Field(pattern=f"^{IMAGE_PATTERN}$", max_length=1024)] = ADAPTER_BASE
    """
    Image that a pushed adapter is a layer on; `scratch` for none. With it the adapter can be copied
    by a shell, as Kaito does and we do too.
    """

    fetchNetworks: list[Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+/\d{1,3}$")]] = Field(
        default_factory=list
    )
    """
    Private networks, 10.0.0.0/8 for example, that the data of a training may be fetched from. Else
    only public addresses are asked.
    """


class Values(Section):
    """Values of the chart metakaito."""

    nameOverride: Annotated[Name, Field(max_length=63)] = ""
    """Replaces the chart's name in names and labels."""

    fullnameOverride: Annotated[Name, Field(max_length=40)] = ""
    """Replaces the first part of all names. Empty: the release's name, with the chart's name."""

    commonLabels: Labels = Field(default_factory=dict)
    """Labels that everything gets, beside ours."""

    imagePullSecrets: list[dict[Literal["name"], str]] = Field(default_factory=list)
    """Secrets with which images are pulled: [{name: ...}]."""

    image: Image = Image(repository="ghcr.io/metakaito/metakaito")
    """Image of the hooks. An empty tag means the chart's own version."""

    provisioner: Literal["auto", "machine", "nodeclaim", "none"] = "auto"
    """
    What makes nodes. machine: karpenter.sh/v1alpha5 Machines, for Azure's gpu-provisioner;
    nodeclaim: karpenter.sh/v1 NodeClaims, for Karpenter; none: nobody, Workspaces run on nodes that
    exist; auto: what the cluster has an API for, and none where it has neither. `helm template`
    asks no cluster, nor does Argo CD: name one here, or say --api-versions
    karpenter.sh/v1/NodeClaim. An upgrade with auto keeps what is in use. Another one is refused
    while there are nodes that were made by the one before.
    """

    cloud: Literal["azure", "aws"] = "azure"
    """Whose instance types a Workspace can name."""

    nodeClass: NodeClass = NodeClass()

    imageRegistry: Annotated[str, Field(min_length=1, max_length=255)] = (
        "mcr.microsoft.com/aks/kaito"
    )
    """Registry, and path in it, of the images of public presets, without https://."""

    runtime: Runtime = Runtime()

    training: Training = Training()

    presets: Presets = Presets()

    hooks: Hooks = Hooks()

    metacontroller: Metacontroller = Metacontroller()

    controllers: Controllers = Controllers()

    webhookAuthentication: WebhookAuthentication = WebhookAuthentication()

    networkPolicy: NetworkPolicy = NetworkPolicy()

    admissionPolicy: AdmissionPolicy = AdmissionPolicy()

    devicePlugin: DevicePlugin = DevicePlugin()

    monitoring: Monitoring = Monitoring()

    uninstall: Uninstall = Uninstall()
