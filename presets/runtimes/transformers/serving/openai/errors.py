"""Errors in OpenAI's shape, which its clients turn into exceptions."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.responses import JSONResponse

from serving.openai.questions import UNSUPPORTED, ChatQuestion, CompletionQuestion

FIELDS = sorted({*ChatQuestion.model_fields, *CompletionQuestion.model_fields})


def unexpected(error: Exception) -> str:
    """Return what a client is told of an error that nobody thought of."""
    return f"the server failed ({type(error).__name__}); its log says more"


def printable(text: str) -> str:
    """Return a text with half characters, which have no bytes, written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def body(
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
) -> dict[str, Any]:
    """Return an error as OpenAI writes it; ``param`` is the field that is wrong."""
    field = None if param is None else printable(param)
    return {"error": {"message": printable(message), "type": kind, "param": field, "code": code}}


def response(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error as an answer."""
    return JSONResponse(body(message, kind=kind, param=param, code=code), status, headers)


def validation_response(errors: Sequence[Mapping[str, Any]]) -> JSONResponse:
    """Return the first thing that is wrong with a request."""
    first = errors[0]
    place = [str(part) for part in first["loc"] if part != "body"]
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "json_invalid":
        return response(400, f"the body is not JSON: {first.get('ctx', {}).get('error', message)}")
    if first["type"] == "value_error" and ": " in message and not place:
        # Rules over several fields begin with the one to change.
        return response(400, message, param=message.split(":", 1)[0])
    param = ".".join(place) or None
    if first["type"] == "extra_forbidden" and len(place) == 1:
        return response(400, unknown_text(place[0]), param=param, code="unknown_parameter")
    if first["type"] == "missing":
        return response(
            400, f"{param}: is required", param=param, code="missing_required_parameter"
        )
    text = f"{message[0].lower()}{message[1:]}"
    return response(400, text if param is None else f"{param}: {text}", param=param)


def unknown_text(name: str) -> str:
    """Return why a field is refused."""
    if name in UNSUPPORTED:
        return f"{name}: this server does not support it"
    near = difflib.get_close_matches(name, FIELDS, n=2)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"{name}: there is no such field{hint}"
