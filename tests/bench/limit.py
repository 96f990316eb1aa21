"""
The limit: a bare client that creates the very same objects, and thinks nothing.

What a Workspace becomes is read from the control plane once, with each status that it has had.
The client writes the same for as many Workspaces as there are, with as many threads as
Metacontroller has workers, without a look at anything.
"""

import json
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from composite import names
from composite.models import JsonObject
from composite.workspace.related import machine_name
from tests.bench.fleet import CHILDREN, Key, a_workspace, collection, in_threads
from tests.bench.wire import Address, Wire
from tests.e2e.cluster.gpu_provisioner import MACHINES

# What the API server adds, and nobody sends.
ADDED = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink")
ADDRESSES = ("clusterIP", "clusterIPs")


class Sample(NamedTuple):
    """
    What has become of one Workspace.

    ``children`` are in the order of their creation, each with the path that it is sent to.
    """

    key: Key
    uid: str
    machine: str
    children: tuple[tuple[str, JsonObject], ...]
    statuses: tuple[JsonObject, ...]

    @property
    def writes(self) -> int:
        """How many requests it takes to write the same, the Workspace itself included."""
        return 1 + len(self.children) + len(self.statuses)


def sample(wire: Wire, key: Key, statuses: Sequence[JsonObject]) -> Sample:
    """Return what has become of a Workspace; ``statuses`` are those that it has had."""
    workspace = wire.send("GET", f"{collection(key.namespace)}/{key.name}")
    owned = [
        (f"{api}/namespaces/{key.namespace}/{kind}", child)
        for api, kind in CHILDREN
        for child in wire.items(f"{api}/namespaces/{key.namespace}/{kind}")
        if workspace["metadata"]["uid"] in json.dumps(child["metadata"].get("ownerReferences"))
    ]
    machine = wire.items(MACHINES, f"{names.LABEL_WORKSPACE}={key.name}")[0]
    return Sample(
        key,
        workspace["metadata"]["uid"],
        machine["metadata"]["name"],
        tuple((path, as_sent(child)) for path, child in [*owned, (MACHINES, machine)]),
        tuple(distinct(statuses)),
    )


def as_sent(found: JsonObject) -> JsonObject:
    """Return an object as somebody would have sent it who meant just that."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in ADDED}
    sent = {**found, "metadata": metadata}
    sent.pop("status", None)
    if "spec" in sent:
        spec = sent["spec"]
        sent["spec"] = {key: value for key, value in spec.items() if key not in ADDRESSES}
    return sent


def distinct(statuses: Sequence[JsonObject]) -> list[JsonObject]:
    """Return the statuses without repetitions of the one before."""
    return [
        status
        for number, status in enumerate(statuses)
        if number == 0 or status != statuses[number - 1]
    ]


class Bare(NamedTuple):
    """The client; ``texts`` are the bodies of the sample, with its names in them."""

    sample: Sample
    children: tuple[tuple[str, str], ...]
    statuses: tuple[str, ...]

    def write(self, wire: Wire, key: Key) -> None:
        """Write one Workspace and all that becomes of it."""
        place = collection(key.namespace)
        made = wire.send("POST", place, a_workspace(key))
        uid = made["metadata"]["uid"]
        for path, text in self.children:
            here = path.replace(self.sample.key.namespace, key.namespace)
            wire.send("POST", here, self._renamed(text, key, uid))
        for text in self.statuses:
            made["status"] = json.loads(self._renamed(text, key, uid))
            made = wire.send("PUT", f"{place}/{key.name}/status", made)

    def _renamed(self, text: str, key: Key, uid: str) -> bytes:
        known = self.sample
        for old, new in (
            (known.machine, machine_name(uid, 0, 0)),
            (known.uid, uid),
            (known.key.name, key.name),
            (known.key.namespace, key.namespace),
        ):
            text = text.replace(old, new)
        return text.encode()


def bare_client(known: Sample) -> Bare:
    """Return the client that writes what a sample is."""
    return Bare(
        known,
        tuple((path, json.dumps(child)) for path, child in known.children),
        tuple(json.dumps(status) for status in known.statuses),
    )


def seconds_to_write(address: Address, known: Sample, wanted: Sequence[Key]) -> float:
    """Return how long the client takes for so many Workspaces."""
    client = bare_client(known)

    def writing(key: Key) -> Callable[[Wire], object]:
        return lambda wire: client.write(wire, key)

    began = time.monotonic()
    in_threads(address, map(writing, wanted))
    return time.monotonic() - began
