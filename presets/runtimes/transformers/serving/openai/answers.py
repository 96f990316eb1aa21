"""What is answered in OpenAI's words, whole and piece by piece."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from transformers import PreTrainedTokenizerBase

from serving.engine.generation import Finish
from serving.engine.sampling import Logprobs


@dataclass(frozen=True)
class Heading:
    """What all pieces of an answer begin with."""

    model: str
    chat: bool
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any]) -> dict[str, Any]:
        """Return an answer that comes at once."""
        kind = "chat.completion" if self.chat else "text_completion"
        return {**self.begin(kind), "choices": choices, "usage": usage}

    def piece(
        self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return one piece of a stream."""
        kind = "chat.completion.chunk" if self.chat else "text_completion"
        return {**self.begin(kind), "choices": choices} | ({"usage": usage} if usage else {})

    def begin(self, kind: str) -> dict[str, Any]:
        """Return what names the answer."""
        name = f"{'chatcmpl' if self.chat else 'cmpl'}-{self.id}"
        return {"id": name, "object": kind, "created": self.created, "model": self.model}


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """Return how many tokens there were."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def chat_choice(
    index: int, text: str, finish: Finish | None, logprobs: dict[str, Any] | None
) -> dict[str, Any]:
    """Return one answer of a conversation."""
    return {
        "index": index,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "logprobs": logprobs,
        "finish_reason": None if finish is None else finish.value,
    }


def chat_piece(
    index: int, delta: dict[str, str], finish: Finish | None, logprobs: dict[str, Any] | None
) -> dict[str, Any]:
    """Return one piece of one answer of a conversation."""
    return {
        "index": index,
        "delta": delta,
        "logprobs": logprobs,
        "finish_reason": None if finish is None else finish.value,
    }


def completion_choice(
    index: int, text: str, finish: Finish | None, logprobs: dict[str, Any] | None
) -> dict[str, Any]:
    """Return how one prompt goes on, or a piece of it."""
    return {
        "index": index,
        "text": text,
        "logprobs": logprobs,
        "finish_reason": None if finish is None else finish.value,
    }


def chat_logprobs(
    tokenizer: PreTrainedTokenizerBase, tokens: Sequence[int], logprobs: Sequence[Logprobs]
) -> dict[str, Any] | None:
    """Return the log probabilities of some tokens; None if none were asked for."""
    if not logprobs:
        return None
    return {
        "content": [
            {
                **token_logprob(tokenizer, token, each.chosen),
                "top_logprobs": [token_logprob(tokenizer, *likely) for likely in each.top],
            }
            for token, each in zip(tokens, logprobs, strict=True)
        ],
        "refusal": None,
    }


def token_logprob(tokenizer: PreTrainedTokenizerBase, token: int, logprob: float) -> dict[str, Any]:
    """Return one token with its log probability."""
    text = str(tokenizer.decode([token]))
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}


def completion_logprobs(
    tokenizer: PreTrainedTokenizerBase,
    tokens: Sequence[int],
    logprobs: Sequence[Logprobs],
    offset: int,
) -> dict[str, Any] | None:
    """
    Return the log probabilities of some tokens, as the older endpoint has them.

    None if none were asked for.

    Args:
        tokenizer: That of the model.
        tokens: Those that were chosen.
        logprobs: One for each.
        offset: Characters of the answer before them.

    """
    if not logprobs:
        return None
    texts = [str(tokenizer.decode([token])) for token in tokens]
    return {
        "tokens": texts,
        "token_logprobs": [each.chosen for each in logprobs],
        "top_logprobs": [
            {str(tokenizer.decode([token])): value for token, value in each.top}
            for each in logprobs
        ],
        "text_offset": [offset + sum(map(len, texts[:index])) for index in range(len(texts))],
    }
