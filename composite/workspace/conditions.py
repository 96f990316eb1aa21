"""
What each condition and each of its reasons means, and what to do: for people, not for the hooks.

``docs/reference/conditions.md`` is made of it. ``tests/docs/test_conditions.py`` holds it against
what the golden cases and the scenarios say, so that neither has a reason which the other lacks.
"""

from typing import NamedTuple

from composite.workspace.finding import ConditionStatus

CLAIMS = ("MachineReady", "NodeClaimReady")
WHOLE = ("WorkspaceSucceeded", "WorkspaceReady")

# Each type in the order of its happening, with what it says once it is True.
CONDITIONS = {
    "Accepted": "What you wrote can be done. It is looked at whenever the Workspace changes.",
    "MachineReady": "Every Machine that was asked for is Ready, and its node shows its GPUs. Where "
    "Azure's gpu-provisioner makes the nodes.",
    "NodeClaimReady": "The same of NodeClaims. Where Karpenter makes the nodes.",
    "ResourceReady": "Every node of the Workspace is there, Ready, and shows its GPUs, whoever "
    "made it.",
    "InferenceReady": "Every replica of what was accepted last serves. Of a Workspace that serves "
    "a model.",
    "JobStarted": "The training has begun; it stays so once it has ended well. Of a Workspace that "
    "tunes a model.",
    "WorkspaceSucceeded": "The model serves, or the result of the training is where you asked for "
    "it. Kaito's code calls it so.",
    "WorkspaceReady": "The same as `WorkspaceSucceeded`, by the name that `kubectl get workspaces` "
    "shows and that `kubectl wait` is best given.",
    "WorkspaceDeleting": "The Workspace is on its way out. There only then.",
}


class Reason(NamedTuple):
    """One reason that conditions of some types have, with one status."""

    types: tuple[str, ...]
    status: ConditionStatus
    reason: str
    means: str
    do: str


NOTHING = "Nothing."
EDIT = "Edit the Workspace; the condition `Accepted` says which field."

REASONS = (
    Reason(
        ("Accepted",),
        "True",
        "Accepted",
        "What you wrote is done. A message is a note beside it: an instance type that is in no "
        "table, nodes that will not do.",
        "Read the note, if there is one.",
    ),
    Reason(
        ("Accepted",),
        "False",
        "Refused",
        "What you wrote cannot be done. The message has the field, the fact that decides, and the "
        "way out. What was accepted before goes on as it was.",
        "Change the field that the message begins with.",
    ),
    Reason(
        ("MachineReady",),
        "Unknown",
        "CreateMachinePending",
        "Machines are asked for, and the provisioner is at work. The message has what it said "
        "last.",
        "Wait; clouds take minutes. If the message stays the same: `kubectl describe machines`, "
        "and the log of the gpu-provisioner.",
    ),
    Reason(
        ("NodeClaimReady",),
        "Unknown",
        "CreateNodeClaimPending",
        "NodeClaims are asked for, and Karpenter is at work. The message has what it said last.",
        "Wait; clouds take minutes. If the message stays the same: `kubectl describe nodeclaims`, "
        "and the log of Karpenter.",
    ),
    Reason(
        ("MachineReady",),
        "False",
        "machineFailedCreation",
        "An attempt failed, in the words of the provisioner. The next one is made by itself, "
        "later and later after each failure.",
        "Mostly a quota or a type that cannot be had there: ask for more quota, or create the "
        "Workspace with another `resource.instanceType`.",
    ),
    Reason(
        ("NodeClaimReady",),
        "False",
        "nodeClaimFailedCreation",
        "An attempt failed, in the words of Karpenter. The next one is made by itself, later and "
        "later after each failure.",
        "Mostly a quota or a type that cannot be had there: ask for more quota, or create the "
        "Workspace with another `resource.instanceType`.",
    ),
    Reason(
        CLAIMS,
        "Unknown",
        "installNodePluginsPending",
        "The nodes have come, and one of them is not Ready or shows fewer GPUs than it has. The "
        "message names it.",
        "A minute is usual. After that, look whether the GPU device plugin runs on that node.",
    ),
    Reason(
        CLAIMS, "True", "installNodePluginsSuccess", "All are Ready and show their GPUs.", NOTHING
    ),
    Reason(
        CLAIMS,
        "True",
        "ExistingNodesUsed",
        "Nodes that were there already are used, and none is bought.",
        NOTHING,
    ),
    Reason(
        (*CLAIMS, "ResourceReady"),
        "True",
        "TrainingIsOver",
        "The training has ended, and its node is needed no more.",
        NOTHING,
    ),
    Reason(
        ("ResourceReady",),
        "True",
        "workspaceResourceStatusSuccess",
        "Every node is there, Ready, and shows its GPUs.",
        NOTHING,
    ),
    Reason(
        ("ResourceReady",),
        "False",
        "workspaceResourceStatusPending",
        "A node lacks, or is not Ready, or does not show its GPUs. The message says which and why.",
        "Wait; then as the message says.",
    ),
    Reason(
        ("ResourceReady",),
        "False",
        "workspaceResourceStatusFailed",
        "A node lacks, for an attempt to make it failed. It is tried again.",
        "As for `machineFailedCreation` and `nodeClaimFailedCreation`.",
    ),
    Reason(
        ("InferenceReady",),
        "True",
        "WorkspaceInferenceStatusSuccess",
        "All replicas serve what was accepted last.",
        NOTHING,
    ),
    Reason(
        ("InferenceReady",),
        "False",
        "WorkspaceInferenceStatusPending",
        "The model server waits for its nodes, starts, or is rolled out anew. The message says "
        "which, and how many pods are ready.",
        "Wait; large models take long to pull and load.",
    ),
    Reason(
        ("InferenceReady",),
        "False",
        "WorkspaceInferenceStatusFailed",
        "A pod cannot run or ends with an error, or the start took too long. The message has the "
        "words of the scheduler or the kubelet; of metakaito's own runtime, the end of its log.",
        "Mend what it names: the image, its pull secret, the memory. Pods are tried again by "
        "themselves.",
    ),
    Reason(
        ("JobStarted",),
        "True",
        "WorkspaceTuningJobStatusStarted",
        "The training is fetching data, training or pushing, or has ended well. The message says "
        "which, and what troubles a step that is tried again.",
        "Wait for `WorkspaceSucceeded`.",
    ),
    Reason(
        ("JobStarted",),
        "False",
        "WorkspaceTuningJobStatusPending",
        "The training waits for its node, or its pod does not run yet.",
        "Wait; then as the message says.",
    ),
    Reason(
        ("JobStarted",),
        "False",
        "WorkspaceTuningJobStatusFailed",
        "A step of the training failed. The message has the step, its exit code and the end of "
        "its log. It is not repeated.",
        "Correct what it names in `tuning`, or in its ConfigMap: the next Job starts with that.",
    ),
    Reason(
        WHOLE,
        "True",
        "workspaceSucceeded",
        "The model serves, or the result of the training is delivered.",
        NOTHING,
    ),
    Reason(
        WHOLE,
        "False",
        "workspacePending",
        "Something is not ready yet. The message joins those of the conditions above, and says "
        "where the newest edit is refused.",
        "Wait; the condition that is not True says for what.",
    ),
    Reason(
        WHOLE,
        "False",
        "workspaceFailed",
        "Something failed: nodes, model server or training. The message joins those of the "
        "conditions above.",
        "As for the condition that is not True and ends in `Failed` or `FailedCreation`.",
    ),
    Reason(
        (*CLAIMS, "ResourceReady", "InferenceReady", "JobStarted", *WHOLE),
        "False",
        "Refused",
        "Nothing was ever accepted of this Workspace, so nothing is made of it.",
        EDIT,
    ),
    Reason(
        ("WorkspaceDeleting",),
        "True",
        "workspaceDeleted",
        "The Workspace is being deleted, and everything that was made for it goes with it.",
        "Wait.",
    ),
)
