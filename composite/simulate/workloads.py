"""
Deployments and StatefulSets: how many Pods there are, and of which template. Jobs: see ``jobs``.

The ReplicaSet between a Deployment and its Pods is left out: the Pods are the Deployment's own,
named ``<deployment>-<hash of the template>-<number>``.
Sources: pkg/controller/deployment and pkg/controller/statefulset of Kubernetes v1.33.
"""

import math
from collections.abc import Iterator
from contextlib import suppress

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.errors import AlreadyExistsError
from composite.simulate.objects import Ref
from composite.simulate.pod_status import is_ready
from composite.simulate.store import Change
from composite.simulate.world import World, WorldActor, condition

POD_TEMPLATE_HASH = "pod-template-hash"
REVISION_HASH = "controller-revision-hash"
POD_INDEX = "apps.kubernetes.io/pod-index"
PROGRESS_DEADLINE_SECONDS = 600
PERCENT = 100


class WorkloadActor(WorldActor):
    """What the two have in common: they look at their own objects and at the Pods of those."""

    kind = ""

    def notice(self, change: Change) -> Iterator[Ref]:
        """Look at the workload itself, and at the owner of a Pod."""
        ref = objects.ref_of(change.obj)
        if ref.kind == self.kind:
            yield ref
        elif ref.kind == names.PODS:
            owner = objects.controller_of(change.obj)
            if owner is not None and f"{owner['kind']}.{owner['apiVersion']}" == self.kind:
                yield Ref(self.kind, ref.namespace, owner["name"])

    def act(self, key: Ref) -> None:
        """Bring the Pods of one workload closer to what is wanted, and report."""
        workload = self.store.get(key)
        if workload is None or objects.is_terminating(workload):
            return
        self.scale(workload)
        self.report(workload)

    def scale(self, workload: JsonObject) -> None:
        """Create and delete Pods."""
        raise NotImplementedError

    def report(self, workload: JsonObject) -> None:
        """Write the status."""
        raise NotImplementedError

    def pods(self, workload: JsonObject) -> list[JsonObject]:
        """Return the Pods of a workload."""
        namespace, uid = workload["metadata"]["namespace"], objects.uid_of(workload)
        return self.store.owned_by(names.PODS, uid, namespace)

    def create_pod(
        self,
        workload: JsonObject,
        name: str,
        labels: dict[str, str],
        finalizers: list[str] | None = None,
    ) -> None:
        """
        Create one Pod from the template.

        Not in a namespace that is going away, and not while a predecessor of this name is there:
        the event of its end brings the workload back here.
        """
        namespace = self.store.get(Ref(objects.NAMESPACES, "", workload["metadata"]["namespace"]))
        if namespace is None or objects.is_terminating(namespace):
            return
        template = workload["spec"]["template"]
        metadata = template.get("metadata") or {}
        made = {
            "name": name,
            "namespace": workload["metadata"]["namespace"],
            "labels": {**(metadata.get("labels") or {}), **labels},
            "annotations": metadata.get("annotations"),
            "finalizers": finalizers,
            "ownerReferences": [objects.owner_reference(workload)],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": made, "spec": template["spec"]}
        with suppress(AlreadyExistsError):
            self.store.create(objects.with_metadata(pod))

    def delete_pod(self, pod: JsonObject) -> None:
        """Delete one Pod."""
        if not objects.is_terminating(pod):
            self.store.delete(objects.ref_of(pod), objects.uid_of(pod))


class DeploymentController(WorkloadActor):
    """Keeps the Pods of Deployments."""

    name = "deployment-controller"
    kind = names.DEPLOYMENTS

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._numbers: dict[str, int] = {}
        self._progress: dict[str, tuple[tuple[str, int, int], float]] = {}

    def scale(self, workload: JsonObject) -> None:
        """Roll over to the newest template within maxSurge and maxUnavailable."""
        replicas = replicas_of(workload)
        surge, unavailable = rolling_limits(workload)
        new, old = self._split(workload)
        for pod in sorted(new, key=is_ready)[: max(len(new) - replicas, 0)]:
            self.delete_pod(pod)
        new, old = self._split(workload)
        least = replicas - unavailable
        spare = len(new) + len(old) - least - sum(not is_ready(pod) for pod in new)
        for pod in sorted(old, key=is_ready):
            serving = sum(map(is_ready, new)) + sum(map(is_ready, self._split(workload)[1]))
            if spare <= 0 or (is_ready(pod) and serving <= least):
                break
            self.delete_pod(pod)
            spare -= 1
        new, old = self._split(workload)
        for _ in range(min(replicas - len(new), replicas + surge - len(new) - len(old))):
            self._create(workload)

    def _split(self, workload: JsonObject) -> tuple[list[JsonObject], list[JsonObject]]:
        """Return the Pods of the newest template, and the others."""
        current = template_hash(workload)
        pods = self.pods(workload)
        new = [pod for pod in pods if objects.labels_of(pod).get(POD_TEMPLATE_HASH) == current]
        return new, [pod for pod in pods if pod not in new]

    def _create(self, workload: JsonObject) -> None:
        current = template_hash(workload)
        prefix = f"{workload['metadata']['name']}-{current}"
        number = self._numbers[prefix] = self._numbers.get(prefix, -1) + 1
        self.create_pod(workload, f"{prefix}-{number}", {POD_TEMPLATE_HASH: current})

    def report(self, workload: JsonObject) -> None:
        """Write the counts, Available and Progressing."""
        new, old = self._split(workload)
        replicas = replicas_of(workload)
        ready = sum(map(is_ready, (*new, *old)))
        counts = {
            "replicas": len(new) + len(old),
            "updatedReplicas": len(new),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(max(len(new) + len(old), replicas) - ready, 0),
        }
        conditions = [
            self._available(ready >= replicas - rolling_limits(workload)[1]),
            self._progressing(workload, len(new), sum(map(is_ready, new)), len(old)),
        ]
        known = objects.status_of(workload).get("conditions") or ()
        status = {
            "observedGeneration": workload["metadata"]["generation"],
            **{key: count for key, count in counts.items() if count},
            "conditions": objects.with_conditions(known, self.world.clock.stamp, *conditions),
        }
        self.write_status(workload, status)

    @staticmethod
    def _available(available: bool) -> JsonObject:  # noqa: FBT001  (it is what the condition says)
        if available:
            reason, message = "MinimumReplicasAvailable", "Deployment has minimum availability."
            return condition("Available", "True", reason, message)
        message = "Deployment does not have minimum availability."
        return condition("Available", "False", "MinimumReplicasUnavailable", message)

    def _progressing(self, workload: JsonObject, new: int, new_ready: int, old: int) -> JsonObject:
        """Return how the rollout goes; without progress for too long it has failed."""
        current = template_hash(workload)
        named = f'ReplicaSet "{workload["metadata"]["name"]}-{current}"'
        replicas, now, uid = (
            replicas_of(workload),
            self.world.clock.seconds,
            objects.uid_of(workload),
        )
        if new_ready >= replicas and new == replicas and not old:
            self._progress.pop(uid, None)
            message = f"{named} has successfully progressed."
            return condition("Progressing", "True", "NewReplicaSetAvailable", message)
        known = objects.condition_of(workload, "Progressing")
        if known is not None and known["reason"] == "NewReplicaSetAvailable" and not old:
            complete = known["message"].startswith(named)
            if complete:  # a rollout that is complete stays so, whatever happens to its Pods
                return {key: value for key, value in known.items() if key != "lastTransitionTime"}
        step = current, new, new_ready
        last, since = self._progress.get(uid, (None, now))
        if last is None or step[0] != last[0] or step[1:] > last[1:]:
            self._progress[uid] = step, now
            since = now
        limit = workload["spec"].get("progressDeadlineSeconds", PROGRESS_DEADLINE_SECONDS)
        if now >= since + limit:
            message = f"{named} has timed out progressing."
            return condition("Progressing", "False", "ProgressDeadlineExceeded", message)
        self.world.agenda.add_at(self, objects.ref_of(workload), since + limit)
        return condition("Progressing", "True", "ReplicaSetUpdated", f"{named} is progressing.")


class StatefulSetController(WorkloadActor):
    """Keeps the Pods of StatefulSets."""

    name = "statefulset-controller"
    kind = names.STATEFULSETS

    def scale(self, workload: JsonObject) -> None:
        """
        Create what is missing, then replace one outdated Pod after the other, the last one first.

        With podManagementPolicy Parallel Pods are created all at once; an update still waits for
        each replaced Pod to be ready.
        """
        name, replicas = workload["metadata"]["name"], replicas_of(workload)
        revision = revision_of(workload)
        pods = {pod["metadata"]["name"]: pod for pod in self.pods(workload)}
        parallel = workload["spec"].get("podManagementPolicy") == "Parallel"
        wanted = [f"{name}-{number}" for number in range(replicas)]
        for pod_name in sorted(set(pods) - set(wanted)):
            self.delete_pod(pods[pod_name])
        for number, pod_name in enumerate(wanted):
            known = pods.get(pod_name)
            if known is None:
                labels = {
                    names.LABEL_POD_NAME: pod_name,
                    POD_INDEX: str(number),
                    REVISION_HASH: revision,
                }
                self.create_pod(workload, pod_name, labels)
            if not parallel and (known is None or not is_ready(known)):
                return
        if (workload["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
            return
        for pod_name in reversed(wanted):
            known = pods.get(pod_name)
            if known is None:
                return
            if objects.labels_of(known).get(REVISION_HASH) != revision:
                self.delete_pod(known)
                return
            if not is_ready(known):
                return

    def report(self, workload: JsonObject) -> None:
        """Write the counts and revisions."""
        revision, replicas = revision_of(workload), replicas_of(workload)
        pods = self.pods(workload)
        updated = [pod for pod in pods if objects.labels_of(pod).get(REVISION_HASH) == revision]
        ready = sum(map(is_ready, pods))
        current = objects.status_of(workload).get("currentRevision", revision)
        if len(updated) == len(pods) == replicas == ready:
            current = revision
        old = len(pods) - len(updated)
        counts = {
            "readyReplicas": ready,
            "currentReplicas": len(updated) if current == revision else old,
            "updatedReplicas": len(updated),
        }
        status = {
            "observedGeneration": workload["metadata"]["generation"],
            "replicas": len(pods),
            "availableReplicas": ready,
            "currentRevision": current,
            "updateRevision": revision,
            "collisionCount": 0,
            **{key: count for key, count in counts.items() if count},
        }
        self.write_status(workload, status)


def replicas_of(workload: JsonObject) -> int:
    """Return how many Pods are wanted."""
    return int(workload["spec"].get("replicas", 1))


def template_hash(workload: JsonObject) -> str:
    """Return what tells one Pod template from another."""
    return objects.short_hash(workload["spec"]["template"])


def revision_of(workload: JsonObject) -> str:
    """Return the name of a StatefulSet's newest revision."""
    return f"{workload['metadata']['name']}-{template_hash(workload)}"


def rolling_limits(workload: JsonObject) -> tuple[int, int]:
    """Return how many Pods more and fewer than wanted an update may leave; 25 % by default."""
    strategy = workload["spec"].get("strategy") or {}
    replicas = replicas_of(workload)
    if strategy.get("type") == "Recreate":
        return 0, replicas
    rolling = strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    return surge, unavailable if surge or unavailable else 1


def _share(amount: int | str, replicas: int, *, up: bool) -> int:
    if isinstance(amount, int):
        return amount
    share = replicas * int(amount.rstrip("%")) / PERCENT
    return math.ceil(share) if up else math.floor(share)
