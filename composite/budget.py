"""The budget of GPUs: what a model needs of its nodes, what they have, and what is left."""

from math import inf
from typing import NamedTuple

from composite.catalog import GpuNeed, InstanceType


class Share(NamedTuple):
    """How much of one thing is needed, and how much there is."""

    needed: int
    available: int

    @property
    def spare(self) -> int:
        """What is left; less than nothing where it is not enough."""
        return self.available - self.needed

    @property
    def enough(self) -> bool:
        """Whether there is as much as is needed. Equal is enough."""
        return self.spare >= 0

    @property
    def use(self) -> float:
        """The part of what there is that is needed; more than 1 where it is not enough."""
        if self.available == 0:
            return inf if self.needed else 0.0
        return self.needed / self.available


class Budget(NamedTuple):
    """
    What is needed of some nodes of one instance type.

    ``gpus`` and ``memory_gi`` (GiB) are over all GPUs of all nodes, ``per_gpu_gi`` (GiB) is on each
    GPU; 0 needed there means that any GPU will do.
    """

    gpus: Share
    memory_gi: Share
    per_gpu_gi: Share

    @property
    def tightest(self) -> Share:
        """The memory that runs out first: of each GPU, or of all of them together."""
        return max(self.memory_gi, self.per_gpu_gi, key=lambda share: share.use)

    @property
    def lack(self) -> float:
        """How many times what there is would be needed, of what is shortest; up to 1 it fits."""
        return max(share.use for share in self)


def budget(need: GpuNeed, row: InstanceType, nodes: int) -> Budget:
    """Return what is needed of so many nodes of an instance type, and what they have."""
    return Budget(
        gpus=Share(need.count, row.gpuCount * nodes),
        memory_gi=Share(need.totalMemoryGi, row.gpuMemoryGi * nodes),
        per_gpu_gi=Share(need.perGpuMemoryGi, row.per_gpu_memory_gi),
    )
