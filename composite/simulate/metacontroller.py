"""Metacontroller in the embedded cluster: every controller in one work queue, at virtual time."""

from collections.abc import Callable, Iterator

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.appliers import DynamicApply
from composite.simulate.clock import Agenda
from composite.simulate.controllers import Controller
from composite.simulate.errors import HookError, SyncError
from composite.simulate.hooks import Answer, Exchange, Hooks, ask
from composite.simulate.objects import Kind, Ref
from composite.simulate.store import Change, Store
from composite.simulate.syncing import Backoff, Key, Syncer


class Metacontroller:
    """
    Every controller's work queue.

    Args:
        controllers: What there is to control.
        store: Where the objects are.
        hooks: Who answers.
        agenda: When to look again.
        report: Told in a sentence what a parent's sync failed with.

    """

    name = "metacontroller"

    def __init__(
        self,
        controllers: tuple[Controller, ...],
        store: Store,
        hooks: Hooks,
        agenda: Agenda,
        report: Callable[[Ref, str], None],
    ) -> None:
        self.exchanges: list[Exchange] = []
        self.answers: dict[Key, list[JsonObject]] = {}
        self._store = store
        self._hooks = hooks
        self._agenda = agenda
        self._report = report
        self._backoff = Backoff()
        self._syncers = {
            controller.name: Syncer(
                controller,
                store,
                applier=DynamicApply(store),
                clock=agenda.clock,
                ask=self._ask,
                watch=_known,
            )
            for controller in controllers
        }

    def notice(self, change: Change) -> Iterator[Key]:
        """Return the parents that have to be synced because of a change."""
        for name, syncer in self._syncers.items():
            for parent in syncer.notice(change):
                yield Key(name, parent)

    def resync(self) -> Iterator[Key]:
        """Return every parent, as happens at a restart or after resyncPeriodSeconds."""
        for name, syncer in self._syncers.items():
            for parent in syncer.parents():
                yield Key(name, parent)

    def act(self, key: Key) -> None:
        """Sync one parent; after a failure nothing more is changed, and it is tried again later."""
        parent = self._store.get(key.parent)
        if parent is None:
            self._backoff.forget(key)
            self.answers.pop(key, None)
            return

        def heard(answer: Answer) -> None:
            self.answers[key] = answer.children
            self._look_after(answer.resync_after_seconds, key)

        try:
            self._syncers[key.controller].sync(parent, heard)
        except SyncError as failure:
            self._report(key.parent, f"sync of {key.controller} failed: {failure}")
            self._look_after(self._backoff.after(key, failure), key)
        else:
            self._backoff.forget(key)

    def _look_after(self, seconds: float, key: Key) -> None:
        if seconds > 0:
            self._agenda.add_at(self, key, self._agenda.clock.seconds + seconds, cyclic=True)

    def _ask(self, path: str, body: JsonObject) -> JsonObject:
        seconds = self._agenda.clock.seconds
        try:
            answer = ask(self._hooks, path, objects.clone(body))  # as over the wire
        except HookError as failure:
            self.exchanges.append(Exchange(seconds, path, body, None, str(failure)))
            raise
        self.exchanges.append(Exchange(seconds, path, body, answer))
        return answer


def _known(_: Kind) -> None:
    """Every kind is known from the beginning."""
