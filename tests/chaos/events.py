"""What happens in a story: values that print as they are written, each with when it happens."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from composite.catalog import Provisioner
from composite.simulate.informers import Upset

Json = dict[str, Any]


class Apply(NamedTuple):
    """The user creates an object or replaces what is there."""

    after: float
    obj: Json


class Patch(NamedTuple):
    """Somebody edits the n-th object of a kind, counted round; a merge patch."""

    after: float
    kind: str
    nth: int
    patch: Json


class Delete(NamedTuple):
    """Somebody deletes the n-th object of a kind, counted round."""

    after: float
    kind: str
    nth: int


class Recreate(NamedTuple):
    """The user deletes a Workspace and creates it anew some seconds later."""

    after: float
    name: str
    gap: float


class NodeReady(NamedTuple):
    """A Node stops or begins to report that it is Ready."""

    after: float
    nth: int
    ready: bool


class HooksFail(NamedTuple):
    """The hooks answer nothing but 500 for a while; or they are restarted, which is the same."""

    after: float
    seconds: float


class HooksClock(NamedTuple):
    """The clock of the hooks is so many seconds beside everybody else's from now on."""

    after: float
    seconds: float


class Watches(NamedTuple):
    """
    Changes come to Metacontroller so late for a while, by kind; of kinds in ``cut`` none do.

    Then it hears of everything at once; of the latter only what has become of each object.
    """

    after: float
    seconds: float
    lags: Mapping[str, float]
    cut: tuple[str, ...] = ()


class Writes(NamedTuple):
    """This befalls one of the next writes of Metacontroller's."""

    after: float
    skipped: int
    upset: Upset

    def __repr__(self) -> str:
        """Return it as it is written; an enumeration's own form is no Python."""
        return f"Writes(after={self.after}, skipped={self.skipped}, upset={code_of(self.upset)})"


class Restart(NamedTuple):
    """Metacontroller ends, and starts some seconds later."""

    after: float
    seconds: float


class RestartProvisioner(NamedTuple):
    """The provisioner forgets how far it was."""

    after: float


class Resync(NamedTuple):
    """Every parent is heard of again, as if something had changed."""

    after: float


Event = (
    Apply
    | Patch
    | Delete
    | Recreate
    | NodeReady
    | HooksFail
    | HooksClock
    | Watches
    | Writes
    | Restart
    | RestartProvisioner
    | Resync
)


def kind_of_event(event: Event) -> str:
    """Return what the table calls it."""
    if isinstance(event, Patch | Delete):
        what = "edited" if isinstance(event, Patch) else "deleted"
        return f"{event.kind.partition('.')[0]} {what}"
    if isinstance(event, Apply):
        return f"{event.obj['kind']} applied"
    return type(event).__name__


class Story(NamedTuple):
    """
    What there is at first, how long things take and what goes wrong, and what happens then.

    ``after`` of an event counts from the event before it, in seconds.
    """

    given: tuple[Json, ...]
    events: tuple[Event, ...]
    delays: Mapping[str, float] = {}
    faults: Mapping[str, Any] = {}
    provisioner: Provisioner = Provisioner.MACHINE

    def __repr__(self) -> str:
        """Return it as it would stand in a test, an object or event a line."""
        parts = {
            "given": lines_of(self.given),
            "events": lines_of(self.events),
            "delays": repr(self.delays),
            "faults": repr(self.faults),
            "provisioner": code_of(self.provisioner),
        }
        return "\n".join(("Story(", *(f"    {name}={part}," for name, part in parts.items()), ")"))


def code_of(member: Enum) -> str:
    """Return a member of an enumeration as it is written."""
    return f"{type(member).__name__}.{member.name}"


def lines_of(items: tuple[object, ...]) -> str:
    """Return a tuple as it is written inside a call, an item a line."""
    inside = "".join(f"        {item!r},\n" for item in items)
    return f"(\n{inside}    )" if items else "()"
