"""
What happens on a Node to a Pod whose containers run once each, as those of a training do.

What a container does is told by its name, or by the GPUs it asks for: it fetches the data, trains,
or pushes the result. Any other one is done at once.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from composite import names
from composite.models import JsonObject
from composite.simulate import last_words, objects
from composite.simulate.objects import Ref
from composite.simulate.pod_status import (
    BEFORE_START,
    PULL_ERRORS,
    Life,
    after_pulling,
    is_over,
    runs_to_its_end,
)
from composite.simulate.pod_work import Spell, Work, advanced, stopped, work_status
from composite.simulate.scenario import Failing, OutOfMemory
from composite.simulate.scheduler import container_requests
from composite.simulate.store import Change
from composite.simulate.world import World, WorldActor

NOTHING_IN_IMAGE = "/data of this image is empty\n"
OUT_OF_GPU_MEMORY = """\
Traceback (most recent call last):
  File "/workspace/tfs/fine_tuning.py", line 102, in <module>
    trainer.train()
  File "/usr/local/lib/python3.10/dist-packages/transformers/trainer.py", line 1885, in train
    return inner_training_loop(
torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total \
capacity of 15.77 GiB of which 1.21 GiB is free.
"""


class Task(NamedTuple):
    """
    What a container does: how long it takes, and what it says.

    ``log`` is the end of what it prints when it fails; ``failing`` and ``done`` are what it leaves
    as its last words.
    """

    seconds: float
    fault: Failing | None = None
    log: str = ""
    failing: str = ""
    done: str = ""


class JobKubelet(WorldActor):
    """Runs the Pods of all Nodes that end."""

    name = "kubelet"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._works: dict[str, Work] = {}
        self._failures: Counter[tuple[str, str, str]] = Counter()

    def notice(self, change: Change) -> Iterator[Ref]:
        """Look at Pods that have a Node, and at those that may have waited for a ConfigMap."""
        kind = objects.kind_key(change.obj)
        if kind == names.PODS and change.new is not None:
            if change.new["spec"].get("nodeName") and runs_to_its_end(change.new):
                yield objects.ref_of(change.new)
        elif kind == names.CONFIGMAPS and change.old is None:
            for pod in self.store.list_of(names.PODS, change.obj["metadata"]["namespace"]):
                if pod["spec"].get("nodeName") and runs_to_its_end(pod):
                    yield objects.ref_of(pod)

    def act(self, key: Ref) -> None:
        """Bring one Pod a step further, if its time has come."""
        pod = self.store.get(key)
        if pod is None or is_over(pod) or not self._has_node(pod):
            return
        now, uid = self.world.clock.seconds, objects.uid_of(pod)
        known = self._works.get(uid)
        ended = objects.is_terminating(pod)
        work = known or Work(Life("pulling", now + self.world.delays.pull))
        if ended:
            work = stopped(work, now)
        elif known is not None or self._has_volumes(pod):
            work = self._works[uid] = self._advanced(pod, work)
            cyclic = work.pull.state in PULL_ERRORS
            self.world.agenda.add_at(self, key, work.next_change(now), cyclic=cyclic)
        self.write_status(pod, work_status(pod, work, self.world.clock, told_to_end=ended))

    def _has_node(self, pod: JsonObject) -> bool:
        """Tell whether there is still somebody to look after a Pod."""
        node = pod["spec"].get("nodeName")
        return bool(node) and self.store.get(Ref(names.NODES, "", node)) is not None

    def _has_volumes(self, pod: JsonObject) -> bool:
        """
        Tell whether all ConfigMaps are there that a Pod mounts; else its containers wait.

        Secrets are taken to be there: whoever plays a Workspace seldom adds theirs.
        """
        namespace = pod["metadata"]["namespace"]
        volumes = pod["spec"].get("volumes") or ()
        wanted = [volume["configMap"] for volume in volumes if "configMap" in volume]
        return all(
            source.get("optional")
            or self.store.get(Ref(names.CONFIGMAPS, namespace, source["name"])) is not None
            for source in wanted
        )

    def _advanced(self, pod: JsonObject, work: Work) -> Work:
        now, pull = self.world.clock.seconds, work.pull
        while pull.state in BEFORE_START and now >= pull.until:
            fails = self.world.faults.imageCannotBePulled
            pull = after_pulling(pull, fails=fails, start_seconds=0)
        work = Work(pull, work.spells)
        if pull.state in BEFORE_START:
            return work
        return advanced(pod, work, now, lambda item, began: self._spell(pod, item, began))

    def _spell(self, pod: JsonObject, container: JsonObject, began: float) -> Spell:
        """Return how the run of a container will go; one that fails does so soon."""
        task, name = self._task(container), container["name"]
        soon = began + min(task.seconds, self.world.delays.start)
        if trains(container) and self._fails(pod, "OOMKilled", self.world.faults.outOfMemory):
            return Spell(name, began, soon, 137, "OOMKilled")
        if self._fails(pod, name, task.fault):
            return Spell(name, began, soon, 1, "Error", task.log, task.failing)
        return Spell(name, began, began + task.seconds, last_words=task.done)

    def _task(self, container: JsonObject) -> Task:
        delays, faults = self.world.delays, self.world.faults
        match container["name"]:
            case names.WEIGHTS_DOWNLOADER:
                return Task(delays.fetch)
            case names.DOWNLOADER:
                words = last_words.not_found(container)
                return Task(delays.fetch, faults.datasetNotFound, failing=words)
            case names.EXTRACTOR:
                return Task(delays.fetch, faults.datasetNotFound, NOTHING_IN_IMAGE)
            case names.PUSHER:
                words, done = last_words.not_authorized(container), last_words.pushed(container)
                return Task(delays.push, faults.pushRefused, failing=words, done=done)
            case _ if trains(container):
                return Task(delays.train, faults.outOfGpuMemory, OUT_OF_GPU_MEMORY)
            case _:
                return Task(0)

    def _fails(self, pod: JsonObject, what: str, fault: Failing | OutOfMemory | None) -> bool:
        """Tell whether it goes wrong this time, and count that, for each Workspace by itself."""
        if fault is None:
            return False
        limit = fault.times if isinstance(fault, Failing) else fault.restarts
        whose = objects.labels_of(pod).get(names.LABEL_WORKSPACE, "")
        key = pod["metadata"]["namespace"], whose, what
        self._failures[key] += 1
        return limit is None or self._failures[key] <= limit


def trains(container: JsonObject) -> bool:
    """Tell whether a container asks for GPUs; nothing else has a slash in its name."""
    return any("/" in name and amount for name, amount in container_requests(container).items())
