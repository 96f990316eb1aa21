"""One request on its way through the engine: what is asked, and what comes back token by token."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import Enum

from serving.engine.options import Plan
from serving.engine.sampling import Logprobs


class Finish(Enum):
    """Why an answer ended: the text did, or the limit was reached."""

    STOP = "stop"
    LENGTH = "length"


class GenerationError(Exception):
    """
    The engine could not answer.

    Args:
        reason: What happened, for the client.
        busy: Whether it was the load, so that asking again later may help.
        unfit: Whether it was what the request asks for, so that asking again is in vain.

    """

    def __init__(self, reason: str, *, busy: bool = False, unfit: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.busy = busy
        self.unfit = unfit


@dataclass(frozen=True)
class Piece:
    """
    Tokens that came together.

    ``sequences`` is for answers of ``generate()`` with several: it replaces ``tokens``.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[Logprobs, ...] = ()
    finish: Finish | None = None
    sequences: tuple[tuple[int, ...], ...] = ()


@dataclass(eq=False)
class Generation:
    """
    A request in the engine.

    Args:
        prompt: Token ids, one at least.
        plan: How it is answered.
        stream: Deliver each token at once; else all of them at the end, which costs less.

    Times are those of ``time.monotonic()``.

    """

    prompt: list[int]
    plan: Plan
    stream: bool = False
    asked: float = field(default_factory=time.monotonic)
    first: float | None = None
    last: float | None = None
    cancelled: bool = False
    inbox: asyncio.Queue[Piece | GenerationError] = field(default_factory=asyncio.Queue)

    def cancel(self) -> None:
        """Say that nobody waits for it any more: it leaves the batch before the next step."""
        self.cancelled = True

    async def pieces(self) -> AsyncIterator[Piece]:
        """
        Return what comes, to the end.

        Raises:
            GenerationError: The engine could not go on.

        """
        try:
            while True:
                piece = await self.inbox.get()
                if isinstance(piece, GenerationError):
                    raise piece
                yield piece
                if piece.finish is not None:
                    return
        finally:
            self.cancel()
