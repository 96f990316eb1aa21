import base64
import json
from pathlib import Path
from typing import Any

import pytest

from hooks.steps.authorization import Challenge, challenges
from hooks.steps.credentials import Credential, load_credentials
from hooks.steps.failures import TryAgain
from hooks.steps.references import parse_reference


def auth(user: str, password: str = "secret") -> dict[str, str]:  # noqa: S107  (of a test)
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def found(folder: Path, document: dict[str, Any], image: str) -> Credential | None:
    (folder / "config.json").write_text(json.dumps(document))
    return load_credentials(folder).of(parse_reference(image))


@pytest.mark.parametrize(
    "key",
    [
        "https://index.docker.io/v1/",
        "index.docker.io",
        "docker.io",
        "registry-1.docker.io",
        "https://index.docker.io/v2/",
    ],
)
def test_docker_hub_has_many_names(tmp_path: Path, key: str) -> None:
    assert found(tmp_path, {"auths": {key: auth("me")}}, "me/a") == Credential("me", "secret")


@pytest.mark.parametrize(
    "key", ["host.test:5000", "https://host.test:5000", "http://host.test:5000/v2/"]
)
def test_a_registry_is_found_however_it_is_written(tmp_path: Path, key: str) -> None:
    document = {"auths": {key: auth("me")}}

    assert found(tmp_path, document, "host.test:5000/a") == Credential("me", "secret")
    assert found(tmp_path, document, "host.test/a") is None
    assert found(tmp_path, document, "other.test:5000/a") is None


@pytest.mark.parametrize(
    ("image", "user"),
    [("h.test/a/b/c", "c"), ("h.test/a/b/d", "b"), ("h.test/a/bb", "a"), ("h.test/x", "host")],
)
def test_the_longest_path_counts(tmp_path: Path, image: str, user: str) -> None:
    keys = {"h.test": "host", "h.test/a": "a", "h.test/a/b": "b", "h.test/a/b/c": "c"}
    document = {"auths": {key: auth(name) for key, name in keys.items()}}

    assert found(tmp_path, document, image) == Credential(user, "secret")


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        (auth("me", "with:colon"), Credential("me", "with:colon")),
        ({"username": "me", "password": "pw"}, Credential("me", "pw")),
        ({"identitytoken": "it"}, Credential(identity_token="it")),  # noqa: S106  (of a test)
        ({"registrytoken": "rt"}, Credential(registry_token="rt")),  # noqa: S106  (the same)
        ({}, None),
    ],
)
def test_an_entry_is_a_password_or_a_token(
    tmp_path: Path, entry: dict[str, str], meant: Credential | None
) -> None:
    assert found(tmp_path, {"auths": {"h.test": entry}}, "h.test/a") == meant


@pytest.mark.parametrize("entry", ["text", {"auth": "no base64"}, {"auth": "bm9jb2xvbg=="}])
def test_an_entry_that_is_broken_is_named(tmp_path: Path, entry: object) -> None:
    with pytest.raises(TryAgain, match=r"config\.json: the entry 'h\.test' has no auth in Base64"):
        found(tmp_path, {"auths": {"h.test": entry}}, "h.test/a")


@pytest.mark.parametrize("text", ["no json", "[]", '{"auths": [1]}'])
def test_a_file_that_is_broken_may_be_mended(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)

    with pytest.raises(TryAgain, match=r"config\.json is not JSON as 'docker login' writes it"):
        load_credentials(tmp_path)


def test_no_file_says_nothing(tmp_path: Path) -> None:
    assert load_credentials(tmp_path).of(parse_reference("a")) is None


def test_a_credential_does_not_show_itself() -> None:
    assert "secret" not in repr(Credential("me", "secret"))


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        ('{"Username": "me", "Secret": "pw"}', Credential("me", "pw")),
        ('{"Username": "<token>", "Secret": "it"}', Credential(identity_token="it")),  # noqa: S106
    ],
)
def test_a_helper_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, meant: Credential
) -> None:
    program = tmp_path / "docker-credential-test"
    program.write_text(f"#!/bin/sh\nread server\n[ $server = h.test ] && echo '{answer}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert found(tmp_path, {"credsStore": "test"}, "h.test/a") == meant
    assert found(tmp_path, {"credHelpers": {"h.test": "test"}}, "h.test/a") == meant
    assert found(tmp_path, {"credsStore": "test"}, "other.test/a") is None


@pytest.mark.parametrize(
    ("name", "words"), [("nowhere", "does not run"), ("../sh", "not the name")]
)
def test_a_helper_that_is_none_is_named(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(TryAgain, match=f"docker-credential-{name}.* {words}"):
        found(tmp_path, {"credsStore": name}, "h.test/a")


@pytest.mark.parametrize(
    ("headers", "meant"),
    [
        (
            ['Bearer realm="https://t.test/token",service="h.test",scope="repository:a:pull,push"'],
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://t.test/token",
                        "service": "h.test",
                        "scope": "repository:a:pull,push",
                    },
                )
            ],
        ),
        (["Basic realm=simple"], [Challenge("basic", {"realm": "simple"})]),
        (
            ['Basic realm="a, b", Bearer realm="c\\"d" , service=e'],
            [
                Challenge("basic", {"realm": "a, b"}),
                Challenge("bearer", {"realm": 'c"d', "service": "e"}),
            ],
        ),
        (
            ["BASIC realm=a", "bearer Realm=b"],
            [Challenge("basic", {"realm": "a"}), Challenge("bearer", {"realm": "b"})],
        ),
        ([], []),
    ],
)
def test_challenges_are_read(headers: list[str], meant: list[Challenge]) -> None:
    assert challenges(headers) == meant
