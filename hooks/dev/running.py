"""One controller that runs: its queue, its workers, and what they are told."""

import logging
import time
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import NamedTuple

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.appliers import Applier
from composite.simulate.errors import (
    HookError,
    NotSyncedError,
    SyncError,
    TooManyRequestsError,
)
from composite.simulate.hooks import Answer, ask
from composite.simulate.objects import NAMESPACE, Kind, Ref
from composite.simulate.store import Change
from composite.simulate.syncing import Backoff, Key, Syncer
from hooks.dev.controllers import Told
from hooks.dev.events import Recorder
from hooks.dev.informers import Informers
from hooks.dev.queueing import WorkQueue
from hooks.dev.recording import Recording
from hooks.dev.store import ApiStore, on_behalf_of
from hooks.dev.webhooks import Webhooks

LOGGER = logging.getLogger("metakaito.dev")

# Metacontroller's --cache-flush-interval: every parent is looked at again after it at the latest.
RESYNC_SECONDS = 30 * 60.0


class Monotonic:
    """The time that passes."""

    @property
    def seconds(self) -> float:
        """Return how much has passed, from any beginning."""
        return time.monotonic()


class Surroundings(NamedTuple):
    """What all controllers share."""

    store: ApiStore
    informers: Informers
    recorder: Recorder
    applier: Applier
    workers: int
    recording: Recording | None


class Running:
    """
    One controller at work.

    Args:
        obj: Its object.
        told: What that says.
        around: What all controllers share.
        ready: Called once everything it looks at is known.

    """

    def __init__(
        self, obj: JsonObject, told: Told, around: Surroundings, ready: Callable[[], None]
    ) -> None:
        self.obj = obj
        self.is_ready = False
        self._told = told
        self._around = around
        self._ready = ready
        self._queue: WorkQueue[Ref] = WorkQueue()
        self._backoff = Backoff()
        self._webhooks = Webhooks(told.webhooks, around.workers)
        self._syncer = Syncer(
            told.controller,
            around.store,
            applier=around.applier,
            clock=Monotonic(),
            ask=self._ask,
            watch=self._watch,
        )
        self._stopped = Event()
        self._watching: dict[str, Kind] = {}
        self._lock = Lock()
        self._thread = Thread(target=self._run, name=self.name)

    @property
    def name(self) -> str:
        """The controller's name."""
        return self._told.controller.name

    def start(self) -> None:
        """Listen to everything it looks at, then work."""
        controller = self._told.controller
        # Metacontroller has Namespaces at hand for a namespaceSelector, even without one.
        self._around.informers.acquire(NAMESPACE)
        for kind in (controller.parent, *(rule.kind for rule in controller.children)):
            self._listen(kind)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being done and listen no more."""
        self._stopped.set()
        self._queue.shut_down()
        self._thread.join()
        with self._lock:
            for kind in self._watching.values():
                informer = self._around.informers.find(kind.key)
                if informer is not None:
                    informer.remove(self._notice)
                self._around.informers.release(kind)
            self._watching.clear()
        self._around.informers.release(NAMESPACE)
        self._webhooks.close()

    def _run(self) -> None:
        """Wait until everything is known, then let workers work and add all parents at times."""
        for kind in list(self._watching.values()):
            informer = self._around.informers.find(kind.key)
            while informer is not None and not informer.synced.wait(0.1):
                if self._stopped.is_set():
                    return
        self.is_ready = True
        self._ready()
        workers = [
            Thread(target=self._work, name=f"{self.name} {number}")
            for number in range(self._around.workers)
        ]
        for worker in workers:
            worker.start()
        period = min(self._told.resync_seconds or RESYNC_SECONDS, RESYNC_SECONDS)
        while True:
            for parent in self._syncer.parents():
                self._queue.add(parent)
            if self._stopped.wait(period):
                break
        for worker in workers:
            worker.join()

    def _work(self) -> None:
        while (ref := self._queue.get()) is not None:
            try:
                self._sync(ref)
            finally:
                self._queue.done(ref)

    def _sync(self, ref: Ref) -> None:
        key = Key(self.name, ref)
        parent = self._around.store.get(ref)
        if parent is None:
            self._backoff.forget(key)
            return

        def heard(answer: Answer) -> None:
            if answer.resync_after_seconds > 0:
                self._queue.add_after(ref, answer.resync_after_seconds)

        try:
            with on_behalf_of(self.name, ref):
                self._syncer.sync(parent, heard)
        except SyncError as failure:
            seconds = self._backoff.after(key, failure)
            self._queue.add_after(ref, seconds)
            if not isinstance(failure, NotSyncedError):
                self._tell(parent, failure, seconds)
        else:
            self._backoff.forget(key)

    def _tell(self, parent: JsonObject, failure: SyncError, seconds: float) -> None:
        """Say that a sync failed: here, and to whoever looks at the parent."""
        reason = f"{failure.during}{failure}"
        told = {"controller": self.name, "because": reason, "again_in_seconds": round(seconds, 3)}
        LOGGER.warning("failed %s", objects.ref_of(parent), extra={"fields": told})
        if not isinstance(failure, TooManyRequestsError):
            self._around.recorder.record(parent, "Warning", "SyncError", f"Sync error: {reason}")

    def _ask(self, path: str, body: JsonObject) -> JsonObject:
        recording = self._around.recording
        try:
            answer = ask(self._webhooks, path, body)
        except (HookError, TooManyRequestsError) as failure:
            if recording is not None:
                recording.write(path, body, None, str(failure))
            raise
        if recording is not None:
            recording.write(path, body, answer, None)
        return answer

    def _notice(self, change: Change) -> None:
        for parent in self._syncer.notice(change):
            self._queue.add(parent)

    def _listen(self, kind: Kind) -> None:
        """Hear of the objects of a kind from now on."""
        with self._lock:
            if kind.key in self._watching or self._stopped.is_set():
                return
            self._watching[kind.key] = kind
            self._around.informers.acquire(kind).add(self._notice)

    def _watch(self, kind: Kind) -> None:
        """
        Have the objects of a kind known.

        Raises:
            NotSyncedError: They are not yet.

        """
        self._listen(kind)
        informer = self._around.informers.find(kind.key)
        if informer is None or not informer.synced.is_set():
            raise NotSyncedError(f"{kind.plural} are not known yet")
