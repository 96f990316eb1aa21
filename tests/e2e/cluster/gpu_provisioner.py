"""
A stand-in for Azure's gpu-provisioner: Machines become Nodes, whose kubelets kwok plays.

It does what can be seen of the real one from outside: a finalizer, the conditions one after the
other, a Node with the Machine's labels and taints and with the GPUs of its type, the Node gone
before the Machine is, and the Machine after a Node that somebody deletes. What goes wrong is given
by a label that a Workspace asks of its nodes (:data:`LAUNCH`); the words are those that
``composite.simulate`` plays.

Run it as a program: ``python -m tests.e2e.cluster.gpu_provisioner --kubeconfig FILE``.
"""

import argparse
import contextlib
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from composite import names
from composite.simulate.errors import ApiError
from hooks.dev.api import Api
from presets import load_catalog

MERGE_PATCH = "application/merge-patch+json"
MACHINES = "/apis/karpenter.sh/v1alpha5/machines"
NODES = "/api/v1/nodes"
FINALIZER = "karpenter.sh/termination"
WATCH_SECONDS = 300
# How long what a Machine failed with stands there before the Machine is deleted.
SAID_SECONDS = 10.0
# Types of which there are none: what a test asks for to see a Machine fail.
UNAVAILABLE_TYPES = frozenset({"Standard_NC24s_v3"})
# A label of the nodes that a Workspace asks for, so of its Machines. ``never``: nothing comes of
# them; ``slowly``: SLOW_SECONDS later; ``unavailable-once``: the first launch fails;
# ``unregistered``: a launch, but no Node; ``unheld``: slowly, and without a finalizer.
LAUNCH = "launch.test"
SLOW = ("slowly", "unheld")
SLOW_SECONDS = 5.0
UNREGISTERED = "Node not registered with cluster"
STEPS = ("MachineLaunched", "MachineRegistered", "MachineInitialized")


class GpuProvisioner:
    """
    Watches Machines and plays their life.

    Args:
        api: The API server.

    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._types = load_catalog().instance_types
        self._first_launches: dict[str, str] = {}

    def run(self) -> None:
        """Act on every change of a Machine, for ever."""
        for event in self._events(MACHINES):
            if event["type"] in {"ADDED", "MODIFIED"}:
                with contextlib.suppress(ApiError):  # changed since: there is a next event
                    self.act(event["object"])

    def follow_nodes(self) -> None:
        """Delete the Machine of every Node that is deleted, for ever."""
        for event in self._events(NODES):
            if event["type"] == "DELETED":
                for owner in event["object"]["metadata"].get("ownerReferences") or ():
                    with contextlib.suppress(ApiError):  # gone already, as it mostly is
                        self._delete(owner)

    def _events(self, path: str) -> Iterator[dict[str, Any]]:
        query = {"watch": "true", "timeoutSeconds": str(WATCH_SECONDS)}
        while True:
            try:
                yield from self._api.watch(path, query, WATCH_SECONDS + 10)
            except ApiError:
                time.sleep(0.5)  # watch again, once somebody answers

    def _delete(self, owner: dict[str, Any]) -> None:
        options = {"preconditions": {"uid": owner["uid"]}}
        self._api.send("DELETE", f"{MACHINES}/{owner['name']}", body=options)

    def act(self, machine: dict[str, Any]) -> None:
        """Bring one Machine a step further."""
        metadata = machine["metadata"]
        finalizers = metadata.get("finalizers") or []
        if metadata.get("deletionTimestamp"):
            if FINALIZER in finalizers:
                with contextlib.suppress(ApiError):  # gone already
                    self._api.send("DELETE", f"{NODES}/{node_name(machine)}")
                left = [one for one in finalizers if one != FINALIZER]
                self._patch(machine, {"metadata": {"finalizers": left or None}})
        elif FINALIZER not in finalizers and launch(machine) != "unheld":
            self._patch(machine, {"metadata": {"finalizers": [*finalizers, FINALIZER]}})
        elif launch(machine) == "never" or is_ready(machine):
            return
        elif self._is_unavailable(machine):
            self._give_up(machine)
        elif launch(machine) == "unregistered":
            self._launch(machine)
        elif launch(machine) in SLOW and age(machine) < SLOW_SECONDS:
            wait = SLOW_SECONDS - age(machine) + 0.1
            threading.Timer(wait, self._act_again, (machine["metadata"]["name"],)).start()
        else:
            self._make(machine)

    def _act_again(self, name: str) -> None:
        with contextlib.suppress(ApiError):  # gone, or changed since
            self.act(self._api.send("GET", f"{MACHINES}/{name}"))

    def _is_unavailable(self, machine: dict[str, Any]) -> bool:
        if self._type(machine) in UNAVAILABLE_TYPES:
            return True
        labels = machine["metadata"].get("labels") or {}
        whose = f"{labels.get(names.LABEL_WORKSPACE_NAMESPACE)}/{labels.get(names.LABEL_WORKSPACE)}"
        uid = machine["metadata"]["uid"]
        first = self._first_launches.setdefault(whose, uid) == uid
        return first and launch(machine) == "unavailable-once"

    def _make(self, machine: dict[str, Any]) -> None:
        with contextlib.suppress(ApiError):  # there from an earlier attempt
            self._api.send("POST", NODES, body=self._node(machine))
        conditions = [condition(step, "True", step) for step in (*STEPS, "Ready")]
        self._patch_status(
            machine,
            {
                "providerID": provider_id(machine),
                "nodeName": node_name(machine),
                "conditions": conditions,
            },
        )

    def _launch(self, machine: dict[str, Any]) -> None:
        """Say that there is a virtual machine, of which no Node comes."""
        if not machine.get("status", {}).get("providerID"):
            launched, registered, _ = STEPS
            conditions = [
                condition(launched, "True", launched),
                condition(registered, "Unknown", "NodeNotFound", UNREGISTERED),
            ]
            self._patch_status(
                machine, {"providerID": provider_id(machine), "conditions": conditions}
            )

    def _give_up(self, machine: dict[str, Any]) -> None:
        """Say that there is none, and a moment later delete the Machine, as the real one does."""
        known = machine.get("status", {}).get("conditions", ())
        if any(c["type"] == "MachineLaunched" for c in known):
            return
        conditions = [
            condition(kind, "False", "LaunchFailed", names.UNAVAILABLE)
            for kind in ("MachineLaunched", "Ready")
        ]
        self._patch_status(machine, {"conditions": conditions})
        path = f"{MACHINES}/{machine['metadata']['name']}"
        threading.Timer(SAID_SECONDS, self._api.send, ("DELETE", path)).start()

    def _node(self, machine: dict[str, Any]) -> dict[str, Any]:
        known = self._types.get(self._type(machine))
        gpus: dict[str, str] = {}
        if known is not None:
            gpus = {known.gpuResource: str(known.gpuCount)}
        resources: dict[str, str] = {"cpu": "64", "memory": "512Gi", "pods": "110", **gpus}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": node_name(machine),
                "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {
                    **(machine["metadata"].get("labels") or {}),
                    names.LABEL_INSTANCE_TYPE: self._type(machine),
                    names.LABEL_ARCH: "amd64",
                    names.LABEL_OS: "linux",
                    names.LABEL_HOSTNAME: node_name(machine),
                },
                "ownerReferences": [
                    {
                        "apiVersion": "karpenter.sh/v1alpha5",
                        "kind": "Machine",
                        "name": machine["metadata"]["name"],
                        "uid": machine["metadata"]["uid"],
                    }
                ],
            },
            "spec": {
                "providerID": provider_id(machine),
                "taints": machine["spec"].get("taints") or [],
            },
            "status": {"capacity": resources, "allocatable": resources},
        }

    def _type(self, machine: dict[str, Any]) -> str:
        for item in machine["spec"].get("requirements") or ():
            if item["key"] == names.LABEL_INSTANCE_TYPE:
                return str(item["values"][0])
        return ""

    def _patch(self, machine: dict[str, Any], patch: dict[str, Any], part: str = "") -> None:
        path = f"{MACHINES}/{machine['metadata']['name']}{part}"
        self._api.send("PATCH", path, body=patch, content_type=MERGE_PATCH)

    def _patch_status(self, machine: dict[str, Any], status: dict[str, Any]) -> None:
        self._patch(machine, {"status": status}, "/status")


def node_name(machine: dict[str, Any]) -> str:
    """Return the name of a Machine's Node, in the style of AKS."""
    return f"aks-{machine['metadata']['name']}-12345678-vmss000000"


def launch(machine: dict[str, Any]) -> str:
    """Return what is to become of a Machine; empty: a Node at once."""
    return str((machine["metadata"].get("labels") or {}).get(LAUNCH, ""))


def age(machine: dict[str, Any]) -> float:
    """Return how old a Machine is, in seconds."""
    born = datetime.fromisoformat(machine["metadata"]["creationTimestamp"])
    return (datetime.now(UTC) - born).total_seconds()  # noqa: TID251  (a program, not the core)


def provider_id(machine: dict[str, Any]) -> str:
    """Return what the cloud calls the virtual machine of a Machine."""
    return f"azure:///virtualMachines/{node_name(machine)}"


def is_ready(machine: dict[str, Any]) -> bool:
    """Tell whether the life of a Machine has come to its best."""
    conditions = machine.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    """Return a condition as Karpenter v0.29 writes it."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251  (a program, not the core)
    said = {"message": message} if message else {}
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": now, **said}


def main() -> None:
    """Run until the process that started this one is gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", required=True)
    arguments = parser.parse_args()
    api = Api(Path(arguments.kubeconfig), None, connections=4)
    provisioner = GpuProvisioner(api)
    for watching in (provisioner.run, provisioner.follow_nodes):
        threading.Thread(target=watching, daemon=True).start()
    wait_for_the_end_of(os.getppid())


def wait_for_the_end_of(parent: int) -> None:
    """Return when another process has become the parent."""
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(1)


if __name__ == "__main__":
    main()
