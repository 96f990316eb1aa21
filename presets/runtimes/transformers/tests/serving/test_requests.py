"""Requests that are too much, no text, or meet an error that nobody thought of, over HTTP."""

import json
import logging
import time
from typing import Any

import httpx
import pytest
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from serving.engine import options
from tests.serving.lab import Served, serving

JSON = {"content-type": "application/json"}
HALF = "\\ud83d"


def completion(served: Served, **body: object) -> httpx.Response:
    return served.client.post("/v1/completions", json={"model": "tiny", **body})


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/completions", {"model": "tiny", "prompt": ["a"] * 200, "n": 128}, "n"),
        ("/v1/completions", {"model": "tiny", "prompt": [[5]] * 73}, "n"),
        ("/v1/chat/completions",
         {"model": "tiny", "messages": [{"role": "user", "content": "a"}], "n": 73}, "n"),
        ("/chat", {"prompt": "a", "generate_kwargs": {"num_return_sequences": 73}},
         "num_return_sequences"),
    ],
    ids=str,
)  # fmt: skip
def test_more_answers_than_there_is_ever_room_for_are_refused_before_anything_is_computed(
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    body: dict[str, Any],
    field: str,
) -> None:
    def planned(*_: object, **__: object) -> None:
        raise AssertionError("something was planned")

    monkeypatch.setattr("serving.openai.asked.make_plan", planned)
    monkeypatch.setattr("serving.kaito.make_plan", planned)
    monkeypatch.setattr("serving.openai.asked.tokens_of", planned)

    answer = served.client.post(path, json=body)

    told = answer.json()
    message = told["detail"] if path == "/chat" else told["error"]["message"]
    assert answer.status_code == 400
    assert message.startswith(f"{field}: ")
    assert message.endswith(
        " answers are asked for, and this server takes 72 at a time, in work and waiting: ask for "
        "fewer"
    )


def test_as_many_answers_as_there_is_room_for_are_given(served: Served) -> None:
    openai = completion(served, prompt=[[5], [6]], n=36, max_tokens=1)
    kaito = served.chat(
        prompt="a", generate_kwargs={"num_return_sequences": 72, "max_new_tokens": 1}
    )

    assert (len(openai.json()["choices"]), openai.status_code) == (72, 200)
    assert kaito.status_code == 200


def test_health_is_told_while_a_request_for_many_answers_is_planned(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []
    make_plan = options.make_plan

    def slow(*told: Any, **more: Any) -> options.Plan:  # noqa: ANN401
        threads.append(served.client.get("/healthz").status_code == 200)
        return make_plan(*told, **more)

    monkeypatch.setattr("serving.openai.asked.make_plan", slow)

    assert completion(served, prompt=[[5], [6]], max_tokens=1).status_code == 200
    assert threads == [True, True]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/chat", f'{{"prompt": "a {HALF}"}}', "prompt"),
        ("/chat", f'{{"prompt": "a", "prefix": "{HALF}"}}', "prefix"),
        ("/v1/completions", f'{{"model": "tiny", "prompt": ["a", "{HALF}"]}}', "prompt"),
        ("/v1/chat/completions",
         f'{{"model": "tiny", "messages": [{{"role": "user", "content": "{HALF}"}}]}}', "messages"),
    ],
    ids=str,
)  # fmt: skip
def test_half_a_character_is_a_400(served: Served, path: str, body: str, field: str) -> None:
    answer = served.client.post(path, content=body, headers=JSON)

    told = answer.json()
    message = told["detail"] if path == "/chat" else told["error"]["message"]
    assert answer.status_code == 400
    assert message.startswith(f"{field}: has half a character (a lone surrogate) at position ")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/chat", f'{{"prompt": "a", "{HALF}": 1}}', 422),
        ("/chat", '{"prompt": "a", "generate_kwargs": {"top_k": NaN}}', 422),
        ("/v1/completions", f'{{"model": "tiny", "prompt": "a", "{HALF}": 1}}', 400),
        ("/v1/completions", f'{{"model": "tiny", "prompt": "a", "stop": "{HALF}"}}', 400),
        ("/chat", f'{{"prompt": "a", "generate_kwargs": {{"{HALF}": 1}}}}', 422),
    ],
    ids=str,
)
def test_a_refusal_of_what_json_cannot_repeat_is_a_refusal(
    served: Served, path: str, body: str, status: int
) -> None:
    assert served.client.post(path, content=body, headers=JSON).status_code == status


@pytest.mark.parametrize("path", ["/chat", "/v1/completions"])
def test_an_error_that_nobody_thought_of_is_told_in_the_words_of_the_api(
    served: Served, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr("serving.openai.asked.make_plan", broken)
    monkeypatch.setattr("serving.kaito.make_plan", broken)
    body = {"prompt": "a"} if path == "/chat" else {"prompt": "a", "model": "tiny"}

    answer = served.client.post(path, json=body)

    message = "the server failed (KeyError); its log says more"
    told: dict[str, Any] = {"detail": message}
    if path != "/chat":
        error = {"message": message, "type": "server_error", "param": None, "code": None}
        told = {"error": error}
    assert (answer.status_code, answer.json()) == (500, told)


@pytest.mark.parametrize("stream", [True, False])
def test_an_error_while_an_answer_comes_ends_it_with_the_error(
    served: Served, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise KeyError("secret")

    monkeypatch.setattr("serving.text.TextStream.push", broken)

    answer = served.client.post(
        "/v1/completions",
        json={"model": "tiny", "prompt": "a", "stream": stream},
        timeout=10,
    )

    told = answer.text.removeprefix("data: ") if stream else answer.text
    assert answer.status_code == (200 if stream else 500)
    assert json.loads(told)["error"]["message"] == (
        "the server failed (KeyError); its log says more"
    )


@pytest.mark.parametrize(
    "kwargs",
    [{"temperature": 1e-40}, {"suppress_tokens": list(range(512))}],
    ids=["cold", "all suppressed"],
)
def test_options_that_leave_no_token_are_a_400(served: Served, kwargs: dict[str, Any]) -> None:
    answer = served.chat(prompt="a", generate_kwargs=kwargs)

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("generate_kwargs: leave no token to choose")


@pytest.mark.parametrize(
    ("name", "value"), [("num_beams", 0), ("num_return_sequences", 0), ("eos_token_id", 512)]
)
def test_an_option_that_cannot_be_is_a_400(served: Served, name: str, value: int) -> None:
    answer = served.chat(prompt="a", generate_kwargs={name: value})

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f"{name}: ")


def test_a_prompt_beyond_the_context_is_told_the_context(
    served: Served, tokenizer: PreTrainedTokenizerBase
) -> None:
    prompt = "yes no " * 2000

    answer = served.chat(prompt=prompt)

    length = len(tokenizer(prompt)["input_ids"])
    assert answer.json() == {
        "detail": f"max_length: the prompt has {length} tokens, but the model's context is 1024 "
        "tokens for prompt and answer together: shorten the prompt"
    }


def test_an_engine_that_has_ended_is_not_healthy(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    with serving(model, tokenizer) as running:
        assert running.client.get("/healthz").status_code == 200
        running.engine.metrics.running = None  # type: ignore[assignment]
        lost = running.chat(prompt="a", generate_kwargs={"max_new_tokens": 500})
        deadline = time.monotonic() + 10
        while running.engine.thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        health = running.client.get("/healthz")

    reason = "the engine has failed: 'NoneType' object has no attribute 'set'"
    assert (lost.status_code, lost.json()) == (500, {"detail": reason})
    assert (health.status_code, health.json()) == (500, {"detail": reason})


def test_each_request_is_a_line_of_the_debug_log(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    start = "GET /healthz: 200 after "
    with caplog.at_level(logging.DEBUG, "metakaito.requests"):
        served.client.get("/healthz")
        # It is written after the client has its answer.
        deadline = time.monotonic() + 10
        while not caplog.messages and time.monotonic() < deadline:
            time.sleep(0.01)

    assert [line[: len(start)] for line in caplog.messages] == [start]
