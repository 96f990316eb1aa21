"""Metacontroller in the embedded cluster: every controller in one work queue, at virtual time."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.appliers import DynamicApply
from composite.simulate.clock import Agenda
from composite.simulate.controllers import Controller
from composite.simulate.errors import HookError, SyncError
from composite.simulate.hooks import Answer, Exchange, Hooks, ask
from composite.simulate.informers import Delivery, Informers
from composite.simulate.objects import Kind, Ref
from composite.simulate.store import Change
from composite.simulate.syncing import Backoff, Key, Syncer


class Watch(NamedTuple):
    """The watch of one kind: something is about to be heard."""

    kind: str

    def __str__(self) -> str:
        return f"the watch of {self.kind}"


class Metacontroller:
    """
    Every controller's work queue, from one start of the process to its end.

    Args:
        controllers: What there is to control.
        informers: The objects, as far as it has heard of them.
        hooks: Who answers.
        agenda: When to look again.
        record: Told every question with its answer.
        report: Told in a sentence what a parent's sync failed with.

    """

    name = "metacontroller"

    def __init__(
        self,
        controllers: tuple[Controller, ...],
        informers: Informers,
        hooks: Hooks,
        agenda: Agenda,
        record: Callable[[Exchange], None],
        report: Callable[[Ref, str], None],
    ) -> None:
        self.answers: dict[Key, list[JsonObject]] = {}
        self.informers = informers
        self._hooks = hooks
        self._agenda = agenda
        self._record = record
        self._report = report
        self._backoff = Backoff()
        self._syncers = {
            controller.name: Syncer(
                controller,
                informers,
                applier=DynamicApply(informers),
                clock=agenda.clock,
                ask=self._ask,
                watch=_known,
            )
            for controller in controllers
        }

    def notice(self, change: Change) -> Iterator[Key]:
        """Return the parents that have to be synced because of a change, once it is heard."""
        for heard in self.informers.send(change):
            yield from self._concerned(heard)
        self._listen(objects.kind_key(change.obj))

    def deliver(self, delivery: Delivery) -> Iterator[Key]:
        """Return the parents that have to be synced when changes come another way from now on."""
        for heard in self.informers.deliver(delivery):
            yield from self._concerned(heard)
        for kind in self.informers.kinds:
            self._agenda.forget(self, Watch(kind))
            self._listen(kind)

    def _concerned(self, heard: Change) -> Iterator[Key]:
        for name, syncer in self._syncers.items():
            for parent in syncer.notice(heard):
                yield Key(name, parent)

    def _listen(self, kind: str) -> None:
        """Come back when the next change of a kind is heard."""
        due = self.informers.due(kind)
        if due is not None:
            self._agenda.add_at(self, Watch(kind), due)

    def resync(self) -> Iterator[Key]:
        """Return every parent, as happens at a restart or after resyncPeriodSeconds."""
        for name, syncer in self._syncers.items():
            for parent in syncer.parents():
                yield Key(name, parent)

    def act(self, key: Key | Watch) -> None:
        """Sync one parent, or hear what a watch tells."""
        if isinstance(key, Watch):
            for heard in self.informers.hear(key.kind):
                for concerned in self._concerned(heard):
                    self._agenda.add(self, concerned)
            self._listen(key.kind)
        else:
            self._sync(key)

    def _sync(self, key: Key) -> None:
        """After a failure nothing more is changed, and it is tried again later."""
        parent = self.informers.get(key.parent)
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
            self._record(Exchange(seconds, path, body, None, str(failure)))
            raise
        self._record(Exchange(seconds, path, body, answer))
        return answer


def _known(_: Kind) -> None:
    """Every kind is known from the beginning."""
