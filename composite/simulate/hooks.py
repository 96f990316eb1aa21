"""Asking a hook, and reading its answer as strictly as Metacontroller does (hook version v2)."""

from typing import NamedTuple, Protocol, TypeVar

from composite.models import JsonObject
from composite.simulate.controllers import Style
from composite.simulate.errors import HookError, MetacontrollerCrash

T = TypeVar("T")

ANSWER_FIELDS = {
    Style.COMPOSITE: frozenset({"status", "children", "resyncAfterSeconds", "finalized"}),
    Style.DECORATOR: frozenset(
        {"labels", "annotations", "status", "attachments", "resyncAfterSeconds", "finalized"}
    ),
}
CHILDREN_FIELD = {Style.COMPOSITE: "children", Style.DECORATOR: "attachments"}


class Hooks(Protocol):
    """Whoever answers: our functions in process, or a server behind HTTP."""

    def call(self, path: str, body: JsonObject) -> JsonObject:
        """
        Return the answer to one request.

        Raises:
            HookError: The answer is anything but HTTP 200.

        """
        ...


class Exchange(NamedTuple):
    """One question and its answer; ``response`` is None where the hook failed with ``error``."""

    seconds: float
    path: str
    request: JsonObject
    response: JsonObject | None
    error: str | None = None


class Answer(NamedTuple):
    """What a sync hook wants. ``status`` None: absent or null."""

    children: list[JsonObject]
    status: JsonObject | None
    resync_after_seconds: float
    labels: dict[str, str | None]
    annotations: dict[str, str | None]


# What Metacontroller says of an answer it cannot use, with the type of the hook.
UNREADABLE = "can't unmarshal webhookResponse (version: v2, type: {}): {}"
UNKNOWN = (
    "strict validation failed for v2 webhookResponse (type: {}, mode: strict): unknown field {}"
)


def ask(hooks: Hooks, path: str, body: JsonObject) -> JsonObject:
    """
    Return a hook's answer.

    Raises:
        HookError: The hook failed, or answered with something that is no object.

    """
    answer = hooks.call(path, body)
    if not isinstance(answer, dict):
        kind = path.rpartition("/")[2]
        raise unreadable(kind, f"it is {type(answer).__name__} and no object")
    return answer


def unreadable(kind: str, reason: str) -> HookError:
    """Return what is wrong with the answer of a sync or customize hook."""
    return HookError(UNREADABLE.format(kind, reason), 200)


def require_known(kind: str, answer: JsonObject, fields: frozenset[str]) -> None:
    """
    Look for fields that nobody knows.

    Raises:
        HookError: There is one.

    """
    unknown = sorted(set(answer) - fields)
    if unknown:
        raise HookError(UNKNOWN.format(kind, f'"{unknown[0]}"'), 200)


def read_answer(style: Style, answer: JsonObject) -> Answer:
    """
    Return the answer of a sync hook, strictly read.

    Children that are missing, null or [] all mean: none is wanted, delete what there is.

    Raises:
        HookError: A field is unknown or of the wrong type, or a child has no kind or name.
        MetacontrollerCrash: A child is null.

    """
    require_known("sync", answer, ANSWER_FIELDS[style])
    field = CHILDREN_FIELD[style]
    children = _typed(answer, field, list) or []
    for number, child in enumerate(children):
        _require_child(f"{field}[{number}]", child)
    resync = answer.get("resyncAfterSeconds")
    if resync is not None and (isinstance(resync, bool) or not isinstance(resync, int | float)):
        raise unreadable("sync", "resyncAfterSeconds is not a number")
    return Answer(
        children=children,
        status=_typed(answer, "status", dict),
        resync_after_seconds=resync or 0,
        labels=_typed(answer, "labels", dict) or {},
        annotations=_typed(answer, "annotations", dict) or {},
    )


def _typed(answer: JsonObject, field: str, kind: type[T]) -> T | None:
    value = answer.get(field)
    if value is not None and not isinstance(value, kind):
        raise unreadable("sync", f"{field} is not {kind.__name__}")
    return value


def _require_child(place: str, child: object) -> None:
    if child is None:
        raise MetacontrollerCrash(
            f"{place} is null: Metacontroller dereferences it, exits, and after a restart meets "
            "the same answer again; no controller works any more"
        )
    if not isinstance(child, dict) or not child.get("kind"):
        raise unreadable("sync", f"{place}: Object 'Kind' is missing")
    if not child.get("apiVersion"):
        raise unreadable("sync", f"{place}: Object 'apiVersion' is missing")
    metadata = child.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise unreadable("sync", f"{place}: metadata.name: Required value: name is required")
