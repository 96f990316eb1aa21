"""Every scenario that ships, played with our own hooks: promises are kept, then there is peace."""

import json

import pytest

from composite import names
from composite.catalog import Catalog, Cloud, NodeClass, Provisioner, Provisioning
from composite.simulate import Clock, Cluster, gpus_in
from composite.simulate.in_process import InProcess
from composite.simulate.scenario import Scenario
from presets import load_catalog
from presets.scenario_files import load_scenarios
from tests.simulate.plays import a_workspace, example, play
from tests.simulate.stubs import a_node

SCENARIOS = load_scenarios()
ENDLESS = {"no-quota-for-the-instance-type"}


@pytest.fixture(scope="session")
def karpenter() -> Catalog:
    node_class = NodeClass(group="karpenter.k8s.aws", kind="EC2NodeClass")
    return load_catalog(
        Cloud.AWS,
        provisioning=Provisioning(
            provisioner=Provisioner.NODECLAIM, cloud=Cloud.AWS, node_class=node_class
        ),
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_promise_is_kept_with_machines(name: str, catalog: Catalog) -> None:
    run = play(catalog, SCENARIOS[name])

    assert run.reasons == ()
    assert run.settled == (name not in ENDLESS)
    assert run.idle_writes == ()


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_promise_is_kept_with_node_claims(name: str, karpenter: Catalog) -> None:
    run = play(karpenter, SCENARIOS[name], example(SCENARIOS[name], on_aws=True))

    assert run.reasons == ()
    assert run.idle_writes == ()


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_play_gives_the_same_bytes(name: str, catalog: Catalog) -> None:
    first, second = (json.dumps(play(catalog, SCENARIOS[name]).to_json()) for _ in range(2))

    assert first == second


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - ENDLESS))
def test_nothing_is_written_once_it_has_settled(name: str, catalog: Catalog) -> None:
    clock = Clock()
    cluster = Cluster(
        InProcess(catalog, clock), SCENARIOS[name], clock=clock, gpus=gpus_in(catalog)
    )
    cluster.apply(example(SCENARIOS[name]))
    cluster.run()
    written = len(cluster.store.changes(0))
    cluster.resync()
    cluster.run(until=cluster.clock.seconds)

    assert len(cluster.store.changes(0)) == written
    assert cluster.store.idle_writes == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_hook_fails_in_any_scenario(name: str, catalog: Catalog) -> None:
    run = play(catalog, SCENARIOS[name])

    assert [exchange.error for exchange in run.requests if exchange.error] == []
    assert [entry for entry in run.timeline if entry.what == "failed"] == []


def test_a_node_that_is_deleted_is_replaced(catalog: Catalog) -> None:
    lost = SCENARIOS["node-lost"].model_dump(by_alias=True, exclude_none=True)
    lost["steps"][0]["do"] = {"deleteNode": 0}
    run = play(catalog, Scenario.model_validate(lost))

    assert run.reasons == ()


def test_several_nodes_are_made_at_once(catalog: Catalog) -> None:
    workspace = a_workspace("falcon", "falcon-7b", "Standard_NC12s_v3", count=3)
    run = play(catalog, SCENARIOS["all-goes-well"], workspace)

    assert run.seconds == play(catalog, SCENARIOS["all-goes-well"]).seconds
    assert run.reasons == ()
    assert len([obj for obj in run.final if obj["kind"] == "Machine"]) == 3


def test_a_distributed_model_is_served_by_a_stateful_set(catalog: Catalog) -> None:
    workspace = a_workspace("llama", "llama-2-13b", "Standard_NC12s_v3", count=2)
    workspace["inference"]["preset"] |= {
        "accessMode": "private",
        "presetOptions": {"image": "registry.example/mine/llama-2-13b:1"},
    }
    ready = Scenario(name="ready", description="It becomes ready.")
    run = play(catalog, ready, workspace)

    assert run.reasons == ()
    assert run.idle_writes == ()
    assert [child["kind"] for child in run.desired][:2] == ["Machine", "Machine"]
    assert "StatefulSet" in [child["kind"] for child in run.desired]


def test_given_nodes_are_used_where_nothing_makes_nodes() -> None:
    catalog = load_catalog(provisioning=Provisioning(provisioner=Provisioner.NONE))
    node = a_node()
    node["metadata"]["labels"] |= {"apps": "phi-3", names.LABEL_INSTANCE_TYPE: "Standard_NC6s_v3"}
    ready = Scenario(name="ready", description="It becomes ready.")
    run = play(catalog, ready, a_workspace(), node)

    assert run.reasons == ()
    assert [obj["kind"] for obj in run.final if obj["kind"] == "Machine"] == []


def test_workspaces_of_one_namespace_do_not_get_into_each_others_way(catalog: Catalog) -> None:
    given = [a_workspace(f"workspace-{number}") for number in range(5)]
    ready = Scenario(name="ready", description="They become ready.")
    run = play(catalog, ready, *given)
    nodes = {obj["spec"]["nodeName"] for obj in run.final if obj["kind"] == "Pod"}

    assert run.reasons == ()
    assert len(nodes) == 5
