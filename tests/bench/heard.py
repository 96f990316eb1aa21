"""What Workspaces and Machines became, and when, as watches tell it."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Self

from composite import names
from composite.models import JsonObject
from tests.bench.fleet import WORKSPACES, Key
from tests.bench.waits import Log
from tests.bench.wire import Address, Wire
from tests.e2e.cluster.gpu_provisioner import MACHINES
from tests.e2e.workspaces import is_true


class Heard:
    """
    Watches all Workspaces and Machines, each kind on a thread, within a ``with``.

    Args:
        address: The API server.

    """

    def __init__(self, address: Address) -> None:
        self.log = Log()
        self._ready: set[Key] = set()
        self._machines: dict[Key, set[str]] = {}
        self._wires = tuple(Wire(address) for _ in range(2))

    def __enter__(self) -> Self:
        notes = ((f"{WORKSPACES}/workspaces", self._workspace), (MACHINES, self._machine))
        for wire, (path, note) in zip(self._wires, notes, strict=True):
            threading.Thread(target=self._follow, args=(wire, path, note), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # An API server does not end while somebody watches.
        for wire in self._wires:
            wire.close()

    def wait_until_ready(self, wanted: Iterable[Key], seconds: float) -> None:
        """
        Return once all of some Workspaces are ready for the spec that they have.

        Raises:
            TimeoutError: They are not.

        """
        awaited, deadline = set(wanted), time.time() + seconds
        while lacking := awaited - self._ready:
            if time.time() > deadline:
                some = ", ".join(sorted(key.name for key in lacking)[:5])
                raise TimeoutError(f"{len(lacking)} Workspaces are not ready: {some} ...")
            time.sleep(0.1)

    def machines_of(self, key: Key) -> list[str]:
        """Return the Machines that a Workspace has."""
        return sorted(self._machines.get(key, ()))

    @staticmethod
    def _follow(wire: Wire, path: str, note: Callable[[float, str, JsonObject], None]) -> None:
        for event in wire.watch(path):
            note(time.time(), event["type"], event["object"])

    def _workspace(self, at: float, what: str, workspace: JsonObject) -> None:
        key = Key(workspace["metadata"]["namespace"], workspace["metadata"]["name"])
        if what == "DELETED":
            self.log.workspaces_gone[key] = at
            self._ready.discard(key)
            return
        if is_true(workspace, "WorkspaceReady"):
            self._ready.add(key)
            self.log.ready.setdefault(key, at)
        else:
            self._ready.discard(key)
        if is_true(workspace, "Accepted"):
            said = self.log.accepted.setdefault(key, [])
            said.append((at, workspace["status"]["observedGeneration"]))

    def _machine(self, at: float, what: str, machine: JsonObject) -> None:
        labels = machine["metadata"].get("labels") or {}
        key = Key(
            labels.get(names.LABEL_WORKSPACE_NAMESPACE, ""), labels.get(names.LABEL_WORKSPACE, "")
        )
        name = machine["metadata"]["name"]
        if what == "DELETED":
            self._machines.get(key, set()).discard(name)
            self.log.machines_gone.setdefault(key, []).append((at, name))
        elif what == "ADDED":
            self._machines.setdefault(key, set()).add(name)
            self.log.machines_made.setdefault(key, []).append((at, name))
