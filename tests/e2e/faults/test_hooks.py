"""Hooks that are down, slow, hang, fail or have the wrong time; a Metacontroller that is shot."""

import time
from datetime import timedelta

from composite.simulate import objects
from tests.e2e.faults.proxy import Fault
from tests.e2e.faults.stage import RealStage
from tests.stories.stage import served
from tests.stories.table import Measured

DOWN_SECONDS = 60.0
# Metacontroller waits twice as long after each failure of a Workspace, so up to as long again.
BACK_SECONDS = 180.0
# Less than Metacontroller waits for the customize hook (controllers.customizeTimeoutSeconds).
SLOW_SECONDS = 1.0


def test_hooks_that_are_down_for_a_minute_lose_nothing(
    stage: RealStage, measured: Measured
) -> None:
    stage.create(served("stays"), served("edited"), served("goes"))
    stage.until_ready("stays", "edited", "goes")
    stage.bundle.stop_hooks()
    try:
        stage.create(served("late"))
        two = {"spec": {"containers": [{"name": "server", "image": "registry.example/server:2"}]}}
        stage.patch(objects.WORKSPACE, "edited", {"inference": {"template": two}})
        stage.delete(objects.WORKSPACE, "goes")
        time.sleep(DOWN_SECONDS)
        assert stage.condition("stays", "WorkspaceReady")["status"] == "True"
        assert len(stage.items(objects.DEPLOYMENT)) == 2
    finally:
        stage.bundle.start_hooks()

    passed = stage.until_ready("stays", "edited", "late", seconds=BACK_SECONDS)
    stage.until(lambda: len(stage.machines()) == 3, seconds=BACK_SECONDS)
    measured["hooks down for 60 s: an edit, a new one, a deleted one"] = (
        f"all done {passed:.1f} s after"
    )


def test_hooks_that_answer_500_change_nothing(stage: RealStage, measured: Measured) -> None:
    passed = recovered(stage, Fault(status=500), seconds=10)
    measured["hooks answer 500 for 10 s"] = f"ready {passed:.1f} s after"


def test_hooks_that_hang_are_asked_again(stage: RealStage, measured: Measured) -> None:
    passed = recovered(stage, Fault(seconds=60), seconds=15)
    measured["hooks hang for 15 s"] = f"ready {passed:.1f} s after"


def test_slow_hooks_are_only_slow(stage: RealStage, measured: Measured) -> None:
    stage.proxy.fault = Fault(seconds=SLOW_SECONDS)
    stage.create(served("served"))
    passed = stage.until_ready("served", seconds=BACK_SECONDS)
    measured["each answer takes 1 s"] = f"ready {passed:.1f} s"


def test_a_metacontroller_that_is_shot_in_the_middle_makes_nothing_twice(
    stage: RealStage, measured: Measured
) -> None:
    names = [f"many-{number}" for number in range(20)]
    stage.create(*(served(name, launch="slowly") for name in names))
    began = time.monotonic()
    stage.until(stage.machines)
    stage.bundle.cluster.processes.kill("metacontroller")
    made = {objects.uid_of(machine) for machine in stage.machines()}
    time.sleep(2)
    stage.bundle.start_player()
    stage.until_ready(*names, seconds=BACK_SECONDS)
    passed = time.monotonic() - began

    machines = stage.machines()
    assert len(machines) == len(names)
    assert made <= {objects.uid_of(machine) for machine in machines}
    measured["killed in the middle of 20 roll-outs, nodes take 5 s"] = (
        f"all ready {passed:.1f} s, {len(made)} Machines at the kill"
    )


def test_what_is_deleted_while_metacontroller_is_down_is_gone_after(
    stage: RealStage, measured: Measured
) -> None:
    names = ["one", "two", "three"]
    stage.create(*(served(name) for name in names))
    stage.until_ready(*names)
    stage.bundle.cluster.processes.kill("metacontroller")
    for name in names:
        stage.delete(objects.WORKSPACE, name)
    # Nothing holds a Workspace up: it is gone before anybody is back.
    gone = stage.until(lambda: not stage.items(objects.WORKSPACE))
    stage.bundle.start_player()
    passed = stage.until(lambda: not stage.machines())
    measured["3 Workspaces deleted while the controller is down"] = (
        f"gone {gone:.2f} s, nodes {passed:.1f} s after"
    )


def test_a_clock_that_goes_back_an_hour_changes_nothing_that_runs(
    stage: RealStage, measured: Measured
) -> None:
    stage.create(served("served"))
    stage.until_ready("served")
    before = counted(stage)
    stage.proxy.fault = Fault(clock=timedelta(hours=-1))
    stage.patch(objects.DEPLOYMENT, "served", {"metadata": {"annotations": {"looked": "at"}}})
    stage.create(served("late"))
    passed = stage.until_ready("served", "late")
    stage.proxy.fault = Fault()
    stage.patch(objects.DEPLOYMENT, "served", {"metadata": {"annotations": {"looked": "again"}}})
    stage.until(lambda: stage.quiet_for() > 1)
    assert stage.is_ready("served", "late")
    assert before <= counted(stage)
    measured["the hooks' clock goes back an hour"] = f"a new one ready {passed:.1f} s"


def recovered(stage: RealStage, fault: Fault, seconds: float) -> float:
    """
    Return how long after a fault of the hooks everything was done that came meanwhile.

    Raises:
        AssertionError: Something was made or lost as long as the fault lasted.

    """
    stage.create(served("served"))
    stage.until_ready("served")
    before = counted(stage)
    stage.proxy.fault = fault
    stage.create(served("late"))
    stage.patch(objects.DEPLOYMENT, "served", {"metadata": {"labels": {"looked": "at"}}})
    time.sleep(seconds)
    assert counted(stage) == before
    stage.proxy.fault = Fault()
    return stage.until_ready("served", "late", seconds=BACK_SECONDS)


def counted(stage: RealStage) -> set[str]:
    """Return the uids of what there is of children and Machines."""
    kinds = (objects.DEPLOYMENT, objects.SERVICE, objects.POD)
    found = [*stage.machines(), *(child for kind in kinds for child in stage.items(kind))]
    return {objects.uid_of(obj) for obj in found}
