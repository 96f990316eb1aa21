"""Whatever is deleted, and whenever: it comes back, once, and the Workspace is ready again."""

import pytest

from composite import names
from composite.catalog import Catalog
from composite.simulate import Clock, Cluster
from composite.simulate.in_process import InProcess
from composite.simulate.objects import ref_of
from tests.simulate.test_shipped_scenarios import a_workspace, gpus_of

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
