"""
What the status of a Pod says whose containers run once each.

First the init containers run, one after the other, then all the others together.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, NamedTuple

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.clock import Clock, format_time
from composite.simulate.pod_status import BEFORE_START, Life, pull_cause
from composite.simulate.world import condition

Phase = Literal["Pending", "Running", "Succeeded", "Failed"]

# Why a Pod is not ready that is over.
OVER = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}
# What a process says that was told to end: 128 and the number of SIGTERM.
TERMINATED = 143


class Spell(NamedTuple):
    """
    The one run of one container: from when to when, in seconds, and how it ends.

    ``last_words`` is what it writes for Kubernetes to show, in place of the end of its log.
    """

    container: str
    began: float
    until: float
    exit_code: int = 0
    reason: str = "Completed"
    log: str = ""
    last_words: str = ""


@dataclass(frozen=True)
class Work:
    """Where the containers of a Pod are: how far pulling is, then every run that has begun."""

    pull: Life
    spells: tuple[Spell, ...] = ()

    def next_change(self, now: float) -> float:
        """Return when something is going to be different; never, once all is over."""
        if self.pull.state in BEFORE_START:
            return self.pull.until
        return min(
            (spell.until for spell in self.spells if spell.until > now), default=float("inf")
        )

    def spell(self, container: JsonObject) -> Spell | None:
        """Return the run of a container, or None before it begins."""
        return next((one for one in self.spells if one.container == container["name"]), None)


def advanced(
    pod: JsonObject, work: Work, now: float, run: Callable[[JsonObject, float], Spell]
) -> Work:
    """
    Return the work with every run that has begun by now.

    Args:
        pod: Whose containers.
        work: What is known so far; all images are there.
        now: Seconds of virtual time.
        run: Tells how the run of a container that begins at some time will go.

    """
    moment = work.pull.until
    for container in init_containers(pod):
        spell = work.spell(container)
        if spell is None:
            spell = run(container, moment)
            work = replace(work, spells=(*work.spells, spell))
        if spell.until > now or spell.exit_code:
            return work
        moment = spell.until
    new = [run(item, moment) for item in pod["spec"]["containers"] if work.spell(item) is None]
    return replace(work, spells=(*work.spells, *new))


def stopped(work: Work, now: float) -> Work:
    """Return the work of a Pod that was told to end: what runs ends now, and not well."""
    spells = tuple(
        spell._replace(until=now, exit_code=TERMINATED, reason="Error", log="", last_words="")
        if spell.until > now
        else spell
        for spell in work.spells
    )
    return replace(work, spells=spells)


def init_containers(pod: JsonObject) -> list[JsonObject]:
    """Return the containers that come first."""
    return pod["spec"].get("initContainers") or []


def phase(pod: JsonObject, work: Work, now: float) -> Phase:
    """Return how far a Pod is as a whole."""
    codes = {spell.container: spell.exit_code for spell in work.spells if spell.until <= now}
    inits = [container["name"] for container in init_containers(pod)]
    mains = [container["name"] for container in pod["spec"]["containers"]]
    begun = {spell.container for spell in work.spells}
    if any(codes.get(name) for name in inits):
        return "Failed"
    if not begun.issuperset(mains):
        return "Pending"
    if not codes.keys() >= set(mains):
        return "Running"
    return "Failed" if any(codes.values()) else "Succeeded"


def work_status(pod: JsonObject, work: Work, clock: Clock, *, told_to_end: bool) -> JsonObject:
    """Return the status of a Pod; one that was told to end before it was done has failed."""
    old, inits, mains = objects.status_of(pod), init_containers(pod), pod["spec"]["containers"]
    reached = phase(pod, work, clock.seconds)
    if told_to_end and reached != "Succeeded":
        reached = "Failed"
    known = old.get("conditions") or ()
    conditions = _conditions(pod, work, clock.seconds, reached)
    status = {
        **old,
        "phase": reached,
        "startTime": old.get("startTime", clock.stamp),
        "conditions": objects.with_conditions(known, clock.stamp, *conditions),
    }
    if inits:
        states = [_state(pod, item, work, clock) for item in inits]
        status["initContainerStatuses"] = [
            _status(item, state, ready=_is_done(state))
            for item, state in zip(inits, states, strict=True)
        ]
    states = [_state(pod, item, work, clock) for item in mains]
    status["containerStatuses"] = [
        _status(item, state, ready="running" in state)
        for item, state in zip(mains, states, strict=True)
    ]
    return status


def _conditions(pod: JsonObject, work: Work, now: float, reached: Phase) -> list[JsonObject]:
    running = {spell.container for spell in work.spells if spell.until > now}
    done = {one.container for one in work.spells if one.until <= now and not one.exit_code}
    incomplete = _listed(init_containers(pod), done)
    unready = _listed(pod["spec"]["containers"], running)
    if incomplete:
        message = f"containers with incomplete status: {incomplete}"
        initialized = condition("Initialized", "False", "ContainersNotInitialized", message)
    else:
        reason = OVER["Succeeded"] if reached == "Succeeded" else ""
        initialized = condition("Initialized", "True", reason)
    if reached in OVER:
        cause = ("False", OVER[reached], "")
    elif unready:
        message = f"containers with unready status: {unready}"
        cause = ("False", "ContainersNotReady", message)
    else:
        cause = ("True", "", "")
    return [initialized, *(condition(kind, *cause) for kind in ("Ready", "ContainersReady"))]


def _listed(containers: Iterable[JsonObject], without: set[str]) -> str:
    """Return the names of containers as the kubelet lists them, those left out that are fine."""
    found = " ".join(item["name"] for item in containers if item["name"] not in without)
    return f"[{found}]" if found else ""


def _state(pod: JsonObject, container: JsonObject, work: Work, clock: Clock) -> JsonObject:
    """Return what a container waits for, that it runs, or how it ended."""
    spell, inits = work.spell(container), init_containers(pod)
    if spell is None:
        waiting = "PodInitializing" if inits else "ContainerCreating"
        pulled_now = not inits or container is inits[0]
        cause = pull_cause(container, work.pull, waiting) if pulled_now else {"reason": waiting}
        return {"waiting": cause}
    began, until = (
        format_time(clock.start + timedelta(seconds=seconds))
        for seconds in (spell.began, spell.until)
    )
    if spell.until > clock.seconds:
        return {"running": {"startedAt": began}}
    terminated = {
        "reason": spell.reason,
        "exitCode": spell.exit_code,
        "startedAt": began,
        "finishedAt": until,
    }
    falls_back = container.get("terminationMessagePolicy") == "FallbackToLogsOnError"
    message = spell.last_words or (spell.log if falls_back and spell.exit_code else "")
    if message:
        terminated["message"] = message
    return {"terminated": terminated}


def _is_done(state: JsonObject) -> bool:
    return "terminated" in state and state["terminated"]["exitCode"] == 0


def _status(container: JsonObject, state: JsonObject, *, ready: bool) -> JsonObject:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "ready": ready,
        "started": "running" in state,
        "restartCount": 0,
        "state": state,
    }
