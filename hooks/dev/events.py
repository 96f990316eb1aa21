"""
Events on objects, as client-go's recorder writes them.

An Event that repeats is counted instead of written anew, many that are alike become one, and an
object gets only so many. Source: https://pkg.go.dev/k8s.io/client-go/tools/record (EventCorrelator)
"""

import logging
import time
from collections import OrderedDict
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Literal, NamedTuple, TypeVar

from composite.models import JsonObject
from composite.simulate.clock import format_time
from composite.simulate.errors import ApiError, NotFoundError
from hooks.dev.api import STRATEGIC_PATCH, Api

LOGGER = logging.getLogger("metakaito.dev")

COMPONENT = "metacontroller"

# Metacontroller's --events-burst and --events-qps: of each object.
BURST = 25
PER_SECOND = 1 / 300
# So many alike, with different messages, within so many seconds become one.
ALIKE = 10
ALIKE_SECONDS = 600.0
# So many objects are remembered.
REMEMBERED = 4096

LAST_SECONDS = 2.0

Words = tuple[str, ...]
T = TypeVar("T")


class Happening(NamedTuple):
    """Something to tell about an object."""

    about: JsonObject
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


class Bucket:
    """Tokens for the Events of one object."""

    def __init__(self, now: float) -> None:
        self._tokens = float(BURST)
        self._since = now

    def take(self, now: float) -> bool:
        """Take a token, if there is one."""
        self._tokens = min(self._tokens + (now - self._since) * PER_SECOND, BURST)
        self._since = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Recent(NamedTuple):
    """Messages that differ only in their words, and since when."""

    since: float
    messages: frozenset[str]


class Recorder:
    """
    Writes Events from a thread of its own; one that is refused is told and dropped.

    Args:
        api: The API server.

    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._queue: SimpleQueue[Happening] = SimpleQueue()
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="events", daemon=True)
        self._buckets: OrderedDict[Words, Bucket] = OrderedDict()
        self._recent: OrderedDict[Words, Recent] = OrderedDict()
        self._written: OrderedDict[Words, JsonObject] = OrderedDict()

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, but not for long."""
        self._stopped.set()
        self._thread.join(LAST_SECONDS)

    def record(
        self, about: JsonObject, kind: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """Have an Event written about an object."""
        self._queue.put(Happening(about, kind, reason, message))

    def _run(self) -> None:
        while True:
            try:
                happening = self._queue.get(timeout=0.2)
            except Empty:
                if self._stopped.is_set():
                    return
                continue
            try:
                self._write(happening)
            except ApiError as failure:
                reason = {"reason": happening.reason, "because": str(failure)}
                LOGGER.warning("an Event was not written", extra={"fields": reason})

    def _write(self, happening: Happening) -> None:
        """Write one Event, or count it."""
        now = time.monotonic()
        reference = reference_to(happening.about)
        about = tuple(str(reference.get(field, "")) for field in IDENTITY)
        message, key = self._correlated(happening, about, now)
        if not _remembered(self._buckets, about, Bucket(now)).take(now):
            return
        stamp = format_time(datetime.now(UTC))  # noqa: TID251  (the shell)
        known = self._written.get(key)
        if known is None or not self._count(key, known, message, stamp):
            namespace = reference.get("namespace", "default")
            made = an_event(happening, reference, message, stamp)
            path = f"/api/v1/namespaces/{namespace}/events"
            self._written[key] = _remembered(
                self._written, key, self._api.send("POST", path, body=made)
            )

    def _count(self, key: Words, known: JsonObject, message: str, stamp: str) -> bool:
        """Count an Event that is there; tell whether it is."""
        place = known["metadata"]
        path = f"/api/v1/namespaces/{place['namespace']}/events/{place['name']}"
        counted = {"count": known["count"] + 1, "lastTimestamp": stamp, "message": message}
        try:
            self._written[key] = self._api.send(
                "PATCH", path, body=counted, content_type=STRATEGIC_PATCH
            )
        except NotFoundError:
            del self._written[key]  # it has grown old
            return False
        return True

    def _correlated(self, happening: Happening, about: Words, now: float) -> tuple[str, Words]:
        """Return the message to write, and what tells it from others."""
        alike = (*about, happening.type, happening.reason)
        recent = self._recent.get(alike)
        before = recent.messages if recent and now - recent.since <= ALIKE_SECONDS else frozenset()
        messages = before | {happening.message}
        if len(messages) < ALIKE:
            message, key = happening.message, (*alike, happening.message)
        else:
            message, key = f"(combined from similar events): {happening.message}", alike
            messages = messages - {min(messages)}  # any one makes room for the next
        _remembered(self._recent, alike, Recent(now, messages))
        self._recent[alike] = Recent(now, messages)
        return message, key


def _remembered(memory: OrderedDict[Words, T], key: Words, value: T) -> T:
    """Return what is known under a key, or remember this; the oldest is forgotten."""
    found = memory.setdefault(key, value)
    memory.move_to_end(key)
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
    return found


# What tells one object from another.
IDENTITY = ("kind", "namespace", "name", "uid", "apiVersion")


def reference_to(obj: JsonObject) -> JsonObject:
    """Return what an Event says of the object it is about."""
    metadata = obj["metadata"]
    known = {
        "kind": obj["kind"],
        "namespace": metadata.get("namespace"),
        "name": metadata["name"],
        "uid": metadata["uid"],
        "apiVersion": obj["apiVersion"],
        "resourceVersion": metadata["resourceVersion"],
    }
    return {name: value for name, value in known.items() if value is not None}


def an_event(happening: Happening, reference: JsonObject, message: str, stamp: str) -> JsonObject:
    """Return an Event to create."""
    name = f"{reference['name']}.{time.time_ns():x}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": reference.get("namespace", "default")},
        "involvedObject": reference,
        "reason": happening.reason,
        "message": message,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": "",
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
        "type": happening.type,
    }
