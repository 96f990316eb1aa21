"""Between a route and the engine: asks, waits, and lets go when the client does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from fastapi import Request

from serving.engine.generation import Generation, GenerationError, Piece
from serving.engine.scheduler import Scheduler

Told = TypeVar("Told")

LONG_REQUEST = 64 * 1024
"""Bytes."""

CLIENT_CLOSED = 499
"""What nginx notes for a client that went away; nobody reads it but the metrics."""


class ClientGoneError(Exception):
    """The client closed the connection before it had its answer."""


async def computed(request: Request, call: Callable[[], Told]) -> Told:
    """
    Return what a call returns; with a long request, off the event loop.

    Tokens of a megabyte of text take a second, in which ``/healthz`` has to answer; for a short one
    a thread would take longer than the call.
    """
    if int(request.headers.get("content-length", LONG_REQUEST)) < LONG_REQUEST:
        return call()
    return await asyncio.to_thread(call)


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

    """
    inbox: asyncio.Queue[tuple[int, Told] | Exception | None] = asyncio.Queue()

    async def forward(number: int, stream: AsyncIterator[Told]) -> None:
        try:
            async for told in stream:
                inbox.put_nowait((number, told))
            inbox.put_nowait(None)
        except GenerationError as error:
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
