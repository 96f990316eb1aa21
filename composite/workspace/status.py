"""Step 4: report what was observed, with the cause of whatever is not ready."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from composite.catalog import Provisioner
from composite.refusal import Refusal
from composite.workspace.api import (
    Condition,
    PlannedMachine,
    SeenCondition,
    Workspace,
    WorkspaceStatus,
)
from composite.workspace.finding import ConditionStatus, Finding
from composite.workspace.observe import Seen, SeenWorkload
from composite.workspace.plan import Plan
from composite.workspace.progress import asked_for, job_of, job_started, training_status

# What Kaito calls the nodes' condition, and each of its states.
# https://github.com/kaito-project/kaito/blob/v0.3.2/api/v1alpha1/condition_types.go
NODE_CONDITIONS = {
    Provisioner.MACHINE: ("MachineReady", "CreateMachinePending", "machine", "machines"),
    Provisioner.NODECLAIM: ("NodeClaimReady", "CreateNodeClaimPending", "nodeClaim", "nodeClaims"),
}
MAX_CONDITION_MESSAGE = 4096
ABOUT_TO_BE_MADE = "the model server is about to be made"


def report(
    workspace: Workspace,
    seen: Seen,
    plan: Plan | None,
    refusal: Refusal | None,
    provisioner: Provisioner,
    now: datetime,
) -> WorkspaceStatus:
    """
    Return the whole status.

    Args:
        workspace: Carries the last status, for the times of the conditions.
        seen: What is reported on.
        plan: What is being made of the last accepted Workspace; None if none was ever accepted.
        refusal: What is wrong with the newest one.
        provisioner: Names the condition about the nodes.
        now: The time of whatever changed.

    """
    meta = workspace.metadata
    # Of two of one type, which nobody should write, the first.
    before = {(c.type, c.status): c for c in reversed(workspace.status.conditions)}
    return WorkspaceStatus(
        observedGeneration=meta.generation,
        workerNodes=list(plan.node_plan.in_use) if plan is not None else [],
        machines=planned_machines(workspace, plan),
        tuning=training_status(plan, seen, workspace),
        conditions=[
            Condition(
                type=finding.type,
                status=finding.status,
                reason=finding.reason,
                message=finding.message[:MAX_CONDITION_MESSAGE],
                lastTransitionTime=since(finding, before, now),
                observedGeneration=meta.generation,
            )
            for finding in findings(workspace, seen, plan, refusal, provisioner)
        ],
    )


def planned_machines(workspace: Workspace, plan: Plan | None) -> list[PlannedMachine]:
    """Return the Machines that shall be; without a plan those that were planned before."""
    if plan is not None:
        return list(plan.node_plan.machines)
    return [PlannedMachine(**machine.model_dump()) for machine in workspace.status.machines]


def since(
    finding: Finding, before: Mapping[tuple[str, str], SeenCondition], now: datetime
) -> datetime:
    """Return when a finding's status changed last."""
    known = before.get((finding.type, finding.status))
    return (known.lastTransitionTime if known is not None else None) or now


def findings(
    workspace: Workspace,
    seen: Seen,
    plan: Plan | None,
    refusal: Refusal | None,
    provisioner: Provisioner,
) -> Iterator[Finding]:
    """Yield every condition, in the order of their happening."""
    yield accepted(plan, refusal)
    if plan is None:
        why = f"nothing is made of a Workspace that is refused: {refusal}"
        for name in condition_names(workspace, provisioner):
            yield Finding(type=name, status="False", reason="Refused", message=why)
        yield from deleting(workspace)
        return
    nodes = resource_ready(plan)
    serving = (
        job_started(plan, plan.training, seen, workspace)
        if plan.training is not None
        else inference_ready(plan, seen, workspace)
    )
    if provisioner is not Provisioner.NONE:
        yield machines_ready(plan, seen, provisioner)
    yield nodes
    yield serving
    if plan.training is not None:
        yield from delivered(nodes, serving, plan, seen, refusal)
    else:
        yield from whole(nodes, serving, plan, refusal)
    yield from deleting(workspace)


def condition_names(workspace: Workspace, provisioner: Provisioner) -> list[str]:
    """Return the conditions of a Workspace that was never accepted."""
    job = workspace.inference is None and workspace.tuning is not None
    return [
        *([NODE_CONDITIONS[provisioner][0]] if provisioner in NODE_CONDITIONS else []),
        "ResourceReady",
        "JobStarted" if job else "InferenceReady",
        "WorkspaceSucceeded",
        "WorkspaceReady",
    ]


def accepted(plan: Plan | None, refusal: Refusal | None) -> Finding:
    """Say whether what the user wrote can be done."""
    if refusal is not None:
        return Finding(type="Accepted", status="False", reason="Refused", message=str(refusal))
    notes = "; ".join(plan.notes) if plan is not None else ""
    return Finding(type="Accepted", status="True", reason="Accepted", message=notes)


def machines_ready(plan: Plan, seen: Seen, provisioner: Provisioner) -> Finding:
    """Say whether the Machines that were asked for are Ready and show their GPUs."""
    name, pending, one, many = NODE_CONDITIONS[provisioner]
    node_plan = plan.node_plan
    unready = [
        machine.name
        for machine in node_plan.machines
        if machine.name not in seen.claims or not seen.claims[machine.name].ready
    ]
    why = "; ".join(node_plan.lacking)
    if plan.over and not unready:
        message = f"the training is over, no {one} is needed any more"
        return Finding(type=name, status="True", reason="TrainingIsOver", message=message)
    if not node_plan.machines:
        message = f"no {one} is needed: existing nodes are used"
        return Finding(type=name, status="True", reason="ExistingNodesUsed", message=message)
    if unready and node_plan.failing:
        return Finding(type=name, status="False", reason=f"{one}FailedCreation", message=why)
    if unready:
        message = f"creating {len(unready)} {many}" + (f": {why}" if why else "")
        return Finding(type=name, status="Unknown", reason=pending, message=message)
    if why:
        return Finding(type=name, status="Unknown", reason="installNodePluginsPending", message=why)
    return Finding(
        type=name,
        status="True",
        reason="installNodePluginsSuccess",
        message=f"{many} plugins have been installed successfully"
        if provisioner is Provisioner.MACHINE
        else f"{one} plugins have been installed successfully",
    )


def resource_ready(plan: Plan) -> Finding:
    """Say whether every node is there, Ready, and shows its GPUs."""
    if plan.over and not plan.node_plan.ready:
        return Finding(
            type="ResourceReady",
            status="True",
            reason="TrainingIsOver",
            message="the training is over, no node is needed any more",
        )
    if plan.node_plan.ready:
        return Finding(
            type="ResourceReady",
            status="True",
            reason="workspaceResourceStatusSuccess",
            message="workspace resource is ready",
        )
    failed = plan.node_plan.failing
    return Finding(
        type="ResourceReady",
        status="False",
        reason="workspaceResourceStatusFailed" if failed else "workspaceResourceStatusPending",
        message="; ".join(plan.node_plan.lacking),
    )


def still_missing(plan: Plan) -> str:
    """Say what keeps a child from being made: one of that name is there and not ours."""
    kind = "StatefulSet" if plan.distributed else "Deployment"
    return (
        f"{kind} {plan.name} was asked for and is not there: "
        "is there one of this name that belongs to somebody else?"
    )


def inference_ready(plan: Plan, seen: Seen, workspace: Workspace) -> Finding:
    """Say whether every replica of the accepted revision serves."""
    if seen.workload is None:
        if not plan.workload:
            return not_serving("the model server waits for its nodes")
        return not_serving(asked_for(workspace, ABOUT_TO_BE_MADE, still_missing(plan)))
    kind, workload = seen.workload.kind.lower(), seen.workload
    # While nodes lack, a node that is not seen may just have lost its labels.
    stranded = seen.stranded(plan.labels) if plan.node_plan.ready else ()
    if is_serving(workload, plan) and not stranded:
        return Finding(
            type="InferenceReady",
            status="True",
            reason="WorkspaceInferenceStatusSuccess",
            message="Inference has been deployed successfully",
        )
    causes = "; ".join((*seen.pod_problems, *stranded))
    if workload.failure:
        told = f"{kind} {plan.name} is not progressing: {workload.failure}"
        return not_serving("; ".join(filter(None, (told, causes))), failed=True)
    progress = f"{workload.ready_replicas} of {plan.replicas} pods are ready"
    arrived = workload.revision in plan.equal_revisions
    if not arrived or not workload.settled:
        updated = workload.updated_replicas if arrived else 0
        progress = (
            f"revision {plan.revision.number} is being rolled out, "
            f"{updated} of {plan.replicas} pods have it, {progress}"
        )
    failed = bool(seen.pod_problems)
    return not_serving("; ".join(filter(None, (progress, causes))), failed=failed)


def is_serving(workload: SeenWorkload, plan: Plan) -> bool:
    """Whether the pods that are ready are those of the accepted revision, and all of them."""
    return (
        workload.revision in plan.equal_revisions
        and workload.settled
        and workload.ready_replicas == plan.replicas
        and not workload.failure
    )


def not_serving(message: str, *, failed: bool = False) -> Finding:
    """Return the finding that the model does not serve, or not yet."""
    state = "Failed" if failed else "Pending"
    reason = f"WorkspaceInferenceStatus{state}"
    return Finding(type="InferenceReady", status="False", reason=reason, message=message)


def whole(
    nodes: Finding, serving: Finding, plan: Plan, refusal: Refusal | None
) -> Iterator[Finding]:
    """
    Say whether the Workspace as a whole is as wished, under both of its names.

    ``WorkspaceReady`` is what Kaito's README prints, ``WorkspaceSucceeded`` what its code sets.
    """
    parts = [part for part in (nodes, serving) if part.status != "True"]
    status: ConditionStatus = "False" if parts else "True"
    failed = any(part.reason.endswith("Failed") for part in parts)
    reason = "workspaceFailed" if failed else "workspacePending" if parts else "workspaceSucceeded"
    causes = [part.message for part in parts] or ["workspace succeeds"]
    yield from both(status, reason, "; ".join(causes), plan, refusal)


def both(
    status: ConditionStatus, reason: str, message: str, plan: Plan, refusal: Refusal | None
) -> Iterator[Finding]:
    """Say the same under both names, and that a later edit is refused."""
    if refusal is not None:
        kept = f"revision {plan.revision.number} is kept, the newest is refused: {refusal}"
        message = f"{message}; {kept}"
    for name in ("WorkspaceSucceeded", "WorkspaceReady"):
        yield Finding(type=name, status=status, reason=reason, message=message)


def delivered(
    nodes: Finding, started: Finding, plan: Plan, seen: Seen, refusal: Refusal | None
) -> Iterator[Finding]:
    """Say whether the result is where it was asked for; the node matters no more then."""
    if plan.trained:
        yield from both("True", "workspaceSucceeded", "workspace succeeds", plan, refusal)
        return
    if started.status == "True":
        job = job_of(plan.training, seen) if plan.training is not None else None
        active, ready = (job.active, job.ready) if job is not None else (0, 0)
        message = (
            f"workspace has not completed, tuning job has {active} active pod, {ready} ready pod; "
            f"{started.message}"
        )
        yield from both("False", "workspacePending", message, plan, refusal)
        return
    failed = any(part.reason.endswith("Failed") for part in (nodes, started))
    parts = [part.message for part in (nodes, started) if part.status != "True"]
    reason = "workspaceFailed" if failed else "workspacePending"
    yield from both("False", reason, "; ".join(parts), plan, refusal)


def deleting(workspace: Workspace) -> Iterator[Finding]:
    """Say that the Workspace is on its way out, while it still can be seen."""
    if workspace.metadata.deletionTimestamp is not None:
        yield Finding(
            type="WorkspaceDeleting",
            status="True",
            reason="workspaceDeleted",
            message="workspace is being deleted",
        )
