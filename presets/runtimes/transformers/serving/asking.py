"""Between a route and the engine: asks, waits, and lets go when the client does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel

from serving.engine.generation import Generation, Piece
from serving.engine.options import OptionError
from serving.engine.scheduler import Scheduler

Told = TypeVar("Told")

LONG_REQUEST = 64 * 1024
"""Bytes."""

CLIENT_CLOSED = 499
"""What nginx notes for a client that went away; nobody reads it but the metrics."""


class ClientGoneError(Exception):
    """The client closed the connection before it had its answer."""


async def computed(request: Request, call: Callable[[], Told], answers: int = 1) -> Told:
    """
    Return what a call returns; with a long request, or for several answers, off the event loop.

    Tokens of a megabyte of text take a second, in which ``/healthz`` has to answer; for a short one
    a thread would take longer than the call.
    """
    short = int(request.headers.get("content-length", LONG_REQUEST)) < LONG_REQUEST
    if short and answers == 1:
        return call()
    return await asyncio.to_thread(call)


def require_room(scheduler: Scheduler, field: str, answers: int) -> None:
    """
    Refuse more answers than there is ever room for, before anything is computed for them.

    Raises:
        OptionError: With the limit.

    """
    if answers > scheduler.capacity:
        raise OptionError(
            field,
            f"{answers} answers are asked for, and this server takes {scheduler.capacity} at a "
            "time, in work and waiting: ask for fewer",
        )


def require_text(field: str, value: object) -> None:
    """
    Refuse text that has no bytes: JSON can write half a character, as D83D alone.

    Args:
        field: That which it is in.
        value: Text, or lists and objects with text in them.

    Raises:
        OptionError: With the field.

    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise OptionError(
                field, f"has half a character (a lone surrogate) at position {error.start}"
            ) from error
    elif isinstance(value, dict):
        require_text(field, list(value))
        for each in value.values():
            require_text(field, each)
    elif isinstance(value, list) and not (value and isinstance(value[0], int)):
        for each in value:
            require_text(field, each)


def require_texts(question: BaseModel) -> None:
    """
    Refuse a question with text that has no bytes.

    Raises:
        OptionError: With the field.

    """
    for field, value in question.model_dump(include=question.model_fields_set).items():
        require_text(field, value)


def submit(scheduler: Scheduler, generations: Sequence[Generation]) -> None:
    """
    Queue generations, all or none.

    Raises:
        QueueFullError: There is no room for all of them.
        ClosedError: No more are taken.

    """
    try:
        for generation in generations:
            scheduler.submit(generation)
    except Exception:
        for generation in generations:
            generation.cancel()
        raise


async def ask(
    scheduler: Scheduler, request: Request, generations: Sequence[Generation]
) -> list[Piece]:
    """
    Return the whole answer of each generation.

    Raises:
        ClientGoneError: Nobody waits for it any more; the rows leave the batch at once.
        GenerationError: The engine could not answer.

    """
    submit(scheduler, generations)
    answers = asyncio.gather(*(whole(generation) for generation in generations))
    gone = asyncio.create_task(disconnect(request))
    try:
        await asyncio.wait((answers, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answers.done():
            raise ClientGoneError
        return answers.result()
    finally:
        gone.cancel()
        answers.cancel()
        for generation in generations:
            generation.cancel()


async def whole(generation: Generation) -> Piece:
    """Return all pieces of an answer as one."""
    pieces = [piece async for piece in generation.pieces()]
    return Piece(
        tokens=tuple(token for piece in pieces for token in piece.tokens),
        logprobs=tuple(each for piece in pieces for each in piece.logprobs),
        finish=pieces[-1].finish,
        sequences=pieces[-1].sequences,
    )


async def disconnect(request: Request) -> None:
    """Wait until the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def interleaved(
    request: Request, streams: Sequence[AsyncIterator[Told]]
) -> AsyncIterator[tuple[int, Told]]:
    """
    Return what several streams tell as it comes, with the number of the stream.

    Raises:
        ClientGoneError: The client closed the connection.
        GenerationError: The engine could not go on.
        Exception: Whatever a stream raised.

    """
    inbox: asyncio.Queue[tuple[int, Told] | Exception | None] = asyncio.Queue()

    async def forward(number: int, stream: AsyncIterator[Told]) -> None:
        try:
            async for told in stream:
                inbox.put_nowait((number, told))
            inbox.put_nowait(None)
        except Exception as error:  # noqa: BLE001  (raised where the stream is read)
            inbox.put_nowait(error)

    async def watch() -> None:
        await disconnect(request)
        inbox.put_nowait(ClientGoneError())

    tasks = [
        asyncio.create_task(watch()),
        *(asyncio.create_task(forward(number, each)) for number, each in enumerate(streams)),
    ]
    left = len(streams)
    try:
        while left:
            told = await inbox.get()
            if isinstance(told, Exception):
                raise told
            if told is None:
                left -= 1
            else:
                yield told
    finally:
        for task in tasks:
            task.cancel()
