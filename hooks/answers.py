"""The four hooks by their paths, called in process: the server's answers without the server."""

import json
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from pydantic import ValidationError

from composite import machines, workspace
from composite.catalog import Catalog
from composite.models import JsonObject, Unreadable, Value
from composite.refusal import Unplannable
from hooks.logs import shortened, summary, unreadable

Clock = Callable[[], datetime]

PATHS = ("/workspaces/sync", "/workspaces/customize", "/machines/sync", "/machines/customize")

# As in hooks.app, which says why.
MOST_CHARACTERS = 500

# What the server says of its own faults, without the number under which the log has them.
INTERNAL_ERROR = "internal error"


class Answered(Value):
    """What came back: an answer with HTTP 200, or one line with any other status."""

    status: int
    answer: JsonObject | None = None
    error: str | None = None


def answer(path: str, body: JsonObject, catalog: Catalog, clock: Clock) -> JsonObject:
    """
    Return the answer to the request that would be posted to a path.

    Raises:
        pydantic.ValidationError: It is not what Metacontroller sends.
        composite.models.Unreadable: The same, of an object in it.
        Unplannable: Nothing may be changed.

    """
    match path:
        case "/workspaces/sync":
            found = workspace.Request.model_validate(body)
            return workspace.sync(found, catalog, clock()).to_json()
        case "/workspaces/customize":
            question = workspace.CustomizeQuestion.model_validate(body)
            return workspace.customize(question, catalog).to_json()
        case "/machines/sync":
            asked = machines.Request.model_validate(body)
            return machines.sync(asked, catalog, clock()).to_json()
        case "/machines/customize":
            about = machines.CustomizeQuestion.model_validate(body)
            return machines.customize(about, catalog).to_json()
    raise LookupError(f"there is no hook at {path}")


def served(path: str, body: JsonObject, catalog: Catalog, as_of: datetime) -> Answered:
    """Return what the server would answer to a question at one of its paths, whatever it is."""
    try:
        found = answer(path, body, catalog, lambda: as_of)
        json.dumps(found, allow_nan=False)
    except Exception as error:  # noqa: BLE001  (the server answers whatever happens)
        return refusal(error)
    return Answered(status=HTTPStatus.OK.value, answer=found)


def refusal(error: Exception) -> Answered:
    """Return the line with which the server answers instead."""
    status, most = HTTPStatus.UNPROCESSABLE_ENTITY, MOST_CHARACTERS - 50
    match error:
        case ValidationError():
            reason = f"malformed request: {shortened(summary(error), most)}"
        case Unreadable():
            reason = f"malformed request: {shortened(unreadable(error), most)}"
        case RecursionError():
            reason = "malformed request: nested too deeply"
        case ValueError() if "JSON compliant" in str(error):
            reason = "malformed request: it holds a number that is out of range"
        case Unplannable():
            status, reason = HTTPStatus.INTERNAL_SERVER_ERROR, str(error)
        case _:
            status, reason = HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR
    return Answered(status=status.value, error=shortened(reason, MOST_CHARACTERS))
