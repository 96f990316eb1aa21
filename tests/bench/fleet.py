"""Many Workspaces at once: made, watched until they are ready, and cleared away."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from composite import names
from composite.models import JsonObject
from tests.bench.wire import Address, Wire
from tests.e2e.cluster.gpu_provisioner import MACHINES, NODES
from tests.e2e.workspaces import is_true

TYPE = "Standard_NC24ads_A100_v4"
WORKSPACES = f"/apis/{names.API_VERSION}"
# As many as Metacontroller has workers.
THREADS = 10
CHILDREN = (
    ("/apis/apps/v1", "deployments"),
    ("/apis/apps/v1", "controllerrevisions"),
    ("/api/v1", "services"),
)


class Key(NamedTuple):
    """A Workspace."""

    namespace: str
    name: str


def keys(count: int, namespaces: int) -> list[Key]:
    """Return names for so many Workspaces, dealt out over so many namespaces."""
    return [Key(f"bench-{n % namespaces:02}", f"fleet-{n:04}") for n in range(count)]


def a_workspace(key: Key) -> JsonObject:
    """Return a Workspace that serves phi-2 on one node, with labels of its own."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": key.name, "namespace": key.namespace},
        "resource": {
            "instanceType": TYPE,
            "labelSelector": {"matchLabels": {"apps": key.name}},
        },
        "inference": {"preset": {"name": "phi-2"}},
    }


def collection(namespace: str) -> str:
    """Return the path of the Workspaces of a namespace."""
    return f"{WORKSPACES}/namespaces/{namespace}/workspaces"


def make_namespaces(wire: Wire, count: int) -> None:
    """Make the namespaces that :func:`keys` names, but for those that are there."""
    there = {each["metadata"]["name"] for each in wire.items("/api/v1/namespaces")}
    for name in sorted({key.namespace for key in keys(count, count)} - there):
        wire.send("POST", "/api/v1/namespaces", {"metadata": {"name": name}})


def in_threads(address: Address, jobs: Iterable[Callable[[Wire], object]]) -> None:
    """Do jobs, each with a connection of the thread that does it."""
    local = threading.local()

    def do(job: Callable[[Wire], object]) -> None:
        if not hasattr(local, "wire"):
            local.wire = Wire(address)
        job(local.wire)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(do, jobs))


def create(address: Address, wanted: Sequence[Key]) -> None:
    """Create Workspaces as fast as it goes."""

    def creating(key: Key) -> Callable[[Wire], object]:
        body = json.dumps(a_workspace(key)).encode()
        return lambda wire: wire.send("POST", collection(key.namespace), body)

    in_threads(address, map(creating, wanted))


class Watcher:
    """
    Watches all Workspaces on a thread, and notes what each of them said and when it was ready.

    Args:
        address: The API server.
        keep: Whether each status that is told is kept, in ``statuses``, by Workspace.

    """

    def __init__(self, address: Address, *, keep: bool = False) -> None:
        self.ready_at: dict[Key, float] = {}
        self.statuses: dict[Key, list[JsonObject]] = {}
        self._keep = keep
        self._wire = Wire(address)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def wait(self, wanted: Iterable[Key], seconds: float) -> None:
        """
        Return once all of some Workspaces are ready.

        Raises:
            TimeoutError: They are not.

        """
        awaited, deadline = set(wanted), time.time() + seconds
        while awaited - self.ready_at.keys():
            if time.time() > deadline:
                lacking = len(awaited - self.ready_at.keys())
                raise TimeoutError(f"{lacking} of {len(awaited)} are not ready in {seconds:.0f} s")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the watch."""
        self._wire.close()
        self._thread.join()

    def _follow(self) -> None:
        for event in self._wire.watch(f"{WORKSPACES}/workspaces"):
            workspace = event["object"]
            key = Key(workspace["metadata"]["namespace"], workspace["metadata"]["name"])
            if event["type"] == "DELETED":
                self.ready_at.pop(key, None)
            elif is_true(workspace, "WorkspaceReady"):
                self.ready_at.setdefault(key, time.time())
            if self._keep and (status := workspace.get("status")):
                self.statuses.setdefault(key, []).append(status)


def clear(address: Address, namespaces: Iterable[str]) -> None:
    """Delete all that was made in some namespaces; nobody else may be at work."""
    spaces = sorted(set(namespaces))
    whole = [
        *(collection(space) for space in spaces),
        *(f"{api}/namespaces/{space}/{kind}" for space in spaces for api, kind in CHILDREN),
        *(
            f"{path}?labelSelector={names.LABEL_WORKSPACE_NAMESPACE}={space}"
            for space in spaces
            for path in (MACHINES, NODES)
        ),
    ]
    for paths in (whole, whole[-2 * len(spaces) :]):  # the Nodes of Machines made meanwhile too
        in_threads(address, [deleting(path) for path in paths])


def deleting(path: str) -> Callable[[Wire], bool]:
    """Return what deletes an object, or all of a collection."""
    return lambda wire: wire.delete(path)
