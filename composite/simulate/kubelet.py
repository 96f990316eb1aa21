"""
What happens to a Pod on its Node: images are pulled, containers start, or do not.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

import math
from collections.abc import Iterator

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.objects import Ref
from composite.simulate.pod_status import (
    BEFORE_START,
    ERROR_SECONDS,
    PULL_ERRORS,
    Life,
    State,
    after_pulling,
    backoff,
    pod_status,
    runs_to_its_end,
)
from composite.simulate.store import Change
from composite.simulate.world import World, WorldActor


class Kubelet(WorldActor):
    """Runs the Pods of all Nodes that serve; a :class:`.JobKubelet` runs those that end."""

    name = "kubelet"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._lives: dict[str, Life] = {}

    def notice(self, change: Change) -> Iterator[Ref]:
        """Look at Pods that have a Node."""
        if objects.kind_key(change.obj) != names.PODS:
            return
        if change.new is not None and change.new["spec"].get("nodeName"):
            yield objects.ref_of(change.new)

    def act(self, key: Ref) -> None:
        """Bring one Pod a step further, if its time has come."""
        pod = self.store.get(key)
        if pod is None or not pod["spec"].get("nodeName") or runs_to_its_end(pod):
            return
        now, uid = self.world.clock.seconds, objects.uid_of(pod)
        life = self._lives.get(uid) or Life("pulling", now + self.world.delays.pull)
        while now >= life.until:
            life = self._next(pod, life)
        self._lives[uid] = life
        cyclic = life.state in PULL_ERRORS or self._is_doomed()
        self.world.agenda.add_at(self, key, life.until, cyclic=cyclic)
        self.write_status(pod, pod_status(pod, life, self.world.clock.stamp))

    def _next(self, pod: JsonObject, life: Life) -> Life:
        """Return what follows when a state's time is up."""
        if life.state in BEFORE_START:
            fails, seconds = self.world.faults.imageCannotBePulled, self._start_seconds(pod)
            return after_pulling(life, fails=fails, start_seconds=seconds)
        state, seconds, failures = self._following(pod, life)
        return Life(state, life.until + seconds, failures)

    def _following(self, pod: JsonObject, life: Life) -> tuple[State, float, int]:
        failures = life.failures
        match life.state:
            case "starting" if self._runs_out_of_memory(failures):
                return "OOMKilled", ERROR_SECONDS, failures + 1
            case "starting":
                return "ready", math.inf, failures
            case "OOMKilled" if failures > 1:  # the first restart does not wait
                return "CrashLoopBackOff", backoff(failures - 1), failures
            case _:
                return "starting", self._start_seconds(pod), failures

    def _runs_out_of_memory(self, failures: int) -> bool:
        fault = self.world.faults.outOfMemory
        return fault is not None and (fault.restarts is None or failures < fault.restarts)

    def _is_doomed(self) -> bool:
        """Tell whether the container will be killed again and again."""
        fault = self.world.faults.outOfMemory
        return fault is not None and fault.restarts is None

    def _start_seconds(self, pod: JsonObject) -> float:
        """Return how long it runs before it is ready: no time at all if nothing probes it."""
        probed = any("readinessProbe" in item for item in pod["spec"]["containers"])
        return self.world.delays.start if probed or self.world.faults.outOfMemory else 0
