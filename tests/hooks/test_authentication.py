import os
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from composite.catalog import Catalog
from hooks.app import create_app
from hooks.authentication import InvalidToken, TokenFile
from hooks.settings import Settings
from tests.hooks.conftest import NOW, Lines
from tests.hooks.questions import a_customize, a_namespace_sync, a_sync, a_workspace, text

HOOKS = {
    "/workspaces/sync": a_sync(),
    "/workspaces/customize": a_customize(a_workspace()),
    "/machines/sync": a_namespace_sync([]),
    "/machines/customize": a_customize({"kind": "Namespace", "metadata": {"name": "default"}}),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("secret-1\n")
    return tmp_path / "token"


@pytest.fixture
def client(catalog: Catalog, file: Path) -> FlaskClient:
    return create_app(catalog, Settings(token_file=file), clock=lambda: NOW).test_client()


@pytest.mark.parametrize("path", HOOKS)
def test_a_hook_answers_whoever_shows_the_token(client: FlaskClient, path: str) -> None:
    shown = client.post(path, data=text(HOOKS[path]), headers={"Authorization": "Bearer secret-1"})

    assert shown.status_code == 200


@pytest.mark.parametrize("path", HOOKS)
@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer secret-2", "Bearer secret-1x", "Basic secret-1", "secret-1"],
)
def test_a_hook_answers_401_to_others(client: FlaskClient, path: str, header: str) -> None:
    refused = client.post(path, data=text(HOOKS[path]), headers={"Authorization": header})

    assert refused.status_code == 401
    assert refused.text == "unauthorized: another token is wanted, or one at all\n"
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_a_hook_answers_401_without_a_header_and_the_log_says_so(
    client: FlaskClient, lines: Lines
) -> None:
    refused = client.post("/workspaces/sync", data=b"x" * 100)

    assert refused.status_code == 401
    assert lines() == [
        {
            "level": "warning",
            "logger": "metakaito",
            "message": "workspaces/sync unauthorized",
            "hook": "workspaces/sync",
            "outcome": "unauthorized",
        }
    ]


def test_whoever_does_not_know_the_token_learns_no_path(client: FlaskClient) -> None:
    assert client.post("/no/such/path").status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_and_metrics_are_for_everybody(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_the_file_is_read_again_when_it_changes(file: Path) -> None:
    token = TokenFile(file)
    replace(file, "secret-2")

    assert [token.accepts(f"Bearer secret-{n}") for n in (1, 2)] == [False, True]


@pytest.mark.parametrize("spoilt", [None, "", "\n"])
def test_a_file_that_is_spoilt_later_leaves_the_token(file: Path, spoilt: str | None) -> None:
    token = TokenFile(file)
    if spoilt is None:
        file.unlink()
    else:
        replace(file, spoilt)

    assert token.accepts("Bearer secret-1")
    assert not token.accepts("Bearer ")


def test_the_name_of_the_scheme_is_written_as_one_likes(file: Path) -> None:
    assert TokenFile(file).accepts("bearer secret-1")


def test_a_file_without_a_token_stops_the_start(catalog: Catalog, file: Path) -> None:
    replace(file, " \n")

    with pytest.raises(InvalidToken, match=f"^{file}: holds no token$"):
        create_app(catalog, Settings(token_file=file))


def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidToken, match=r"token: cannot be read: No such file or directory$"):
        TokenFile(tmp_path / "token")


def replace(file: Path, token: str) -> None:
    """Put another file in its place, as the kubelet turns a link."""
    other = file.with_name("other")
    other.write_text(token)
    os.replace(other, file)  # noqa: PTH105  (said by its system call)
