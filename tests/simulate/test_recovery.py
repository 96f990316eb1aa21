"""Whatever is deleted, and whenever: it comes back, once, and the Workspace is ready again."""

import pytest

from composite import names
from composite.catalog import Catalog
from composite.simulate import Clock, Cluster
from composite.simulate.in_process import InProcess
from composite.simulate.objects import ref_of
from tests.simulate.plays import a_tuning_workspace, a_workspace, gpus_of

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


@pytest.mark.parametrize("seconds", TIMES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_workspace_recovers(kind: str, seconds: int, catalog: Catalog) -> None:
    clock = Clock()
    cluster = Cluster(InProcess(catalog, clock), clock=clock, gpus=gpus_of(catalog))
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
    cluster = Cluster(InProcess(catalog, clock), clock=clock, gpus=gpus_of(catalog))
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
