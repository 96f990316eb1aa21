"""Tells the answers to one question in OpenAI's words."""

from collections.abc import Iterator, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from serving.engine.generation import Finish
from serving.engine.sampling import Logprobs
from serving.openai.answers import (
    Heading,
    chat_choice,
    chat_logprobs,
    chat_piece,
    completion_choice,
    completion_logprobs,
    usage,
)
from serving.openai.asked import Asked
from serving.openai.questions import ChatQuestion, Question
from serving.text import Utterance


class Talk:
    """
    Answers in the making.

    Args:
        model: What the client calls it.
        tokenizer: That of the model.
        question: How it wants to be told.
        asked: Its generations.

    """

    def __init__(
        self, model: str, tokenizer: PreTrainedTokenizerBase, question: Question, asked: Asked
    ) -> None:
        self.tokenizer = tokenizer
        self.question = question
        self.asked = asked
        self.chat = isinstance(question, ChatQuestion)
        self.heading = Heading(model, self.chat)
        self.lengths = [len(echo) for echo in asked.echoes]
        self.tokens = 0

    def whole(self, spoken: Sequence[Sequence[Utterance]]) -> dict[str, Any]:
        """Return all answers, which were spoken in these pieces."""
        choices = [
            self.choice(
                number,
                self.asked.echoes[number] + "".join(each.text for each in utterances),
                utterances[-1].finish,
                [token for each in utterances for token in each.tokens],
                [logprob for each in utterances for logprob in each.logprobs],
            )
            for number, utterances in enumerate(spoken)
        ]
        count = sum(len(each.tokens) for utterances in spoken for each in utterances)
        return self.heading.whole(choices, usage(self.asked.prompt_tokens, count))

    def choice(
        self,
        number: int,
        text: str,
        finish: Finish | None,
        tokens: Sequence[int],
        logprobs: Sequence[Logprobs],
    ) -> dict[str, Any]:
        """Return one answer."""
        if self.chat:
            return chat_choice(
                number, text, finish, chat_logprobs(self.tokenizer, tokens, logprobs)
            )
        told = completion_logprobs(self.tokenizer, tokens, logprobs, 0)
        return completion_choice(number, text, finish, told)

    def opening(self) -> Iterator[dict[str, Any]]:
        """Return what comes before the first token."""
        for number, echo in enumerate(self.asked.echoes):
            if self.chat:
                delta = {"role": "assistant", "content": ""}
                yield self.piece(chat_piece(number, delta, None, None))
            elif echo:
                yield self.piece(completion_choice(number, echo, None, None))

    def pieces(self, number: int, said: Utterance) -> Iterator[dict[str, Any]]:
        """Return what one more utterance brings, if anything."""
        self.tokens += len(said.tokens)
        if said.text or said.logprobs:
            yield self.piece(self.said_choice(number, said))
        if said.finish is not None:
            yield self.piece(
                chat_piece(number, {}, said.finish, None)
                if self.chat
                else completion_choice(number, "", said.finish, None)
            )

    def said_choice(self, number: int, said: Utterance) -> dict[str, Any]:
        """Return one utterance."""
        if self.chat:
            logprobs = chat_logprobs(self.tokenizer, said.tokens, said.logprobs)
            return chat_piece(number, {"content": said.text}, None, logprobs)
        told = completion_logprobs(self.tokenizer, said.tokens, said.logprobs, self.lengths[number])
        self.lengths[number] += len(said.text)
        return completion_choice(number, said.text, None, told)

    def closing(self) -> Iterator[dict[str, Any]]:
        """Return what comes after the last token: the counts, if they are wanted."""
        if self.counts:
            yield self.heading.piece([], usage(self.asked.prompt_tokens, self.tokens))

    def piece(self, choice: dict[str, Any]) -> dict[str, Any]:
        """Return one choice as a piece of the stream."""
        told = self.heading.piece([choice])
        # https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options
        return told | {"usage": None} if self.counts else told

    @property
    def counts(self) -> bool:
        """Whether the stream ends with the counts of tokens."""
        return bool(self.question.stream_options and self.question.stream_options.include_usage)
