"""
Jobs: Pods that run to their end, how many of them, and what comes of those that fail.

Source: pkg/controller/job of Kubernetes v1.33. Left out, for nobody here uses it: Indexed Jobs,
suspend, activeDeadlineSeconds, ttlSecondsAfterFinished, successPolicy, restartPolicy OnFailure.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.objects import Ref
from composite.simulate.pod_status import is_over, is_ready
from composite.simulate.workloads import WorkloadActor
from composite.simulate.world import World, condition

# Keeps a Pod until it has been counted.
TRACKING = "batch.kubernetes.io/job-tracking"
# A Pod's name is the Job's, cut so that five more characters make a label of it.
MAX_PREFIX = 58
SUFFIX_LENGTH = 5

# Before a Pod takes the place of one that failed: 10 s, doubling, at most 10 min.
FIRST_BACKOFF_SECONDS = 10.0
LAST_BACKOFF_SECONDS = 600.0

# What is known first, and what it becomes once no Pod is left that runs.
LAST_CONDITION = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}


class Verdict(NamedTuple):
    """What a failed Pod means: whether it counts, and why the whole Job fails, if it does."""

    counts: bool
    failure: str | None = None


class JobController(WorkloadActor):
    """Makes the Pods of Jobs, and counts how they end."""

    name = "job-controller"
    kind = names.JOBS

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._numbers: Counter[str] = Counter()
        self._failures: dict[str, tuple[int, float]] = {}

    def act(self, key: Ref) -> None:
        """Count what has ended, and then make what is missing or come to an end."""
        job = self.store.get(key)
        lives = job is not None and not objects.is_terminating(job)
        self._release_orphans(key, objects.uid_of(job) if job is not None and lives else "")
        if job is not None and lives and not is_finished(job):
            self._sync(job)

    def _sync(self, job: JsonObject) -> None:
        ended = [pod for pod in self.pods(job) if is_tracked(pod) and has_ended(job, pod)]
        counts = counted(job, ended)
        known = first_condition(job)
        outcome = known or self._outcome(job, ended, counts)
        self._note_failures(job, ended)
        for pod in ended:
            self._release(pod)
        if outcome is None:
            self._create_missing(job, counts["succeeded"])
        else:
            for pod in self._running(job):
                self.delete_pod(pod)
        self._report(job, counts, outcome, last=known is not None)

    def _outcome(
        self, job: JsonObject, ended: Iterable[JsonObject], counts: dict[str, int]
    ) -> JsonObject | None:
        """Return the first of the two conditions that end a Job, if it is time for it."""
        failures = [verdict.failure for pod in ended if (verdict := judged(job, pod)).failure]
        if failures:
            return condition("FailureTarget", "True", "PodFailurePolicy", failures[0] or "")
        if counts["failed"] > job["spec"]["backoffLimit"]:
            message = "Job has reached the specified backoff limit"
            return condition("FailureTarget", "True", "BackoffLimitExceeded", message)
        if counts["succeeded"] >= job["spec"].get("completions", 1):
            message = "Reached expected number of succeeded pods"
            return condition("SuccessCriteriaMet", "True", "CompletionsReached", message)
        return None

    def _note_failures(self, job: JsonObject, ended: Iterable[JsonObject]) -> None:
        """Remember when Pods failed, counted or not: the next one has to wait."""
        uid = objects.uid_of(job)
        for pod in ended:
            failures, _ = self._failures.get(uid, (0, 0.0))
            again = 0 if has_succeeded(pod) else failures + 1
            self._failures[uid] = again, self.world.clock.seconds

    def _create_missing(self, job: JsonObject, succeeded: int) -> None:
        """Create Pods; with podReplacementPolicy Failed none before its predecessor has ended."""
        spec, uid = job["spec"], objects.uid_of(job)
        wanted = min(spec["parallelism"], spec.get("completions", 1) - succeeded)
        missing = wanted - len(self._running(job))
        failures, since = self._failures.get(uid, (0, 0.0))
        wait = min(FIRST_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 10), LAST_BACKOFF_SECONDS)
        if missing > 0 and failures and self.world.clock.seconds < since + wait:
            self.world.agenda.add_at(self, objects.ref_of(job), since + wait)
            return
        for _ in range(missing):
            self._numbers[uid] += 1
            suffix = objects.short_hash([uid, self._numbers[uid]], SUFFIX_LENGTH)
            prefix = f"{job['metadata']['name']}-"[:MAX_PREFIX]
            self.create_pod(job, f"{prefix}{suffix}", {}, finalizers=[TRACKING])

    def _report(
        self, job: JsonObject, counts: dict[str, int], outcome: JsonObject | None, *, last: bool
    ) -> None:
        """Write the counts; the last condition comes once no Pod is left that runs."""
        now = self.world.clock.stamp
        there = self._running(job)
        active = [pod for pod in there if not objects.is_terminating(pod)]
        conditions = [outcome] if outcome is not None else []
        status = {"startTime": now, **objects.status_of(job)}
        if outcome is not None and last and not there:
            kind = LAST_CONDITION[outcome["type"]]
            conditions.append({**outcome, "type": kind})
            if kind == "Complete":
                status["completionTime"] = now
        known = status.get("conditions") or ()
        numbers = {"active": len(active), **counts}
        status |= {
            **numbers,
            "ready": sum(map(is_ready, active)),
            "terminating": len(there) - len(active),
            "uncountedTerminatedPods": {},
            "conditions": objects.with_conditions(known, now, *conditions),
        }
        unsaid = {name for name, number in numbers.items() if not number}
        if not status["conditions"]:
            unsaid.add("conditions")
        self.write_status(job, {key: item for key, item in status.items() if key not in unsaid})

    def _running(self, job: JsonObject) -> list[JsonObject]:
        """Return the Pods that have not ended, those that are about to included."""
        return [pod for pod in self.pods(job) if not has_ended(job, pod)]

    def _release_orphans(self, key: Ref, living: str) -> None:
        """Let the Pods go of a Job that is gone itself; one of its name may live."""
        for pod in self.store.list_of(names.PODS, key.namespace):
            owner = objects.controller_of(pod)
            if owner is None or owner["uid"] == living:
                continue
            if (owner["kind"], owner["name"]) == ("Job", key.name):
                self._release(pod)

    def _release(self, pod: JsonObject) -> None:
        finalizers = [item for item in pod["metadata"].get("finalizers") or () if item != TRACKING]
        if is_tracked(pod):
            self.store.update(objects.with_metadata(pod, finalizers=finalizers or None))


def is_tracked(pod: JsonObject) -> bool:
    """Tell whether a Pod has still to be counted."""
    return TRACKING in (pod["metadata"].get("finalizers") or ())


def has_succeeded(pod: JsonObject) -> bool:
    """Tell whether all containers of a Pod have ended well."""
    return bool(objects.status_of(pod).get("phase") == "Succeeded")


def has_ended(job: JsonObject, pod: JsonObject) -> bool:
    """Tell whether a Pod is over; unless only failed ones are replaced, a deleted one is too."""
    only_failed = job["spec"]["podReplacementPolicy"] == "Failed"
    return is_over(pod) or (objects.is_terminating(pod) and not only_failed)


def is_finished(job: JsonObject) -> bool:
    """Tell whether nothing of a Job will ever change again."""
    return any(objects.is_true(job, kind) for kind in LAST_CONDITION.values())


def first_condition(job: JsonObject) -> JsonObject | None:
    """Return the condition that says how a Job is going to end, without its time."""
    for kind in LAST_CONDITION:
        found = objects.condition_of(job, kind)
        if found is not None:
            return {key: value for key, value in found.items() if key != "lastTransitionTime"}
    return None


def counted(job: JsonObject, ended: Iterable[JsonObject]) -> dict[str, int]:
    """Return how many Pods have succeeded and failed, with those that ended just now."""
    status = objects.status_of(job)
    counts = {kind: int(status.get(kind, 0)) for kind in ("succeeded", "failed")}
    for pod in ended:
        if has_succeeded(pod):
            counts["succeeded"] += 1
        elif judged(job, pod).counts:
            counts["failed"] += 1
    return counts


def judged(job: JsonObject, pod: JsonObject) -> Verdict:
    """Return what the first rule that fits says of a Pod that failed; without one it counts."""
    if has_succeeded(pod):
        return Verdict(counts=False)
    rules = (job["spec"].get("podFailurePolicy") or {}).get("rules") or ()
    for index, rule in enumerate(rules):
        cause = _cause(rule, pod)
        if cause is None:
            continue
        if rule["action"] == "FailJob":
            message = f"{cause} matching FailJob rule at index {index}"
            return Verdict(counts=True, failure=message)
        return Verdict(counts=rule["action"] != "Ignore")
    return Verdict(counts=True)


def _cause(rule: JsonObject, pod: JsonObject) -> str | None:
    """Return what of a Pod a rule is about, or None."""
    about = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    for wanted in rule.get("onPodConditions") or ():
        found = objects.condition_of(pod, wanted["type"])
        if found is not None and found["status"] == wanted.get("status", "True"):
            return f"Pod {about} has condition {wanted['type']}"
    wanted = rule.get("onExitCodes")
    if wanted is None:
        return None
    status = objects.status_of(pod)
    containers = (
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    )
    for container in containers:
        code = container["state"].get("terminated", {}).get("exitCode", 0)
        if wanted.get("containerName") not in {None, container["name"]} or not code:
            continue
        if (code in wanted["values"]) == (wanted["operator"] == "In"):
            return f"Container {container['name']} for pod {about} failed with exit code {code}"
    return None
