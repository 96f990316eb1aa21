import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hooks.cli.servers import Server, started_server
from tests.cli.conftest import Run

ALL = ("/workspaces/customize", "/workspaces/sync", "/machines/customize", "/machines/sync")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server that wants a token, and the file with it."""
    folder = tmp_path_factory.mktemp("guarded")
    token = folder / "token"
    token.write_text("secret\n")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("METAKAITO_TOKEN_FILE", str(token))
        with started_server(folder / "server.log") as server:
            yield server, token


def test_a_server_like_us_answers_as_it_should(run: Run, server: Server) -> None:
    assert run("probe", server.url) == (0, "".join(f"{path}: ok\n" for path in ALL), "")


def test_a_server_with_other_settings_is_found_out(run: Run, server: Server) -> None:
    other = run("probe", server.url, "--provisioner", "nodeclaim")

    assert (other.code, other.out) == (1, "")
    first, theirs, ours = other.err.splitlines()
    assert first == (
        f"{server.url}/workspaces/customize: answers otherwise than this program would; it is of "
        "another version, or has other settings"
    )
    assert re.findall('"resource": "(machines|nodeclaims)"', theirs + ours) == [
        "machines",
        "nodeclaims",
    ]


def test_without_a_provisioner_machines_are_not_asked_about(run: Run, server: Server) -> None:
    other = run("probe", server.url, "--provisioner", "none")

    assert other.code == 1


def test_with_the_token(
    run: Run, guarded: tuple[Server, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, token = guarded
    refused = run("probe", server.url)
    monkeypatch.setenv("METAKAITO_TOKEN_FILE", str(token))

    assert (refused.code, refused.out) == (1, "")
    assert refused.err == (
        f"{server.url}/workspaces/customize: HTTP 401: unauthorized: another token is wanted, or "
        "one at all\n"
    )
    assert run("probe", server.url).code == 0


def test_nobody_answers(run: Run) -> None:
    failed = run("probe", "http://127.0.0.1:1")

    assert failed.code == 1
    assert failed.err == (
        "http://127.0.0.1:1/workspaces/customize: does not answer: [Errno 111] Connection refused\n"
    )


def test_what_is_no_url(run: Run) -> None:
    assert run("probe", "localhost:8080").err == (
        "'localhost:8080' is not a URL such as http://127.0.0.1:8080\n"
    )
