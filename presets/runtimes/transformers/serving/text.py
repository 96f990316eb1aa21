"""From tokens to text, as they come, up to a stop string."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from serving.engine.generation import Finish, Generation
from serving.engine.sampling import Logprobs

INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
"""What a tokenizer writes for bytes that are not yet a character."""


class TextStream:
    """
    Turns tokens into text piece by piece.

    The pieces together are what ``decode`` makes of all tokens at once, without special tokens, up
    to the first stop string. What may be the beginning of a character or of a stop string is held
    back.

    Args:
        tokenizer: That of the model.
        stop: Strings that end the text and are not part of it.

    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: Sequence[str] = ()) -> None:
        self.tokenizer = tokenizer
        self.stop = tuple(stop)
        self.stopped = False
        self.tokens: list[int] = []
        self.before = 0
        self.read = 0
        self.held = ""

    def push(self, tokens: Sequence[int]) -> str:
        """Return the text that these tokens bring for sure."""
        if self.stopped:
            return ""
        self.tokens += tokens
        # Spaces depend on the token before, so the last ones that are known are decoded again.
        known = self.decoded(self.tokens[self.before : self.read])
        text = self.decoded(self.tokens[self.before :])
        if len(text) <= len(known) or text.endswith(INCOMPLETE):
            return ""
        self.before, self.read = self.read, len(self.tokens)
        return self.released(text[len(known) :])

    def finish(self) -> str:
        """Return what was held back, after the last token."""
        if self.stopped:
            return ""
        known = self.decoded(self.tokens[self.before : self.read])
        rest = self.released(self.decoded(self.tokens[self.before :])[len(known) :])
        if self.stopped:
            return rest
        rest, self.held = rest + self.held, ""
        return rest

    def released(self, more: str) -> str:
        """Return what can no longer become a stop string."""
        text = self.held + more
        found = min((at for each in self.stop if (at := text.find(each)) >= 0), default=None)
        if found is not None:
            self.stopped, self.held = True, ""
            return text[:found]
        keep = max((overlap(text, each) for each in self.stop), default=0)
        self.held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def decoded(self, tokens: list[int]) -> str:
        """Return the text of some tokens."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))


@dataclass(frozen=True)
class Utterance:
    """Some text of an answer, and the tokens that came with it; the last one says why it ends."""

    text: str
    tokens: tuple[int, ...]
    logprobs: tuple[Logprobs, ...]
    finish: Finish | None


async def utterances(
    generation: Generation, tokenizer: PreTrainedTokenizerBase, stop: Sequence[str]
) -> AsyncIterator[Utterance]:
    """
    Return an answer's text as it comes; a stop string ends the generation.

    Raises:
        GenerationError: The engine could not go on.

    """
    stream = TextStream(tokenizer, stop)
    try:
        async for piece in generation.pieces():
            text = stream.push(piece.tokens)
            if piece.finish is not None:
                text += stream.finish()
            finish = Finish.STOP if stream.stopped else piece.finish
            yield Utterance(text, piece.tokens, piece.logprobs, finish)
            if finish is not None:
                return
    finally:
        generation.cancel()


def overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of a text are the beginning of a stop string."""
    longest = min(len(stop) - 1, len(text))
    return next((size for size in range(longest, 0, -1) if stop.startswith(text[-size:])), 0)
