"""
What a Pod's status says in each state of its containers' life.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from dataclasses import dataclass
from typing import Literal

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.world import condition

State = Literal[
    "pulling",
    "ErrImagePull",
    "ImagePullBackOff",
    "starting",
    "OOMKilled",
    "CrashLoopBackOff",
    "ready",
]
PULL_ERRORS = frozenset({"ErrImagePull", "ImagePullBackOff"})
BEFORE_START = PULL_ERRORS | {"pulling"}
KILLED = frozenset({"OOMKilled", "CrashLoopBackOff"})

# The kubelet's back-off, for pulling and for restarting: 10 s, doubling, at most 5 min.
FIRST_BACKOFF_SECONDS = 10.0
LAST_BACKOFF_SECONDS = 300.0
# How long ErrImagePull and OOMKilled are to be seen before the back-off.
ERROR_SECONDS = 5
MINUTE = 60


@dataclass(frozen=True)
class Life:
    """Where the containers of one Pod are, until when, and how often they have failed."""

    state: State
    until: float
    failures: int = 0

    @property
    def restarts(self) -> int:
        """How often the first container has been started again."""
        if self.state in BEFORE_START:
            return 0
        return self.failures - 1 if self.state in KILLED else self.failures


def backoff(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row."""
    return min(FIRST_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 10), LAST_BACKOFF_SECONDS)


def is_ready(pod: JsonObject) -> bool:
    """Tell whether a Pod serves."""
    return not objects.is_terminating(pod) and objects.is_true(pod, "Ready")


def is_over(pod: JsonObject) -> bool:
    """Tell whether nothing of a Pod will ever run again."""
    return objects.status_of(pod).get("phase") in {"Succeeded", "Failed"}


def runs_to_its_end(pod: JsonObject) -> bool:
    """Tell whether the containers of a Pod run once each, as those of a Job do."""
    return bool(pod["spec"].get("restartPolicy") == "Never")


def after_pulling(life: Life, *, fails: bool, start_seconds: float) -> Life:
    """Return what follows: an error and a back-off in turn, or the start of the containers."""
    failures = life.failures
    if life.state == "ErrImagePull":
        return Life("ImagePullBackOff", life.until + backoff(failures), failures)
    if fails:
        return Life("ErrImagePull", life.until + ERROR_SECONDS, failures + 1)
    return Life("starting", life.until + start_seconds, failures)


def pod_status(pod: JsonObject, life: Life, now: str) -> JsonObject:
    """
    Return the status of a Pod.

    Init containers do their work in no time, once their images are there. Of several containers
    only the first one runs out of memory.
    """
    old, spec = objects.status_of(pod), pod["spec"]
    inits = spec.get("initContainers") or ()
    status = {
        **old,
        "phase": "Pending" if life.state in BEFORE_START else "Running",
        "startTime": old.get("startTime", now),
        "conditions": objects.with_conditions(
            old.get("conditions") or (), now, *_conditions(spec, life)
        ),
        "containerStatuses": [
            _main(item, life, pod, now)
            if number == 0
            else _status(item, _other_state(life, pod, item, now), life)
            for number, item in enumerate(spec["containers"])
        ],
    }
    if inits:
        status["initContainerStatuses"] = [_init(item, life, pod, now) for item in inits]
    return status


def _conditions(spec: JsonObject, life: Life) -> list[JsonObject]:
    unready = " ".join(container["name"] for container in spec["containers"])
    message = f"containers with unready status: [{unready}]"
    waits = spec.get("initContainers") and life.state in BEFORE_START
    return [
        condition("Initialized", "False", "ContainersNotInitialized")
        if waits
        else condition("Initialized", "True"),
        *(
            condition(kind, "True")
            if life.state == "ready"
            else condition(kind, "False", "ContainersNotReady", message)
            for kind in ("Ready", "ContainersReady")
        ),
    ]


def _status(container: JsonObject, state: JsonObject, life: Life) -> JsonObject:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "ready": life.state == "ready",
        "started": "running" in state,
        "restartCount": 0,
        "state": state,
    }


def _main(container: JsonObject, life: Life, pod: JsonObject, now: str) -> JsonObject:
    """Return the status of the first container, the one that may be killed."""
    known = _known(pod, "containerStatuses", container)
    before, ended = known.get("state", {}), known.get("lastState", {}).get("terminated")
    state = _other_state(life, pod, container, now)
    if life.state == "OOMKilled":
        began = before.get("running", {}).get("startedAt", now)
        state = {"terminated": before.get("terminated") or _killed(began, now)}
    else:
        ended = before.get("terminated") or ended
    if life.state == "CrashLoopBackOff":
        state = {"waiting": _crash_loop(container, pod, life)}
    status = {**_status(container, state, life), "restartCount": life.restarts}
    return {**status, "lastState": {"terminated": ended}} if life.restarts and ended else status


def _other_state(life: Life, pod: JsonObject, container: JsonObject, now: str) -> JsonObject:
    """Return the state of a container that nothing kills."""
    if life.state not in BEFORE_START:
        running = _known(pod, "containerStatuses", container).get("state", {}).get("running")
        return {"running": running or {"startedAt": now}}
    if pod["spec"].get("initContainers"):
        return {"waiting": {"reason": "PodInitializing"}}
    return {"waiting": pull_cause(container, life, "ContainerCreating")}


def _init(container: JsonObject, life: Life, pod: JsonObject, now: str) -> JsonObject:
    """Return the status of an init container: waiting for its image, or done."""
    if life.state in BEFORE_START:
        state: JsonObject = {"waiting": pull_cause(container, life, "PodInitializing")}
    else:
        known = _known(pod, "initContainerStatuses", container).get("state", {})
        ended = {"reason": "Completed", "exitCode": 0, "startedAt": now, "finishedAt": now}
        state = {"terminated": known.get("terminated") or ended}
    return {**_status(container, state, life), "ready": life.state not in BEFORE_START}


def pull_cause(container: JsonObject, life: Life, pulling: str) -> JsonObject:
    """Return why a container waits for its image; ``pulling`` is the reason while all is well."""
    image = container.get("image", "")
    if life.state == "ErrImagePull":
        message = f'failed to pull and unpack image "{image}": not found'
        return {"reason": "ErrImagePull", "message": message}
    if life.state == "ImagePullBackOff":
        return {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}
    return {"reason": pulling}


def _killed(began: str, now: str) -> JsonObject:
    return {"reason": "OOMKilled", "exitCode": 137, "startedAt": began, "finishedAt": now}


def _crash_loop(container: JsonObject, pod: JsonObject, life: Life) -> JsonObject:
    seconds = int(backoff(life.failures - 1))
    wait = f"{seconds // MINUTE}m{seconds % MINUTE}s" if seconds >= MINUTE else f"{seconds}s"
    where = f"{pod['metadata']['name']}_{pod['metadata']['namespace']}({objects.uid_of(pod)})"
    message = f"back-off {wait} restarting failed container={container['name']} pod={where}"
    return {"reason": "CrashLoopBackOff", "message": message}


def _known(pod: JsonObject, field: str, container: JsonObject) -> JsonObject:
    """Return the status a container had until now, or nothing."""
    statuses: list[JsonObject] = objects.status_of(pod).get(field) or []
    return next((item for item in statuses if item["name"] == container["name"]), {})
