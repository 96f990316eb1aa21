"""Names that other programs see: labels, annotations, ports, paths, condition types and reasons."""

# Kaito's API. https://github.com/kaito-project/kaito/blob/v0.3.2/api/v1alpha1/workspace_types.go
GROUP = "kaito.sh"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "Workspace"
# The fields of a Workspace that stand in the place of a spec.
SPEC_FIELDS = ("resource", "inference", "tuning")

# https://github.com/kaito-project/kaito/blob/v0.3.2/api/v1alpha1/labels.go
LABEL_WORKSPACE = f"{GROUP}/workspace"
LABEL_WORKSPACE_NAMESPACE = f"{GROUP}/workspacenamespace"
LABEL_MACHINE_TYPE = f"{GROUP}/machine-type"
ANNOTATION_ENABLE_LB = f"{GROUP}/enablelb"
ANNOTATION_HASH = "workspace.kaito.io/hash"
ANNOTATION_REVISION = "workspace.kaito.io/revision"
ANNOTATION_TRAINING_HASH = f"{GROUP}/training-hash"
ANNOTATION_RELEASE_NODES = f"{GROUP}/release-nodes"
ANNOTATION_SERVER = f"{GROUP}/server"
ANNOTATION_DEFINITION_HASH = f"{GROUP}/definition-hash"
LABEL_REVISION_OF = "workspace.kaito.io/name"

# Karpenter. https://karpenter.sh/docs/concepts/nodeclaims/
LABEL_PROVISIONER = "karpenter.sh/provisioner-name"
LABEL_NODEPOOL = "karpenter.sh/nodepool"
ANNOTATION_DO_NOT_DISRUPT = "karpenter.sh/do-not-disrupt"
LABEL_AZURE_SKU = "karpenter.azure.com/sku-name"
MACHINE_API_VERSION = "karpenter.sh/v1alpha5"
NODECLAIM_API_VERSION = "karpenter.sh/v1"

# Labels of a node that say whom it serves and who made it: ours to set, whatever a user writes.
RESERVED_LABELS = frozenset(
    {LABEL_WORKSPACE, LABEL_WORKSPACE_NAMESPACE, LABEL_PROVISIONER, LABEL_NODEPOOL}
)

# https://kubernetes.io/docs/reference/labels-annotations-taints/
LABEL_INSTANCE_TYPE = "node.kubernetes.io/instance-type"
LABEL_ARCH = "kubernetes.io/arch"
LABEL_OS = "kubernetes.io/os"
LABEL_HOSTNAME = "kubernetes.io/hostname"
LABEL_POD_NAME = "statefulset.kubernetes.io/pod-name"

# The NVIDIA device plugin's extended resource, also a taint key on GPU nodes.
# https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/
GPU = "nvidia.com/gpu"
TAINT_KEY = "sku"
TAINT_VALUE = "gpu"

# The model servers in Kaito's images listen here, whatever the flags say.
# https://github.com/kaito-project/kaito/blob/v0.3.2/pkg/model/interface.go
PORT = 5000
SERVICE_PORT = 80
TORCH_PORT = 29500
ADAPTER_PATH = "/mnt/adapter"
SHARED_MEMORY = "dshm"
SHARED_MEMORY_PATH = "/dev/shm"  # noqa: S108  (a mount path inside the container)

# Where the steps of a training find what they need, and the script that trains.
# https://github.com/kaito-project/kaito/blob/v0.3.2/pkg/utils/common-preset-utils.go
MOUNT_ROOT = "/mnt"
CONFIG_PATH = "/mnt/config"
DATA_PATH = "/mnt/data"
IMAGE_DATA_PATH = "/data"  # in an image that holds data or an adapter
RESULTS_PATH = "/mnt/output"
PUSH_CREDENTIALS_PATH = "/tmp/.docker/config"  # noqa: S108  (a mount path inside the container)
TRAINING_CONFIG = "training_config"
TRAINING_CONFIG_FILE = "training_config.yaml"
TRAINING_SCRIPT = "fine_tuning.py"
TRAINING_DONE_FILE = "fine_tuning_completed.txt"
DOWNLOADER = "data-downloader"
EXTRACTOR = "data-extractor"
PUSHER = "pusher"

# In Kaito's images the weights are here, and our runtime looks for them there too.
# https://github.com/kaito-project/kaito/blob/v0.3.2/docker/presets/models/tfs/Dockerfile
WEIGHTS_PATH = "/workspace/tfs/weights"
WEIGHTS_DOWNLOADER = "weights-downloader"
HUB_TOKEN = "HF_TOKEN"  # noqa: S105  (the name of a variable)

# "Kind.version" or "Kind.group/version": how Metacontroller names a kind in a request.
DEPLOYMENTS = "Deployment.apps/v1"
STATEFULSETS = "StatefulSet.apps/v1"
SERVICES = "Service.v1"
JOBS = "Job.batch/v1"
CONFIGMAPS = "ConfigMap.v1"
REVISIONS = "ControllerRevision.apps/v1"
NODES = "Node.v1"
PODS = "Pod.v1"
WORKSPACES = f"{KIND}.{API_VERSION}"
MACHINES = f"Machine.{MACHINE_API_VERSION}"
NODECLAIMS = f"NodeClaim.{NODECLAIM_API_VERSION}"

# What a provisioner says when no instance type of the requirements can be had.
# https://github.com/kaito-project/kaito/blob/v0.3.2/pkg/machine/machine.go
UNAVAILABLE = "all requested instance types were unavailable during launch"
