"""From a question in OpenAI's words to what the engine is asked."""

from dataclasses import dataclass
from typing import Any

from serving.asking import require_texts
from serving.conversation import template_ids
from serving.engine.generation import Generation
from serving.engine.options import OptionError, context_length, make_plan, vocabulary_size
from serving.engine.sampling import OccurrencePenalty
from serving.openai.questions import ChatQuestion, CompletionQuestion, Question
from serving.service import Ready

LONGEST = 2048
"""Tokens of an answer where neither the question nor the model's configuration says a limit."""


@dataclass(frozen=True)
class Asked:
    """
    The generations of a question, ``n`` for each prompt, one prompt after the other.

    ``echoes`` is the text that each answer begins with.
    """

    generations: tuple[Generation, ...]
    echoes: tuple[str, ...]
    prompt_tokens: int

    def cancel(self) -> None:
        """Let go of all of them."""
        for generation in self.generations:
            generation.cancel()


def asked_chat(question: ChatQuestion, ready: Ready) -> Asked:
    """
    Return what a conversation asks of the engine.

    Raises:
        OptionError: With the field that cannot be applied.

    """
    require_texts(question)
    messages = [message.for_template() for message in question.messages]
    ids = template_ids(messages, ready.tokenizer)
    limit = "max_tokens" if question.max_tokens else "max_completion_tokens"
    new = question.max_completion_tokens or question.max_tokens or room_left(ids, ready)
    generations = answers(question, ids, new, limit, ready, 0)
    return Asked(generations, ("",) * len(generations), len(ids))


def asked_completion(question: CompletionQuestion, ready: Ready) -> Asked:
    """
    Return what prompts ask of the engine.

    Raises:
        OptionError: With the field that cannot be applied.

    """
    require_texts(question)
    generations: list[Generation] = []
    echoes: list[str] = []
    counted = 0
    for prompt in question.prompts():
        ids = tokens_of(prompt, ready)
        counted += len(ids)
        new = question.max_tokens or room_left(ids, ready)
        generations += answers(question, ids, new, "max_tokens", ready, len(generations))
        text = prompt if isinstance(prompt, str) else str(ready.tokenizer.decode(ids))
        echoes += [text if question.echo else ""] * question.n
    if not generations:
        raise OptionError("prompt", "is empty")
    return Asked(tuple(generations), tuple(echoes), counted)


def tokens_of(prompt: str | list[int], ready: Ready) -> list[int]:
    """
    Return a prompt's tokens.

    Raises:
        OptionError: A token is not in the vocabulary.

    """
    if isinstance(prompt, str):
        return list(ready.tokenizer(prompt)["input_ids"])
    require_tokens("prompt", prompt, ready)
    return prompt


def require_tokens(field: str, tokens: list[int], ready: Ready) -> None:
    """
    Refuse tokens that the model does not have.

    Raises:
        OptionError: With the first of them.

    """
    size = vocabulary_size(ready.model)
    strange = next((token for token in tokens if not 0 <= token < size), None)
    if strange is not None:
        raise OptionError(field, f"there is no token {strange}: the vocabulary has {size}")


def room_left(ids: list[int], ready: Ready) -> int:
    """Return how many tokens the context leaves for an answer, 1 at least."""
    context = context_length(ready.model)
    return LONGEST if context is None else max(1, context - len(ids))


def answers(
    question: Question, ids: list[int], new: int, limit: str, ready: Ready, before: int
) -> tuple[Generation, ...]:
    """
    Return ``n`` generations of one prompt, each with its own draws.

    Args:
        question: How to answer.
        ids: The prompt.
        new: Tokens of an answer, at most.
        limit: The field that said so.
        ready: The model.
        before: Generations of earlier prompts, for each seed to be another.

    """
    try:
        return tuple(
            one_answer(question, ids, new, ready, before + number) for number in range(question.n)
        )
    except OptionError as error:
        name = {"max_new_tokens": limit, "sequence_bias": "logit_bias"}.get(error.option)
        raise OptionError(name or error.option, error.reason) from error


def one_answer(
    question: Question, ids: list[int], new: int, ready: Ready, number: int
) -> Generation:
    """Return one generation."""
    penalized = question.presence_penalty or question.frequency_penalty
    penalty = OccurrencePenalty(len(ids), question.presence_penalty, question.frequency_penalty)
    plan = make_plan(
        ready.model,
        ready.tokenizer,
        len(ids),
        options(question, new, ready),
        seed=None if question.seed is None else (question.seed + number) % 2**63,
        extra=(penalty,) if penalized else (),
    )
    plan.chooser.logprobs = question.alternatives
    if plan.alone and question.alternatives is not None:
        raise OptionError("logprobs", "this model's architecture is served without them")
    return Generation(ids, plan, stream=question.stream or bool(question.stop))


def options(question: Question, new: int, ready: Ready) -> dict[str, Any]:
    """Return the options of ``generate()``."""
    require_tokens("logit_bias", list(question.logit_bias), ready)
    bias = [[[token], float(value)] for token, value in question.logit_bias.items()]
    common = {"max_new_tokens": new, "sequence_bias": bias or None}
    if question.temperature == 0:
        return {**common, "do_sample": False}
    return {
        **common,
        "do_sample": True,
        "temperature": float(question.temperature),
        "top_p": float(question.top_p),
        "top_k": question.top_k,
    }
