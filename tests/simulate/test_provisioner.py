"""Machines and NodeClaims become Nodes, Nodes show their GPUs."""

import pytest

from composite import names
from composite.models import JsonObject
from composite.simulate import Cluster, Gpus
from composite.simulate.objects import Ref
from composite.simulate.scenario import Scenario
from tests.simulate.stubs import StubHooks, a_machine, a_workspace, found, names_of, wants

MACHINE = Ref(names.MACHINES, "", "ws0")


def making(
    claim: JsonObject | None = None,
    gpus: dict[str, Gpus] | None = None,
    hooks: StubHooks | None = None,
    **scenario: object,
) -> Cluster:
    story = Scenario.model_validate({"name": "test", "description": "A test.", **scenario})
    cluster = Cluster(hooks or StubHooks(), story, gpus=gpus)
    cluster.apply(claim or a_machine())
    return cluster


def conditions(obj: JsonObject) -> dict[str, str]:
    return {item["type"]: item["status"] for item in obj["status"]["conditions"]}


def test_a_machine_is_launched_registered_and_initialized() -> None:
    cluster = making(delays={"launch": 10, "register": 20, "initialize": 30})
    seen = []
    for seconds in (5, 15, 35, 70):
        cluster.run(until=seconds)
        seen.append(conditions(found(cluster, names.MACHINES, "ws0")))

    types = ("MachineLaunched", "MachineRegistered", "MachineInitialized", "Ready")
    assert seen == [
        dict.fromkeys(types, "Unknown"),
        {**dict.fromkeys(types, "Unknown"), "MachineLaunched": "True"},
        {**dict.fromkeys(types[:2], "True"), **dict.fromkeys(types[2:], "Unknown")},
        dict.fromkeys(types, "True"),
    ]


def test_a_node_has_the_labels_and_taints_of_its_machine_and_who_it_is() -> None:
    cluster = making(a_machine(apps="phi"))
    cluster.run()
    status = found(cluster, names.MACHINES, "ws0")["status"]
    (node,) = cluster.store.list_of(names.NODES)
    name = node["metadata"]["name"]

    assert status["nodeName"] == name
    assert status["providerID"] == node["spec"]["providerID"] == f"azure:///virtualMachines/{name}"
    assert node["spec"]["taints"] == [{"key": "sku", "value": "gpu", "effect": "NoSchedule"}]
    assert node["metadata"]["labels"] == {
        "apps": "phi",
        "kaito.sh/workspace": "phi",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "Standard_NC6s_v3",
    }


def test_a_node_claim_speaks_karpenters_newer_words() -> None:
    claim = a_machine()
    claim |= {"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim"}
    claim["spec"]["nodeClassRef"] = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass"}
    cluster = making(claim)
    cluster.run()
    stored = found(cluster, names.NODECLAIMS, "ws0")

    assert conditions(stored) == dict.fromkeys(
        ("Launched", "Registered", "Initialized", "Ready"), "True"
    )
    assert stored["status"]["providerID"].startswith("aws:///i-")
    assert stored["status"]["nodeName"].endswith(".ec2.internal")


@pytest.mark.parametrize(
    ("table", "shown"),
    [
        ({}, {"nvidia.com/gpu": "1"}),
        ({"Standard_NC6s_v3": Gpus(count=4)}, {"nvidia.com/gpu": "4"}),
        ({"Standard_NC6s_v3": Gpus("amd.com/gpu", 8)}, {"amd.com/gpu": "8"}),
        ({"Standard_NC6s_v3": Gpus(count=0)}, {}),
    ],
)
def test_the_device_plugin_shows_the_gpus_of_the_instance_type(
    table: dict[str, Gpus], shown: JsonObject
) -> None:
    cluster = making(gpus=table, delays={"gpu": 25})
    cluster.run(until=160)
    (before,) = cluster.store.list_of(names.NODES)
    cluster.run()
    (node,) = cluster.store.list_of(names.NODES)

    assert before["status"]["allocatable"] == {"pods": "110"}
    assert node["status"]["allocatable"] == node["status"]["capacity"] == {"pods": "110", **shown}


def test_without_the_device_plugin_no_gpu_is_shown() -> None:
    cluster = making(faults={"gpuPluginMissing": True})
    cluster.run()
    (node,) = cluster.store.list_of(names.NODES)

    assert node["status"]["allocatable"] == {"pods": "110"}


def test_an_instance_type_that_cannot_be_had_is_deleted() -> None:
    cluster = making(faults={"instanceTypesUnavailable": {}})
    cluster.run()

    assert names_of(cluster, names.MACHINES) == names_of(cluster, names.NODES) == []
    assert cluster.clock.seconds == 20


def test_an_instance_type_that_cannot_be_had_can_be_announced_first() -> None:
    cluster = making(faults={"instanceTypesUnavailable": {"announced": True}})
    cluster.run(until=30)
    launched = found(cluster, names.MACHINES, "ws0")["status"]["conditions"][0]
    cluster.run()

    assert launched["status"] == "False"
    assert launched["message"] == names.UNAVAILABLE
    assert names_of(cluster, names.MACHINES) == []


def test_only_the_first_attempts_fail_when_the_scenario_says_so() -> None:
    machines = [{"name": "ws0", "attempt": 1}, {"name": "ws1", "attempt": 2}]
    hooks = StubHooks(sync=wants(machines=machines))
    cluster = making(hooks=hooks, faults={"instanceTypesUnavailable": {"attempts": 2}})
    cluster.apply(a_workspace())
    cluster.apply(a_machine("ws1"))
    cluster.run(until=60)

    assert names_of(cluster, names.MACHINES) == ["ws1"]


def test_a_machine_takes_its_node_along_and_its_time() -> None:
    cluster = making(delays={"terminate": 30})
    cluster.run()
    cluster.delete(MACHINE)
    cluster.run(until=cluster.clock.seconds + 10)

    assert names_of(cluster, names.NODES) == []
    assert "deletionTimestamp" in found(cluster, names.MACHINES, "ws0")["metadata"]

    cluster.run()

    assert names_of(cluster, names.MACHINES) == []


def test_a_machine_whose_node_is_deleted_goes_too() -> None:
    cluster = making()
    cluster.run()
    cluster.delete(Ref(names.NODES, "", names_of(cluster, names.NODES)[0]))
    cluster.run()

    assert names_of(cluster, names.MACHINES) == []
