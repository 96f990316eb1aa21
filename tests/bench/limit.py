"""
The limit: a bare client that creates the very same objects, and thinks nothing.

What a Workspace becomes is read from a small fleet once, with the statuses that it has had. The
client writes the same for as many Workspaces as a round had, of each as many statuses as the API
server's log says were written of it in that round, with as many threads as Metacontroller has
workers, without a look at anything. Bodies are made before the clock runs: what is left to the
client is to put the uid and the version into them that the API server has chosen.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
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
# What stands in a body for what differs from Workspace to Workspace.
NAMESPACE, NAME, MACHINE, UID, VERSION = (
    f"@{what}@" for what in ("namespace", "name", "machine", "uid", "version")
)
# The first of each in an answer are those of the object's own metadata.
UID_OF = re.compile(rb'"uid":"([^"]+)"')
VERSION_OF = re.compile(rb'"resourceVersion":"([^"]+)"')


class Sample(NamedTuple):
    """
    What becomes of a Workspace, as bodies with blanks for what differs.

    ``children`` are in the order of their creation, each with the path that it is sent to.
    ``statuses`` are those that a Workspace has had one after the other, by how many they are.
    """

    children: tuple[tuple[str, str], ...]
    statuses: Mapping[int, tuple[str, ...]]

    def statuses_of(self, count: int) -> tuple[str, ...]:
        """
        Return so many statuses, the last of which is the last of a Workspace that is ready.

        Where no Workspace of the sample had so many they are the last of one that had more, or
        else all of the longest, the first ones again and again before them.
        """
        enough = [known for known in self.statuses if known >= count]
        most = self.statuses[min(enough, default=max(self.statuses))]
        again = -(-count // len(most))
        return (most * again)[len(most) * again - count :]


class Bodies(NamedTuple):
    """All that is written of one Workspace; children come with their paths."""

    place: str
    name: str
    workspace: bytes
    children: tuple[tuple[str, bytes], ...]
    statuses: tuple[bytes, ...]

    def write(self, wire: Wire) -> None:
        """Write all of it."""
        answer = wire.exchange("POST", self.place, self.workspace)
        uid = found(UID_OF, answer)
        for path, body in self.children:
            wire.exchange("POST", path, body.replace(UID.encode(), uid))
        for body in self.statuses:
            current = body.replace(UID.encode(), uid)
            current = current.replace(VERSION.encode(), found(VERSION_OF, answer))
            answer = wire.exchange("PUT", f"{self.place}/{self.name}/status", current)


class Written(NamedTuple):
    """
    What the client took: seconds, and processor time of its own.

    ``writes`` are its requests for each Workspace, the Workspace itself included.
    """

    seconds: float
    cpu: float
    writes: float


def found(what: re.Pattern[bytes], answer: bytes) -> bytes:
    """
    Return what an answer says of itself.

    Raises:
        ValueError: It does not say it.

    """
    seen = what.search(answer)
    if seen is None:
        raise ValueError(f"no {what.pattern.decode()} in {answer[:200].decode(errors='replace')}")
    return seen[1]


def sample(
    wire: Wire, wanted: Sequence[Key], statuses: Mapping[Key, Sequence[JsonObject]]
) -> Sample:
    """
    Return what has become of a fleet; ``statuses`` are those that each Workspace has had.

    The children are those of its first Workspace.
    """
    spaces = {key.namespace for key in wanted}
    workspaces = {
        Key(space, each["metadata"]["name"]): each
        for space in spaces
        for each in wire.items(collection(space))
    }
    machines = {
        key: wire.items(MACHINES, f"{names.LABEL_WORKSPACE}={key.name}")[0] for key in wanted
    }
    first = wanted[0]
    owned = [
        (f"{api}/namespaces/{NAMESPACE}/{kind}", child)
        for api, kind in CHILDREN
        for child in wire.items(f"{api}/namespaces/{first.namespace}/{kind}")
        if uid_of(workspaces[first]) in json.dumps(child["metadata"].get("ownerReferences"))
    ]
    by_count: dict[int, tuple[str, ...]] = {}
    for key in wanted:
        workspace, machine = workspaces[key], machines[key]["metadata"]["name"]
        had = distinct(statuses[key])
        by_count.setdefault(
            len(had), tuple(blanked(with_status(workspace, s), workspace, machine) for s in had)
        )
    machine = machines[first]["metadata"]["name"]
    return Sample(
        tuple(
            (path, blanked(as_sent(child), workspaces[first], machine))
            for path, child in [*owned, (MACHINES, machines[first])]
        ),
        by_count,
    )


def uid_of(obj: JsonObject) -> str:
    """Return the uid of an object."""
    return str(obj["metadata"]["uid"])


def with_status(workspace: JsonObject, status: JsonObject) -> JsonObject:
    """Return a Workspace as somebody sends it who writes this status of it."""
    sent = as_sent(workspace)
    metadata = {**sent["metadata"], "uid": uid_of(workspace), "resourceVersion": VERSION}
    return {**sent, "metadata": metadata, "status": status}


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


def blanked(body: JsonObject, workspace: JsonObject, machine: str) -> str:
    """Return an object as JSON, with blanks for what is of this Workspace."""
    text = json.dumps(body)
    metadata = workspace["metadata"]
    for known, blank in (
        (machine, MACHINE),
        (metadata["uid"], UID),
        (metadata["name"], NAME),
        (metadata["namespace"], NAMESPACE),
    ):
        text = text.replace(known, blank)
    return text


def bodies(known: Sample, key: Key, statuses: int) -> Bodies:
    """Return what is written of a Workspace, with so many statuses."""
    # A name that nobody else has: the uid of which it is made otherwise is not known yet.
    machine = machine_name(f"{key.namespace}/{key.name}", 0, 0)

    def filled(text: str) -> str:
        return (
            text.replace(MACHINE, machine).replace(NAMESPACE, key.namespace).replace(NAME, key.name)
        )

    return Bodies(
        collection(key.namespace),
        key.name,
        json.dumps(a_workspace(key)).encode(),
        tuple((filled(path), filled(body).encode()) for path, body in known.children),
        tuple(filled(body).encode() for body in known.statuses_of(statuses)),
    )


def written(address: Address, known: Sample, statuses: Mapping[Key, int]) -> Written:
    """Write Workspaces, each with so many statuses, and return what that takes the client."""
    made = [bodies(known, key, count) for key, count in statuses.items()]
    writes = sum(1 + len(each.children) + len(each.statuses) for each in made)
    began, cpu = time.monotonic(), time.process_time()
    in_threads(address, [each.write for each in made])
    return Written(time.monotonic() - began, time.process_time() - cpu, writes / len(made))
