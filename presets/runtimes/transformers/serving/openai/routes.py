"""The routes of OpenAI's API."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from serving.asking import ClientGoneError, computed, interleaved, require_room, submit
from serving.engine.generation import GenerationError
from serving.openai import errors
from serving.openai.asked import Asked, asked_chat, asked_completion
from serving.openai.questions import ChatQuestion, CompletionQuestion, Question
from serving.openai.talk import Talk
from serving.service import Ready, Service
from serving.text import Utterance, utterances

LOG = logging.getLogger("metakaito.openai")


def routes(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1")

    @router.get("/models", summary="The model that is served")
    async def models() -> dict[str, Any]:
        """List the one model."""
        service.ready()
        return {"object": "list", "data": [model(service)]}

    @router.get("/models/{name:path}", summary="The model that is served, by its name")
    async def one_model(name: str) -> Response:
        """Describe the model, if it is called so."""
        service.ready()
        return not_found(service, name) or JSONResponse(model(service))

    @router.post("/chat/completions", response_model=None, summary="Go on with a conversation")
    async def chat(question: ChatQuestion, request: Request) -> Response:
        """Answer a conversation, at once or piece by piece."""
        return await respond(service, question, request, partial(asked_chat, question))

    @router.post("/completions", response_model=None, summary="Go on with a text")
    async def completion(question: CompletionQuestion, request: Request) -> Response:
        """Go on with texts, at once or piece by piece."""
        return await respond(service, question, request, partial(asked_completion, question))

    return router


async def respond(
    service: Service, question: Question, request: Request, ask: Callable[[Ready], Asked]
) -> Response:
    """Return the answer to a question of either kind, or why there is none."""
    ready = service.ready()
    if refusal := not_found(service, question.model):
        return refusal
    require_room(ready.scheduler, "n", question.answers)
    asked = await computed(request, lambda: ask(ready), question.answers)
    return await answer(service, question, asked, request)


def model(service: Service) -> dict[str, Any]:
    """Return the model as OpenAI describes one."""
    return {
        "id": service.name,
        "object": "model",
        "created": service.created,
        "owned_by": "metakaito",
    }


def not_found(service: Service, name: str) -> JSONResponse | None:
    """Return the refusal of a model that is not served; None if it is."""
    if name == service.name:
        return None
    return errors.response(
        404,
        f"model: there is none called {name!r}; this server has {service.name!r}",
        param="model",
        code="model_not_found",
    )


async def answer(service: Service, question: Question, asked: Asked, request: Request) -> Response:
    """Return the answer, whole or as a stream."""
    if question.user:
        LOG.debug("asked for user %s", question.user)
    ready = service.ready()
    talk = Talk(service.name, ready.tokenizer, question, asked)
    submit(ready.scheduler, asked.generations)
    streams = [
        utterances(generation, ready.tokenizer, question.stop) for generation in asked.generations
    ]
    if question.stream:
        return StreamingResponse(
            events(talk, interleaved(request, streams)),
            media_type="text/event-stream",
            # Else a proxy such as nginx collects the pieces.
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )
    spoken: list[list[Utterance]] = [[] for _ in streams]
    try:
        async for number, utterance in interleaved(request, streams):
            spoken[number].append(utterance)
    finally:
        asked.cancel()
    return JSONResponse(talk.whole(spoken))


async def events(talk: Talk, spoken: AsyncIterator[tuple[int, Utterance]]) -> AsyncIterator[str]:
    """Return the answer as server-sent events."""
    try:
        for piece in talk.opening():
            yield event(piece)
        async for number, utterance in spoken:
            for piece in talk.pieces(number, utterance):
                yield event(piece)
        for piece in talk.closing():
            yield event(piece)
        yield "data: [DONE]\n\n"
    except GenerationError as error:
        kind = "invalid_request_error" if error.unfit else "server_error"
        yield event(errors.body(error.reason, kind=kind))
    except ClientGoneError:
        return
    except Exception as error:
        LOG.exception("a stream failed")
        yield event(errors.body(errors.unexpected(error), kind="server_error"))
    finally:
        talk.asked.cancel()


def event(content: dict[str, Any]) -> str:
    """Return one server-sent event."""
    return f"data: {json.dumps(content, ensure_ascii=False, separators=(',', ':'))}\n\n"
