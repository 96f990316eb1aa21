"""``POST /chat``, health and metrics, as Kaito's clients know them."""

import asyncio
import threading
import time
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from transformers import PreTrainedModel, PreTrainedTokenizerBase, pipeline

from serving.settings import Settings
from tests.serving.lab import Served, said_by_generate, serving

GREEDY: dict[str, Any] = {"do_sample": False}
PROMPT = "What is a GPU? A GPU is"


def test_the_root_and_health_say_what_kaito_says(served: Served) -> None:
    assert served.client.get("/").json() == {"message": "Server is running"}
    assert served.client.get("/healthz").json() == {"status": "Healthy"}


def test_a_server_without_its_model_listens_and_is_not_healthy(model: PreTrainedModel) -> None:
    with serving(None, None) as running:
        assert running.client.get("/").status_code == 200
        health = running.client.get("/healthz")
        assert (health.status_code, health.json()) == (500, {"detail": "Model not initialized"})
        running.service.model = model
        assert running.client.get("/healthz").json() == {"detail": "Pipeline not initialized"}
        asked = running.chat(prompt="a")
        assert (asked.status_code, asked.headers["retry-after"]) == (503, "5")
        assert asked.json() == {"detail": "Pipeline not initialized: the model is being loaded"}
        openai = running.client.get("/v1/models")
        assert (openai.status_code, openai.json()["error"]["type"]) == (503, "server_error")


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("prefix", [None, "One two three. "])
@pytest.mark.parametrize("clean", [True, False])
def test_greedy_text_is_that_of_the_pipeline(
    served: Served,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    full: bool,  # noqa: FBT001
    prefix: str | None,
    clean: bool,  # noqa: FBT001
) -> None:
    options = {
        "return_full_text": full,
        "clean_up_tokenization_spaces": clean,
        **({} if prefix is None else {"prefix": prefix}),
    }
    asked = pipeline("text-generation", model=model, tokenizer=tokenizer)
    ends: dict[str, Any] = {
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    told = asked(PROMPT, max_new_tokens=40, **GREEDY, **ends, **options)

    answer = served.chat(prompt=PROMPT, generate_kwargs={"max_new_tokens": 40, **GREEDY}, **options)

    assert answer.json() == {"Result": told[0]["generated_text"]}


def test_a_length_does_not_count_the_prefix(
    served: Served,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    length = len(tokenizer(PROMPT)["input_ids"]) + 3
    kwargs = {"max_length": length, "min_length": length}

    answer = served.chat(prompt=PROMPT, prefix="One two three four. ", generate_kwargs=kwargs)

    assert answer.status_code == 200


def test_kaitos_defaults_sample_among_ten_up_to_200_tokens(served: Served) -> None:
    answers = {served.chat(prompt=PROMPT).json()["Result"] for _ in range(3)}

    assert len(answers) == 3  # sampled
    assert all(answer.startswith(PROMPT) for answer in answers)
    schema = served.client.get("/openapi.json").json()["components"]["schemas"]["GenerateKwargs"]
    assert {name: field.get("default") for name, field in schema["properties"].items()} == {
        "max_length": 200,
        "min_length": 0,
        "do_sample": True,
        "early_stopping": False,
        "num_beams": 1,
        "temperature": 1.0,
        "top_k": 10,
        "top_p": 1,
        "typical_p": 1,
        "repetition_penalty": 1,
        "pad_token_id": None,
        "eos_token_id": None,
    }


def test_several_sequences_are_joined_as_kaito_does(served: Served) -> None:
    kwargs = {"max_new_tokens": 5, "num_return_sequences": 2, "num_beams": 2, **GREEDY}

    beams = served.chat(prompt=PROMPT, generate_kwargs=kwargs).json()["Result"]
    sampled = served.chat(
        prompt=PROMPT,
        generate_kwargs={"max_new_tokens": 5, "num_return_sequences": 3},
    ).json()["Result"]

    assert (beams.count(PROMPT), sampled.count(PROMPT)) == (2, 3)


def test_stop_strings_end_the_text_and_belong_to_it_as_in_generate(
    served: Served,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    ids = tokenizer(PROMPT)["input_ids"]
    tokens = said_by_generate(model, ids, max_new_tokens=30, **GREEDY)
    stop = tokenizer.decode(tokens[10:12])
    kwargs = {"max_new_tokens": 30, "stop_strings": [stop], **GREEDY}
    expected = said_by_generate(model, ids, tokenizer=tokenizer, **kwargs)

    answer = served.chat(prompt=PROMPT, generate_kwargs=kwargs, return_full_text=False)

    assert answer.json() == {"Result": tokenizer.decode(expected, skip_special_tokens=True)}
    assert len(expected) < 30


def test_a_conversation_is_answered_with_pythons_text_of_the_last_message(
    conversational: Served,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    messages = [{"role": "user", "content": "Who are you?"}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
    kwargs = {"max_new_tokens": 20, "eos_token_id": tokenizer.eos_token_id, **GREEDY}
    text = tokenizer.decode(said_by_generate(model, ids, **kwargs), skip_special_tokens=True)

    answer = conversational.chat(
        messages=messages,
        generate_kwargs={"max_new_tokens": 20, **GREEDY},
    )

    assert answer.json() == {"Result": str({"role": "assistant", "content": text})}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "Text generation parameter prompt required"),
        ({"prompt": ""}, "Text generation parameter prompt required"),
        (
            {"prompt": "a", "messages": [{"role": "user", "content": "b"}]},
            "messages: are for --pipeline=conversational; send a prompt",
        ),
        (
            {"prompt": "a", "handle_long_generation": "cut"},
            "handle_long_generation: is 'cut', must be null or 'hole'",
        ),
        (
            {"prompt": "a", "generate_kwargs": {"max_new_token": 3}},
            (
                "max_new_token: generate() knows no such option; did you mean max_new_tokens or "
                "min_new_tokens?"
            ),
        ),
        (
            {"prompt": "a", "generate_kwargs": {"output_scores": True}},
            "output_scores: is not available here: the answer is text and has no place for it",
        ),
        (
            {"prompt": "a", "generate_kwargs": {"max_new_tokens": "many"}},
            "max_new_tokens: is 'many': input should be a valid integer",
        ),
        (
            {"prompt": "a b c d e f", "generate_kwargs": {"max_length": 2}},
            (
                "max_length: is 2 and counts the prompt, which has 7 tokens: raise it, or set "
                "max_new_tokens instead"
            ),
        ),
        (
            {"prompt": "a", "generate_kwargs": {"max_new_tokens": 2000}},
            (
                "max_new_tokens: the prompt has 1 tokens and the answer may have 2000, but the "
                "model's "
                "context is 1024 tokens: shorten the prompt or ask for fewer"
            ),
        ),
        (
            {"prompt": "a", "generate_kwargs": {"num_beam_groups": 2}},
            (
                "num_beam_groups: is not available here: transformers has it only as remote code, "
                "which is not run here"
            ),
        ),
    ],
    ids=str,
)
def test_a_prompt_that_cannot_be_answered_is_a_400(
    served: Served,
    body: dict[str, Any],
    detail: str,
) -> None:
    answer = served.chat(**body)

    assert (answer.status_code, answer.json()) == (400, {"detail": detail})


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "Conversational parameter messages required"),
        ({"prompt": "a"}, "Conversational parameter messages required"),
        (
            {"messages": [{"role": "user", "content": "b"}], "prefix": "a"},
            "prefix: is for --pipeline=text-generation; send messages only",
        ),
    ],
    ids=str,
)
def test_a_conversation_that_cannot_be_answered_is_a_400(
    conversational: Served,
    body: dict[str, Any],
    detail: str,
) -> None:
    answer = conversational.chat(**body)

    assert (answer.status_code, answer.json()) == (400, {"detail": detail})


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"prompt": 5}, ["body", "prompt"]),
        ({"promt": "a"}, ["body", "promt"]),
        ({"prompt": "a", "generate_kwargs": {"top_k": "x"}}, ["body", "generate_kwargs", "top_k"]),
    ],
    ids=str,
)
def test_a_body_of_another_form_is_a_422(
    served: Served,
    body: dict[str, Any],
    place: list[str],
) -> None:
    answer = served.chat(**body)

    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, place)


def test_a_prompt_that_is_too_long_may_lose_its_beginning(
    served: Served,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    long = "The answer is yes. " * 400
    ids = tokenizer(long)["input_ids"]
    assert len(ids) > 1024
    ends: dict[str, Any] = {"eos_token_id": tokenizer.eos_token_id}
    expected = said_by_generate(model, ids[-1014:], max_new_tokens=10, **GREEDY, **ends)
    kwargs = {"max_new_tokens": 10, **GREEDY}

    refused = served.chat(prompt=long, generate_kwargs=kwargs)
    answer = served.chat(
        prompt=long,
        generate_kwargs=kwargs,
        handle_long_generation="hole",
        return_full_text=False,
    )

    assert f"the prompt has {len(ids)} tokens" in refused.json()["detail"]
    assert answer.json() == {"Result": tokenizer.decode(expected, skip_special_tokens=True)}


def test_a_very_long_prompt_is_refused_with_its_length(
    served: Served, tokenizer: PreTrainedTokenizerBase
) -> None:
    long = "yes no " * 20_000

    answer = served.chat(prompt=long, generate_kwargs={"max_new_tokens": 1})

    length = len(tokenizer(long)["input_ids"])
    assert answer.json()["detail"].startswith(
        f"max_new_tokens: the prompt has {length} tokens and the answer may have 1, but"
    )


def test_a_client_that_goes_away_frees_its_row(served: Served) -> None:
    kwargs = {"max_new_tokens": 1000, "min_new_tokens": 1000}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{served.url}/chat",
            json={"prompt": "a", "generate_kwargs": kwargs},
            timeout=0.2,
        )

    deadline = time.monotonic() + 10
    while served.engine.running() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert served.engine.running() == 0
    assert 'code="499",endpoint="/chat"' in metrics_text(served)


def test_a_full_queue_is_a_429_with_a_time_to_come_back(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    with serving(model, tokenizer, rows=1, queue=0) as running:
        kwargs = {"max_new_tokens": 1000, "min_new_tokens": 1000}
        body = {"prompt": "a", "generate_kwargs": kwargs}
        first = threading.Thread(
            target=lambda: httpx.post(f"{running.url}/chat", json=body, timeout=60),
        )
        first.start()
        while not running.engine.running():
            time.sleep(0.001)
        refused = running.chat(**body)
        openai = running.client.post(
            "/v1/completions",
            json={"model": "tiny", "prompt": "a", "max_tokens": 5},
        )
        running.engine.abort()
        first.join(30)

    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["detail"].startswith("0 requests are waiting already")
    assert (openai.status_code, openai.json()["error"]["type"]) == (429, "rate_limit_error")


def test_a_body_that_is_too_large_is_a_413(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    with serving(model, tokenizer, settings=Settings(body_bytes=2048)) as running:
        answer = running.chat(prompt="a" * 3000)

    assert (answer.status_code, answer.json()) == (
        413,
        {"detail": "the request is larger than 2048 bytes"},
    )


def metrics_text(served: Served) -> str:
    return served.client.get("/metrics", headers={"Accept": "text/plain"}).text


def test_metrics_are_kaitos_json_unless_prometheus_asks(served: Served) -> None:
    served.chat(prompt=PROMPT, generate_kwargs={"max_new_tokens": 4, "min_new_tokens": 4})

    kaito = served.client.get("/metrics").json()
    assert kaito["gpu_info"] is None or kaito["cpu_info"] is None
    assert kaito.keys() == {"gpu_info", "cpu_info"}
    families = {each.name: each for each in text_string_to_metric_families(metrics_text(served))}
    assert families.keys() >= {
        "metakaito_requests",
        "metakaito_request_duration_seconds",
        "metakaito_prompt_tokens",
        "metakaito_generated_tokens",
        "metakaito_time_to_first_token_seconds",
        "metakaito_time_per_output_token_seconds",
        "metakaito_requests_waiting",
        "metakaito_requests_running",
        "metakaito_batch_size",
        "metakaito_memory_used_bytes",
        "metakaito_gpu_memory_used_bytes",
    }
    openmetrics = served.client.get(
        "/metrics",
        headers={"Accept": "application/openmetrics-text;version=1.0.0,*/*;q=0.1"},
    )
    assert openmetrics.text.endswith("# EOF\n")


def test_tokens_are_counted_by_what_was_asked_and_answered(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    with serving(model, tokenizer) as running:
        running.chat(prompt=PROMPT, generate_kwargs={"max_new_tokens": 4, "min_new_tokens": 4})
        text = metrics_text(running)

    count = len(tokenizer(PROMPT)["input_ids"])
    assert f"metakaito_prompt_tokens_total {count}.0" in text
    assert "metakaito_generated_tokens_total 4.0" in text
    assert "metakaito_time_to_first_token_seconds_count 1.0" in text
    assert "metakaito_time_per_output_token_seconds_count 3.0" in text
    assert 'metakaito_requests_total{code="200",endpoint="/chat"} 1.0' in text


def test_many_clients_at_once_get_each_their_own_answer(
    served: Served,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    prompts = [
        f"What is {word}?"
        for word in ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    ]
    ends: dict[str, Any] = {"eos_token_id": tokenizer.eos_token_id, "max_new_tokens": 20}
    expected = [
        tokenizer.decode(
            said_by_generate(model, tokenizer(each)["input_ids"], **GREEDY, **ends),
            skip_special_tokens=True,
        )
        for each in prompts
    ]

    async def answers() -> list[str]:
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            bodies = [
                {
                    "prompt": each,
                    "return_full_text": False,
                    "generate_kwargs": {"max_new_tokens": 20, **GREEDY},
                }
                for each in prompts
            ]
            told = await asyncio.gather(*(client.post("/chat", json=body) for body in bodies))
            return [each.json()["Result"] for each in told]

    assert asyncio.run(answers()) == expected
