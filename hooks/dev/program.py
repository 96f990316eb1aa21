"""All controllers: started, changed and stopped as their objects are."""

import logging
import threading
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread
from typing import NamedTuple

from composite.models import JsonObject
from composite.simulate import objects, selectors
from composite.simulate.appliers import Applier, DynamicApply, ServerSideApply
from composite.simulate.controllers import GROUP, Style
from composite.simulate.errors import SyncError
from composite.simulate.objects import Kind, Ref
from composite.simulate.store import Change
from composite.simulate.syncing import Backoff, Key
from hooks.dev.api import Api
from hooks.dev.controllers import read_controller
from hooks.dev.discovery import Discovery
from hooks.dev.events import Recorder
from hooks.dev.informers import Informer, Informers
from hooks.dev.queueing import WorkQueue
from hooks.dev.recording import Recording
from hooks.dev.running import Running, Surroundings
from hooks.dev.store import ApiStore
from hooks.dev.webhooks import UnusableError

LOGGER = logging.getLogger("metakaito.dev")

VERSION = f"{GROUP}/v1alpha1"
COMPOSITES = Kind(VERSION, Style.COMPOSITE.value, "compositecontrollers", namespaced=False)
DECORATORS = Kind(VERSION, Style.DECORATOR.value, "decoratorcontrollers", namespaced=False)
# Metacontroller's own, for rolling updates: it is not ready before it knows them.
REVISIONS = Kind(VERSION, "ControllerRevision", "controllerrevisions")
OWN_KINDS = (COMPOSITES, DECORATORS, REVISIONS)
CRDS = Kind(
    "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions",
    namespaced=False,
)  # fmt: skip
SECRETS = Kind("v1", "Secret", "secrets")


class Options(NamedTuple):
    """What the program is told."""

    server_side_apply: bool
    field_manager: str
    target_labels: JsonObject
    workers: int
    recording: Recording | None


class Program:
    """
    Metacontroller, as far as it is played.

    Args:
        api: The API server.
        options: What it is told.

    """

    def __init__(self, api: Api, options: Options) -> None:
        self._api = api
        self._options = options
        self._discovery = Discovery(api)
        self._informers = Informers(api)
        self._recorder = Recorder(api)
        store = ApiStore(
            api, self._discovery, self._informers, "metacontroller", options.field_manager
        )
        applier: Applier = (
            ServerSideApply(store) if options.server_side_apply else DynamicApply(store)
        )
        self._around = Surroundings(
            store=store,
            informers=self._informers,
            recorder=self._recorder,
            applier=applier,
            workers=options.workers,
            recording=options.recording,
        )
        self._queue: WorkQueue[Ref] = WorkQueue()
        self._backoff = Backoff()
        self._running: dict[Ref, Running] = {}
        self._lock = Lock()
        self._was_ready = False
        # A queue, for a signal may come while this very thread holds the lock of an Event.
        self._endings: SimpleQueue[BaseException | None] = SimpleQueue()
        self._ended = False
        self._thread = Thread(target=self._work, name="controllers")
        self._hearing = Thread(target=self._hear, name="own kinds")

    @property
    def is_ready(self) -> bool:
        """Whether every controller that is meant is known and runs, and there is one."""
        own = [self._informers.find(kind.key) for kind in OWN_KINDS]
        if not all(informer is not None and informer.synced.is_set() for informer in own):
            return False
        wanted = {
            objects.ref_of(obj)
            for kind in (COMPOSITES, DECORATORS)
            for obj in self._around.store.list_of(kind.key)
            if self._is_meant(obj)
        }
        running = {ref for ref, each in list(self._running.items()) if each.is_ready}
        return bool(wanted) and wanted <= running

    def run(self) -> None:
        """
        Play until :meth:`end` is called.

        Raises:
            MetacontrollerCrash: The answer of a hook would end the Metacontroller process.

        """
        usual, threading.excepthook = threading.excepthook, self._fail
        try:
            self._begin()
            failure = self._endings.get()
            self._finish()
        finally:
            threading.excepthook = usual
        if failure is not None:
            raise failure

    def end(self) -> None:
        """Stop, once what is being done is finished."""
        self._endings.put(None)

    def _begin(self) -> None:
        self._recorder.start()
        for kind in (COMPOSITES, DECORATORS):
            informer = self._informers.acquire(kind)
            informer.add(self._notice)
            for obj in informer.list_of():  # heard of before anybody listened
                self._notice(Change(0, "ADDED", None, obj, ""))
        self._informers.acquire(REVISIONS)
        self._thread.start()
        self._hearing.start()

    def _finish(self) -> None:
        self._ended = True
        LOGGER.info("stopping")
        self._queue.shut_down()
        self._thread.join()
        self._hearing.join()
        for controller in self._running.values():
            controller.stop()
        self._informers.stop()
        self._recorder.stop()

    def _fail(self, told: threading.ExceptHookArgs) -> None:
        """End because of what no thread survives: a crash, or a mistake of ours."""
        self._endings.put(told.exc_value)

    def _is_meant(self, obj: JsonObject) -> bool:
        return selectors.matches_labels(self._options.target_labels, objects.labels_of(obj))

    def _notice(self, change: Change) -> None:
        if self._is_meant(change.obj):
            self._queue.add(objects.ref_of(change.obj))

    def _hear(self) -> None:
        """Look once its own kinds are known: controllers may run before all of them are."""
        with suppress(UnusableError):  # it ends before that
            for kind in OWN_KINDS:
                self._cached(kind)
            self._look()

    def _work(self) -> None:
        while (ref := self._queue.get()) is not None:
            try:
                self._reconcile(ref)
            finally:
                self._queue.done(ref)

    def _reconcile(self, ref: Ref) -> None:
        """Have a controller run as its object says, or try again later."""
        key = Key("controllers", ref)
        obj = self._around.store.get(ref)
        try:
            if obj is None:
                self._stop(ref, None)
            elif ref.kind == DECORATORS.key or self._has_status(obj):
                self._start(ref, obj)
        except SyncError as failure:
            seconds = self._backoff.after(key, failure)
            self._queue.add_after(ref, seconds)
            told = {"because": str(failure), "again_in_seconds": round(seconds, 3)}
            LOGGER.warning("cannot run %s", ref, extra={"fields": told})
        else:
            self._backoff.forget(key)
        self._look()

    def _start(self, ref: Ref, obj: JsonObject) -> None:
        running = self._running.get(ref)
        if running is not None:
            if objects.same(running.obj["spec"], obj["spec"]):
                return
            self._stop(ref, obj)
        try:
            told = read_controller(obj, self._discovery, self._secret)
        except SyncError as failure:
            self._event(obj, "CreateError", f"Cannot create new controller: {failure}", "Warning")
            raise
        name = ref.name
        controller = self._running[ref] = Running(obj, told, self._around, self._look)
        LOGGER.info("starting %s", ref)
        self._event(obj, "Starting", f"Starting controller: {name}")
        controller.start()
        self._event(obj, "Started", f"Started controller: {name}")

    def _stop(self, ref: Ref, obj: JsonObject | None) -> None:
        running = self._running.pop(ref, None)
        if running is None:
            return
        running.stop()
        self._event(running.obj, "Stopping", f"Stopping controller: {ref.name}")
        self._event(obj or running.obj, "Stopped", f"Stopped controller: {ref.name}")
        LOGGER.info("stopped %s", ref)

    def _has_status(self, obj: JsonObject) -> bool:
        """
        Tell whether the parent's kind is a custom one whose status can be written.

        Raises:
            UnusableError: It is no custom one.

        """
        rule = obj["spec"]["parentResource"]
        group, _, version = rule["apiVersion"].rpartition("/")
        name = f"{rule['resource']}.{group}"
        crd = self._cached(CRDS).get("", name)
        if crd is None:
            raise UnusableError(f'CustomResourceDefinition.apiextensions.k8s.io "{name}" not found')
        found = any(
            served["name"] == version and "status" in (served.get("subresources") or {})
            for served in crd["spec"]["versions"]
        )
        if not found:
            reason = f"[{obj['metadata']['name']}] Sync error - ignoring, CRD [{name}] "
            reason += "does not have subresource 'Status' enabled"
            self._event(obj, "SyncError", reason, "Warning")
            LOGGER.warning("ignored %s: %s", objects.ref_of(obj), reason)
        return found

    def _secret(self, namespace: str, name: str) -> JsonObject:
        """Return a Secret; Metacontroller reads it from a list of all that there are."""
        found = self._cached(SECRETS).get(namespace, name)
        if found is None:
            raise UnusableError(
                f'can\'t get authorization secret {namespace}/{name}: Secret "{name}" not found'
            )
        return found

    def _cached(self, kind: Kind) -> Informer:
        """Return what is heard of a kind from the first need on, once it is known."""
        informer = self._informers.find(kind.key) or self._informers.acquire(kind)
        while not informer.synced.wait(0.1):
            if self._ended:
                raise UnusableError("stopping")
        return informer

    def _event(self, obj: JsonObject, reason: str, message: str, kind: str = "Normal") -> None:
        self._recorder.record(obj, "Warning" if kind == "Warning" else "Normal", reason, message)

    def _look(self) -> None:
        """Say when every controller runs, each time anew."""
        with self._lock:
            ready = self.is_ready
            if ready and not self._was_ready:
                names = ", ".join(sorted(ref.name for ref in list(self._running)))
                LOGGER.info("ready: %s", names)
            self._was_ready = ready
