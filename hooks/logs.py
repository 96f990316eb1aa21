"""
Lines for people and log collectors: one for each answer, on standard output.

A line names objects and never quotes them: no Secret, no manifest, no value a user wrote.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import ValidationError

from composite import desired, machines, workspace
from composite.metacontroller import DecoratorResponse, ObjectMap
from composite.models import JsonObject, Unreadable

LOGGER = logging.getLogger("metakaito")

# A namespace can make a thousand Machines in one answer; a line that names some is enough.
MOST_NAMES = 20
MOST_CHARACTERS = 300

LEVELS = {
    "malformed": logging.WARNING,
    "unauthorized": logging.WARNING,
    "unplannable": logging.WARNING,
    "error": logging.ERROR,
}

# Pydantic's words for what is wrong, in those of JSON.
WORDS = {
    "missing": "is missing",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "tuple_type": "must be a list",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
}

# What a refusal begins with; see composite.refusal.
_FIELD = re.compile(r"^([a-z][\w./\[\]-]*): ")


def configure(level: str, form: Literal["json", "text"]) -> None:
    """Send everything that is logged in this process to standard output, in one form."""
    # None of our lines says which thread or process wrote it, so that nobody need find out.
    # https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def log_answer(
    hook: str, seconds: float, request_id: str, known: JsonObject, error: Exception | None
) -> None:
    """Write the line of one request: who asked what, what became of it, and how long it took."""
    LOGGER.log(
        LEVELS.get(known["outcome"], logging.INFO),
        "%s %s",
        hook,
        known["outcome"],
        exc_info=error,
        extra={
            "fields": {
                "hook": hook,
                **known,
                "milliseconds": round(seconds * 1000, 2),
                "id": request_id,
            }
        },
    )


class JsonLines(logging.Formatter):
    """One JSON object on each line: time, level, logger, message, and what the caller adds."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = describe(record.exc_info[1])
        return _json(line)


class TextLines(logging.Formatter):
    """``time LEVEL message key=value ...``, and a traceback below it where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        words = [moment(record), record.levelname, record.getMessage()]
        words += [f"{key}={_shown(value)}" for key, value in fields(record).items()]
        text = " ".join(words)
        if record.exc_info and record.exc_info[1] is not None:
            text += "\n" + describe(record.exc_info[1])
        return text


def _shown(value: object) -> str:
    if isinstance(value, str) and value.isprintable() and not re.search(r'[\s"=]|^$', value):
        return value
    return _json(value)


_READABLE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=str)
_ASCII = json.JSONEncoder(separators=(",", ":"), default=str)


def _json(value: object) -> str:
    """Write JSON as it is read best, and in ASCII where a terminal would take it for commands."""
    text = _READABLE.encode(value)
    return text if text.isprintable() else _ASCII.encode(value)


def fields(record: logging.LogRecord) -> JsonObject:
    """Return what was passed as ``extra={"fields": {...}}``, without what is not known."""
    known: JsonObject = getattr(record, "fields", {})
    return {key: value for key, value in known.items() if value is not None}


def moment(record: logging.LogRecord) -> str:
    """Return when it happened, in UTC with milliseconds."""
    time = datetime.fromtimestamp(record.created, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def describe(error: BaseException) -> str:
    """
    Return a traceback, after that of its cause, without values that a user wrote.

    Pydantic's own text quotes the input it could not read.
    """
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{describe(cause)}\nand then\n" if cause is not None else ""
    what = summary(error) if isinstance(error, ValidationError) else str(error)
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{before}{frames}{type(error).__name__}: {shortened(what)}"


def summary(error: ValidationError, most: int = 3) -> str:
    """Return where the first few mistakes are and what is wrong, without the values."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    said = [
        f"{shortened('.'.join(map(str, detail['loc'])), 80) or 'request'}: "
        f"{shortened(WORDS.get(detail['type'], detail['msg']), 60)}"
        for detail in found[:most]
    ]
    more = [f"and {len(found) - most} more"] if len(found) > most else []
    return "; ".join([*said, *more])


def unreadable(error: Unreadable) -> str:
    """Return which object of a request cannot be read, and why, without its values."""
    cause = error.__cause__
    return f"{error}: {summary(cause)}" if isinstance(cause, ValidationError) else str(error)


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return the text in one line, cut where it is too long."""
    line = " ".join(text.split())
    if not line.isprintable():  # nothing that steers a terminal, or turns the line around
        line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return line if len(line) <= most else f"{line[: most - 3]}..."


def identity(document: object) -> JsonObject:
    """Return which controller asks about which object, as far as a request can be read."""
    whole = _part(document, "parent") or _part(document, "object")
    meta, generation = _part(whole, "metadata"), _part(whole, "metadata").get("generation")
    return {
        "controller": _word(_part(_part(document, "controller"), "metadata").get("name")),
        "namespace": _word(meta.get("namespace")),
        "name": _word(meta.get("name")),
        "generation": generation if isinstance(generation, int) else None,
    }


def _part(whole: object, key: str) -> JsonObject:
    found = whole.get(key) if isinstance(whole, dict) else None
    return found if isinstance(found, dict) else {}


def _word(value: object) -> str | None:
    return shortened(value, 253) if isinstance(value, str) else None


def refused_field(answer: workspace.Response) -> str | None:
    """Return the field a Workspace was refused for; None if it was accepted."""
    for condition in answer.status.conditions:
        if condition.type == "Accepted" and condition.status == "False":
            found = _FIELD.match(condition.message)
            return found[1] if found else "unknown"
    return None


def workspace_change(question: workspace.Request, answer: workspace.Response) -> JsonObject:
    """Return in names what the answer changes; empty if it says what is so already."""
    before, after = question.parent.status, answer.status
    held = {(condition.type, condition.status, condition.reason) for condition in before.conditions}
    planned = [machine.name for machine in after.machines]
    return {
        **_objects_changed(question.children, answer.children),
        **_named("machines", planned, when={machine.name for machine in before.machines}),
        **listed(
            "conditions",
            (
                f"{condition.type}={condition.status} {condition.reason}"
                for condition in after.conditions
                if (condition.type, condition.status, condition.reason) not in held
            ),
        ),
    }


def namespace_change(question: machines.Request, answer: DecoratorResponse) -> JsonObject:
    """Return in names which Machines the answer makes and deletes; empty if none."""
    return _objects_changed(question.attachments, answer.attachments)


def _objects_changed(observed: ObjectMap, wanted: Iterable[desired.Object]) -> JsonObject:
    before = {
        f"{kind.partition('.')[0]}/{key.rpartition('/')[2]}"
        for kind, known in observed.items()
        for key in known
    }
    after = {f"{each.kind}/{each.metadata.name}" for each in wanted}
    return {
        **listed("creates", sorted(after - before)),
        **listed("deletes", sorted(before - after)),
    }


def _named(key: str, names: list[str], *, when: set[str]) -> JsonObject:
    return listed(key, names) if set(names) != when else {}


def listed(key: str, names: Iterable[str]) -> dict[str, Any]:
    """Return names to log, if there are any: the first, and how many more there are."""
    every = list(names)
    more = [f"and {len(every) - MOST_NAMES} more"] if len(every) > MOST_NAMES else []
    return {key: every[:MOST_NAMES] + more} if every else {}
