"""
Which nodes a Workspace uses, which Machines it plans, and what it says of those that lack.

The first two tables are Kaito's own unit tests
(pkg/resources/nodes_test.go and pkg/controllers/workspace_controller_test.go, v0.3.2).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from composite.catalog import Catalog, Provisioner
from composite.models import JsonObject
from composite.workspace.attempts import back_off
from composite.workspace.node_need import NodeNeed
from composite.workspace.nodes import NodePlan, plan_nodes
from composite.workspace.plan import TOLERATIONS
from composite.workspace.related import ATTEMPTS, machine_name
from composite.workspace.rules import read_spec
from tests.composite.makers import (
    EARLIER,
    LABELS,
    NOW,
    TYPE,
    UID,
    UNAVAILABLE,
    a_machine,
    a_node,
    a_request,
    a_resource,
    a_workspace,
    afterwards,
    condition,
    kinds_of,
    on_existing_nodes,
    parsed,
    seconds,
    seen_by,
    selected,
    serving,
    stamp,
    statuses,
    synced,
)

NEED = NodeNeed(gpus=1, tolerations=TOLERATIONS, disk="50Gi")
FIRST = machine_name(UID, 0, 0)
SECOND = machine_name(UID, 0, 1)


def planned(
    related: Iterable[JsonObject] = (),
    parent: JsonObject | None = None,
    need: NodeNeed = NEED,
    provisioner: Provisioner = Provisioner.MACHINE,
    now: datetime = NOW,
) -> NodePlan:
    asked = a_workspace() if parent is None else parent
    kinds = ("Machine.karpenter.sh/v1alpha5", "NodeClaim.karpenter.sh/v1", "Node.v1", "Pod.v1")
    seen = seen_by(a_request(asked, related=related, kinds=kinds), provisioner)
    resource = read_spec(parsed(asked).written).resource
    return plan_nodes(parsed(asked), resource, need, seen, provisioner, now)


def used(plan: NodePlan) -> list[str]:
    return [node.name for node in plan.nodes]


def wanting(
    *machines: JsonObject, count: int = 1, nodes: Iterable[str] = (), **metadata: object
) -> JsonObject:
    """Return a Workspace whose last status lists these Machines and nodes."""
    status = {"machines": list(machines), "workerNodes": list(nodes), "observedGeneration": 1}
    return a_workspace(resource=a_resource(count=count), status=status, **metadata)  # type: ignore[arg-type]


def an_entry(attempt: int = 0, index: int = 0, **changes: object) -> JsonObject:
    """Return a member of status.machines."""
    standard = {
        "name": machine_name(UID, index, attempt),
        "index": index,
        "attempt": attempt,
        "instanceType": TYPE,
        "disk": "50Gi",
        "labels": LABELS,
    }
    return standard | changes


def entries(plan: NodePlan) -> list[JsonObject]:
    return [machine.to_json() for machine in plan.machines]


# --- Kaito's tables -----------------------------------------------------------------------------

G = {"kaito.sh/machine-type": "gpu"}
K = {"karpenter.sh/nodepool": "kaito"}
PLAIN: dict[str, str] = {}


@pytest.mark.parametrize(
    ("nodes", "preferred", "previous", "count", "provisioner", "expected"),
    [
        ([PLAIN, PLAIN], "", "", 1, Provisioner.MACHINE, "1"),
        ([PLAIN, PLAIN, PLAIN], "32", "", 2, Provisioner.MACHINE, "23"),
        ([PLAIN, PLAIN, PLAIN], "", "32", 2, Provisioner.MACHINE, "23"),
        ([PLAIN, PLAIN, PLAIN], "3", "2", 2, Provisioner.MACHINE, "23"),
        ([PLAIN, PLAIN, PLAIN], "3", "2", 1, Provisioner.MACHINE, "3"),
        ([PLAIN, PLAIN, G], "", "", 1, Provisioner.MACHINE, "3"),
        ([PLAIN, PLAIN, G], "2", "1", 2, Provisioner.MACHINE, "12"),
        ([PLAIN, PLAIN, G], "2", "1", 3, Provisioner.MACHINE, "123"),
        ([PLAIN, K, G], "1", "", 2, Provisioner.NODECLAIM, "13"),
        ([PLAIN, PLAIN, K], "1", "", 2, Provisioner.NODECLAIM, "13"),
        # Where no NodeClaims are made, a node pool's label means nothing.
        ([PLAIN, PLAIN, K], "1", "", 2, Provisioner.MACHINE, "12"),
    ],
)
def test_nodes_are_chosen_in_kaitos_order(
    nodes: list[dict[str, str]],
    preferred: str,
    previous: str,
    count: int,
    provisioner: Provisioner,
    expected: str,
) -> None:
    parent = wanting(count=count, nodes=[f"node-{n}" for n in previous])
    parent["resource"]["preferredNodes"] = [f"node-{n}" for n in preferred]
    world = [a_node(f"node-{n}", labels=labels) for n, labels in enumerate(nodes, start=1)]

    plan = planned(world, parent, provisioner=provisioner)

    assert used(plan) == [f"node-{n}" for n in expected]
    assert plan.machines == ()


@pytest.mark.parametrize(
    ("preferred", "world", "expected"),
    [
        pytest.param(
            [],
            [
                a_node("node-1"),
                a_node("node-2", instance_type="other", ready=None),
                a_node("node-3", instance_type=None, ready=False),
                a_node("node-4", deletionTimestamp=stamp(NOW)),
            ],
            ["node-1"],
            id="no preferred nodes",
        ),
        pytest.param(
            ["node-p1", "node-p2"],
            [
                a_node("node-p1", instance_type="vendor1"),
                a_node("node-p2", instance_type="vendor1", ready=False),
                a_node("node-p3", instance_type="vendor1"),
            ],
            ["node-p1"],
            id="preferred nodes",
        ),
    ],
)
def test_nodes_qualify_as_for_kaito(
    preferred: list[str], world: list[JsonObject], expected: list[str]
) -> None:
    parent = a_workspace(resource=a_resource(count=2, preferredNodes=preferred))

    assert used(planned(world, parent)) == expected


# --- which nodes qualify ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "qualifies"),
    [
        pytest.param(a_node(), True, id="nobody's"),
        pytest.param(a_node(owner="phi"), True, id="its own"),
        pytest.param(a_node(owner="neighbour"), False, id="another Workspace's"),
        pytest.param(
            a_node(owner="phi", labels={"kaito.sh/workspacenamespace": "other"}),
            False,
            id="a namesake's in another namespace",
        ),
        pytest.param(a_node(cordoned=True), False, id="cordoned"),
        pytest.param(a_node(taints=["sku=gpu:NoSchedule"]), True, id="Kaito's taint"),
        pytest.param(a_node(taints=["nvidia.com/gpu=present:NoSchedule"]), True, id="NVIDIA's"),
        pytest.param(a_node(taints=["team=a:NoSchedule"]), False, id="another taint"),
        pytest.param(a_node(taints=["sku=gpu:NoExecute"]), False, id="the same with NoExecute"),
        pytest.param(a_node(taints=["team=a:PreferNoSchedule"]), True, id="a mere preference"),
        pytest.param(a_node(labels={"apps": "other"}), False, id="without the labels"),
        pytest.param(a_node(ready=None), False, id="of which nothing is known"),
    ],
)
def test_a_node_is_used_if_its_pods_may_come(node: JsonObject, qualifies: bool) -> None:  # noqa: FBT001
    assert used(planned([node])) == (["node-1"] if qualifies else [])


def test_beyond_what_is_asked_for_no_machine_takes_the_place_of_one_that_goes() -> None:
    second = machine_name(UID, 1, 0)
    going = [a_machine(name, deletionTimestamp=EARLIER) for name in (FIRST, second)]
    listed = wanting(an_entry(), an_entry(index=1, name=second))

    plan = planned(going, listed)

    assert [(machine.index, machine.attempt) for machine in plan.machines] == [(0, 1)]


def test_a_template_may_tolerate_more() -> None:
    toleration = {"key": "team", "operator": "Equal", "value": "a", "effect": "NoSchedule"}
    need = NEED._replace(tolerations=(*TOLERATIONS, toleration))

    assert used(planned([a_node(taints=["team=a:NoSchedule"])], need=need)) == ["node-1"]


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "team", "operator": "Exists"}, True),
        ({"key": "team", "value": "a"}, True),
        ({"key": "team", "operator": "Equal", "value": "a", "effect": ""}, True),
        ({"key": "team", "operator": "Equal", "value": "b"}, False),
        ({"key": "team", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_tolerations_mean_what_the_scheduler_means(
    toleration: JsonObject,
    tolerated: bool,  # noqa: FBT001
) -> None:
    need = NEED._replace(tolerations=(toleration,))

    assert used(planned([a_node(taints=["team=a:NoSchedule"])], need=need)) == (
        ["node-1"] if tolerated else []
    )


def test_a_node_in_use_stays_in_use_when_it_is_cordoned() -> None:
    plan = planned([a_node(cordoned=True)], wanting(nodes=["node-1"]))

    assert used(plan) == ["node-1"]
    assert plan.machines == ()


def test_existing_nodes_are_used_first_and_only_the_rest_is_made() -> None:
    plan = planned([a_node("node-1")], a_workspace(resource=a_resource(count=3)))

    assert used(plan) == ["node-1"]
    assert entries(plan) == [an_entry(), an_entry(index=1)]


def test_preferred_nodes_need_the_labels_too() -> None:
    parent = a_workspace(resource=a_resource(preferredNodes=["node-1"]))

    plan = planned([a_node(labels={"apps": "other"})], parent)

    assert used(plan) == []


# --- which Machines are planned -----------------------------------------------------------------


def test_all_missing_nodes_are_planned_at_once() -> None:
    plan = planned(parent=a_workspace(resource=a_resource(count=3)))

    assert entries(plan) == [an_entry(), an_entry(index=1), an_entry(index=2)]


def test_nothing_is_planned_where_nodes_are_brought() -> None:
    plan = planned(provisioner=Provisioner.NONE)

    assert plan.machines == ()


def test_a_machine_that_was_seen_is_remembered() -> None:
    plan = planned([a_machine()], wanting(an_entry()))

    assert entries(plan) == [an_entry(created=True, message="MachineLaunched: launching")]


def test_a_machine_that_was_ready_is_remembered() -> None:
    plan = planned([a_machine(node="node-1"), a_node(owner="phi")], wanting(an_entry()))

    assert entries(plan) == [an_entry(created=True, ready=True)]


def test_a_machine_that_is_not_there_yet_stays_planned() -> None:
    assert entries(planned(parent=wanting(an_entry()))) == [an_entry()]


def test_a_machine_stays_planned_when_other_nodes_turn_up() -> None:
    plan = planned([a_node("byo"), a_machine()], wanting(an_entry(created=True)))

    assert [machine.name for machine in plan.machines] == [FIRST]


def test_a_machine_that_is_not_there_yet_is_planned_as_it_is_asked_for() -> None:
    odd = an_entry(instanceType="Standard_NC12s_v3", disk="1Gi", labels={"a": "b"})

    assert entries(planned(parent=wanting(odd))) == [an_entry()]


def test_of_two_machines_of_one_node_the_one_that_exists_is_planned() -> None:
    both = wanting(an_entry(1, name=SECOND), an_entry(created=True))

    assert entries(planned([a_machine(SECOND)], parent=both))[0]["name"] == SECOND


def test_a_machine_of_a_node_that_is_not_asked_for_is_forgotten_unless_it_exists() -> None:
    third = machine_name(UID, 2, 0)
    listed = wanting(an_entry(index=2, name=third))

    assert [each.name for each in planned(parent=listed).machines] == [FIRST]
    assert third in [each.name for each in planned([a_machine(third)], parent=listed).machines]


def test_a_machine_that_exists_keeps_what_it_was_planned_with() -> None:
    odd = an_entry(instanceType="Standard_NC12s_v3", disk="1Gi", labels={"a": "b"}, created=True)

    [entry] = entries(planned([a_machine(FIRST)], parent=wanting(odd)))

    assert {key: entry[key] for key in odd} == odd


def test_a_lower_index_that_is_free_is_filled() -> None:
    plan = planned(parent=wanting(an_entry(index=1), count=2))

    assert [machine.index for machine in plan.machines] == [0, 1]


GIVEN_UP = f"{FIRST} was deleted before it was Ready"


@pytest.mark.parametrize(
    ("entry", "world", "expected"),
    [
        pytest.param(
            an_entry(created=True),
            [],
            an_entry(1, failures=1, lastFailure=GIVEN_UP),
            id="it vanished",
        ),
        pytest.param(
            an_entry(created=True, message="MachineLaunched: no quota"),
            [],
            an_entry(
                1,
                failures=1,
                lastFailure=f"{GIVEN_UP}; it said last: MachineLaunched: no quota",
            ),
            id="it vanished, and had said why",
        ),
        pytest.param(
            an_entry(created=True),
            [a_machine(deletionTimestamp=stamp(NOW))],
            an_entry(1, failures=1, lastFailure=GIVEN_UP),
            id="it is being deleted",
        ),
        pytest.param(
            an_entry(created=True),
            [a_machine(steps=[("Launched", "False", UNAVAILABLE), ("Ready", "False", "")])],
            an_entry(
                1,
                failures=1,
                notBefore=stamp(NOW + seconds(30)),
                lastFailure=f"{FIRST} was given up: MachineLaunched: {UNAVAILABLE}",
            ),
            id="no such instance can be had",
        ),
        pytest.param(
            an_entry(created=True),
            [
                a_machine(
                    steps=[
                        ("Launched", "False", f"insufficient capacity, {UNAVAILABLE}"),
                        ("Ready", "False", ""),
                    ]
                )
            ],
            an_entry(
                1,
                failures=1,
                notBefore=stamp(NOW + seconds(30)),
                lastFailure=f"{FIRST} was given up: MachineLaunched: "
                f"insufficient capacity, {UNAVAILABLE}",
            ),
            id="no such instance can be had, in Karpenter's words",
        ),
        pytest.param(
            an_entry(3, created=True, failures=3),
            [],
            an_entry(
                4,
                failures=4,
                notBefore=stamp(NOW + seconds(120)),
                lastFailure=f"{machine_name(UID, 0, 3)} was deleted before it was Ready",
            ),
            id="again and again",
        ),
        pytest.param(
            an_entry(created=True, ready=True),
            [],
            an_entry(1, lastFailure=f"{FIRST} was Ready and is gone"),
            id="it had been Ready: no back-off",
        ),
        pytest.param(
            an_entry(2, created=True, ready=True),
            [a_machine(machine_name(UID, 0, 2), node="node-1", deletionTimestamp=stamp(NOW))],
            an_entry(3, lastFailure=f"{machine_name(UID, 0, 2)} was Ready and is gone"),
            id="it is Ready and is being deleted",
        ),
    ],
)
def test_a_machine_is_given_up(
    entry: JsonObject, world: list[JsonObject], expected: JsonObject
) -> None:
    assert entries(planned(world, wanting(entry))) == [expected]


@pytest.mark.parametrize(
    "world",
    [
        pytest.param([], id="gone"),
        pytest.param([a_machine(deletionTimestamp=stamp(NOW))], id="going"),
    ],
)
def test_a_workspace_on_its_way_out_plans_no_next_attempt(world: list[JsonObject]) -> None:
    going = wanting(an_entry(created=True), deletionTimestamp=stamp(NOW))

    assert [machine.name for machine in planned(world, going).machines] == [FIRST]


def test_a_workspace_on_its_way_out_plans_nothing_new() -> None:
    assert planned(parent=a_workspace(deletionTimestamp=stamp(NOW))).machines == ()


def test_a_launch_that_fails_for_another_reason_is_shown_and_waited_for() -> None:
    quota = "creating instance: quota exceeded"
    world = [a_machine(steps=[("Launched", "False", quota), ("Ready", "False", "")])]

    plan = planned(world, wanting(an_entry(created=True)))

    assert entries(plan) == [an_entry(created=True, message=f"MachineLaunched: {quota}")]
    assert plan.lacking == (f"{FIRST} is not Ready: MachineLaunched: {quota}",)


def test_failures_are_forgotten_once_a_machine_is_ready() -> None:
    world = [a_machine(SECOND, node="node-1"), a_node(owner="phi")]
    entry = an_entry(1, created=True, failures=1, notBefore=stamp(NOW), lastFailure="told")

    plan = planned(world, wanting(entry))

    assert entries(plan) == [an_entry(1, created=True, ready=True)]
    assert not plan.failing


def test_a_machine_that_is_there_waits_no_longer() -> None:
    entry = an_entry(1, failures=1, notBefore=stamp(NOW + seconds(30)))

    [machine] = planned([a_machine(SECOND)], wanting(entry)).machines

    assert (machine.notBefore, machine.failures) == (None, 1)


def test_a_very_long_message_is_cut() -> None:
    world = [a_machine(steps=[("Launched", "False", "x" * 5000), ("Ready", "False", "")])]

    [machine] = planned(world, wanting(an_entry())).machines

    assert machine.message is not None
    assert len(machine.message) == 1024
    assert machine.message.endswith("xxx...")


@pytest.mark.parametrize(
    ("failures", "wait"),
    [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 900), (7, 900), (1000, 900)],
)
def test_the_back_off_doubles_up_to_fifteen_minutes(failures: int, wait: int) -> None:
    assert back_off(failures) == timedelta(seconds=wait)


def test_names_are_a_pure_function_and_fit_an_agent_pool() -> None:
    every = {machine_name(UID, index, attempt) for index in range(100) for attempt in range(8)}

    assert machine_name(UID, 0, 0) == "ws947b23817"
    assert {len(name) for name in every} == {11}
    assert len(every) == 800


def test_names_begin_anew_after_the_last_attempt_that_is_asked_for() -> None:
    assert machine_name(UID, 0, ATTEMPTS) == machine_name(UID, 0, 0)


# --- what is said of what lacks -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("parent", "world", "expected"),
    [
        pytest.param(None, [], (f"{FIRST} is about to be made",), id="nothing is there yet"),
        pytest.param(
            wanting(an_entry()),
            [a_machine()],
            (f"{FIRST} is not Ready: MachineLaunched: launching",),
            id="the Machine launches",
        ),
        pytest.param(
            wanting(an_entry()),
            [a_machine(steps=[])],
            (f"{FIRST} is not Ready: its provisioner has not reported yet, is it running?",),
            id="the provisioner has said nothing yet",
        ),
        pytest.param(
            wanting(an_entry()),
            [
                a_machine(
                    steps=[("Launched", "True", ""), ("Registered", "False", "node not found")],
                )
            ],
            (f"{FIRST} is not Ready: MachineRegistered: node not found",),
            id="the node does not register",
        ),
        pytest.param(
            wanting(an_entry()),
            [a_machine(node="node-1")],
            (f"{FIRST} is Ready, its node node-1 does not carry the labels yet",),
            id="the node has no labels yet",
        ),
        pytest.param(
            wanting(an_entry()),
            [a_machine(node="node-1"), a_node(owner="phi", labels={"apps": "another"})],
            (f"{FIRST} is Ready, its node node-1 does not carry the labels yet",),
            id="somebody changed its labels",
        ),
        pytest.param(
            wanting(an_entry()),
            [a_machine(node="node-1"), a_node(owner="phi", gpus=0)],
            ("node node-1 shows 0 of 1 nvidia.com/gpu: does the GPU device plugin run on it?",),
            id="the node shows no GPUs",
        ),
        pytest.param(
            wanting(an_entry()),
            [a_machine(node="node-1"), a_node(owner="phi", ready=False, why="kubelet stopped")],
            ("node node-1 is not Ready: kubelet stopped",),
            id="the node is not Ready",
        ),
        pytest.param(
            wanting(
                an_entry(1, failures=1, notBefore=stamp(NOW + seconds(30)), lastFailure="told")
            ),
            [],
            (f"{SECOND} waits until 2026-01-01T12:00:30Z after 1 failed attempt; told",),
            id="the back-off",
        ),
        pytest.param(
            wanting(an_entry(1, failures=1, notBefore=stamp(NOW), lastFailure="told")),
            [],
            (f"{SECOND} is about to be made; told",),
            id="the back-off is over",
        ),
        pytest.param(
            None,
            [a_node(cordoned=True)],
            ("node node-1 is cordoned", f"{FIRST} is about to be made"),
            id="an existing node is cordoned",
        ),
        pytest.param(
            None,
            [a_node(taints=["team=a:NoSchedule", "x=:NoExecute"])],
            (
                (
                    "node node-1 has a taint that the pods do not tolerate: "
                    "team=a:NoSchedule, x=:NoExecute"
                ),
                f"{FIRST} is about to be made",
            ),
            id="an existing node has taints",
        ),
    ],
)
def test_says_what_it_waits_for(
    parent: JsonObject | None, world: list[JsonObject], expected: tuple[str, ...]
) -> None:
    plan = planned(world, parent)

    assert plan.lacking == expected
    assert not plan.ready


def test_lacks_nothing_when_every_node_shows_its_gpus() -> None:
    plan = planned([a_machine(node="node-1"), a_node(owner="phi")], wanting(an_entry()))

    assert (plan.lacking, plan.ready, plan.failing, plan.look_again) == ((), True, False, None)


def test_a_preferred_node_of_another_type_needs_one_gpu_only() -> None:
    need = NEED._replace(gpus=4)
    parent = a_workspace(resource=a_resource(preferredNodes=["node-1"]))

    assert planned([a_node(instance_type="on-prem", gpus=1)], parent, need=need).ready
    assert not planned([a_node(instance_type="on-prem", gpus=0)], parent, need=need).ready


def test_an_own_node_needs_all_its_gpus() -> None:
    need = NEED._replace(gpus=4)

    assert planned([a_node(gpus=2)], need=need).lacking == (
        "node node-1 shows 2 of 4 nvidia.com/gpu: does the GPU device plugin run on it?",
    )


@pytest.mark.parametrize(
    ("world", "hint"),
    [
        ([], ""),
        (
            [a_node("small", instance_type="other")],
            "; nodes with these labels: small (other)",
        ),
        (
            [a_node("unknown", instance_type=None), a_node("taken", owner="neighbour")],
            "; nodes with these labels: unknown (unknown type); nodes of other Workspaces: taken",
        ),
    ],
)
def test_says_what_a_node_would_need_that_is_brought(world: list[JsonObject], hint: str) -> None:
    plan = planned(world, provisioner=Provisioner.NONE)

    assert plan.lacking == (
        (
            "phi needs 1 existing node with the labels apps=phi-3 that is of instance type "
            f"Standard_NC6s_v3 or named in resource.preferredNodes{hint}"
        ),
    )


# --- an existing node that blinks ---------------------------------------------------------------


def test_an_existing_node_that_went_not_ready_has_five_minutes_to_come_back() -> None:
    blinking = a_node(ready=False, why="kubelet stopped", since=NOW - seconds(60))

    plan = planned([blinking], wanting(nodes=["node-1"]))

    assert plan.machines == ()
    assert plan.lacking == ("node node-1 is not Ready: kubelet stopped",)
    assert plan.look_again == NOW + seconds(240)


@pytest.mark.parametrize(
    ("node", "previous"),
    [
        pytest.param(a_node(ready=False, since=NOW - seconds(300)), ["node-1"], id="too late"),
        pytest.param(a_node(ready=False, since=NOW), [], id="it was not in use"),
    ],
)
def test_otherwise_a_node_is_made_in_its_place(node: JsonObject, previous: list[str]) -> None:
    plan = planned([node], wanting(nodes=previous))

    assert entries(plan) == [an_entry()]
    assert plan.look_again is None


def served_by_an_existing_node(catalog: Catalog, **node: object) -> JsonObject:
    """Return a request about a Workspace that serves on a node that was there before."""
    first = a_request(related=[a_node(**node)])  # type: ignore[arg-type]
    return afterwards(first, synced(first, catalog), ready=None)


def test_the_grace_of_a_node_lasts_over_several_syncs(catalog: Catalog) -> None:
    blinking = a_node(ready=False, why="kubelet stopped", since=NOW)
    request = served_by_an_existing_node(catalog)
    for later in (1, 60, 120, 299):
        request = afterwards(request, synced(request, catalog), related=[blinking], ready=None)
        answer = synced(request, catalog, NOW + seconds(later))
        request = afterwards(request, answer, ready=None)

        assert answer["status"]["machines"] == []
        assert answer["resyncAfterSeconds"] == 300 - later
    over = synced(request, catalog, NOW + seconds(300))

    assert [machine["name"] for machine in over["status"]["machines"]] == [FIRST]


def test_a_cordoned_node_in_use_that_blinks_is_taken_back(catalog: Catalog) -> None:
    request = served_by_an_existing_node(catalog)
    for node in (
        a_node(cordoned=True),
        a_node(cordoned=True, ready=False, since=NOW),
        a_node(cordoned=True),
    ):
        request = afterwards(request, synced(request, catalog), related=[node], ready=None)
    answer = synced(request, catalog)

    assert answer["status"]["workerNodes"] == ["node-1"]
    assert answer["status"]["machines"] == []


def test_an_own_node_that_is_cordoned_and_blinks_is_taken_back(catalog: Catalog) -> None:
    request = serving(catalog)
    for ready in (True, False, True):
        world = [a_machine(node="node-1"), a_node(owner="phi", cordoned=True, ready=ready)]
        request = afterwards(request, synced(request, catalog), related=world, ready=None)
    answer = synced(request, catalog)

    assert answer["status"]["workerNodes"] == ["node-1"]
    assert statuses(answer)["ResourceReady"] == "True"


# --- a refused edit changes no node -------------------------------------------------------------


def refused_edit(
    request: JsonObject, world: list[JsonObject], edit: JsonObject, catalog: Catalog
) -> JsonObject:
    """Return the answer to an edit, with what Metacontroller sends of the world after it."""
    before = synced(request, catalog)
    parent = request["parent"] | {"resource": edit, "status": before["status"]}
    parent["metadata"] = parent["metadata"] | {"generation": 2}
    for _ in range(3):
        related = selected(parent, world, catalog)
        following = afterwards(request, before, related=related, parent=parent, ready=None)
        answer = synced(following, catalog)
        parent = following["parent"] | {"status": answer["status"]}

        assert statuses(answer) == statuses(before) | {"Accepted": "False"}
        assert answer["children"] == before["children"]
    return answer


@pytest.mark.parametrize("count", [1, 3, 0, "one", None])
def test_a_refused_edit_of_the_count_gives_up_no_machine(catalog: Catalog, count: object) -> None:
    first = a_request(a_workspace(resource=a_resource(count=2)))
    machines = synced(first, catalog)["status"]["machines"]
    world = [
        each
        for machine in machines
        for node in [f"node-{machine['index']}"]
        for each in (a_machine(machine["name"], node=node), a_node(node, owner="phi"))
    ]
    request = afterwards(first, synced(first, catalog), related=world)
    request = afterwards(request, synced(request, catalog), ready=None)
    before = synced(request, catalog)["status"]

    after = refused_edit(request, world, a_resource() | {"count": count}, catalog)["status"]

    assert after["machines"] == before["machines"]
    assert after["workerNodes"] == before["workerNodes"]


@pytest.mark.parametrize(
    "edit",
    [
        a_resource(labelSelector={"matchLabels": {"apps": "other"}}),
        a_resource(labelSelector={}),
        a_resource(labelSelector="apps=phi-3"),
        a_resource(labelSelector=None),
        {},
        "a lot",
    ],
    ids=str,
)
@pytest.mark.parametrize("preferred", [None, ["node-1"]])
def test_a_refused_edit_of_the_labels_buys_no_node(
    catalog: Catalog, edit: JsonObject, preferred: list[str] | None
) -> None:
    world = [a_node()]
    first = a_request(a_workspace(resource=a_resource(preferredNodes=preferred)), related=world)
    request = afterwards(first, synced(first, catalog), ready=None)

    answer = refused_edit(request, world, edit, catalog)

    assert answer["status"]["machines"] == []
    assert answer["status"]["workerNodes"] == ["node-1"]


# --- a node that is lost ------------------------------------------------------------------------


def test_a_node_whose_machine_is_gone_is_made_anew_and_is_not_ready_any_more(
    catalog: Catalog,
) -> None:
    request = serving(catalog)
    answer = synced(afterwards(request, synced(request, catalog), related=[], ready=None), catalog)

    assert [machine["name"] for machine in answer["status"]["machines"]] == [SECOND]
    assert answer["status"]["workerNodes"] == []
    assert condition(answer, "ResourceReady") == (
        "False",
        "workspaceResourceStatusPending",
        f"{SECOND} is about to be made; {FIRST} was Ready and is gone",
    )
    assert "Deployment" in kinds_of(answer)


def test_the_node_of_a_machine_that_is_being_deleted_is_not_used_any_more(
    catalog: Catalog,
) -> None:
    request = serving(catalog)
    world = [a_machine(node="node-1", deletionTimestamp=stamp(NOW)), a_node(owner="phi")]

    answer = synced(
        afterwards(request, synced(request, catalog), related=world, ready=None), catalog
    )

    assert [machine["name"] for machine in answer["status"]["machines"]] == [SECOND]
    assert statuses(answer)["ResourceReady"] == "False"


def test_nodes_that_are_brought_serve(catalog: Catalog) -> None:
    brought = on_existing_nodes(catalog)
    request = a_request(related=[a_node()], kinds=("Node.v1", "Pod.v1"))

    answer = synced(afterwards(request, synced(request, brought), ready=None), brought)

    assert set(statuses(answer).values()) == {"True"}
    assert "MachineReady" not in statuses(answer)
    assert answer["status"]["machines"] == []
