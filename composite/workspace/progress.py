"""How far a training is, told from its Job and from the step that began last."""

from composite import names
from composite.workspace.api import MAX_MESSAGE, TrainingPhase, TrainingStatus, Workspace
from composite.workspace.finding import Finding
from composite.workspace.observe import Seen
from composite.workspace.plan import Plan
from composite.workspace.seen_jobs import SeenJob
from composite.workspace.seen_pods import SeenPod
from composite.workspace.training import Training, done_images

# What the steps of a training do, by container; the trainer is called like its Workspace.
PHASES: dict[str, TrainingPhase] = {
    names.WEIGHTS_DOWNLOADER: "Fetching",
    names.DOWNLOADER: "Fetching",
    names.EXTRACTOR: "Fetching",
    names.PUSHER: "Pushing",
}
ABOUT_TO_BEGIN = "the training is about to begin"
DOING: dict[TrainingPhase, str] = {
    "Fetching": "fetching the data",
    "Training": "training",
    "Pushing": "pushing the result",
}


def training_status(plan: Plan | None, seen: Seen, workspace: Workspace) -> TrainingStatus | None:
    """Return how far the training is; without a plan what was said before."""
    before = workspace.status.tuning
    if plan is None or plan.training is None:
        return TrainingStatus(**before.model_dump(exclude_none=True)) if before else None
    training = plan.training
    reached = training_phase(plan, training, seen)
    phase = "Pushing" if reached == "Succeeded" and is_pushing(training, seen) else reached
    image = training.destination.image
    known = (*(before.delivered if before is not None else ()), *done_images(seen, training.hash))
    delivered = dict.fromkeys(known)
    if phase == "Succeeded" and image:
        delivered[image] = None
    pushed = (pod.digest for pod in seen.pods if pod.job == training.job and pod.digest)
    known_digest = before.digest if before is not None and before.hash == training.hash else None
    failed = failure(training, seen, workspace) if phase == "Failed" else None
    return TrainingStatus(
        hash=training.hash,
        job=training.job,
        phase=phase,
        image=image,
        digest=next(pushed, known_digest) if phase == "Succeeded" else None,
        delivered=list(delivered) or None,
        message=failed[:MAX_MESSAGE] if failed is not None else None,
    )


def training_phase(plan: Plan, training: Training, seen: Seen) -> TrainingPhase:
    """Return what the training does: from its end, or else from the step that began last."""
    job = job_of(training, seen)
    if plan.trained:
        return "Succeeded"
    if job is None:
        return "Pending"
    if job.failed:
        return "Failed"
    for pod in pods_of(training, seen):
        phase = PHASES.get(pod.step, "Training" if pod.step == plan.name else None)
        if phase is not None:
            return phase
    return "Pending"


def is_pushing(training: Training, seen: Seen) -> bool:
    """
    Whether a pod of this very training is seen to push.

    Jobs and pods are watched apart: a Job may be seen to be done before the pod with the digest,
    which those who serve the result wait for.
    """
    return any(pod.step == names.PUSHER and not pod.ended for pod in pods_of(training, seen))


def job_of(training: Training, seen: Seen) -> SeenJob | None:
    """Return the Job of this very training."""
    return next((job for job in seen.jobs if job.name == training.job), None)


def pods_of(training: Training, seen: Seen) -> tuple[SeenPod, ...]:
    """Return the pods of this very training that are here to stay."""
    return tuple(pod for pod in seen.pods if pod.job == training.job and not pod.leaving)


def problems_of_pods(training: Training, seen: Seen) -> list[str]:
    """Say what keeps the pods of this very training from going on."""
    return [problem for pod in pods_of(training, seen) for problem in pod.problems]


def job_started(plan: Plan, training: Training, seen: Seen, workspace: Workspace) -> Finding:
    """Say whether the training has begun, and what became of it."""
    phase = training_phase(plan, training, seen)
    if phase == "Failed":
        return not_started(failure(training, seen, workspace), failed=True)
    if phase == "Pending":
        return not_started(pending(plan, training, seen, workspace), failed=False)
    doing = under_way(phase, training, seen)
    if doing is None:
        return started("Tuning job has ended well")
    # A step that cannot begin, or fails and is tried again, is told beside what was reached.
    found = problems_of_pods(training, seen)
    return started("; ".join((f"Tuning job has started: {doing}", *found)))


def under_way(phase: TrainingPhase, training: Training, seen: Seen) -> str | None:
    """Return what is done now, in words; None once all is done."""
    steps = {pod.step for pod in pods_of(training, seen)}
    if phase == "Fetching" and names.WEIGHTS_DOWNLOADER in steps:
        return "fetching the model's weights"
    return DOING.get(phase)


def failure(training: Training, seen: Seen, workspace: Workspace) -> str:
    """
    Say which step failed, with its exit code and the end of its log.

    Once the pod is gone with its node, nobody knows but our own last status.
    """
    found = problems_of_pods(training, seen)
    if found:
        return "; ".join((f"job {training.job} has failed", *found))
    before = workspace.status.tuning
    if before is not None and before.hash == training.hash and before.message:
        return before.message
    job = job_of(training, seen)
    told = (job.message,) if job is not None and job.message else ()
    return "; ".join((f"job {training.job} has failed", *told))


def pending(plan: Plan, training: Training, seen: Seen, workspace: Workspace) -> str:
    """Say what the training waits for."""
    if job_of(training, seen) is None:
        if not plan.workload:
            return "the training waits for its node"
        return asked_for(workspace, ABOUT_TO_BEGIN, still_missing(training))
    lost = [pod.lost for pod in seen.pods if pod.job == training.job and pod.lost]
    found = [*problems_of_pods(training, seen), *lost]
    return "; ".join(("the pod of the training is not running yet", *found))


def started(message: str) -> Finding:
    """Return the finding that the training runs, or ended well."""
    reason = "WorkspaceTuningJobStatusStarted"
    return Finding(type="JobStarted", status="True", reason=reason, message=message)


def still_missing(training: Training) -> str:
    """Say what keeps the Job from being made."""
    return (
        f"job {training.job} was asked for and is not there: is there one of this name that "
        "belongs to somebody else, or is it refused? The events of the Workspace say so"
    )


def asked_for(workspace: Workspace, about_to: str, missing: str) -> str:
    """Say that something is about to be made; and if that was said before, that it is missing."""
    said = {condition.message for condition in workspace.status.conditions}
    return missing if said & {about_to, missing} else about_to


def not_started(message: str, *, failed: bool) -> Finding:
    """Return the finding that the training does not run, or failed."""
    reason = f"WorkspaceTuningJobStatus{'Failed' if failed else 'Pending'}"
    return Finding(type="JobStarted", status="False", reason=reason, message=message)
