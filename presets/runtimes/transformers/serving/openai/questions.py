"""What may be asked in OpenAI's words; a field that cannot be applied is refused."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

UNSUPPORTED = frozenset({
    "audio", "function_call", "functions", "metadata", "modalities", "moderation",
    "parallel_tool_calls", "prediction", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "reasoning_effort", "safety_identifier", "service_tier", "store",
    "suffix", "tool_choice", "tools", "verbosity", "web_search_options",
})  # fmt: skip
"""Fields of OpenAI's that this server does not have; they are refused unless they are null."""


def as_list(value: object) -> object:
    """Return a single string as a list of one."""
    return [value] if isinstance(value, str) else value


class Part(BaseModel):
    """A part of a message; only text is understood."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """One turn of a conversation, or what was answered in an earlier one."""

    model_config = ConfigDict(extra="forbid")

    role: str = Field(
        description="As the model's chat template knows: system, user, assistant, ..."
    )
    content: str | list[Part]
    name: str | None = Field(default=None, description="Passed to the chat template.")

    @model_validator(mode="before")
    @classmethod
    def without_nulls(cls, value: object) -> object:
        """Drop what an answer holds but a question does not say."""
        return without_nothing(value)

    def for_template(self) -> dict[str, Any]:
        """Return the message as chat templates take it."""
        text = (
            self.content
            if isinstance(self.content, str)
            else "".join(part.text for part in self.content)
        )
        named = {} if self.name is None else {"name": self.name}
        return {"role": self.role, "content": text, **named}


class StreamOptions(BaseModel):
    """How an answer is streamed."""

    model_config = ConfigDict(extra="forbid")

    include_usage: bool = Field(default=False, description="End with a piece that counts tokens.")


class ResponseFormat(BaseModel):
    """What the answer looks like; only text."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text"]


class Question(BaseModel):
    """What both endpoints take."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(description="The name that /v1/models tells.")
    temperature: Annotated[float, Field(ge=0, le=2)] = Field(
        default=1, description="0: always the likeliest token."
    )
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1, description="Choose among the likeliest tokens of this share."
    )
    top_k: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Choose among so many likeliest tokens; 0: among all. Not OpenAI's."
    )
    n: Annotated[int, Field(ge=1, le=128)] = Field(default=1, description="Answers.")
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = Field(
        default=None, description="Equal seeds give equal answers, on one machine."
    )
    stop: Annotated[
        list[Annotated[str, Field(min_length=1)]], BeforeValidator(as_list), Field(max_length=4)
    ] = Field(default=[], description="Strings that end the answer and are not part of it.")
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] = 0
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] = 0
    logit_bias: dict[int, Annotated[float, Field(ge=-100, le=100)]] = Field(
        default={}, description="Added to the logits of tokens."
    )
    max_tokens: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Tokens of the answer, at most."
    )
    stream: bool = Field(default=False, description="Send the answer piece by piece.")
    stream_options: StreamOptions | None = None
    user: str | None = Field(default=None, description="Noted in the debug log.")

    @model_validator(mode="before")
    @classmethod
    def without_nulls(cls, value: object) -> object:
        """Take null for a field that was not sent, as OpenAI does."""
        return without_nothing(value)

    @model_validator(mode="after")
    def require_stream(self) -> Self:
        """Refuse options for a stream where there is none."""
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options: is only for a stream: set stream to true")
        return self

    @property
    def answers(self) -> int:
        """How many answers are asked for."""
        return self.n

    @property
    def alternatives(self) -> int | None:
        """How many likely tokens to tell the log probabilities of; None: tell none."""
        raise NotImplementedError


class ChatQuestion(Question):
    """A conversation."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Tokens of the answer, at most. Default: what the context leaves."
    )
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None

    @model_validator(mode="after")
    def require_consistent(self) -> Self:
        """Refuse what contradicts itself."""
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs: needs logprobs to be true")
        if None not in (self.max_tokens, self.max_completion_tokens):
            raise ValueError("max_tokens: is the old name of max_completion_tokens: send only one")
        return self

    @property
    def alternatives(self) -> int | None:
        """How many likely tokens to tell the log probabilities of; None: tell none."""
        return (self.top_logprobs or 0) if self.logprobs else None


class CompletionQuestion(Question):
    """A text, or several, to go on with."""

    prompt: str | list[int] | list[str] | list[list[int]] = Field(
        description="Text or tokens, or a list of either."
    )
    max_tokens: Annotated[int, Field(ge=1)] | None = Field(
        default=16, description="Tokens of the answer, at most."
    )
    echo: bool = Field(default=False, description="Begin the answer with the prompt.")
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    best_of: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def require_consistent(self) -> Self:
        """Refuse what contradicts itself, or is not done here."""
        if self.best_of is not None and self.best_of != self.n:
            raise ValueError("best_of: answers are not compared here: it has to be equal to n")
        if self.echo and self.logprobs is not None:
            raise ValueError("echo: there are no log probabilities of the prompt: drop logprobs")
        return self

    @property
    def alternatives(self) -> int | None:
        """How many likely tokens to tell the log probabilities of; None: tell none."""
        return self.logprobs

    @property
    def answers(self) -> int:
        """How many answers are asked for: ``n`` for each prompt."""
        several = not isinstance(self.prompt, str) and not isinstance([*self.prompt[:1], 0][0], int)
        return self.n * len(self.prompt) if several else self.n

    def prompts(self) -> list[str | list[int]]:
        """Return the prompts, each as text or as tokens."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        if self.prompt and isinstance(self.prompt[0], int):
            return [[int(token) for token in self.prompt if isinstance(token, int)]]
        return [each for each in self.prompt if not isinstance(each, int)]


def without_nothing(value: object) -> object:
    """Return an object without its nulls."""
    if not isinstance(value, dict):
        return value
    return {key: each for key, each in value.items() if each is not None}
