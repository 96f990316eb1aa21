"""
Plays what makes nodes and runs Pods: Machines and Deployments are ready as soon as they are seen.

For each Machine a Node is made and the Machine's status written; of each Deployment the status.
Nothing else of a cluster is there: no kubelet, no scheduler, no controllers.

``python -m tests.bench.ready_at_once KUBECONFIG``
"""

import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from composite import names
from composite.models import JsonObject
from presets import load_catalog
from tests.bench.wire import MERGE_PATCH, Address, Refused, Wire, address_in
from tests.e2e.cluster.gpu_provisioner import (
    MACHINES,
    NODES,
    STEPS,
    condition,
    node_name,
    provider_id,
    wait_for_the_end_of,
)

DEPLOYMENTS = "/apis/apps/v1/deployments"
HANDS = 4
# What may have happened to an object since it was seen.
OVERTAKEN = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)

Job = tuple[Callable[[Wire, JsonObject], None], JsonObject]


class ReadyAtOnce:
    """
    Watches Machines and Deployments, each on a thread, and acts on some others.

    Args:
        address: The API server.

    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._gpus = {
            name: {known.gpuResource: str(known.gpuCount)}
            for name, known in load_catalog().instance_types.items()
        }

    def start(self) -> None:
        """Begin, on threads that end with the process."""
        for work in (self._follow_machines, self._follow_deployments, *(self._act,) * HANDS):
            threading.Thread(target=ending_all, args=(work,), daemon=True).start()

    def _follow_machines(self) -> None:
        for event in Wire(self._address).watch(MACHINES):
            if event["type"] == "DELETED":
                self._jobs.put((self._remove, event["object"]))
            elif not event["object"].get("status", {}).get("nodeName"):
                self._jobs.put((self._launch, event["object"]))

    def _follow_deployments(self) -> None:
        for event in Wire(self._address).watch(DEPLOYMENTS):
            if event["type"] != "DELETED" and not is_served(event["object"]):
                self._jobs.put((serve, event["object"]))

    def _act(self) -> None:
        wire = Wire(self._address)
        while True:
            act, obj = self._jobs.get()
            try:
                act(wire, obj)
            except Refused as refused:
                if refused.status not in OVERTAKEN:
                    raise

    def _launch(self, wire: Wire, machine: JsonObject) -> None:
        try:
            wire.send("POST", NODES, self._node(machine))
        except Refused as refused:
            if refused.status != HTTPStatus.CONFLICT:
                raise
        status = {
            "providerID": provider_id(machine),
            "nodeName": node_name(machine),
            "conditions": [condition(step, "True", step) for step in (*STEPS, "Ready")],
        }
        path = f"{MACHINES}/{machine['metadata']['name']}/status"
        wire.send("PATCH", path, {"status": status}, MERGE_PATCH)

    def _remove(self, wire: Wire, machine: JsonObject) -> None:
        wire.delete(f"{NODES}/{node_name(machine)}")

    def _node(self, machine: JsonObject) -> JsonObject:
        metadata = machine["metadata"]
        instance_type = next(
            str(each["values"][0])
            for each in machine["spec"]["requirements"]
            if each["key"] == names.LABEL_INSTANCE_TYPE
        )
        resources = {"cpu": "64", "memory": "512Gi", "pods": "110"} | self._gpus[instance_type]
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": node_name(machine),
                "labels": {
                    **(metadata.get("labels") or {}),
                    names.LABEL_INSTANCE_TYPE: instance_type,
                    names.LABEL_HOSTNAME: node_name(machine),
                },
            },
            "spec": {
                "providerID": provider_id(machine),
                "taints": machine["spec"].get("taints") or [],
            },
            "status": {"capacity": resources, "allocatable": resources, "conditions": [ready]},
        }


def is_served(deployment: JsonObject) -> bool:
    """Tell whether the status of a Deployment says that all of it runs as it is now."""
    status = deployment.get("status") or {}
    return bool(status.get("observedGeneration") == deployment["metadata"]["generation"])


def serve(wire: Wire, deployment: JsonObject) -> None:
    """Let all replicas of a Deployment be ready."""
    metadata, replicas = deployment["metadata"], deployment["spec"].get("replicas", 1)
    available = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}
    status = {
        "observedGeneration": metadata["generation"],
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": replicas,
        "conditions": [available],
    }
    place = f"/apis/apps/v1/namespaces/{metadata['namespace']}/deployments/{metadata['name']}"
    wire.send("PATCH", f"{place}/status", {"status": status}, MERGE_PATCH)


def ending_all(work: Callable[[], None]) -> None:
    """Do something for ever; if it ends, so does the process: what is played would be half."""
    try:
        work()
    except Exception:  # noqa: BLE001  (whatever it was)
        traceback.print_exc()
    finally:
        os._exit(1)


def main() -> None:
    """Play until the process that started this one is gone."""
    ReadyAtOnce(address_in(Path(sys.argv[1]))).start()
    wait_for_the_end_of(os.getppid())


if __name__ == "__main__":
    main()
