"""
``POST /chat`` as Kaito has it: a prompt to go on with, or the messages of a conversation.

https://github.com/kaito-project/kaito/blob/v0.3.2/presets/inference/text-generation/inference_api.py
"""

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from serving.asking import ask, computed, require_room, require_texts
from serving.conversation import template_ids
from serving.engine.generation import Generation
from serving.engine.options import OptionError, make_plan, require_known, vocabulary_size
from serving.service import Ready, Service


class Message(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(extra="forbid")

    role: str = Field(description="system, user or assistant, as the model's chat template knows.")
    content: str


class GenerateKwargs(BaseModel):
    """Options of ``generate()`` with Kaito's defaults; others that it knows may be added."""

    model_config = ConfigDict(extra="allow")

    max_length: int | None = Field(
        default=200,
        description="Tokens of prompt and answer together; max_new_tokens goes before it.",
    )
    min_length: int | None = Field(default=0, description="Tokens of prompt and answer, at least.")
    do_sample: bool | None = Field(default=True, description="False: always the likeliest token.")
    early_stopping: bool | str | None = Field(default=False, description="When beams stop.")
    num_beams: int | None = Field(
        default=1, description="More than 1: such a request runs by itself."
    )
    temperature: float | None = Field(default=1.0, description="Above 0; higher is more random.")
    top_k: int | None = Field(
        default=10, description="Choose among so many likeliest; 0: among all."
    )
    top_p: float | None = Field(default=1, description="Choose among the likeliest of this share.")
    typical_p: float | None = Field(
        default=1, description="Choose among the most typical of this share."
    )
    repetition_penalty: float | None = Field(default=1, description="Above 1: repeat less.")
    pad_token_id: int | None = Field(default=None, description="Default: that of the tokenizer.")
    eos_token_id: int | list[int] | None = Field(
        default=None, description="Token that ends the answer. Default: that of the tokenizer."
    )


class Chat(BaseModel):
    """A question in Kaito's words."""

    model_config = ConfigDict(extra="forbid")

    prompt: str | None = Field(default=None, description="With --pipeline=text-generation.")
    messages: list[Message] | None = Field(
        default=None, description="With --pipeline=conversational."
    )
    return_full_text: bool = Field(
        default=True, description="Begin the answer with the prompt. With text-generation."
    )
    clean_up_tokenization_spaces: bool = Field(
        default=False, description="Drop the spaces before punctuation that some tokenizers make."
    )
    prefix: str | None = Field(
        default=None,
        description="Put before the prompt, and not part of the answer. With text-generation.",
    )
    handle_long_generation: str | None = Field(
        default=None,
        description='"hole": drop the beginning of too long a prompt. With text-generation.',
    )
    generate_kwargs: GenerateKwargs = Field(default_factory=GenerateKwargs)


class Answer(BaseModel):
    """The answer in Kaito's words."""

    Result: str


def routes(service: Service) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.post("/chat", summary="Ask the model")
    async def chat(question: Chat, request: Request) -> Answer:
        """Answer a prompt or a conversation, depending on ``--pipeline``."""
        check(question, service.arguments.pipeline)
        ready = service.ready()
        try:
            require_room(ready.scheduler, "num_return_sequences", several(question))
            if service.arguments.pipeline == "conversational":
                return Answer(Result=await reply(question, ready, request))
            return Answer(Result=await continuation(question, ready, request))
        except OptionError as error:
            raise HTTPException(400, str(error)) from error

    return router


def check(question: Chat, pipeline: str) -> None:
    """
    Refuse a question that the pipeline does not answer, as Kaito does.

    Raises:
        HTTPException: 400.

    """
    if pipeline == "text-generation":
        if not question.prompt:
            raise HTTPException(400, "Text generation parameter prompt required")
        if question.messages:
            raise HTTPException(400, "messages: are for --pipeline=conversational; send a prompt")
        if question.handle_long_generation not in (None, "hole"):
            raise HTTPException(
                400,
                f"handle_long_generation: is {question.handle_long_generation!r}, must be null or "
                "'hole'",
            )
        return
    if not question.messages:
        raise HTTPException(400, "Conversational parameter messages required")
    sent = question.model_fields_set & {
        "prompt", "return_full_text", "prefix", "handle_long_generation"
    }  # fmt: skip
    for name in sorted(sent):
        if getattr(question, name) != Chat.model_fields[name].default:
            raise HTTPException(
                400, f"{name}: is for --pipeline=text-generation; send messages only"
            )


async def continuation(question: Chat, ready: Ready, request: Request) -> str:
    """Return how the prompt goes on, all sequences one after the other."""
    generations = await computed(request, lambda: continued(question, ready), several(question))
    begin = question.prompt or "" if question.return_full_text else ""
    return "".join([begin + text for text in await texts(generations, question, ready, request)])


def several(question: Chat) -> int:
    """Return how many answers are asked for; what is no number is refused later."""
    told = (question.generate_kwargs.model_extra or {}).get("num_return_sequences")
    return told if isinstance(told, int) else 1


def continued(question: Chat, ready: Ready) -> list[Generation]:
    """
    Return what a prompt asks of the engine.

    Raises:
        OptionError: An option cannot be applied, or the prompt not be shortened as it should.

    """
    require_texts(question)
    prefix = question.prefix or ""
    ids = ready.tokenizer(prefix + (question.prompt or ""))["input_ids"]
    options = generate_options(question, ready)
    if prefix:
        # Lengths are those of the prompt that was sent, without what was put before it.
        more = len(ready.tokenizer(prefix, add_special_tokens=False)["input_ids"])
        for name in ("max_length", "min_length"):
            if options.get(name):
                options[name] += more
    if question.handle_long_generation == "hole":
        ids = shortened(ids, options, ready)
    return planned(ids, options, ready)


async def reply(question: Chat, ready: Ready, request: Request) -> str:
    """Return the next message, as Python writes a dictionary: Kaito's answer is ``str`` of it."""
    generations = await computed(request, lambda: replied(question, ready), several(question))
    found = await texts(generations, question, ready, request)
    return str({"role": "assistant", "content": found[0]})


def replied(question: Chat, ready: Ready) -> list[Generation]:
    """
    Return what a conversation asks of the engine.

    Raises:
        OptionError: An option cannot be applied, or the messages not be written.

    """
    require_texts(question)
    messages = [message.model_dump() for message in question.messages or ()]
    ids = template_ids(messages, ready.tokenizer)
    return planned(ids, generate_options(question, ready), ready)


def generate_options(question: Chat, ready: Ready) -> dict[str, Any]:
    """Return the options of ``generate()``, with those tokens that the tokenizer knows."""
    options = question.generate_kwargs.model_dump()
    size = vocabulary_size(ready.model)
    for name in ("pad_token_id", "eos_token_id"):
        token = getattr(ready.tokenizer, name)
        # Some tokenizers have a padding that their model does not know.
        if options[name] is None and token is not None and token < size:
            options[name] = token
    return options


def shortened(ids: list[int], options: dict[str, Any], ready: Ready) -> list[int]:
    """
    Return the end of a prompt that leaves room for the answer.

    Raises:
        OptionError: Nothing of the prompt would be left.

    """
    room = int(ready.tokenizer.model_max_length)
    new = options.get("max_new_tokens")
    if new is None:
        new = (options.get("max_length") or 0) - len(ids)
        if new < 0:
            raise OptionError(
                "handle_long_generation",
                "'hole' needs max_new_tokens to know how long the answer is",
            )
    if len(ids) + new <= room:
        return ids
    if room - new <= 0:
        raise OptionError(
            "handle_long_generation",
            f"an answer of {new} tokens leaves no room for the prompt in {room} tokens",
        )
    return ids[-(room - new) :]


def planned(ids: list[int], options: dict[str, Any], ready: Ready) -> list[Generation]:
    """
    Return the generations of a prompt: one for each sequence, if the batch can do them.

    Raises:
        OptionError: An option cannot be applied.

    """
    require_known(options)
    wanted = options.pop("num_return_sequences", None) or 1
    plan = make_plan(ready.model, ready.tokenizer, len(ids), options)
    if plan.alone and wanted > 1:
        options["num_return_sequences"] = wanted
        return [Generation(ids, make_plan(ready.model, ready.tokenizer, len(ids), options))]
    more = (make_plan(ready.model, ready.tokenizer, len(ids), options) for _ in range(wanted - 1))
    return [Generation(ids, each) for each in (plan, *more)]


async def texts(
    generations: list[Generation], question: Chat, ready: Ready, request: Request
) -> list[str]:
    """Return the text of each sequence that was asked for."""
    sequences = [
        sequence
        for piece in await ask(ready.scheduler, request, generations)
        for sequence in (piece.sequences or (piece.tokens,))
    ]
    return [
        str(
            ready.tokenizer.decode(
                list(sequence),
                skip_special_tokens=True,
                clean_up_tokenization_spaces=question.clean_up_tokenization_spaces,
            )
        )
        for sequence in sequences
    ]
