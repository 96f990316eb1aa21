"""Where a secret may be, by a name or by its place in a text."""

import pytest

from composite.confidential import (
    is_our_variable,
    is_secret_name,
    without_logins,
    without_secret_arguments,
)

SECRET_NAMES = (
    *("HF_TOKEN", "SLACK_TOKEN_PROD", "apiKey", "OPENAI_API_KEY", "PGPASSWORD", "clientSecret"),
    *("AWS_SECRET_ACCESS_KEY", "basic-auth", "Authorization", "X-Api-Key", "sig", "key", "cookie"),
    *("ssl-keyfile-password", "credentials", "token2", "api-keys", "PASSWORDS", "creds"),
    *("VAULT_SECRET_ID", "passcode", "hf_token"),
)
OTHER_NAMES = (
    *("max_tokens", "tokenizer", "tokenizer_name", "token-file", "pad_token_id", "ssl-keyfile"),
    *("pass-through", "key-value-cache", "model", "torch_dtype", "kv-cache-dtype", "passenger", ""),
    *("AWS_ACCESS_KEY_ID", "secret-name", "auth-mode", "eos_token", "pad-token", "sort-key"),
    *("num-speculative-token", "max_new_tokens", "public-key", "class", "address"),
)


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_name_of_a_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_a_name_of_something_else(name: str) -> None:
    assert not is_secret_name(name)


def test_our_variables_are_no_secrets() -> None:
    ours = ("METAKAITO_GRACE_SECONDS", "METAKAITO_TOKEN_FILE")

    assert [is_our_variable(name) for name in ours] == [True, True]
    assert [is_our_variable(name) for name in ("METAKAITO_TOKEN", "HOME", 7)] == [False] * 3


URLS = {
    "https://me:hunter2@h.example/a": "https://#@h.example/a",
    "https://hunter2@h.example/a": "https://#@h.example/a",
    "https://me:hunt@er2@h.example/a": "https://#@h.example/a",
    "https://me:hunt/er2@h.example/a": "https://#@h.example/a",
    "https://h/a?token=abc&page=1": "https://h/a?token=#&page=1",
    "https://h/a?sv=2022-11-02&sig=Yh%2B=": "https://h/a?sv=#&sig=#",
    "https://h/a#access_token=abc&state=something": "https://h/a#access_token=#&state=something",
    "https://h/a#sha256=0123456789": "https://h/a#sha256=0123456789",
    "http://h:80/a?mail=me@h": "http://h:80/a?mail=me@h",
    "mail me@h.example about https://h/a": "mail me@h.example about https://h/a",
    "a://b:c@d and e://f:g@h": "a://#@d and e://#@h",
}


@pytest.mark.parametrize(("text", "left"), URLS.items(), ids=URLS)
def test_a_login_or_a_token_in_a_url(text: str, left: str) -> None:
    assert without_logins(text, lambda _: "#") == left


def test_an_endless_url_takes_no_time() -> None:
    text = "://a:" * 100_000

    assert without_logins(text, lambda _: "#") == text


COMMANDS = {
    "a flag and its value": (
        ["--api-key", "x", "--model", "m"],
        ["--api-key", "#", "--model", "m"],
    ),
    "in one word": (["--token=x y", "--port=80"], ["--token=#", "--port=80"]),
    "one that only looks like a flag": (["--token", "-x1"], ["--token", "#"]),
    "a switch": (["--use-auth-token", "--model", "m"], ["--use-auth-token", "--model", "m"]),
    "a variable": (["env", "HF_TOKEN=x y", "serve"], ["env", "HF_TOKEN=#", "serve"]),
    "what Kubernetes puts in": (
        ["--token", "$(T)", "--key=$(K)"],
        ["--token", "$(T)", "--key=$(K)"],
    ),
    "what nobody puts in": (
        ["--password=$ecret1", "--token", "$T"],
        ["--password=#", "--token", "#"],
    ),
    "JSON": (['{"api_key": "x", "model": "m"}'], ['{"api_key": #, "model": "m"}']),
    "no text": ([7, None, "--token", ["x"]], [7, None, "--token", ["x"]]),
    "flags of a model": (
        ["--max-tokens", "5", "--tokenizer", "t", "--pad_token_id=0"],
        ["--max-tokens", "5", "--tokenizer", "t", "--pad_token_id=0"],
    ),
}
SCRIPTS = {
    "HF_TOKEN=x serve --model m --api-key 'a b' --port 80": (
        "HF_TOKEN=# serve --model m --api-key # --port 80"
    ),
    'export PASSWORD="a \\" b"; serve': "export PASSWORD=#; serve",
    'curl -H "Authorization: Bearer x" h': 'curl -H "Authorization: #" h',
    "curl -H 'X-Api-Key:x' h": "curl -H 'X-Api-Key:#' h",
    "echo bearer x": "echo bearer #",
    'serve --token "$HF_TOKEN" --key=${K} --secret $(cat /s)': (
        'serve --token "$HF_TOKEN" --key=${K} --secret $(cat /s)'
    ),
    'PASSWORD=${X:-hunter2} T=\'$ecret\' KEY="$(echo x)" A_KEY="$(cat /s)" serve': (
        "PASSWORD=# T='$ecret' KEY=# A_KEY=\"$(cat /s)\" serve"
    ),
    "PASSWORD='$ecret' serve": "PASSWORD=# serve",
    "serve --token $(echo x) --port 80": "serve --token # --port 80",
    "api_key = 'x y'; run(token = \"z\")": "api_key = #; run(token = #)",
    "if token == 'x': serve": "if token == 'x': serve",
    "the token is here": "the token is here",
    "accelerate launch --gpu_ids=all inference_api.py --torch_dtype=auto --trust_remote_code": (
        "accelerate launch --gpu_ids=all inference_api.py --torch_dtype=auto --trust_remote_code"
    ),
}


@pytest.mark.parametrize(("given", "left"), COMMANDS.values(), ids=COMMANDS)
def test_a_secret_in_a_command(given: list[object], left: list[object]) -> None:
    assert without_secret_arguments(given, lambda _: "#") == left


@pytest.mark.parametrize(("script", "left"), SCRIPTS.items(), ids=SCRIPTS)
def test_a_secret_in_a_script(script: str, left: str) -> None:
    command = ["/bin/sh", "-c", script]

    assert without_secret_arguments(command, lambda _: "#") == ["/bin/sh", "-c", left]
