"""What a cluster looks like, apart from what differs from one round to the next without meaning."""

import hashlib
import re

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.store import Change

# What differs from one round to the next without making a difference.
PASSING_FIELDS = frozenset({"resourceVersion", "restartCount"})
PASSING_ENDINGS = ("Time", "Timestamp", "startedAt", "finishedAt")


class Picture:
    """
    A number that is another one as soon as anything is different that lasts.

    It is the sum of a hash of each object, so it costs what has changed and not what there is.
    """

    def __init__(self) -> None:
        self._changed: dict[objects.Ref, JsonObject | None] = {}
        self._hashes: dict[objects.Ref, int] = {}
        self._sum = 0

    def notice(self, change: Change) -> None:
        """Take note of an object as it is, or that it is gone."""
        self._changed[objects.ref_of(change.obj)] = change.new

    def taken(self) -> int:
        """Return what the cluster looks like now."""
        for ref, obj in self._changed.items():
            self._sum -= self._hashes.pop(ref, 0)
            if obj is not None:
                self._hashes[ref] = hash_of(obj)
                self._sum += self._hashes[ref]
        self._changed.clear()
        return self._sum


def hash_of(obj: JsonObject) -> int:
    """Return a hash of what lasts of an object, its kind and name among it."""
    digest = hashlib.sha256(objects.canonical_json(_lasting(obj)).encode()).digest()
    return int.from_bytes(digest, "big")


def _lasting(value: object, key: str = "") -> object:
    if isinstance(value, dict):
        return {
            name: _lasting(item, name)
            for name, item in value.items()
            if name not in PASSING_FIELDS and not name.endswith(PASSING_ENDINGS)
        }
    if isinstance(value, str) and key == "message":
        return re.sub(r"\d+", "#", value)  # "the 7th restart"
    return [_lasting(item) for item in value] if isinstance(value, list) else value
