"""Where a hook is, how it is asked, and what its answer means."""

import socket
from datetime import UTC, datetime
from typing import Any

import pytest

from composite.models import JsonObject
from composite.simulate.errors import HookError, TooManyRequestsError
from hooks.dev.webhooks import (
    UnusableError,
    Webhook,
    Webhooks,
    duration_seconds,
    read_webhook,
    retry_after,
)
from tests.hooks.dev.hook_server import HookServer, Reply

SERVICE: JsonObject = {"name": "hooks", "namespace": "system"}
AUTHORIZATION: JsonObject = {"secretRef": {"name": "s", "namespace": "n", "key": "token"}}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_secret(namespace: str, name: str) -> JsonObject:
    assert (namespace, name) == ("n", "s")
    return {"data": {"token": "dDBrM24K"}}


def read(webhook: JsonObject, *endpoints: JsonObject, version: str | None = "v2") -> Webhook:
    return read_webhook({"version": version, "webhook": webhook}, list(endpoints), a_secret)


@pytest.mark.parametrize(
    ("webhook", "url"),
    [
        ({"url": "http://here/x"}, "http://here/x"),
        ({"url": "http://here/x", "service": SERVICE, "path": "/y"}, "http://here/x"),
        ({"service": SERVICE, "path": "/sync"}, "http://hooks.system:80/sync"),
        (
            {"service": {**SERVICE, "port": 8443, "protocol": "https"}, "path": "/sync"},
            "https://hooks.system:8443/sync",
        ),
    ],
)
def test_a_hook_is_at_a_url_or_behind_a_service(webhook: JsonObject, url: str) -> None:
    assert read(webhook) == Webhook(url, 10.0)


@pytest.mark.parametrize(
    ("webhook", "version", "reason"),
    [
        ({"url": "http://a"}, "v1", "hook version v1 is not played by metakaito dev, only v2"),
        ({"url": "http://a"}, None, "hook version v1 is not played by metakaito dev, only v2"),
        (
            {"service": SERVICE},
            "v2",
            (
                "invalid webhook config: must specify either a full 'url', or both 'service' and "
                "'path'"
            ),
        ),
        (
            {"service": {"name": "a"}, "path": "/"},
            "v2",
            "invalid webhook config: 'service' must specify both 'name' and 'namespace'",
        ),
        (
            {"url": "http://a", "caBundle": {"inline": "x"}},
            "v2",
            "webhook.caBundle is not played by metakaito dev",
        ),
        (
            {"url": "http://a", "etag": {"enabled": True}},
            "v2",
            "webhook.etag is not played by metakaito dev",
        ),
        (
            {"url": "http://a", "responseUnMarshallMode": "loose"},
            "v2",
            "webhook.responseUnMarshallMode loose is not played by metakaito dev",
        ),
        (
            {"url": "http://a", "timeout": "soon"},
            "v2",
            "webhook.timeout: 'soon' is not a duration such as 10s",
        ),
        (
            {"url": "http://a", "authorization": {**AUTHORIZATION, "type": "basic"}},
            "v2",
            'authorization type "basic" is not supported; use the basicAuth field instead',
        ),
        (
            {
                "url": "http://a",
                "authorization": {"secretRef": {"name": "s", "namespace": "n", "key": "other"}},
            },
            "v2",
            'authorization secret n/s does not contain key "other"',
        ),
    ],
)
def test_what_cannot_be_played_is_said(webhook: JsonObject, version: str, reason: str) -> None:
    with pytest.raises(UnusableError) as refusal:
        read(webhook, version=version)

    assert str(refusal.value) == reason


@pytest.mark.parametrize(
    ("webhook", "host", "header"),
    [
        ({"authorization": AUTHORIZATION}, "elsewhere", "Bearer t0k3n"),
        ({"authorization": {**AUTHORIZATION, "type": "Token"}}, "elsewhere", "Token t0k3n"),
        ({}, "here", "Bearer t0k3n"),
        ({}, "HERE:80", "Bearer t0k3n"),
        ({}, "here:8080", None),
    ],
)
def test_a_token_is_told_by_the_hook_or_for_its_host(
    webhook: JsonObject, host: str, header: str | None
) -> None:
    endpoint = {"host": host, "authorization": AUTHORIZATION}

    assert read({"url": "http://here/x", **webhook}, endpoint).authorization == header


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, 10), ("2s", 2), ("1m30s", 90), ("500ms", 0.5), ("1.5h", 5400), ("0", 10), ("-3s", 10)],
)
def test_durations_are_those_of_go(text: str | None, seconds: float) -> None:
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("", 0), ("0.5", 0), ("soon", 0), ("Thu, 01 Jan 2026 00:00:09 GMT", 9)],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: int) -> None:
    assert retry_after(header, NOW) == seconds


def ask(hooks: HookServer, answer: Any) -> JsonObject:  # noqa: ANN401  (JSON, or text)
    def answered(_: JsonObject) -> Any:  # noqa: ANN401  (the same)
        if isinstance(answer, Exception):
            raise answer
        return answer

    hooks.answers["/x"] = answered
    url = f"{hooks.url}/x"
    webhooks = Webhooks((Webhook(url, 5.0, "Bearer me"),), 2)
    try:
        return webhooks.call(url, {"a": "é"})
    finally:
        webhooks.close()


def test_a_question_carries_the_token_and_the_answer_is_an_object(hooks: HookServer) -> None:
    assert ask(hooks, {"status": {}}) == {"status": {}}
    assert hooks.asked == [("/x", {"a": "é"}, "Bearer me")]


@pytest.mark.parametrize("code", [201, 404, 422, 500, 503])
def test_only_200_is_an_answer(hooks: HookServer, code: int) -> None:
    with pytest.raises(HookError) as failure:
        ask(hooks, Reply(code, "no\n"))

    assert str(failure.value) == f"unsupported status code: {code} body: no\n"
    assert failure.value.code == code


@pytest.mark.parametrize("code", [307, 308])
def test_a_redirect_that_repeats_the_question_is_followed(hooks: HookServer, code: int) -> None:
    hooks.answers["/y"] = lambda _: {"status": {}}

    assert ask(hooks, Reply(code, "", Location="/y")) == {"status": {}}
    assert hooks.asked == [(path, {"a": "é"}, "Bearer me") for path in ("/x", "/y")]


@pytest.mark.parametrize("code", [301, 302, 303])
def test_a_redirect_that_go_follows_with_a_get_is_refused(hooks: HookServer, code: int) -> None:
    with pytest.raises(HookError) as failure:
        ask(hooks, Reply(code, "", Location="/y"))

    assert str(failure.value) == (
        f"HTTP {code} redirects to /y: Metacontroller would go there with GET, which is no "
        "question to a hook; name that address in the webhook, or redirect with 307 or 308"
    )
    assert [path for path, _, _ in hooks.asked] == ["/x"]


def test_429_names_its_seconds(hooks: HookServer) -> None:
    with pytest.raises(TooManyRequestsError) as busy:
        ask(hooks, Reply(429, "", Retry_After="3"))

    assert busy.value.after_seconds == 3


def test_what_is_no_json_is_no_answer(hooks: HookServer) -> None:
    with pytest.raises(HookError, match=r"can't unmarshal webhookResponse \(version: v2, type: "):
        ask(hooks, "{x")


def test_a_hook_that_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        url = f"http://127.0.0.1:{place.getsockname()[1]}/x"

    with pytest.raises(HookError, match=f'^http error: Post "{url}": .*refused'):
        Webhooks((Webhook(url, 5.0),), 1).call(url, {})
