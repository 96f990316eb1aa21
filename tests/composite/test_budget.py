"""What a model needs of its nodes, what they have, and which memory runs out first."""

from math import inf

import pytest

from composite.budget import Budget, Share, budget
from composite.catalog import GpuNeed, InstanceType


def a_need(count: int, total: int, each: int) -> GpuNeed:
    return GpuNeed(count=count, totalMemoryGi=total, perGpuMemoryGi=each)


def a_type(count: int, memory: int) -> InstanceType:
    return InstanceType(name="box", gpuCount=count, gpuMemoryGi=memory, source="here")


def test_gpus_and_their_memory_are_counted_over_all_nodes_and_that_of_each_gpu_is_not() -> None:
    assert budget(a_need(8, 152, 19), a_type(4, 96), nodes=2) == Budget(
        gpus=Share(8, 8), memory_gi=Share(152, 192), per_gpu_gi=Share(19, 24)
    )


@pytest.mark.parametrize(
    ("share", "spare", "enough", "use"),
    [
        (Share(9, 16), 7, True, 9 / 16),
        (Share(16, 16), 0, True, 1.0),
        (Share(90, 64), -26, False, 90 / 64),
        (Share(0, 24), 24, True, 0.0),
        (Share(1, 0), -1, False, inf),
        (Share(0, 0), 0, True, 0.0),
    ],
)
def test_a_share(share: Share, spare: int, enough: bool, use: float) -> None:  # noqa: FBT001
    assert (share.spare, share.enough, share.use) == (spare, enough, use)


@pytest.mark.parametrize(
    ("need", "row", "nodes", "tightest"),
    [
        pytest.param(a_need(2, 90, 0), a_type(8, 320), 1, Share(90, 320), id="all together"),
        pytest.param(a_need(2, 30, 15), a_type(8, 192), 1, Share(15, 24), id="each GPU"),
        pytest.param(a_need(8, 192, 19), a_type(8, 192), 1, Share(192, 192), id="to the last GiB"),
    ],
)
def test_the_memory_that_runs_out_first(
    need: GpuNeed, row: InstanceType, nodes: int, tightest: Share
) -> None:
    assert budget(need, row, nodes).tightest == tightest


def test_what_is_shortest_says_how_far_it_is_from_a_fit() -> None:
    few_gpus = budget(a_need(8, 16, 0), a_type(2, 160), nodes=1)
    little_memory = budget(a_need(1, 90, 0), a_type(4, 60), nodes=1)

    assert (few_gpus.lack, little_memory.lack) == (4.0, 1.5)
