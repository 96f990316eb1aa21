"""The work of ``sync`` and ``customize``: one question from a file, and its answer."""

from datetime import UTC, datetime

from pydantic import ValidationError

from composite.models import JsonObject, Unreadable
from composite.refusal import Unplannable
from hooks.answers import Clock, answer
from hooks.cli.errors import Failed, Refused
from hooks.cli.files import read_request
from hooks.cli.options import catalog_of
from hooks.cli.output import as_json, as_yaml, print_text
from hooks.logs import summary, unreadable
from hooks.settings import Settings

PARENTS = {"Workspace": "workspaces", "Namespace": "machines"}


def answer_sync(file: str, now: str | None, output: str, settings: Settings) -> None:
    """Print the answer to the sync request in a file."""
    moment = read_time(now)
    body = read_request(file)
    if ("parent" in body) == ("object" in body):
        which = "both are" if "parent" in body else "neither is"
        raise Refused(
            f"{file}: a sync request has either parent (a Workspace) or object (a Namespace), "
            f"{which} there"
        )
    controller = "workspaces" if "parent" in body else "machines"
    print_text(answered(file, f"/{controller}/sync", body, output, settings, lambda: moment))


def answer_customize(file: str, controller: str | None, output: str, settings: Settings) -> None:
    """Print the answer to the customize request in a file."""
    body = read_request(file)
    parent = body.get("parent")
    kind = parent.get("kind") if isinstance(parent, dict) else None
    controller = controller or PARENTS.get(str(kind))
    if controller is None:
        raise Refused(
            f"{file}: parent.kind: is {'missing' if kind is None else repr(kind)}, must be "
            "Workspace or Namespace; "
            "or say whose request it is with --controller"
        )
    print_text(answered(file, f"/{controller}/customize", body, output, settings, read_time))


def answered(
    file: str, path: str, body: JsonObject, output: str, settings: Settings, clock: Clock
) -> str:
    """
    Return the answer as text.

    Raises:
        Failed: Nothing may be changed; the server would answer HTTP 500.
        Refused: It is not what Metacontroller sends; the server would answer HTTP 422.

    """
    try:
        found = answer(path, body, catalog_of(settings), clock)
    except ValidationError as error:
        raise Refused(f"{file}: is not a request to {path}: {summary(error)}") from None
    except Unreadable as error:
        raise Refused(f"{file}: is not a request to {path}: {unreadable(error)}") from None
    except Unplannable as error:
        raise Failed(f"{file}: {error}") from None
    return as_yaml([found]) if output == "yaml" else as_json(found)


def read_time(text: str | None = None) -> datetime:
    """
    Return the time that is written, or that it is.

    Raises:
        Refused: It is not a time with an offset.

    """
    if text is None:
        return datetime.now(UTC)  # noqa: TID251  (the shell is where the clock is)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refused(f"--now: {text!r} is not a time such as 2026-01-01T00:00:00Z")
    return found.astimezone(UTC)
