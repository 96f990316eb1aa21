"""What happened, told one change at a time."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.apply import LAST_APPLIED
from composite.simulate.clock import Clock
from composite.simulate.columns import columns
from composite.simulate.store import Change

# Told elsewhere, or noise.
SILENT_FIELDS = frozenset(
    {
        "conditions",
        "containerStatuses",
        "initContainerStatuses",
        "resourceVersion",
        "generation",
        "uid",
        "observedGeneration",
        LAST_APPLIED,
    }
)
SILENT_ENDINGS = ("Time", "Timestamp", "startedAt", "finishedAt")
MAX_DETAILS = 12


class Entry(NamedTuple):
    """
    One line of the story.

    ``what`` is created, updated, terminating, deleted or failed; ``details`` says what changed.
    ``columns`` is what ``kubectl get workspaces -o wide`` shows from then on, for a Workspace.
    """

    seconds: float
    who: str
    what: str
    about: str
    details: tuple[str, ...] = ()
    columns: dict[str, str] | None = None

    def to_json(self) -> JsonObject:
        """Return the entry without what it does not have."""
        fields = {**self._asdict(), "details": list(self.details)}
        return {key: value for key, value in fields.items() if value not in (None, [])}


def entry(change: Change, clock: Clock) -> Entry:
    """Return what a change is in words."""
    old, new = change.old, change.new
    what = {"ADDED": "created", "MODIFIED": "updated", "DELETED": "deleted"}[change.type]
    if old and new and objects.is_terminating(new) and not objects.is_terminating(old):
        what = "terminating"
    shown = None
    if new is not None and objects.kind_key(new) == names.WORKSPACES:
        shown = columns(new, clock.now, wide=True)
    details = tuple(_details(old, new)) if new is not None else ()
    return Entry(
        seconds=clock.seconds,
        who=change.manager,
        what=what,
        about=str(objects.ref_of(change.obj)),
        details=details,
        columns=shown,
    )


def _details(old: JsonObject | None, new: JsonObject) -> Iterator[str]:
    """Return the conditions that changed, then what else did."""
    yield from _conditions(old or {}, new)
    yield from _containers(old or {}, new)
    if old is None:
        return
    changed = [line for key in {**old, **new} for line in _compare(key, old.get(key), new.get(key))]
    yield from changed[:MAX_DETAILS]
    if len(changed) > MAX_DETAILS:
        yield f"and {len(changed) - MAX_DETAILS} fields more"


def _conditions(old: JsonObject, new: JsonObject) -> Iterator[str]:
    for condition in objects.status_of(new).get("conditions") or ():
        before = objects.condition_of(old, condition["type"]) or {}
        fields = ("status", "reason", "message")
        if any(condition.get(field) != before.get(field) for field in fields):
            yield condition_text(condition)


def _containers(old: JsonObject, new: JsonObject) -> Iterator[str]:
    """Return each container of a Pod whose state is another one."""
    for field in ("initContainerStatuses", "containerStatuses"):
        before = {item["name"]: item for item in objects.status_of(old).get(field) or ()}
        for container in objects.status_of(new).get(field) or ():
            text = container_text(container)
            known = before.get(container["name"])
            if known is None or container_text(known) != text:
                yield f"container {container['name']}: {text}"


def container_text(status: JsonObject) -> str:
    """Return a container's state in one line: ``CrashLoopBackOff back-off 10s, 2 restarts``."""
    ((state, cause),) = status["state"].items()
    said = cause.get("message", "").splitlines()[-1:]  # of a log its last line
    text = " ".join((cause.get("reason") or state, *said))
    if status["ready"] and state == "running":
        text = "ready"
    restarts = status["restartCount"]
    return f"{text}, {restarts} restarts" if restarts else text


def condition_text(condition: JsonObject) -> str:
    """Return a condition in one line: ``Ready=False NotYet: because``."""
    cause = ": ".join(condition[key] for key in ("reason", "message") if condition.get(key))
    return f"{condition['type']}={condition['status']} {cause}".rstrip()


def _compare(path: str, old: Any, new: Any) -> Iterator[str]:  # noqa: ANN401  (JSON)
    """Return ``path: before → after`` for every leaf that differs."""
    if old == new:
        return
    left, right = _as_map(old), _as_map(new)
    if left is None or right is None:
        yield f"{path}: {_text(old)} → {_text(new)}"
        return
    if isinstance(new, list):
        yield from (f"{path}: + {name}" for name in right if name not in left)
        yield from (f"{path}: - {name}" for name in left if name not in right)
        left = {name: item for name, item in left.items() if name in right}
        right = {name: item for name, item in right.items() if name in left}
    for key in {**left, **right}:
        if key not in SILENT_FIELDS and not key.endswith(SILENT_ENDINGS):
            yield from _compare(f"{path}.{key}", left.get(key), right.get(key))


def _as_map(value: Any) -> JsonObject | None:  # noqa: ANN401  (JSON)
    """Return what can be compared field by field: an object, or a list of things with a name."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value):
        return {str(item["name"]): item for item in value}
    return None


def _text(value: Any) -> str:  # noqa: ANN401  (JSON)
    if value is None:
        return "none"
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return str(value) if not isinstance(value, dict) else "{...}"
