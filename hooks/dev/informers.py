"""What was last heard of the objects of each kind: all there are, then each change."""

import logging
import random
from collections.abc import Callable
from threading import Event, Lock, RLock, Thread
from time import monotonic
from typing import NamedTuple

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.errors import ApiError, InvalidError
from composite.simulate.objects import Kind
from composite.simulate.store import Change
from hooks.dev.api import Api, Watch, refusal_of
from hooks.dev.discovery import collection

LOGGER = logging.getLogger("metakaito.dev")

Handler = Callable[[Change], None]
Place = tuple[str, str]

# client-go's: a watch lasts 5 to 10 minutes, a failed list is repeated after 0.8 to 30 s.
WATCH_SECONDS = 300
FIRST_PAUSE_SECONDS = 0.8
LAST_PAUSE_SECONDS = 30.0
# What ends sooner, without a failure or with 410, is not repeated at once.
SHORTEST_ROUND_SECONDS = 1.0
# How much longer than a watch lasts nothing may be heard of it.
SILENCE_SECONDS = 30

HTTP_GONE = 410

# Asks a watch to begin with all there is, as client-go does; older API servers refuse that.
# https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists
STREAM = {
    "resourceVersion": "",
    "resourceVersionMatch": "NotOlderThan",
    "sendInitialEvents": "true",
}
LIST_END = "k8s.io/initial-events-end"


class Informer:
    """
    The objects of one kind in the whole cluster, as last heard of, and who wants to hear more.

    Args:
        api: Whom to ask.
        kind: What to ask for.

    """

    def __init__(self, api: Api, kind: Kind) -> None:
        self.kind = kind
        self.synced = Event()
        self._api = api
        self._objects: dict[Place, JsonObject] = {}
        self._by_owner: dict[str, set[Place]] = {}
        self._handlers: list[Handler] = []
        self._lock = Lock()
        self._turn = RLock()
        self._stopped = Event()
        self._streams = True
        self._watch: Watch | None = None
        self._thread = Thread(target=self._run, name=f"watch {kind.plural}", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._stopped.set()
        if self._watch is not None:
            self._watch.stop()

    def get(self, namespace: str, name: str) -> JsonObject | None:
        """Return one object, or None."""
        return self._objects.get((namespace, name))

    def list_of(self, namespace: str = "") -> list[JsonObject]:
        """Return the objects, or those of a namespace, in the order of their names."""
        with self._lock:
            found = (
                sorted(
                    (place, obj)
                    for place, obj in self._objects.items()
                    if not namespace or place[0] == namespace
                )
                if namespace
                else sorted(self._objects.items(), key=_place)
            )
        return [obj for _, obj in found]

    def owned_by(self, uid: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects whose controller has a uid; none has the empty uid."""
        with self._lock:
            places = sorted(self._by_owner.get(uid, ()))
            return [
                self._objects[place] for place in places if not namespace or place[0] == namespace
            ]

    def add(self, handler: Handler) -> None:
        """Tell somebody of every change from now on."""
        with self._turn:
            self._handlers.append(handler)

    def remove(self, handler: Handler) -> None:
        """Tell somebody no more."""
        with self._turn:
            self._handlers.remove(handler)

    def _run(self) -> None:
        version: str | None = None
        pause = FIRST_PAUSE_SECONDS
        while not self._stopped.is_set():
            began = monotonic()
            try:
                if version is None and not self._streams:
                    version = self._list()
                version = self._listen(version)
                pause = FIRST_PAUSE_SECONDS
            except ApiError as failure:
                if self._stopped.is_set():
                    return
                if version is None and self._streams and isinstance(failure, InvalidError):
                    self._streams = False  # an older API server: list, then watch
                    continue
                version = None
                if failure.code != HTTP_GONE:
                    told = {"because": str(failure), "again_in_seconds": round(pause, 1)}
                    LOGGER.warning("cannot watch %s", self.kind.plural, extra={"fields": told})
                    self._stopped.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311  (a pause)
                    pause = min(pause * 2, LAST_PAUSE_SECONDS)
                    continue
            if monotonic() - began < SHORTEST_ROUND_SECONDS:
                self._stopped.wait(SHORTEST_ROUND_SECONDS)

    def _list(self) -> str:
        """Ask for all objects and return the version they are of."""
        answer = self._api.send("GET", collection(self.kind))
        kind = {"apiVersion": self.kind.api_version, "kind": self.kind.kind}
        self._replace({_place_of(obj): {**kind, **obj} for obj in answer.get("items") or ()})
        return str(answer["metadata"]["resourceVersion"])

    def _listen(self, version: str | None) -> str:
        """
        Follow the changes after a version until the watch ends; return the last version.

        Without one, the watch first sends all objects there are, and then says so.

        Raises:
            ApiError: The watch broke; with code 410, that version is forgotten.
            InvalidError: The API server cannot send what there is.

        """
        seconds = int(WATCH_SECONDS * random.uniform(1, 2))  # noqa: S311  (a duration)
        start = STREAM if version is None else {"resourceVersion": version}
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
            **start,
        }
        watch = self._watch = self._api.watch(
            collection(self.kind), query, seconds + SILENCE_SECONDS
        )
        if self._stopped.is_set():
            watch.stop()
        all_of_them: dict[Place, JsonObject] = {}
        for event in watch:
            obj, what = event["object"], event["type"]
            if what == "ERROR":
                raise refusal_of(obj, int(obj.get("code") or 500))
            if what == "BOOKMARK":
                if version is not None or _ends_the_list(obj):
                    if version is None:
                        self._replace(all_of_them)
                    version = _version(obj)
            elif version is None and what == "DELETED":
                all_of_them.pop(_place_of(obj), None)
            elif version is None:
                all_of_them[_place_of(obj)] = obj
            else:
                self._set(_place_of(obj), obj, gone=what == "DELETED")
                version = _version(obj)
        if version is None:
            raise ApiError("the watch ended before it had sent what there is", 0)
        return version

    def _replace(self, now: dict[Place, JsonObject]) -> None:
        """Take note of all objects there are, and tell what differs from what was known."""
        for place in [place for place in self._objects if place not in now]:
            self._set(place, None)
        for place, obj in now.items():
            self._set(place, obj)
        self.synced.set()

    def _set(self, place: Place, obj: JsonObject | None, *, gone: bool = False) -> None:
        """Take note of an object as it is, or that it is gone, and tell those who listen."""
        with self._turn:
            old = self._objects.get(place)
            new = None if gone else obj
            if old is new is None or (old and new and _version(old) == _version(new)):
                return
            with self._lock:
                self._keep(place, old, new)
            if new is None:
                change = Change(0, "DELETED", obj or old, None, "")
            else:
                change = Change(0, "ADDED" if old is None else "MODIFIED", old, new, "")
            for handler in tuple(self._handlers):
                handler(change)

    def _keep(self, place: Place, old: JsonObject | None, new: JsonObject | None) -> None:
        if old is not None:
            self._by_owner[_owner(old)].discard(place)
        if new is None:
            del self._objects[place]
        else:
            self._objects[place] = new
            self._by_owner.setdefault(_owner(new), set()).add(place)


class Shared(NamedTuple):
    """An informer, and how many use it."""

    informer: Informer
    users: int


class Informers:
    """The informers of a process: one for each kind, for as long as somebody uses it."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._shared: dict[str, Shared] = {}
        self._lock = Lock()

    def find(self, key: str) -> Informer | None:
        """Return the informer of a kind (``Kind.group/version``), if anybody uses one."""
        found = self._shared.get(key)
        return found.informer if found is not None else None

    def acquire(self, kind: Kind) -> Informer:
        """Return the informer of a kind, started if need be."""
        with self._lock:
            found = self._shared.get(kind.key)
            informer = found.informer if found is not None else Informer(self._api, kind)
            self._shared[kind.key] = Shared(informer, 1 + (found.users if found else 0))
            if found is None:
                informer.start()
            return informer

    def release(self, kind: Kind) -> None:
        """Use the informer of a kind no more."""
        with self._lock:
            informer, users = self._shared[kind.key]
            if users > 1:
                self._shared[kind.key] = Shared(informer, users - 1)
                return
            del self._shared[kind.key]
        informer.stop()

    def stop(self) -> None:
        """Stop all of them."""
        with self._lock:
            for informer, _ in self._shared.values():
                informer.stop()


def _place(item: tuple[Place, JsonObject]) -> Place:
    return item[0]


def _ends_the_list(bookmark: JsonObject) -> bool:
    annotations = bookmark["metadata"].get("annotations") or {}
    return annotations.get(LIST_END) == "true"


def _version(obj: JsonObject) -> str:
    return str(obj["metadata"]["resourceVersion"])


def _place_of(obj: JsonObject) -> Place:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _owner(obj: JsonObject) -> str:
    """Return the uid of the object's controller; empty if it has none."""
    owner = objects.controller_of(obj)
    return str(owner["uid"]) if owner is not None else ""
