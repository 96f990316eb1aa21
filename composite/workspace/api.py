"""
The Workspace resource as users write it. The CRD in ``schemas/crd`` is generated from here.

Rules that need no lookup are written once, as patterns and CEL beside the field they guard; the
API server applies them at admission. :mod:`composite.workspace.rules` applies the same rules, and
those that need the catalog, wherever no API server stands in front.

Source: https://github.com/kaito-project/kaito/blob/v0.3.2/api/v1alpha1/workspace_types.go
"""

import re
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from composite import names
from composite.catalog import IMAGE_PART, IMAGE_TAG
from composite.models import Desired, JsonObject, Observed, Value

MAX_ADAPTERS = 10
MAX_COUNT = 100
MAX_MESSAGE = 1024  # of somebody else's words that we pass on

# A Service is named like its Workspace, and a Service's name is a DNS-1035 label.
NAME_PATTERN = r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$"
# Registry and path, a repository in lower case, a tag (or name@digest-algorithm:digest), no blank.
IMAGE_PATTERN = r"^\S+/[^:/A-Z\s]+:[^:/\s]+$"
# The same, as exactly as registries take a path, and no digest: nothing can be pushed to one.
PUSHED_IMAGE_PATTERN = rf"^[^\s/@]+(/{IMAGE_PART})+:{IMAGE_TAG}$"
URL_PATTERN = r"^https?://[^\s#]+(#sha256=[0-9A-Fa-f]{64})?$"
STRENGTH_PATTERN = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,2})?$"
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
LABEL_KEY_PATTERN = (
    r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)
METHOD_PATTERN = r"^[qQ]?[lL][oO][rR][aA]$"

# What each pattern means, for people.
PATTERN_WORDS = {
    IMAGE_PATTERN: "must be registry/repository:tag, the repository in lower case, "
    "for example registry.example/adapters/my-adapter:1.0",
    PUSHED_IMAGE_PATTERN: "must be registry/repository:tag, the repository in lower case, "
    "for example registry.example/adapters/my-adapter:1.0",
    LABEL_KEY_PATTERN: "must be a label's name, for example apps or example.com/team",
    LABEL_VALUE_PATTERN: "must be a label's value: letters, digits, '-', '_' and '.' between "
    "letters or digits, at most 63",
    METHOD_PATTERN: "must be lora or qlora",
    URL_PATTERN: "must be an address, for example https://data.example/train.parquet, "
    "behind which #sha256=<64 hex digits> may stand",
    NAME_PATTERN: "must be lower-case letters, digits and '-', at most 63, "
    "a letter first and no '-' last, for example my-adapter-1",
    STRENGTH_PATTERN: 'must be a number between 0 and 1 as text, for example "0.5"',
}

# What examples write where a name is to be filled in.
PLACEHOLDER = re.compile(r"[A-Z]_HERE\b|<[^>]*>")
REPLACE_IT = "replace the placeholder by a name of yours"

ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253)]
LabelValue = Annotated[str, StringConstraints(max_length=63, pattern=LABEL_VALUE_PATTERN)]
LabelKey = Annotated[str, StringConstraints(min_length=1, max_length=317)]
Image = Annotated[str, StringConstraints(max_length=1024)]
Url = Annotated[str, StringConstraints(max_length=2048, pattern=URL_PATTERN)]


def cel(rule: str, message: str) -> JsonDict:
    """Return one validation rule in the words of a CRD."""
    return {"rule": rule, "message": message}


def checked(*rules: JsonDict, **schema: Any) -> JsonDict:  # noqa: ANN401  (words of JSON Schema)
    """Return extra schema words: CEL rules and ``x-kubernetes-...`` marks."""
    return {"x-kubernetes-validations": list(rules), **schema} if rules else schema


IMMUTABLE = "is immutable: delete the Workspace and create another one"
PRESERVED: JsonDict = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def every_label(of: str, is_in: str) -> str:
    """Return CEL that says: every label of one selector, in either form, is in the other."""
    return (
        f"(!has({of}.matchLabels) || {of}.matchLabels.all(k, "
        f"(has({is_in}.matchLabels) && k in {is_in}.matchLabels && "
        f"{is_in}.matchLabels[k] == {of}.matchLabels[k]) || "
        f"(has({is_in}.matchExpressions) && {is_in}.matchExpressions.exists(e, "
        f"e.key == k && has(e.values) && e.values == [{of}.matchLabels[k]])))) && "
        f"(!has({of}.matchExpressions) || {of}.matchExpressions.all(o, has(o.values) && "
        f"((has({is_in}.matchLabels) && o.key in {is_in}.matchLabels && "
        f"o.values == [{is_in}.matchLabels[o.key]]) || "
        f"(has({is_in}.matchExpressions) && {is_in}.matchExpressions.exists(e, "
        f"e.key == o.key && has(e.values) && e.values == o.values)))))"
    )


class LabelSelectorRequirement(Value):
    """One label a node must have, in the long form."""

    key: LabelKey = Field(pattern=LABEL_KEY_PATTERN, description="Label key.")
    operator: str = Field(
        max_length=63,
        description='Only "In" with exactly one value can be asked of a node to be made.',
    )
    values: tuple[LabelValue, ...] | None = Field(
        default=None,
        description="Exactly one value.",
        json_schema_extra={"maxItems": 32, "x-kubernetes-list-type": "atomic"},
    )


class LabelSelector(Value):
    """Labels that every node of this Workspace carries; new nodes are made with them."""

    model_config = ConfigDict(
        json_schema_extra=checked(
            cel(
                "(has(self.matchLabels) && size(self.matchLabels) > 0) || "
                "(has(self.matchExpressions) && size(self.matchExpressions) > 0)",
                "at least one label is needed, for example matchLabels: {apps: my-model}",
            ),
            cel(
                f"!has(self.matchLabels) || self.matchLabels.all(k, "
                f"k.matches('{LABEL_KEY_PATTERN}'))",
                "a key must be a label's name, for example apps or example.com/team",
            ),
            cel(
                "!has(self.matchExpressions) || self.matchExpressions.all(e, "
                "e.operator == 'In' && has(e.values) && size(e.values) == 1)",
                'an expression must have the operator "In" and exactly one value',
            ),
            cel(
                f"{every_label('oldSelf', 'self')} && {every_label('self', 'oldSelf')}",
                IMMUTABLE,
            ),
            **{"x-kubernetes-map-type": "atomic"},
        )
    )

    matchLabels: dict[LabelKey, LabelValue] | None = Field(
        default=None,
        description="Labels by key. At least one label is needed, here or in matchExpressions.",
        json_schema_extra={"maxProperties": 32},
    )
    matchExpressions: tuple[LabelSelectorRequirement, ...] | None = Field(
        default=None,
        description='The same in the long form; only the operator "In" with one value.',
        json_schema_extra={"maxItems": 32, "x-kubernetes-list-type": "atomic"},
    )

    @property
    def labels(self) -> dict[str, str]:
        """Both forms as one map, sorted by key."""
        listed = {e.key: e.values[0] for e in self.matchExpressions or () if e.values}
        return dict(sorted({**listed, **(self.matchLabels or {})}.items()))


class Resource(Value):
    """The nodes that the model runs on."""

    count: int = Field(
        default=1,
        ge=1,
        le=MAX_COUNT,
        description=f"Number of nodes, one replica on each; 1 to {MAX_COUNT}. Immutable.",
        json_schema_extra=checked(cel("self == oldSelf", IMMUTABLE)),
    )
    instanceType: str = Field(
        default="Standard_NC12s_v3",
        min_length=1,
        max_length=63,
        description="Instance type of the nodes, as the cloud names it. Immutable.",
        json_schema_extra=checked(cel("self == oldSelf", IMMUTABLE)),
    )
    labelSelector: LabelSelector = Field(
        description="Labels of the nodes: existing nodes need them, new nodes get them. Immutable."
    )
    preferredNodes: tuple[ObjectName, ...] | None = Field(
        default=None,
        description="Names of existing nodes to use first, whatever their instance type. They "
        "must be Ready and carry the labels of labelSelector.",
        json_schema_extra={"maxItems": MAX_COUNT, "x-kubernetes-list-type": "atomic"},
    )

    @cached_property
    def node_labels(self) -> dict[str, str]:
        """Labels that a node needs, without those that are ours to set."""
        labels = self.labelSelector.labels
        return {key: labels[key] for key in labels if key not in names.RESERVED_LABELS}


class PresetOptions(Value):
    """Where the image of the model comes from, when not from the preset."""

    image: Image | None = Field(
        default=None, description="Image to run instead of the preset's; needed for private."
    )
    imagePullSecrets: tuple[ObjectName, ...] | None = Field(
        default=None,
        description="Secrets of this namespace to pull the images with.",
        json_schema_extra={"maxItems": 32, "x-kubernetes-list-type": "atomic"},
    )


class PresetRef(Value):
    """The model, by the name of its preset."""

    model_config = ConfigDict(
        json_schema_extra=checked(
            cel(
                "!has(self.accessMode) || self.accessMode != 'private' || "
                "(has(self.presetOptions) && has(self.presetOptions.image) && "
                "self.presetOptions.image != '')",
                "accessMode private needs presetOptions.image: the image that holds the model",
            ),
        )
    )

    name: str = Field(
        min_length=1, max_length=63, description="Name of a preset, as `metakaito presets` lists."
    )
    accessMode: Literal["public", "private"] = Field(
        default="public",
        description="private: the image is presetOptions.image, pulled with its secrets.",
    )
    presetOptions: PresetOptions = Field(
        default_factory=PresetOptions, description="Image and secrets of a private model."
    )


class DataSource(Value):
    """Where data is read from: exactly one of urls, image and volumeSource."""

    model_config = ConfigDict(
        json_schema_extra=checked(
            cel(
                "(has(self.urls) && size(self.urls) > 0 ? 1 : 0) + "
                "(has(self.image) && self.image != '' ? 1 : 0) + "
                "(has(self.volumeSource) ? 1 : 0) == 1",
                "exactly one of urls, image and volumeSource must be set",
            ),
        )
    )

    name: str | None = Field(default=None, max_length=253, description="Name of the data set.")
    urls: tuple[Url, ...] | None = Field(
        default=None,
        description="Addresses of files to download.",
        json_schema_extra={"maxItems": 256, "x-kubernetes-list-type": "atomic"},
    )
    volumeSource: JsonObject | None = Field(
        default=None,
        description="A core/v1 VolumeSource that holds the data.",
        json_schema_extra=PRESERVED,
    )
    image: Image | None = Field(
        default=None,
        pattern=IMAGE_PATTERN,
        description="An image whose /data holds the data: registry/repository:tag.",
    )
    imagePullSecrets: tuple[ObjectName, ...] | None = Field(
        default=None,
        description="Secrets of this namespace to pull the image with.",
        json_schema_extra={"maxItems": 32, "x-kubernetes-list-type": "atomic"},
    )


class AdapterSource(Value):
    """An image that holds a LoRA adapter, or the Workspace that tunes one."""

    model_config = ConfigDict(
        json_schema_extra=checked(
            cel(
                "!has(self.urls) && !has(self.volumeSource)",
                "an adapter comes from an image: set image instead of urls or volumeSource",
            ),
            cel(
                "has(self.image) != has(self.workspace)",
                "exactly one of image and workspace must be set",
            ),
        )
    )

    name: str = Field(
        pattern=NAME_PATTERN,
        max_length=63,
        description="Name of the adapter: a DNS label that starts with a letter, unique among "
        "the adapters and not the Workspace's name (it names an init container).",
    )
    image: Image | None = Field(
        default=None,
        pattern=IMAGE_PATTERN,
        description="An image whose /data holds the adapter: registry/repository:tag.",
    )
    workspace: ObjectName | None = Field(
        default=None,
        description="Instead of image: a Workspace of this namespace that tunes the adapter. Its "
        "output image is used once it has succeeded. An extension of Kaito's API.",
    )
    imagePullSecrets: tuple[ObjectName, ...] | None = Field(
        default=None,
        description="Secrets of this namespace to pull the image with.",
        json_schema_extra={"maxItems": 32, "x-kubernetes-list-type": "atomic"},
    )
    urls: tuple[Url, ...] | None = Field(
        default=None,
        description="Not for adapters.",
        json_schema_extra={"maxItems": 256, "x-kubernetes-list-type": "atomic"},
    )
    volumeSource: JsonObject | None = Field(
        default=None, description="Not for adapters.", json_schema_extra=PRESERVED
    )


class Adapter(Value):
    """A LoRA adapter to merge into the model."""

    source: AdapterSource = Field(description="The image that holds the adapter.")
    strength: str = Field(
        default="1.0",
        pattern=STRENGTH_PATTERN,
        max_length=32,
        description="Factor of the adapter's weights, 0 to 1, as text.",
        json_schema_extra=checked(
            cel("double(self) >= 0.0 && double(self) <= 1.0", "must be between 0 and 1")
        ),
    )


class Inference(Value):
    """A model to serve: exactly one of preset and template."""

    model_config = ConfigDict(
        json_schema_extra=checked(
            cel(
                "has(self.preset) != has(self.template)",
                "exactly one of preset and template must be set",
            ),
            cel(
                "has(self.preset) == has(oldSelf.preset)",
                "preset and template cannot be exchanged: create another Workspace",
            ),
            cel(
                "!has(self.adapters) || size(self.adapters) == 0 || has(self.preset)",
                "adapters need a preset: a template brings its own model server",
            ),
            cel(
                "!has(self.adapters) || self.adapters.all(a, "
                "self.adapters.exists_one(b, a.source.name == b.source.name))",
                "adapters must have different names",
            ),
        )
    )

    preset: PresetRef | None = Field(
        default=None,
        description="A model this installation knows. Immutable.",
        json_schema_extra=checked(cel("self == oldSelf", IMMUTABLE)),
    )
    template: JsonObject | None = Field(
        default=None,
        description="A core/v1 PodTemplateSpec to run instead of a preset.",
        json_schema_extra=PRESERVED,
    )
    adapters: tuple[Adapter, ...] | None = Field(
        default=None,
        max_length=MAX_ADAPTERS,
        description=f"LoRA adapters to merge into the model, at most {MAX_ADAPTERS}.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class DataDestination(Value):
    """Where the tuned adapter goes: an image to push, or a volume."""

    model_config = ConfigDict(
        json_schema_extra=checked(
            cel(
                "(has(self.image) && self.image != '') != has(self.volumeSource)",
                "exactly one of image and volumeSource must be set",
            ),
            cel(
                "!has(self.image) || self.image == '' || "
                "(has(self.imagePushSecret) && self.imagePushSecret != '')",
                "image needs imagePushSecret: the Secret to push with",
            ),
        )
    )

    volumeSource: JsonObject | None = Field(
        default=None,
        description="A core/v1 VolumeSource to write the adapter to.",
        json_schema_extra=PRESERVED,
    )
    image: Image | None = Field(
        default=None,
        pattern=PUSHED_IMAGE_PATTERN,
        description="Image to push the adapter as: registry/repository:tag.",
    )
    imagePushSecret: ObjectName | None = Field(
        default=None, description="Secret (kubernetes.io/dockerconfigjson) to push the image with."
    )


class Tuning(Value):
    """A model to fine-tune."""

    model_config = ConfigDict(
        json_schema_extra=checked(
            cel(
                "(has(self.input.name) ? self.input.name : '') == "
                "(has(oldSelf.input.name) ? oldSelf.input.name : '')",
                f"input.name: {IMMUTABLE}",
            ),
        )
    )

    preset: PresetRef = Field(
        description="The model to tune. Immutable.",
        json_schema_extra=checked(cel("self == oldSelf", IMMUTABLE)),
    )
    method: str = Field(
        pattern=METHOD_PATTERN,
        max_length=5,
        description="lora or qlora, in any case. Immutable.",
        json_schema_extra=checked(cel("self == oldSelf", IMMUTABLE)),
    )
    config: str | None = Field(
        default=None,
        max_length=253,
        description="ConfigMap of this namespace with training_config.yaml; absent: the default "
        "of the method.",
    )
    input: DataSource = Field(description="The data set.")
    output: DataDestination = Field(description="Where the tuned adapter goes.")


class WorkspaceSpec(Value):
    """What the user wants. These fields stand beside ``metadata``; there is no ``spec``."""

    model_config = ConfigDict(
        json_schema_extra=checked(
            cel(
                "has(self.inference) != has(self.tuning)",
                "exactly one of inference and tuning must be set",
            ),
            cel(
                "has(self.inference) == has(oldSelf.inference)",
                "inference and tuning cannot be exchanged: create another Workspace",
            ),
            cel(
                "!has(self.tuning) || self.resource.count == 1",
                "resource.count: tuning runs on one node, set it to 1",
            ),
            cel(
                f"self.metadata.name.matches('{NAME_PATTERN}')",
                "metadata.name: a DNS label of at most 63 characters that starts with a letter "
                "is needed, for it names a Service and a container",
            ),
        )
    )

    resource: Resource = Field(description="The nodes that the model runs on.")
    inference: Inference | None = Field(
        default=None, description="A model to serve. Exactly one of inference and tuning."
    )
    tuning: Tuning | None = Field(
        default=None, description="A model to fine-tune. Exactly one of inference and tuning."
    )


class PlannedMachine(Desired):
    """A node that shall be made for this Workspace: one Machine or NodeClaim."""

    name: str = Field(max_length=63, description="Name of the Machine or NodeClaim.")
    index: int = Field(ge=0, description="Which of the Workspace's nodes, from 0.")
    attempt: int = Field(ge=0, description="How often this node was given up, from 0.")
    failures: int | None = Field(
        default=None, ge=0, description="Attempts in a row that never became Ready."
    )
    instanceType: str = Field(max_length=63, description="Instance type of the node.")
    disk: str = Field(max_length=32, description="Disk of the node, as a quantity.")
    labels: dict[str, str] = Field(description="Labels of the node, by key.")
    created: bool | None = Field(default=None, description="It has been seen to exist.")
    ready: bool | None = Field(default=None, description="It has been seen to be Ready.")
    notBefore: datetime | None = Field(
        default=None, description="Back-off after a failed attempt: not made before this time."
    )
    message: str | None = Field(
        default=None, max_length=MAX_MESSAGE, description="What the provisioner said last."
    )
    lastFailure: str | None = Field(
        default=None,
        max_length=MAX_MESSAGE,
        description="What became of the attempt before, until one is Ready.",
    )


TrainingPhase = Literal["Pending", "Fetching", "Training", "Pushing", "Succeeded", "Failed"]


class TrainingStatus(Desired):
    """How far the training is."""

    hash: str = Field(max_length=64, description="Tells this training from an earlier one.")
    job: str = Field(max_length=63, description="Name of its Job.")
    phase: TrainingPhase = Field(description="What it does now, or how it ended.")
    image: str | None = Field(
        default=None, max_length=1024, description="Image that the result is pushed as."
    )
    digest: str | None = Field(
        default=None, max_length=71, description="Digest of the image, once it was pushed."
    )
    delivered: list[str] | None = Field(
        default=None,
        description="Images that hold results of this Workspace; none is overwritten.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    message: str | None = Field(default=None, max_length=MAX_MESSAGE, description="Why it failed.")


class Condition(Desired):
    """A metav1.Condition."""

    type: str = Field(max_length=316, description="What the condition is about.")
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: str = Field(min_length=1, max_length=1024, description="The cause in one word.")
    message: str = Field(max_length=32768, description="The cause in a sentence.")
    lastTransitionTime: datetime = Field(description="When status changed last.")
    observedGeneration: int | None = Field(
        default=None,
        ge=0,
        description="metadata.generation that was looked at.",
        json_schema_extra={"format": "int64"},
    )


class WorkspaceStatus(Desired):
    """What was observed, and which nodes shall be made."""

    observedGeneration: int | None = Field(
        default=None,
        ge=0,
        description="metadata.generation that was looked at.",
        json_schema_extra={"format": "int64"},
    )
    workerNodes: list[str] = Field(
        description="Names of the nodes in use, sorted.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    machines: list[PlannedMachine] = Field(
        description="Nodes that shall be made for this Workspace. The controller of the namespace "
        "makes exactly these; none is dropped while the Workspace wants it.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    tuning: TrainingStatus | None = Field(
        default=None, description="How far the training is; absent where a model is served."
    )
    conditions: list[Condition] = Field(
        description="What is ready and what is not, and why.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )


class SeenCondition(Observed):
    """A condition of ours as the API server has it."""

    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    lastTransitionTime: AwareDatetime | None = None


class SeenMachine(Observed):
    """
    A planned machine as the API server has it; everything but the name may be missing.

    What is there is within the limits of :class:`PlannedMachine`, which it becomes again.
    """

    name: str = Field(max_length=63)
    index: int = Field(default=0, ge=0)
    attempt: int = Field(default=0, ge=0)
    failures: int | None = Field(default=None, ge=0)
    instanceType: str = Field(default="", max_length=63)
    disk: str = Field(default="0", max_length=32)
    labels: dict[str, str] = Field(default_factory=dict)
    created: bool | None = None
    ready: bool | None = None
    notBefore: AwareDatetime | None = None
    message: str | None = Field(default=None, max_length=MAX_MESSAGE)
    lastFailure: str | None = Field(default=None, max_length=MAX_MESSAGE)


class SeenTraining(Observed):
    """Our last word about a training, within the limits of :class:`TrainingStatus`."""

    hash: str = Field(default="", max_length=64)
    job: str = Field(default="", max_length=63)
    phase: TrainingPhase = "Pending"
    image: str | None = Field(default=None, max_length=1024)
    digest: str | None = Field(default=None, max_length=71)
    delivered: tuple[str, ...] = ()
    message: str | None = Field(default=None, max_length=MAX_MESSAGE)


class SeenStatus(Observed):
    """Our own last status, read back."""

    observedGeneration: int = 0
    workerNodes: tuple[str, ...] = ()
    machines: tuple[SeenMachine, ...] = ()
    tuning: SeenTraining | None = None
    conditions: tuple[SeenCondition, ...] = ()


class ParentMeta(Observed):
    """Identity of the Workspace."""

    name: str = Field(min_length=1)
    namespace: str = Field(min_length=1)
    uid: str = Field(min_length=1)
    generation: int = Field(default=0, ge=0)
    annotations: dict[str, str] | None = None
    deletionTimestamp: AwareDatetime | None = None


class Workspace(Observed):
    """
    The parent as Metacontroller sends it.

    What the user wrote is kept as it came and read by ``rules.read_spec``, so that a Workspace that
    cannot be read is refused with a sentence instead of failing the request.
    """

    metadata: ParentMeta
    resource: Any = None
    inference: Any = None
    tuning: Any = None
    status: SeenStatus = SeenStatus()

    @property
    def written(self) -> JsonObject:
        """What the user wrote, fields that are absent left out."""
        fields = {
            "resource": self.resource,
            "inference": self.inference,
            "tuning": self.tuning,
        }
        return {key: value for key, value in fields.items() if value is not None}
