"""Whatever is deleted, and whenever: it comes back, once, and the Workspace is ready again."""

import pytest

from composite import names
from composite.catalog import Catalog, Provisioner, Provisioning
from composite.models import JsonObject
from composite.simulate import Clock, Cluster, HookError, gpus_in
from composite.simulate.in_process import InProcess
from composite.simulate.informers import Delivery
from composite.simulate.objects import ref_of
from composite.simulate.scenario import Scenario
from presets import load_catalog
from tests.simulate.plays import a_tuning_workspace, a_workspace

# While the node is made, while the image is pulled, while the model loads, when it serves.
TIMES = (60, 200, 300, 1000)
KINDS = (
    names.MACHINES,
    names.NODES,
    names.DEPLOYMENTS,
    names.PODS,
    names.SERVICES,
    names.REVISIONS,
)


class Failing:
    """Hooks that can be made to fail."""

    def __init__(self, hooks: InProcess) -> None:
        self.fails = False
        self._hooks = hooks

    def call(self, path: str, body: JsonObject) -> JsonObject:
        if self.fails:
            raise HookError("connection refused")
        return self._hooks.call(path, body)


@pytest.mark.parametrize("seconds", TIMES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_workspace_recovers(kind: str, seconds: int, catalog: Catalog) -> None:
    clock = Clock()
    cluster = Cluster(InProcess(catalog, clock), clock=clock, gpus=gpus_in(catalog))
    cluster.apply(a_workspace())
    cluster.run(until=seconds)
    for obj in cluster.store.list_of(kind):
        cluster.delete(ref_of(obj))
    settled = cluster.run()
    (workspace,) = cluster.store.list_of(names.WORKSPACES)
    conditions = {item["type"]: item["status"] for item in workspace["status"]["conditions"]}

    assert settled
    assert conditions["WorkspaceReady"] == "True"
    assert {found: len(cluster.store.list_of(found)) for found in KINDS} == dict.fromkeys(KINDS, 1)
    assert cluster.store.idle_writes == []


# While the node is made, while the data is fetched, while it trains.
TRAINING_TIMES = (60, 300, 1000)
TRAINING_KINDS = (names.MACHINES, names.NODES, names.JOBS, names.CONFIGMAPS, names.REVISIONS)


@pytest.mark.parametrize("seconds", TRAINING_TIMES)
@pytest.mark.parametrize("kind", TRAINING_KINDS)
def test_the_training_recovers(kind: str, seconds: int, catalog: Catalog) -> None:
    cluster = after_a_loss(kind, seconds, catalog)

    assert conditions_of(cluster)["WorkspaceReady"] == "True"
    assert {found: len(cluster.store.list_of(found)) for found in TRAINING_KINDS} == dict.fromkeys(
        TRAINING_KINDS, 1
    )


@pytest.mark.parametrize("kind", [*TRAINING_KINDS, names.PODS])
def test_a_training_that_is_over_is_not_begun_again(kind: str, catalog: Catalog) -> None:
    cluster = after_a_loss(kind, 6000, catalog)
    jobs = [entry for entry in cluster.timeline if entry.about.startswith("Job ")]

    assert conditions_of(cluster)["WorkspaceReady"] == "True"
    assert [entry.what for entry in jobs].count("created") == 1


def after_a_loss(kind: str, seconds: int, catalog: Catalog) -> Cluster:
    clock = Clock()
    cluster = Cluster(InProcess(catalog, clock), clock=clock, gpus=gpus_in(catalog))
    cluster.apply(a_tuning_workspace())
    cluster.run(until=seconds)
    for obj in cluster.store.list_of(kind):
        cluster.delete(ref_of(obj))

    assert cluster.run()
    assert cluster.store.idle_writes == []
    return cluster


def conditions_of(cluster: Cluster) -> dict[str, str]:
    (workspace,) = cluster.store.list_of(names.WORKSPACES)
    return {item["type"]: item["status"] for item in workspace["status"]["conditions"]}


def test_a_workspace_made_anew_at_once_gets_what_its_namesake_held() -> None:
    catalog = load_catalog(provisioning=Provisioning(provisioner=Provisioner.NONE))
    clock = Clock()
    cluster = Cluster(InProcess(catalog, clock), clock=clock, provisioner=Provisioner.NONE)
    cluster.apply(a_workspace())
    cluster.run()
    (first,) = cluster.store.list_of(names.WORKSPACES)
    cluster.delete(ref_of(first))
    cluster.apply(a_workspace())
    cluster.run()

    (second,) = cluster.store.list_of(names.WORKSPACES)
    (service,) = cluster.store.list_of(names.SERVICES)
    (revision,) = cluster.store.list_of(names.REVISIONS)
    owners = [obj["metadata"]["ownerReferences"][0]["uid"] for obj in (service, revision)]
    assert owners == [second["metadata"]["uid"]] * 2
    assert second["metadata"]["uid"] != first["metadata"]["uid"]


def test_a_machine_goes_at_the_next_resync_whose_workspace_went_in_a_long_outage(
    catalog: Catalog,
) -> None:
    """The answer of the customize hook is forgotten after 20 minutes, and the event with it."""
    clock = Clock()
    hooks = Failing(InProcess(catalog, clock))
    cluster = Cluster(hooks, clock=clock, gpus=gpus_in(catalog))
    cluster.apply(a_workspace())
    cluster.run()
    cluster.run(until=clock.seconds + 1800)
    hooks.fails = True
    (workspace,) = cluster.store.list_of(names.WORKSPACES)
    cluster.delete(ref_of(workspace))
    cluster.run(until=clock.seconds + 60)
    hooks.fails = False
    cluster.run()
    assert len(cluster.store.list_of(names.MACHINES)) == 1

    cluster.resync()
    cluster.run()

    assert cluster.store.list_of(names.MACHINES) == []
    assert cluster.store.list_of(names.NODES) == []


def test_a_machine_that_came_and_went_unheard_is_made_anew(catalog: Catalog) -> None:
    clock = Clock()
    cluster = Cluster(InProcess(catalog, clock), clock=clock, gpus=gpus_in(catalog))
    cluster.apply(a_workspace())
    cluster.deliver(Delivery(cut=frozenset({names.MACHINES})))
    cluster.run(until=1)
    for machine in cluster.store.list_of(names.MACHINES):
        cluster.delete(ref_of(machine))
    cluster.run(until=10)
    assert cluster.store.list_of(names.MACHINES) == []

    cluster.deliver(Delivery())
    cluster.run()

    (workspace,) = cluster.store.list_of(names.WORKSPACES)
    conditions = {item["type"]: item["status"] for item in workspace["status"]["conditions"]}
    assert conditions["WorkspaceReady"] == "True"


def test_a_workspace_that_is_held_on_its_way_out_promises_no_machine(catalog: Catalog) -> None:
    clock = Clock()
    fault = {"instanceTypesUnavailable": {"attempts": 1, "announced": True}}
    scenario = Scenario.model_validate(
        {"name": "held", "description": "It stays.", "faults": fault}
    )
    cluster = Cluster(InProcess(catalog, clock), scenario, clock=clock, gpus=gpus_in(catalog))
    held = a_workspace()
    cluster.apply({**held, "metadata": {**held["metadata"], "finalizers": ["example.com/held"]}})
    cluster.run(until=30)
    (workspace,) = cluster.store.list_of(names.WORKSPACES)
    cluster.delete(ref_of(workspace))
    cluster.run()

    (workspace,) = cluster.store.list_of(names.WORKSPACES)
    told = {item["type"]: item["message"] for item in workspace["status"]["conditions"]}
    (machine,) = workspace["status"]["machines"]
    assert told["ResourceReady"] == (
        f"{machine['name']} is not made any more, the Workspace is being deleted"
        f"; {machine['lastFailure']}"
    )
    assert cluster.store.list_of(names.MACHINES) == []
