"""Asking a hook, and reading its answer as strictly as Metacontroller does (hook version v2)."""

from typing import NamedTuple, Protocol, TypeVar

from composite.models import JsonObject
from composite.simulate.controllers import Style
from composite.simulate.errors import HookError, MetacontrollerCrash
from composite.simulate.objects import clone

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


def ask(hooks: Hooks, path: str, body: JsonObject) -> JsonObject:
    """
    Return a hook's answer; the hook gets a copy, as it would over the wire.

    Raises:
        HookError: The hook failed, or answered with something that is no object.

    """
    answer = hooks.call(path, clone(body))
    if not isinstance(answer, dict):
        raise HookError(f"{path}: cannot unmarshal {type(answer).__name__} into an answer", 200)
    return answer


def read_answer(style: Style, path: str, answer: JsonObject) -> Answer:
    """
    Return the answer of a sync hook, strictly read.

    Children that are missing, null or [] all mean: none is wanted, delete what there is.

    Raises:
        HookError: A field is unknown or of the wrong type, or a child has no kind or name.
        MetacontrollerCrash: A child is null.

    """
    unknown = sorted(set(answer) - ANSWER_FIELDS[style])
    if unknown:
        raise HookError(f'{path}: strict validation failed: unknown field "{unknown[0]}"', 200)
    field = CHILDREN_FIELD[style]
    children = _typed(path, answer, field, list) or []
    for number, child in enumerate(children):
        _require_child(path, f"{field}[{number}]", child)
    resync = answer.get("resyncAfterSeconds")
    if resync is not None and (isinstance(resync, bool) or not isinstance(resync, int | float)):
        raise HookError(f"{path}: resyncAfterSeconds is not a number", 200)
    return Answer(
        children=children,
        status=_typed(path, answer, "status", dict),
        resync_after_seconds=resync or 0,
        labels=_typed(path, answer, "labels", dict) or {},
        annotations=_typed(path, answer, "annotations", dict) or {},
    )


def _typed(path: str, answer: JsonObject, field: str, kind: type[T]) -> T | None:
    value = answer.get(field)
    if value is not None and not isinstance(value, kind):
        raise HookError(f"{path}: {field} is not {kind.__name__}", 200)
    return value


def _require_child(path: str, place: str, child: object) -> None:
    if child is None:
        raise MetacontrollerCrash(
            f"{path}: {place} is null: Metacontroller dereferences it, exits, and after a restart "
            "meets the same answer again; no controller works any more"
        )
    if not isinstance(child, dict) or not child.get("kind"):
        raise HookError(f"{path}: {place}: Object 'Kind' is missing", 200)
    if not child.get("apiVersion"):
        raise HookError(f"{path}: {place}: Object 'apiVersion' is missing", 200)
    metadata = child.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise HookError(f"{path}: {place}: metadata.name: Required value: name is required", 200)
