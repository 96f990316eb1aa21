"""What the pods of a Workspace say: where they are, what they do, what is in their way."""

import re
from datetime import datetime
from typing import NamedTuple

from composite import names, observed
from composite.models import JsonObject

JOB_LABELS = ("batch.kubernetes.io/job-name", "job-name")

# https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

# Of a container's last words: so much of their end, on one line.
LAST_WORDS = 600


class SeenPod(NamedTuple):
    """
    A pod of this Workspace.

    ``step`` names the container that began last, running or ended; empty before the first.
    ``digest`` is that of the image which the pusher says it has pushed; empty before. ``ended``:
    no container of it runs any more, or will.
    """

    name: str
    job: str
    node: str
    leaving: bool
    step: str
    digest: str
    ended: bool
    problems: tuple[str, ...]
    lost: str
    homeless_since: datetime | None


def seen_pod(sent: JsonObject) -> SeenPod:
    """Read a Pod."""
    pod = observed.Pod.read(sent)
    # A pod that is lost with its node has ended, and that is no fault of its containers.
    disrupted = pod.status.condition("DisruptionTarget")
    lost = disrupted.status == "True"
    leaving = pod.metadata.deletionTimestamp is not None or lost
    told = sentence(f"pod {pod.metadata.name} was lost", disrupted.reason, disrupted.message)
    scheduled = pod.status.condition("PodScheduled")
    waits = scheduled.status == "False" and not leaving
    return SeenPod(
        name=pod.metadata.name,
        job=next(
            (pod.metadata.labels[key] for key in JOB_LABELS if key in pod.metadata.labels), ""
        ),
        node=pod.spec.nodeName,
        leaving=leaving,
        step=last_step(pod),
        digest=pushed_digest(pod),
        ended=pod.status.phase in ("Succeeded", "Failed"),
        problems=() if leaving else tuple(pod_problems(pod)),
        lost=told if lost else "",
        homeless_since=scheduled.lastTransitionTime if waits else None,
    )


def last_step(pod: observed.Pod) -> str:
    """Name the container that began last."""
    statuses = (*pod.status.initContainerStatuses, *pod.status.containerStatuses)
    begun = [status.name for status in statuses if status.state.running or status.state.terminated]
    return begun[-1] if begun else ""


def pushed_digest(pod: observed.Pod) -> str:
    """Return what the pusher left as its last words, if it ended well."""
    ended = [s.state.terminated for s in pod.status.containerStatuses if s.name == names.PUSHER]
    said = [e.message.split()[-1] for e in ended if e and e.exitCode == 0 and e.message.strip()]
    return next((word for word in said if DIGEST.fullmatch(word)), "")


def pod_problems(pod: observed.Pod) -> list[str]:
    """Say what keeps a pod from serving, in the words of who knows: scheduler, kubelet, kernel."""
    where = f"pod {pod.metadata.name}"
    scheduled = pod.status.condition("PodScheduled")
    if scheduled.status == "False":
        return [sentence(where, scheduled.reason, scheduled.message)]
    statuses = [*pod.status.initContainerStatuses, *pod.status.containerStatuses]
    found = [
        sentence(f"{where}, container {status.name}", *problem)
        for status in statuses
        if not status.ready and (problem := container_problem(status)) is not None
    ]
    if not found and pod.status.phase == "Failed":
        return [sentence(where, pod.status.reason, pod.status.message)]
    return found


def container_problem(status: observed.ContainerStatus) -> tuple[str, str] | None:
    """Return reason and message of a container that cannot run, or None while it is well."""
    ended = status.state.terminated or status.lastState.terminated
    if ended is not None and ended.exitCode != 0:
        times = f", restarted {status.restartCount} times" if status.restartCount else ""
        return f"{ended.reason or 'Error'} (exit code {ended.exitCode}{times})", ended.message
    waiting = status.state.waiting
    # Being made is no problem; a wait with a message is.
    if waiting is None or waiting.reason in ("", "ContainerCreating", "PodInitializing"):
        return None
    return waiting.reason, waiting.message


def sentence(where: str, reason: str, message: str) -> str:
    """Join what is known on one line; the kubelet often knows the reason only."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    told = " | ".join(lines)
    if len(told) > LAST_WORDS:
        told = f"... {told[-LAST_WORDS:]}"
    return ": ".join(filter(None, (where, reason, told)))
