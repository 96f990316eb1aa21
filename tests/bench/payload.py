"""What the largest question to the hooks is made of: the one about a namespace."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from composite import names
from composite.models import JsonObject
from tests.bench import fleet
from tests.bench.wire import Wire
from tests.e2e.cluster.gpu_provisioner import MACHINES


class Share(NamedTuple):
    """Objects of one kind in a question: how many, their bytes, and those of managedFields."""

    kind: str
    number: int
    size: int
    managed: int


def shares(wire: Wire, namespace: str) -> tuple[Share, ...]:
    """Return what a question about a namespace holds now, by kind."""
    label = f"{names.LABEL_WORKSPACE_NAMESPACE}={namespace}"
    return (
        share("Workspace", wire.items(fleet.collection(namespace))),
        share("Machine", wire.items(MACHINES, label)),
    )


def share(kind: str, found: Sequence[JsonObject]) -> Share:
    """Return what objects of one kind take."""
    managed = [each["metadata"].get("managedFields", []) for each in found]
    return Share(kind, len(found), sum(map(length, found)), sum(map(length, managed)))


def length(value: object) -> int:
    """Return the bytes of a value as Go writes it."""
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
