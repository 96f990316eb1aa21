"""What a preset says about a model and an instance type about its GPUs, as values."""

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from composite.models import JsonObject, Value

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=63)]
Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]+([KMGT]i?)?$")]

# registry/repository:tag, or with @sha256:...; without registry or tag for what has a default.
# https://github.com/distribution/reference/blob/v0.6.0/reference.go
IMAGE_FIRST = r"[A-Za-z0-9][-._A-Za-z0-9]*(:[0-9]+)?"  # a registry, or the first part of a path
IMAGE_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
IMAGE_TAG = r"[A-Za-z0-9_][-._A-Za-z0-9]{0,127}"
IMAGE_PATTERN = (
    rf"({IMAGE_PART}|{IMAGE_FIRST}(/{IMAGE_PART})+)(:{IMAGE_TAG})?(@sha256:[0-9a-f]{{64}})?"
)

# ``--key=value`` each; an empty value gives ``--key``. Written in the order of the keys.
Flags = Annotated[
    dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")], str],
    Field(description="Command line flags; an empty value gives a flag without one."),
]


class AccessMode(StrEnum):
    """Who can pull the image of a preset."""

    PUBLIC = "public"
    PRIVATE = "private"


class GpuNeed(Value):
    """What a job needs of the GPUs of all its nodes together."""

    count: int = Field(ge=1, description="GPUs, over all nodes.")
    totalMemoryGi: int = Field(ge=0, description="GiB of GPU memory, over all GPUs of all nodes.")
    perGpuMemoryGi: int = Field(ge=0, description="GiB on each GPU; 0: any GPU will do.")


class Command(Value):
    """
    How the model server is started.

    ``launcher`` ``launcherFlags`` ``rendezvousFlags`` ``script`` ``modelFlags``, in this order.
    """

    launcher: str = Field(min_length=1, description="Program and what goes before its flags.")
    launcherFlags: Flags
    rendezvousFlags: Flags = Field(default_factory=dict)
    script: str = Field(
        default="inference_api.py", min_length=1, description="The program that serves."
    )
    modelFlags: Flags


class Runtime(StrEnum):
    """Whose program serves and tunes a model."""

    KAITO = "kaito"
    METAKAITO = "metakaito"


class HubWeights(Value):
    """Weights that the Hugging Face Hub has."""

    name: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)?$", description="Of the model: owner/name.")
    revision: str = Field(min_length=1, description="Commit, tag or branch; a commit never moves.")
    tokenSecret: str | None = Field(
        default=None,
        min_length=1,
        description="Secret of the Workspace's namespace whose key HF_TOKEN is sent along; it need "
        "not exist for a model that is open to all.",
    )


class Weights(Value):
    """Where metakaito's runtime has a model's weights from: one of these."""

    image: str | None = Field(
        default=None,
        pattern=f"^{IMAGE_PATTERN}$",
        description="Image that holds the files, mounted as a volume: Kubernetes 1.35 or newer.",
    )
    claim: str | None = Field(
        default=None,
        min_length=1,
        description="PersistentVolumeClaim in the Workspace's namespace.",
    )
    hostPath: str | None = Field(
        default=None, pattern="^/", description="Directory that every node has."
    )
    huggingFace: HubWeights | None = Field(
        default=None, description="Fetched by name, whenever a pod starts."
    )
    path: str | None = Field(
        default=None,
        pattern=r"^[^/].*$",
        description="Where in the image or the claim they are; absent: at the top.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Weights":
        sources = (self.image, self.claim, self.hostPath, self.huggingFace)
        if sum(source is not None for source in sources) != 1:
            raise ValueError("name one of image, claim, hostPath and huggingFace")
        if self.path is not None and self.image is None and self.claim is None:
            raise ValueError("path goes with image or claim only")
        if self.path is not None and ".." in self.path.split("/"):
            raise ValueError("path must not lead out with '..'")
        return self


class Tuning(Value):
    """What fine-tuning a model needs."""

    image: str | None = Field(
        default=None, description="Repository and tag below the registry; absent: the preset's."
    )
    disk: Quantity = Field(description="Disk of the node.")
    gpu: GpuNeed = Field(description="What a training needs of the GPUs.")
    qloraPerGpuMemoryGi: int | None = Field(default=None, description="GiB on each GPU for QLoRA.")
    launcher: str = Field(min_length=1, description="Program and what goes before its flags.")
    launcherFlags: Flags
    env: dict[str, str] = Field(default_factory=dict, description="Variables of the trainer.")
    readinessTimeoutSeconds: int = Field(gt=0, description="How long a start may take.")


class Preset(Value):
    """A model we know how to serve; one file in ``presets/models``."""

    name: Name = Field(description="What a Workspace calls it: a DNS label, dots allowed.")
    family: str = Field(min_length=1, description="Models that are served alike.")
    source: str = Field(min_length=1, description="Where every number in this file was read.")
    dated: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="When they were read.")
    model: str | None = Field(default=None, description="The model's own page, at its revision.")
    accessMode: AccessMode = Field(
        description="public: image is below the image registry; private: the user brings it."
    )
    image: str | None = Field(default=None, description="Repository and tag below the registry.")
    runtime: Runtime | None = Field(
        default=None,
        description="Whose program serves it, whatever the installation prefers; absent: the "
        "installation's choice where both can.",
    )
    weights: Weights | None = Field(
        default=None,
        description="Where metakaito's runtime has the weights from; absent: only Kaito's image "
        "serves it, which brings its own.",
    )
    disk: Quantity = Field(description="Disk of a node, as the provisioner is asked for it.")
    gpu: GpuNeed = Field(description="What serving needs of the GPUs.")
    command: Command = Field(description="How the model server is started.")
    readinessTimeoutSeconds: int = Field(gt=0, description="How long a start may take.")
    worldSize: int | None = Field(
        default=None, ge=1, description="Processes over all nodes; set: the model is distributed."
    )
    tuning: Tuning | None = Field(default=None, description="Absent: cannot be fine-tuned.")


# What a training parameter may hold. ``any``: its library takes several kinds.
ParameterKind = Literal["text", "integer", "number", "boolean", "list", "object", "any"]


class InstanceType(Value):
    """A kind of node; one row in ``presets/instance_types``."""

    # It is the value of a node's label, and part of a key in a ConfigMap.
    name: str = Field(
        max_length=63,
        pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        description="As the cloud spells it.",
    )
    gpuCount: int = Field(gt=0, description="GPUs of one node.")
    gpuMemoryGi: int = Field(gt=0, description="GiB of all the GPUs of one node together.")
    gpuModel: str | None = Field(default=None, description="Absent: not published in the source.")
    gpuResource: Literal["nvidia.com/gpu", "amd.com/gpu", "aws.amazon.com/neuron"] = Field(
        default="nvidia.com/gpu", description="The extended resource its device plugin shows."
    )
    architecture: Literal["amd64", "arm64"] = Field(
        default="amd64", description="That of its CPUs, as the label kubernetes.io/arch has it."
    )
    source: str = Field(min_length=1, description="Where the row was read.")
    note: str | None = Field(
        default=None, description="Why this number, where sources disagree, or what else is known."
    )

    @property
    def is_arm(self) -> bool:
        """Whether programs for x86 do not run there."""
        return self.architecture == "arm64"

    @property
    def per_gpu_memory_gi(self) -> int:
        """GiB of one GPU, rounded down."""
        return self.gpuMemoryGi // self.gpuCount


class Cloud(StrEnum):
    """Whose instance types and node classes."""

    AZURE = "azure"
    AWS = "aws"


class Provisioner(StrEnum):
    """What makes nodes; decided once per cluster, by which API exists there."""

    MACHINE = "machine"
    NODECLAIM = "nodeclaim"
    NONE = "none"


class NodeClass(Value):
    """What a NodeClaim's ``nodeClassRef`` points at; each provisioner serves only its own kind."""

    group: str
    kind: str
    name: str = "default"


# Ours, of the version that this is; no registry has them yet.
STEPS_IMAGE = "ghcr.io/metakaito/metakaito:0.1.0"
RUNTIME_IMAGE = "ghcr.io/metakaito/metakaito-transformers:0.1.0"
# A shell and cp, with which an adapter is copied out of its image as Kaito does it.
# Chosen on 2026-11-25. https://hub.docker.com/_/busybox
ADAPTER_BASE = "docker.io/library/busybox:1.37.0"


class Provisioning(Value):
    """
    How this installation gets its nodes and images.

    ``runtime`` is whose program serves a preset that both can serve; ``runtime_image`` is ours.
    ``steps_image`` fetches the data of a training and pushes its result, as a layer on
    ``adapter_base``. ``fetch_networks`` are private networks, in CIDR notation, that data may be
    fetched from.
    """

    provisioner: Provisioner = Provisioner.MACHINE
    cloud: Cloud = Cloud.AZURE
    node_class: NodeClass = NodeClass(group="karpenter.azure.com", kind="AKSNodeClass")
    image_registry: str = "mcr.microsoft.com/aks/kaito"
    runtime: Runtime = Runtime.KAITO
    runtime_image: str = RUNTIME_IMAGE
    steps_image: str = STEPS_IMAGE
    adapter_base: str = ADAPTER_BASE
    fetch_networks: tuple[str, ...] = ()


def read_json(text: str) -> object:
    """Read a document as JSON, which is YAML too: all that the core can read by itself."""
    return json.loads(text)


class Catalog(Value):
    """
    Everything in ``presets/``, looked up by name, and what it is used for here.

    ``tuning_configs`` has the default training configuration of each method, ``parameters`` what
    each of its sections may hold. ``read_document`` reads YAML, for which the core has no library;
    it raises ``ValueError`` with the reason where a text is none.
    """

    presets: dict[str, Preset] = Field(repr=False)
    instance_types: dict[str, InstanceType] = Field(repr=False)
    provisioning: Provisioning = Provisioning()
    tuning_configs: dict[str, JsonObject] = Field(default_factory=dict, repr=False)
    parameters: dict[str, dict[str, ParameterKind]] = Field(default_factory=dict, repr=False)
    read_document: Callable[[str], object] = Field(default=read_json, repr=False)
