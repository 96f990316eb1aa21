"""Nodes that do not come, that go, and that two Workspaces could want."""

from composite.simulate import objects
from tests.stories.stage import Json, Stage, is_another, owner, served
from tests.stories.table import Measured


def what_cannot_be_launched_is_told_and_tried_again(stage: Stage) -> Measured:
    """The provisioner says that there is no such instance; half a minute later there is."""
    stage.create(served("unlucky", launch="unavailable-once"))
    told = stage.until(
        lambda: "all requested instance types were unavailable" in stage.why("unlucky")
    )
    passed = stage.until_ready("unlucky", seconds=120)

    (second,) = stage.machines()
    assert stage.planned("unlucky") == [(name_of(second), 1)]
    return {
        "the first launch fails for lack of capacity, then the next": (
            f"told {told:.1f} s, ready {passed:.1f} s later"
        )
    }


def a_node_that_dies_is_told_and_what_returns_is_used_again(stage: Stage) -> Measured:
    """Its kubelet falls silent, and later speaks again."""
    stage.create(served("served"))
    stage.until_ready("served")
    (node,) = stage.nodes()
    name = name_of(node)
    pods = stage.pods_of("served")

    stage.patch(objects.NODE, name, {"metadata": {"annotations": {"kwok.x-k8s.io/node": None}}})
    report(stage, name, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    told = stage.until(lambda: f"{name} is not Ready" in stage.why("served"))
    assert stage.condition("served", "WorkspaceReady")["status"] == "False"
    stage.patch(objects.NODE, name, {"metadata": {"annotations": {"kwok.x-k8s.io/node": "fake"}}})
    report(stage, name, "True", "KubeletReady", "kubelet is posting ready status")
    stage.until_ready("served")

    assert stage.pods_of("served") == pods
    return {"a node stops reporting, and comes back": f"told {told:.1f} s, same pods"}


def a_node_deleted_by_hand_is_replaced(stage: Stage) -> Measured:
    """Its Machine goes with it, and another one comes."""
    stage.create(served("served"))
    stage.until_ready("served")
    (node,) = stage.nodes()
    (machine,) = stage.machines()
    stage.delete(objects.NODE, name_of(node))

    passed = stage.until(lambda: is_another(stage.machine_of("served"), machine))
    stage.until(lambda: is_replaced(stage, node))
    stage.until_ready("served", seconds=120)
    return {"a node is deleted by hand": f"replaced {passed:.1f} s"}


def a_machine_that_vanishes_at_once_is_made_anew(stage: Stage) -> Measured:
    """It vanishes after half a second, before it is anything."""
    return {"the Machine vanishes after 0.5 s": vanishing(stage, 0.5)}


def a_machine_that_vanishes_in_the_middle_is_made_anew(stage: Stage) -> Measured:
    """It vanishes after two and a half seconds."""
    return {"the Machine vanishes after 2.5 s": vanishing(stage, 2.5)}


def vanishing(stage: Stage, seconds: float) -> str:
    """Take a Machine away while it is being launched, and tell what came of it."""
    stage.create(served("served", launch="slowly"))
    passed = stage.until(lambda: stage.machine_of("served") is not None)
    stage.wait(max(0.0, seconds - passed))
    (first,) = stage.machines()
    name = name_of(first)
    stage.patch(objects.MACHINE, name, {"metadata": {"finalizers": None}})
    stage.delete(objects.MACHINE, name)

    made = stage.until(lambda: is_another(stage.machine_of("served"), first), seconds=120)
    ready = made + stage.until_ready("served", seconds=120)
    return f"made anew {made:.1f} s, ready {ready:.1f} s; a launch takes 5 s"


def a_ready_machine_without_a_finalizer_is_replaced(stage: Stage) -> Measured:
    """Nothing holds it: it is gone in the moment it is deleted, and its node a moment later."""
    return {"a ready Machine is deleted, no finalizer on it": losing(stage, "unheld")}


def a_ready_machine_with_a_finalizer_is_replaced(stage: Stage) -> Measured:
    """It goes as the provisioner lets it go."""
    return {"a ready Machine is deleted, with a finalizer": losing(stage, "")}


def losing(stage: Stage, launch: str) -> str:
    """Delete a Machine that is ready, and tell what came of it."""
    stage.create(served("served", launch=launch))
    stage.until_ready("served")
    (first,), (old,) = stage.machines(), stage.nodes()
    stage.delete(objects.MACHINE, name_of(first))

    passed = stage.until(lambda: is_another(stage.machine_of("served"), first))
    # It is served from the old node as long as that is there.
    stage.until(lambda: is_replaced(stage, old))
    stage.until_ready("served", seconds=120)
    return f"replaced {passed:.2f} s"


def nodes_that_never_come_keep_no_other_waiting(stage: Stage) -> Measured:
    """Five wait for ever, a sixth does not; and one of the five can go."""
    stuck = [f"stuck-{number}" for number in range(5)]
    stage.create(*(served(name, launch="never") for name in stuck))
    stage.until(lambda: len(stage.machines()) == len(stuck))
    stage.create(served("healthy"))
    ready = stage.until_ready("healthy")

    (lost,) = [machine for machine in stage.machines() if owner(machine) == stuck[0]]
    stage.delete(objects.WORKSPACE, stuck[0])
    gone = stage.until(lambda: stage.get(objects.WORKSPACE, stuck[0]) is None)
    stage.until(lambda: stage.get(objects.MACHINE, name_of(lost)) is None)
    return {
        "5 nodes never come, then a healthy Workspace": f"ready {ready:.1f} s",
        "5 nodes never come, one of them is deleted": f"gone {gone:.2f} s",
    }


def nodes_that_never_become_initialized_are_not_bought_twice(stage: Stage) -> Measured:
    """Of five launches no node comes, and nobody says why; of a sixth it does."""
    unready = [f"unready-{number}" for number in range(5)]
    stage.create(*(served(name, launch="unregistered") for name in unready), served("healthy"))
    stage.until_ready("healthy")
    made = [owner(machine) for machine in stage.machines()]
    assert sorted(made) == sorted([*unready, "healthy"])
    return {"5 nodes never become initialized, Machines": f"{len(made)} for 6, at rest"}


def workspaces_with_the_same_labels_get_a_node_each_and_keep_it(stage: Stage) -> Measured:
    """Two at once, a third later, and the first goes."""
    same = {"matchLabels": {"apps": "same"}}
    stage.create(served("one", labelSelector=same), served("two", labelSelector=same))
    stage.until_ready("one", "two")
    stage.create(served("three", labelSelector=same))
    stage.until_ready("three")
    assert owners(stage.machines()) == ["one", "three", "two"]

    before = stage.pods_of("two", "three")
    stage.delete(objects.WORKSPACE, "one")
    stage.until(lambda: owners(stage.machines()) == ["three", "two"])
    stage.until(lambda: not stage.pods_of("one"))
    assert stage.pods_of("two", "three") == before
    assert stage.is_ready("two", "three")
    return {
        "the same labels, 2 Workspaces at once, a third later": "one each",
        "the same labels, the owner of the node is deleted": "untouched",
    }


def is_replaced(stage: Stage, old: Json) -> bool:
    """Tell that there is one node, and not the old one."""
    found = [name_of(node) for node in stage.nodes()]
    return len(found) == 1 and found != [name_of(old)]


def name_of(obj: Json) -> str:
    """Return the name of an object."""
    return str(obj["metadata"]["name"])


def owners(machines: list[Json]) -> list[str]:
    """Return the Workspaces that Machines were made for, sorted."""
    return sorted(map(owner, machines))


def report(stage: Stage, node: str, status: str, reason: str, message: str) -> None:
    """Write what the kubelet of a Node, or who misses it, says of it."""
    found = stage.get(objects.NODE, node)
    assert found is not None
    said = {"status": status, "reason": reason, "message": message}
    conditions = [
        {**one, **said} if one["type"] == "Ready" else one
        for one in objects.status_of(found).get("conditions") or ()
    ]
    stage.patch(objects.NODE, node, {"status": {"conditions": conditions}}, "/status")
