"""The API server as a Pod sees it, behind TLS with a certificate of its own."""

import json
import ssl
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from composite.simulate.errors import ApiError, ForbiddenError, NotFoundError
from hooks.in_cluster import InCluster

ANSWERS = {
    "/there": (200, json.dumps({"items": []})),
    "/absent": (404, json.dumps({"kind": "Status", "message": "the server has no such thing"})),
    "/forbidden": (403, json.dumps({"kind": "Status", "message": "you may not"})),
    "/broken": (503, "<html>"),
    "/half": (200, '{"items": ['),
}


class ApiServer(BaseHTTPRequestHandler):
    asked: list[tuple[str, str, str]]

    def do_GET(self) -> None:
        self.asked.append((self.command, self.path, self.headers["Authorization"]))
        status, body = ANSWERS[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_DELETE = do_GET  # noqa: N815  (named by the library)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as the kubelet mounts it, and the server's key beside it."""
    folder = tmp_path_factory.mktemp("account")
    subprocess.run(  # noqa: S603  (fixed words)
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=api"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", folder / "key.pem", "-out", folder / "ca.crt"),
        ],
        check=True,
        capture_output=True,
    )
    (folder / "token").write_text("a-token\n")
    return folder


@pytest.fixture
def api(account: Path) -> Iterator[InCluster]:
    ApiServer.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), ApiServer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(account / "ca.crt", account / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield InCluster(f"https://127.0.0.1:{server.server_port}", account)
    server.shutdown()
    server.server_close()


def test_asks_with_the_token_of_the_moment(api: InCluster, account: Path) -> None:
    first = api.send("GET", "/there")
    (account / "token").write_text("another\n")
    api.send("DELETE", "/there")
    (account / "token").write_text("a-token\n")

    assert first == {"items": []}
    assert ApiServer.asked == [
        ("GET", "/there", "Bearer a-token"),
        ("DELETE", "/there", "Bearer another"),
    ]


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("/absent", NotFoundError, "the server has no such thing"),
        ("/forbidden", ForbiddenError, "you may not"),
        ("/broken", ApiError, "HTTP 503"),
    ],
)
def test_its_no_is_in_its_own_words(
    api: InCluster, path: str, kind: type[ApiError], message: str
) -> None:
    with pytest.raises(kind, match=f"^{message}$"):
        api.send("GET", path)


def test_an_answer_that_is_cut_off_is_none(api: InCluster) -> None:
    with pytest.raises(
        ApiError, match=r"^GET https://127\.0\.0\.1:.*/half: Expecting value"
    ) as error:
        api.send("GET", "/half")
    assert error.value.code == 0


def test_a_server_that_hangs_up_gives_none(api: InCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ApiServer, "do_GET", lambda _: None)

    with pytest.raises(ApiError, match="closed connection") as error:
        api.send("GET", "/there")
    assert error.value.code == 0


def test_another_server_is_not_trusted(api: InCluster, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-token")
    others = ssl.get_default_verify_paths().cafile or ""
    if not Path(others).is_file():
        pytest.skip("this machine has no file of certificates to trust instead")
    (tmp_path / "ca.crt").write_bytes(Path(others).read_bytes())

    with pytest.raises(ApiError, match="certificate verify failed"):
        api._replace(account=tmp_path).send("GET", "/there")
    assert ApiServer.asked == []


def test_outside_of_a_pod_there_is_no_token(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match=r"not in a Pod.*No such file or directory") as error:
        InCluster(account=tmp_path).send("GET", "/there")
    assert error.value.code == 401, "it is not tried again"
