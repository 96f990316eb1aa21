"""The HTTP application: Kaito's routes, OpenAI's, health and metrics, and how errors are told."""

import logging
import time
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import kaito
from serving.asking import CLIENT_CLOSED, ClientGoneError
from serving.engine.generation import GenerationError
from serving.engine.line import ClosedError, QueueFullError
from serving.engine.options import OptionError
from serving.engine.scheduler import SHUTTING_DOWN
from serving.metrics import Metrics, add_metrics_route
from serving.openai import errors
from serving.openai.routes import routes as openai_routes
from serving.service import NotReadyError, Service

LOG = logging.getLogger("metakaito.requests")

RETRY_SOON = {"Retry-After": "5"}


def create_app(service: Service) -> FastAPI:
    """Return the application of a service, whether its model is loaded yet or not."""
    app = FastAPI(
        title="metakaito model server",
        description="Kaito's API and OpenAI's, of one model.",
        version="0.1.0",
    )

    @app.get("/", summary="Is the server running?")
    async def home() -> dict[str, str]:
        """Say so, loaded or not."""
        return {"message": "Server is running"}

    @app.get("/healthz", summary="Is the model loaded?")
    async def health() -> dict[str, str]:
        """Answer 200 once questions are answered, and 500 with what is missing until then."""
        missing = service.missing()
        if missing is not None:
            raise HTTPException(500, missing)
        return {"status": "Healthy"}

    add_metrics_route(app, service.metrics.registry)
    app.include_router(kaito.routes(service))
    app.include_router(openai_routes(service))
    add_error_handlers(app)
    app.add_middleware(Counting, metrics=service.metrics, body_bytes=service.settings.body_bytes)
    return app


def add_error_handlers(app: FastAPI) -> None:  # noqa: C901  (one small handler for each error)
    """Tell errors as each API's clients expect: ``detail`` in Kaito's, ``error`` in OpenAI's."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        if is_openai(request):
            return errors.validation_response(error.errors())
        try:
            return await request_validation_exception_handler(request, error)
        except ValueError:  # it repeats what was sent, which JSON may not be able to say
            return JSONResponse({"detail": sayable(error.errors())}, 422)

    @app.exception_handler(StarletteHTTPException)
    async def refused(request: Request, error: StarletteHTTPException) -> Response:
        if is_openai(request):
            text = f"{request.method} {request.url.path}: {error.detail}"
            return errors.response(error.status_code, text, headers=error.headers)
        return await http_exception_handler(request, error)

    @app.exception_handler(OptionError)
    async def unfit(request: Request, error: OptionError) -> Response:
        if is_openai(request):
            code = "context_length_exceeded" if "context is" in error.reason else None
            return errors.response(400, str(error), param=error.option, code=code)
        return told(request, 400, str(error))

    @app.exception_handler(QueueFullError)
    async def full(request: Request, error: QueueFullError) -> Response:
        return told(request, 429, str(error), {"Retry-After": str(error.retry_after)})

    @app.exception_handler(NotReadyError)
    async def loading(request: Request, error: NotReadyError) -> Response:
        return told(request, 503, f"{error}: the model is being loaded", RETRY_SOON)

    @app.exception_handler(ClosedError)
    async def closed(request: Request, error: ClosedError) -> Response:
        return told(request, 503, str(error), RETRY_SOON)

    @app.exception_handler(GenerationError)
    async def failed(request: Request, error: GenerationError) -> Response:
        if error.busy:
            return told(request, 429, error.reason, RETRY_SOON)
        if error.reason == SHUTTING_DOWN:
            return told(request, 503, error.reason, RETRY_SOON)
        return told(request, 400 if error.unfit else 500, error.reason)

    @app.exception_handler(ClientGoneError)
    async def gone(_: Request, __: ClientGoneError) -> Response:
        return Response(status_code=CLIENT_CLOSED)


def sayable(found: Sequence[Any]) -> list[dict[str, Any]]:
    """Return what is wrong with a request, without repeating what was sent."""
    return [
        {
            "type": each["type"],
            "loc": [errors.printable(str(part)) for part in each["loc"]],
            "msg": errors.printable(each["msg"]),
        }
        for each in found
    ]


def is_openai(request: Request) -> bool:
    """Say whether a request is in OpenAI's words."""
    return request.url.path.startswith("/v1/")


def told(
    request: Request, status: int, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return an error in the words of the API that was asked."""
    if is_openai(request):
        kind = "invalid_request_error" if status == 400 else "server_error"  # noqa: PLR2004
        if status == 429:  # noqa: PLR2004
            kind = "rate_limit_error"
        return errors.response(status, message, kind=kind, headers=headers)
    return JSONResponse({"detail": message}, status, headers)


class Counting:
    """
    Counts requests and their duration, to the last byte of a stream, and refuses those too large.

    An error that nobody thought of is logged, and told in the words of the API that was asked.

    Args:
        app: What it is around.
        metrics: Where it counts.
        body_bytes: Size of a body, at most.

    """

    def __init__(self, app: ASGIApp, metrics: Metrics, body_bytes: int) -> None:
        self.app = app
        self.metrics = metrics
        self.body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.monotonic()
        status, begins = 500, False
        received = 0

        async def counted_send(message: Message) -> None:
            nonlocal status, begins
            if message["type"] == "http.response.start":
                status, begins = message["status"], True
            await send(message)

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.body_bytes:
                raise HTTPException(413, f"the request is larger than {self.body_bytes} bytes")
            return message

        try:
            await self.app(scope, counted_receive, counted_send)
        except Exception as error:
            # Not a handler of the application: after those uvicorn breaks the connection off, on
            # which the client may have its next request on its way.
            if begins:
                raise
            LOG.exception("a request failed")
            answer = told(Request(scope), 500, errors.unexpected(error))
            await answer(scope, receive, counted_send)
        finally:
            endpoint = endpoint_of(scope)
            LOG.debug(
                "%s %s: %d after %.3f s",
                scope["method"], endpoint, status, time.monotonic() - begun,
            )  # fmt: skip
            self.metrics.requests.labels(endpoint, str(status)).inc()
            self.metrics.duration.labels(endpoint).observe(time.monotonic() - begun)


def endpoint_of(scope: Scope) -> str:
    """Return the route of a request; "unknown" if there is none, so that paths make no labels."""
    route = scope.get("route")
    return str(getattr(route, "path", "unknown"))
