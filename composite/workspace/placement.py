"""Where pods may run, and by which labels they are found; the same for serving and for tuning."""

from composite import desired, names
from composite.workspace.plan import TOLERATIONS, Plan

# The same for every pod, and made once.
ACCEPTED = tuple(desired.Toleration.model_validate(toleration) for toleration in TOLERATIONS)
NOBODYS = desired.NodeSelectorRequirement(key=names.LABEL_WORKSPACE, operator="DoesNotExist")


def pod_labels(plan: Plan) -> dict[str, str]:
    """Return what the pods are found by."""
    return {names.LABEL_WORKSPACE: plan.name}


def affinity(plan: Plan) -> desired.Affinity:
    """Return the nodes that a pod may run on."""
    return desired.Affinity(
        nodeAffinity=desired.NodeAffinity(
            requiredDuringSchedulingIgnoredDuringExecution=desired.NodeSelector(
                nodeSelectorTerms=node_terms(plan)
            )
        ),
        podAntiAffinity=one_pod_per_node(plan) if plan.replicas > 1 else None,
    )


def tolerations() -> list[desired.Toleration]:
    """Return the taints of GPU nodes that our pods accept."""
    return [*ACCEPTED]


def node_terms(plan: Plan) -> list[desired.NodeSelectorTerm]:
    """Return where pods may run: on this Workspace's nodes, and on those that are nobody's."""
    wanted = [one_of(key, value) for key, value in sorted(plan.labels.items())]
    own = [
        one_of(names.LABEL_WORKSPACE, plan.name),
        one_of(names.LABEL_WORKSPACE_NAMESPACE, plan.namespace),
    ]
    return [
        desired.NodeSelectorTerm(matchExpressions=[*wanted, *own]),
        desired.NodeSelectorTerm(matchExpressions=[*wanted, NOBODYS]),
    ]


def one_of(key: str, value: str) -> desired.NodeSelectorRequirement:
    """Return the demand for one label."""
    return desired.NodeSelectorRequirement(key=key, operator="In", values=[value])


def one_pod_per_node(plan: Plan) -> desired.PodAntiAffinity:
    """Return the rule that spreads the replicas, each of which has a node of its own."""
    return desired.PodAntiAffinity(
        requiredDuringSchedulingIgnoredDuringExecution=[
            desired.PodAffinityTerm(
                labelSelector=desired.LabelSelector(matchLabels=pod_labels(plan)),
                topologyKey=names.LABEL_HOSTNAME,
            )
        ]
    )
