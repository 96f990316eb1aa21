"""An API server that goes away for a while, and an etcd that is slow."""

import contextlib
import time

from composite.simulate.errors import ApiError
from tests.e2e.faults.stage import RealStage
from tests.stories.stage import served
from tests.stories.table import Measured


def test_an_api_server_that_is_restarted_in_the_middle_loses_nothing(
    stage: RealStage, measured: Measured
) -> None:
    names = [f"many-{number}" for number in range(10)]
    processes = stage.bundle.cluster.processes
    stage.create(*(served(name, launch="slowly") for name in names))
    stage.until(stage.machines)
    processes.end("kube-apiserver")
    time.sleep(1)
    processes.start_again("kube-apiserver")
    began = time.monotonic()
    processes.wait("kube-apiserver", lambda: answers(stage))
    stage.until_ready(*names, seconds=180)
    passed = time.monotonic() - began

    assert len(stage.machines()) == len(names)
    measured["API server restarted in the middle of 10 roll-outs"] = f"all ready {passed:.1f} s"


def test_a_slow_etcd_is_only_slow(stage: RealStage, measured: Measured) -> None:
    names = [f"many-{number}" for number in range(5)]
    processes = stage.bundle.cluster.processes
    began = time.monotonic()
    with processes.slowed("etcd", stopped=0.3, running=0.1):
        stage.create(*(served(name) for name in names))
        stage.until_ready(*names, seconds=180)
    passed = time.monotonic() - began

    assert len(stage.machines()) == len(names)
    measured["etcd stands still three quarters of the time, 5 Workspaces"] = (
        f"all ready {passed:.1f} s"
    )


def answers(stage: RealStage) -> bool:
    """Tell whether the API server answers."""
    with contextlib.suppress(ApiError):
        stage.machines()
        return True
    return False
