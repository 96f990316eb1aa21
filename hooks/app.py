"""
The Flask app: JSON in, typed request to the core, JSON out.

Metacontroller acts on HTTP 200 alone. Any other status changes nothing in the cluster: it writes
the body into an Event of the parent and asks again later. So every error is one short line.
"""

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from pydantic_core import from_json
from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
    MethodNotAllowed,
    RequestEntityTooLarge,
)

from composite import machines, workspace
from composite.catalog import Catalog
from composite.models import Desired, Observed, Unreadable
from composite.refusal import Unplannable
from hooks import logs
from hooks.authentication import SCHEME, TokenFile
from hooks.metrics import OTHER, Metrics, build_version, field_label, waits
from hooks.settings import Settings, fingerprint, variable

QuestionT = TypeVar("QuestionT", bound=Observed)

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"

# Names the time to answer as of, where the setting ``virtual_clock`` allows it.
NOW_HEADER = "Metakaito-Now"
# Says with which settings the answers to such requests are made.
SETTINGS_HEADER = "Metakaito-Settings"

# A virtual clock is within these years, so that there is always a time before and after.
FIRST_YEAR, LAST_YEAR = 1970, 9000

# Kubernetes keeps 1,024 characters of an Event's message, and Metacontroller adds its own.
MOST_CHARACTERS = 500


class Malformed(Exception):  # noqa: N818  (it says what the request is, as Refusal does)
    """The request is not what Metacontroller sends: another version of it, or somebody else."""


class Stranger(Exception):  # noqa: N818  (the same)
    """Whoever asks does not show the token."""


def utc_now() -> datetime:
    """Return the time. The core is told it; nothing else of us reads the clock."""
    return datetime.now(UTC)  # noqa: TID251  (the shell is where the clock is)


def create_app(
    catalog: Catalog,
    settings: Settings,
    clock: Callable[[], datetime] = utc_now,
    shared_metrics: Path | None = None,
) -> Flask:
    """
    Return the app. Between requests it remembers its metrics, and the catalog it was given.

    Args:
        catalog: Presets and instance types to choose from.
        settings: Of these it uses ``max_request_bytes``, ``token_file``, ``virtual_clock`` and
            those of recording.
        clock: Tells the time, in UTC.
        shared_metrics: See :class:`hooks.metrics.Metrics`.

    Raises:
        hooks.authentication.InvalidToken: The file with the token cannot be used.

    """
    app = Flask("metakaito", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_request_bytes
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # A redirect turns Metacontroller's POST into a GET.
    app.url_map.merge_slashes = False
    told = add_virtual_clock(app, catalog, clock) if settings.virtual_clock else clock
    if settings.record is not None:
        from hooks.recording.serving import add_recording, recorder  # noqa: PLC0415  (seldom wanted)

        told = add_recording(app, recorder(catalog, settings, build_version(), clock), told)
    metrics = Metrics(shared_metrics)
    add_hooks(app, catalog, metrics, told)
    add_probes(app, catalog, metrics)
    add_records(app, metrics)
    if settings.token_file is not None:
        add_guard(app, TokenFile(settings.token_file))
    for kind, answer in ERRORS.items():
        app.register_error_handler(kind, answer)
    return app


def add_virtual_clock(
    app: Flask, catalog: Catalog, clock: Callable[[], datetime]
) -> Callable[[], datetime]:
    """
    Let a request name its time, and tell it that this was heeded by sending the time back.

    With it go the settings, for whoever plays a cluster has to agree with them.
    """
    settings = json.dumps(fingerprint(catalog))

    def requested_or_now() -> datetime:
        text = request.headers.get(NOW_HEADER)
        return clock() if text is None else parse_time(text)

    @app.after_request
    def confirm(response: Response) -> Response:
        if NOW_HEADER in request.headers:
            response.headers[NOW_HEADER] = request.headers[NOW_HEADER]
            response.headers[SETTINGS_HEADER] = settings
        return response

    return requested_or_now


def parse_time(text: str) -> datetime:
    """
    Return the time that a request names.

    Raises:
        Malformed: It is no time, or one without an offset.

    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise Malformed(f"{NOW_HEADER}: {text[:80]!r} is not a time such as 2026-01-01T00:00:00Z")
    try:
        found = time.astimezone(UTC)
    except OverflowError:  # at either end of what Python knows of
        found = None
    if found is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise Malformed(
            f"{NOW_HEADER}: {text[:80]!r} is not a time from {FIRST_YEAR} to {LAST_YEAR}"
        )
    return found


def add_hooks(
    app: Flask, catalog: Catalog, metrics: Metrics, clock: Callable[[], datetime]
) -> None:
    """Add what Metacontroller asks."""

    @app.post("/workspaces/sync")
    def sync_workspace() -> ResponseReturnValue:
        question = asked(workspace.Request)
        now = clock()
        answer = workspace.sync(question, catalog, now)
        for condition, reason, seconds in waits(answer.status, now):
            metrics.unready.labels(condition, reason).observe(seconds)
        field = logs.refused_field(answer)
        if field is not None:
            metrics.refusals.labels(field_label(field)).inc()
            noted(outcome="refused", field=field)
        noted(children=len(answer.children), **logs.workspace_change(question, answer))
        return answered(answer)

    @app.post("/workspaces/customize")
    def customize_workspace() -> ResponseReturnValue:
        return answered(workspace.customize(asked(workspace.CustomizeQuestion), catalog))

    @app.post("/machines/sync")
    def sync_machines() -> ResponseReturnValue:
        question = asked(machines.Request)
        answer = machines.sync(question, catalog, clock())
        noted(children=len(answer.attachments), **logs.namespace_change(question, answer))
        return answered(answer)

    @app.post("/machines/customize")
    def customize_machines() -> ResponseReturnValue:
        return answered(machines.customize(asked(machines.CustomizeQuestion), catalog))


def add_probes(app: Flask, catalog: Catalog, metrics: Metrics) -> None:
    """Add what the kubelet and Prometheus ask."""

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return line("ok", HTTPStatus.OK)

    @app.get("/readyz")
    def readyz() -> ResponseReturnValue:
        if not catalog.presets:
            return line("no presets are loaded", HTTPStatus.SERVICE_UNAVAILABLE)
        return line(f"ok, {len(catalog.presets)} presets", HTTPStatus.OK)

    @app.get("/metrics")
    def exposition() -> ResponseReturnValue:
        return Response(metrics.exposition(), content_type=EXPOSITION)


def add_records(app: Flask, metrics: Metrics) -> None:
    """Add a log line and two metrics for every request; for a probe that is well, neither."""

    @app.before_request
    def begin() -> None:
        g.started, g.id, g.error = perf_counter(), secrets.token_hex(4), None
        g.noted = {"outcome": "accepted"}

    @app.after_request
    def end(response: Response) -> Response:
        seconds = perf_counter() - g.started
        if request.method != "POST" and response.status_code == HTTPStatus.OK:
            logs.LOGGER.debug("%s", request.endpoint)
            return response
        hook = request.url_rule.rule.strip("/") if request.url_rule is not None else OTHER
        metrics.requests.labels(hook, str(response.status_code)).inc()
        metrics.seconds.labels(hook).observe(seconds)
        logs.log_answer(hook, seconds, g.id, g.noted, g.error)
        return response


def add_guard(app: Flask, token: TokenFile) -> None:
    """Let only those ask a hook who know the token; probes and metrics tell nothing secret."""

    @app.before_request
    def guard() -> None:
        if request.method == "POST" and not token.accepts(request.headers.get("Authorization")):
            raise Stranger


def asked(model: type[QuestionT]) -> QuestionT:
    """
    Return the question in the request's body.

    A body of 87 KB takes 0.8 ms so, 1.4 ms with json.loads and 1.8 ms with model_validate_json;
    3.8 MB take 112, 113 and 145 ms. NaN and more than 200 levels are no JSON here. Of a key that
    is written twice the last counts, as in Go.

    Raises:
        Malformed: It is not JSON, or not this question.

    """
    try:
        document = from_json(body(), allow_inf_nan=False)
    except ValueError as error:
        raise Malformed(f"not JSON: {logs.shortened(str(error))}") from error
    noted(**logs.identity(document))
    g.document = document
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise Malformed(logs.shortened(logs.summary(error), MOST_CHARACTERS - 50)) from error


def body() -> bytes:
    """
    Return the body of this request.

    Of one that comes in chunks Werkzeug reads as much as is allowed and says nothing of the rest.

    Raises:
        RequestEntityTooLarge: There is more of it than is allowed.
        HTTPException: It stopped short.

    """
    found = request.get_data(cache=False)
    most = request.max_content_length
    in_chunks = request.content_length is None and request.environ.get("wsgi.input_terminated")
    if in_chunks and most is not None and len(found) >= most:
        try:
            if request.environ["wsgi.input"].read(1):
                raise RequestEntityTooLarge
        except OSError as error:
            raise ClientDisconnected from error
    return found


def answered(answer: Desired) -> Response:
    """
    Return the answer as JSON, in the order in which the core wrote it.

    Pydantic writes it in a third of the time that json.dumps takes with the dump before it.

    Raises:
        Malformed: A number that is passed on cannot be written.

    """
    text = answer.model_dump_json(exclude_none=True)
    # 1e400 is JSON, and no number that could be given back; so that it is seen, it is written as a
    # word. Mostly that is a name or the like.
    if ("Infinity" in text or "NaN" in text) and not is_json(text):
        raise Malformed("it holds a number that is out of range")
    return Response(text, mimetype="application/json")


def is_json(text: str) -> bool:
    """Return whether it is JSON, in which there is no infinity."""
    try:
        from_json(text, allow_inf_nan=False)
    except ValueError:
        return False
    return True


def line(text: str, status: int) -> Response:
    """Return one short line of text."""
    return Response(logs.shortened(text, MOST_CHARACTERS) + "\n", status, mimetype="text/plain")


def noted(**known: object) -> None:
    """Add to the log line of this request."""
    g.noted.update(known)


def malformed(error: Malformed) -> Response:
    """Answer what is not a question: Metacontroller, of another version, will ask again."""
    noted(outcome="malformed", reason=str(error))
    return line(f"malformed request: {error}", HTTPStatus.UNPROCESSABLE_ENTITY)


def unreadable(error: Unreadable) -> Response:
    """Answer what is a question about objects that no API server would send."""
    return malformed(Malformed(logs.shortened(logs.unreadable(error), MOST_CHARACTERS - 50)))


def stranger(_: Stranger) -> Response:
    """Answer whoever does not know the token, and not what is wrong with theirs."""
    noted(outcome="unauthorized")
    response = line("unauthorized: another token is wanted, or one at all", HTTPStatus.UNAUTHORIZED)
    response.headers["WWW-Authenticate"] = SCHEME
    return response


def too_deep(_: RecursionError) -> Response:
    """Answer what is nested within the limit of JSON, yet not within that of what reads it."""
    return malformed(Malformed("nested too deeply"))


def too_large(_: RequestEntityTooLarge) -> Response:
    """Answer a request that would take too much memory."""
    reason = (
        f"request has more than {request.max_content_length} bytes; "
        f"{variable('max_request_bytes')} allows more"
    )
    noted(outcome="malformed", reason=reason)
    return line(reason, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def elsewhere(error: HTTPException) -> Response:
    """Answer a wrong path or method, or a body that stopped short."""
    what = f"{error.code} {error.name}"
    noted(outcome="malformed", reason=logs.shortened(f"{what}: {request.method} {request.path}"))
    response = line(what, error.code or HTTPStatus.BAD_REQUEST)
    if isinstance(error, MethodNotAllowed):
        response.allow.update(error.valid_methods or ())
    return response


def unplannable(error: Unplannable) -> Response:
    """Answer where any HTTP 200 would delete children: nothing is changed, and asked again."""
    reason = logs.shortened(str(error), MOST_CHARACTERS)
    noted(outcome="unplannable", reason=reason)
    return line(reason, HTTPStatus.INTERNAL_SERVER_ERROR)


def unexpected(error: Exception) -> Response:
    """Answer for a fault of ours. The log has the traceback, the answer tells where to look."""
    noted(outcome="error")
    g.error = error
    return line(f"internal error, id {g.id}", HTTPStatus.INTERNAL_SERVER_ERROR)


ERRORS: dict[type[Exception], Callable[[Any], Response]] = {
    Malformed: malformed,
    Unreadable: unreadable,
    Stranger: stranger,
    RecursionError: too_deep,
    RequestEntityTooLarge: too_large,
    HTTPException: elsewhere,
    Unplannable: unplannable,
    Exception: unexpected,
}
