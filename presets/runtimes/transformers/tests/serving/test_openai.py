"""OpenAI's API, asked by its own client."""

import asyncio
import time
from typing import Any

import openai
import pytest
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tests.serving.lab import Served, family_model, said_by_generate, serving

MESSAGES: Any = [{"role": "user", "content": "Who are you?"}]
CHAT: dict[str, Any] = {"model": "tiny", "messages": MESSAGES}
COMPLETION: dict[str, Any] = {"model": "tiny", "prompt": "What is a GPU?"}


@pytest.fixture(scope="module")
def client(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def greedy(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    ids = tokenizer.apply_chat_template(MESSAGES, add_generation_prompt=True)["input_ids"]
    return said_by_generate(model, ids, max_new_tokens=24, do_sample=False)


def body_of(error: openai.APIError) -> dict[str, Any]:
    assert isinstance(error.body, dict)
    return error.body


def text_of(tokenizer: PreTrainedTokenizerBase, tokens: list[int]) -> str:
    return str(tokenizer.decode(tokens, skip_special_tokens=True))


def test_the_model_is_listed_and_found_by_its_name(client: openai.OpenAI, served: Served) -> None:
    assert [each.id for each in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").created == served.service.created
    with pytest.raises(openai.NotFoundError) as told:
        client.models.retrieve("gpt-5")
    assert body_of(told.value)["code"] == "model_not_found"


def test_a_chat_is_answered_with_its_counts(
    client: openai.OpenAI,
    tokenizer: PreTrainedTokenizerBase,
    greedy: list[int],
) -> None:
    answer = client.chat.completions.create(**CHAT, temperature=0, max_completion_tokens=24)

    prompt = len(tokenizer.apply_chat_template(MESSAGES, add_generation_prompt=True)["input_ids"])
    assert answer.choices[0].message.content == text_of(tokenizer, greedy)
    assert answer.choices[0].finish_reason == ("length" if len(greedy) == 24 else "stop")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (prompt, len(greedy))
    assert answer.usage.total_tokens == prompt + len(greedy)


def test_a_stream_brings_the_same_text_and_the_counts_at_its_end(
    client: openai.OpenAI,
    tokenizer: PreTrainedTokenizerBase,
    greedy: list[int],
) -> None:
    pieces = list(
        client.chat.completions.create(
            **CHAT,
            temperature=0,
            max_tokens=24,
            stream=True,
            stream_options={"include_usage": True},
        ),
    )

    text = "".join(each.choices[0].delta.content or "" for each in pieces if each.choices)
    assert text == text_of(tokenizer, greedy)
    assert pieces[0].choices[0].delta.role == "assistant"
    assert pieces[-2].choices[0].finish_reason is not None
    assert (pieces[-1].choices, pieces[-1].usage.completion_tokens) == ([], len(greedy))
    assert len(pieces) > 8


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_string_ends_the_text_and_is_not_in_it(
    client: openai.OpenAI,
    tokenizer: PreTrainedTokenizerBase,
    greedy: list[int],
    stream: bool,  # noqa: FBT001
) -> None:
    whole = text_of(tokenizer, greedy)
    stop = whole[len(whole) // 2 :][:3]

    answer: Any = client.chat.completions.create(
        **CHAT,
        temperature=0,
        max_tokens=24,
        stop=["never said", stop],
        stream=stream,
    )

    if stream:
        pieces = list(answer)
        text = "".join(each.choices[0].delta.content or "" for each in pieces)
        reason = pieces[-1].choices[0].finish_reason
    else:
        text, reason = answer.choices[0].message.content, answer.choices[0].finish_reason
    assert (text, reason) == (whole[: whole.index(stop)], "stop")


def test_a_completion_goes_on_with_each_prompt_as_text_or_tokens(
    client: openai.OpenAI,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    ids = tokenizer("What is a GPU?")["input_ids"]
    expected = text_of(tokenizer, said_by_generate(model, ids, max_new_tokens=16, do_sample=False))
    common: dict[str, Any] = {"model": "tiny", "temperature": 0}

    as_text = client.completions.create(**common, prompt="What is a GPU?")
    as_tokens = client.completions.create(**common, prompt=[ids, ids])
    echoed = client.completions.create(**common, prompt="What is a GPU?", echo=True)

    assert [each.text for each in as_text.choices] == [expected]
    assert [(each.index, each.text) for each in as_tokens.choices] == [(0, expected), (1, expected)]
    assert echoed.choices[0].text == "What is a GPU?" + expected
    assert as_tokens.usage.prompt_tokens == 2 * len(ids)


def test_equal_seeds_give_equal_answers_and_each_of_n_is_another(client: openai.OpenAI) -> None:
    def texts(seed: int) -> list[str]:
        answer = client.completions.create(**COMPLETION, n=3, seed=seed, max_tokens=12)
        return [each.text for each in answer.choices]

    first, again, other = texts(1), texts(1), texts(2)
    assert first == again
    assert first != other
    assert len(set(first)) == 3


def test_top_k_is_an_extension_and_one_is_greedy(client: openai.OpenAI) -> None:
    greedy = client.completions.create(**COMPLETION, temperature=0).choices[0].text

    answer = client.completions.create(**COMPLETION, extra_body={"top_k": 1})

    assert answer.choices[0].text == greedy


def test_penalties_and_bias_change_what_is_said(
    client: openai.OpenAI,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    common: dict[str, Any] = {**COMPLETION, "temperature": 0, "max_tokens": 40}
    forced = client.completions.create(**common, logit_bias={"100": 20})
    penalized = client.completions.create(
        **common,
        logit_bias={"100": 20},
        presence_penalty=2,
        frequency_penalty=2,
    )

    assert forced.choices[0].text == tokenizer.decode([100] * 40)
    assert penalized.choices[0].text != forced.choices[0].text


def test_log_probabilities_are_those_of_the_model(
    client: openai.OpenAI,
    tokenizer: PreTrainedTokenizerBase,
    greedy: list[int],
) -> None:
    answer = client.chat.completions.create(
        **CHAT,
        temperature=0,
        max_tokens=6,
        logprobs=True,
        top_logprobs=2,
    )
    told = answer.choices[0].logprobs.content
    older = client.completions.create(**COMPLETION, temperature=0, max_tokens=6, logprobs=3)

    assert [each.token for each in told] == [tokenizer.decode([each]) for each in greedy[:6]]
    for each in told:
        assert each.logprob == each.top_logprobs[0].logprob > each.top_logprobs[1].logprob
    assert [len(each) for each in older.choices[0].logprobs.top_logprobs][:5] == [3] * 5


@pytest.mark.parametrize(
    ("change", "param", "message"),
    [
        ({"tools": [{"type": "function"}]}, "tools", "tools: this server does not support it"),
        (
            {"max_tokns": 3},
            "max_tokns",
            "max_tokns: there is no such field; did you mean max_tokens or max_completion_tokens?",
        ),
        (
            {"temperature": 3},
            "temperature",
            "temperature: input should be less than or equal to 2",
        ),
        (
            {"max_tokens": 5000},
            "max_tokens",
            (
                "max_tokens: the prompt has 11 tokens and the answer may have 5000, but the "
                "model's "
                "context is 1024 tokens: shorten the prompt or ask for fewer"
            ),
        ),
        (
            {"stream_options": {"include_usage": True}},
            "stream_options",
            "stream_options: is only for a stream: set stream to true",
        ),
        ({"top_logprobs": 2}, "top_logprobs", "top_logprobs: needs logprobs to be true"),
        (
            {"response_format": {"type": "json_object"}},
            "response_format.type",
            "response_format.type: input should be 'text'",
        ),
        (
            {"logit_bias": {"9999": 1}},
            "logit_bias",
            "logit_bias: there is no token 9999: the vocabulary has 512",
        ),
        ({"messages": []}, "messages", None),
    ],
    ids=str,
)
def test_what_cannot_be_applied_is_a_400_that_names_the_field(
    client: openai.OpenAI,
    change: dict[str, Any],
    param: str,
    message: str | None,
) -> None:
    with pytest.raises(openai.BadRequestError) as told:
        client.chat.completions.create(model="tiny", messages=MESSAGES, extra_body=change)

    assert body_of(told.value)["param"] == param
    if message is not None:
        assert body_of(told.value)["message"] == message


def test_a_field_that_is_missing_and_a_body_that_is_no_json_are_told_apart(served: Served) -> None:
    missing = served.client.post("/v1/completions", json={"model": "tiny"})
    broken = served.client.post(
        "/v1/completions",
        content=b"{",
        headers={"Content-Type": "application/json"},
    )
    nowhere = served.client.get("/v1/embeddings")

    assert missing.json()["error"]["param"] == "prompt"
    assert broken.json()["error"]["message"].startswith("the body is not JSON")
    assert (nowhere.status_code, nowhere.json()["error"]["message"]) == (
        404,
        "GET /v1/embeddings: Not Found",
    )


def test_nulls_and_earlier_answers_may_be_sent_back(client: openai.OpenAI) -> None:
    first = client.chat.completions.create(**CHAT, max_tokens=4).choices[0].message

    last: Any = {"role": "user", "content": [{"type": "text", "text": "Why?"}]}
    nulls: dict[str, Any] = {"tools": None, "stop": None, "temperature": None}
    again = client.chat.completions.create(
        model="tiny",
        messages=[*MESSAGES, first.model_dump(), last],
        max_tokens=4,
        **nulls,
    )

    assert again.choices[0].message.role == "assistant"


def test_a_model_without_a_chat_template_says_what_to_send_instead(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    bare = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer, eos_token="<|endoftext|>")  # noqa: S106  (a token of text)
    with serving(family_model("falcon-7b"), bare) as running:
        client = openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0)
        with pytest.raises(openai.BadRequestError) as told:
            client.chat.completions.create(**CHAT)

    assert body_of(told.value)["message"] == (
        "messages: this model has no chat template, it only goes on with a prompt: send one"
    )


def test_a_stream_that_is_closed_frees_its_row(served: Served, client: openai.OpenAI) -> None:
    stream = client.completions.create(
        **COMPLETION,
        max_tokens=1000,
        logit_bias={"100": 100},
        stream=True,
    )
    next(iter(stream))
    assert served.engine.running() == 1
    stream.close()

    deadline = time.monotonic() + 10
    while served.engine.running() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert served.engine.running() == 0


def test_streams_of_many_clients_do_not_mix(
    served: Served,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    async def text(client: openai.AsyncOpenAI, token: int) -> str:
        stream = await client.completions.create(
            **COMPLETION,
            max_tokens=20,
            temperature=0,
            logit_bias={str(token): 100},
            stream=True,
        )
        return "".join([each.choices[0].text async for each in stream if each.choices])

    async def texts() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none") as client:
            return await asyncio.gather(*(text(client, token) for token in range(300, 310)))

    assert asyncio.run(texts()) == [tokenizer.decode([token] * 20) for token in range(300, 310)]
