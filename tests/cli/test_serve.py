import json
import os
import re
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hooks.cli.errors import Failed
from hooks.cli.servers import Server, started_server
from tests.cli.conftest import Golden, Run


def status(url: str, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_serves_until_it_is_stopped(tmp_path: Path) -> None:
    with started_server(tmp_path / "server.log") as server:
        assert status(server.url, "/healthz") == (200, b"ok\n")

    assert server.process.returncode == 0
    with pytest.raises(OSError, match="refused"):
        status(server.url, "/healthz")


def test_options_reach_the_server(tmp_path: Path, server: Server) -> None:
    with started_server(tmp_path / "server.log", "--provisioner", "nodeclaim") as other:
        assert other.url != server.url
        assert status(other.url, "/readyz")[0] == 200


def test_an_address_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "hooks.cli", "serve", "--bind", bind],
            capture_output=True,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (
        1,
        f"cannot listen on {bind}: Address already in use\n",
    )


def test_an_address_that_is_none(run: Run) -> None:
    assert run("serve", "--bind", "here") == (
        2,
        "",
        (
            "--bind: here cannot be used; allowed: host:port, [host]:port or :port, "
            "the port from 0 to 65535\n"
        ),
    )


READ_SETTINGS = (
    *("serve", "demo", "presets", "instance-types", "advise phi-2", "sync phi.yaml"),
    *("customize phi.yaml", "probe http://127.0.0.1:1", "replay phi.yaml"),
    *(f"{command} phi.yaml" for command in ("render", "plan", "explain", "check", "simulate")),
)


@pytest.mark.parametrize("command", READ_SETTINGS)
def test_a_variable_that_is_no_setting_stops_whatever_reads_settings(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("METAKAITO_IMAGE_REGISTY", "r.example")

    assert run(*command.split()) == (
        2,
        "",
        (
            "METAKAITO_IMAGE_REGISTY: there is no such setting; "
            "did you mean METAKAITO_IMAGE_REGISTRY?\n"
        ),
    )


def test_a_server_that_does_not_start_is_told_with_its_own_words(tmp_path: Path) -> None:
    with (
        pytest.raises(Failed, match=r"^the server did not start: --workers: 0 cannot be used; "),
        started_server(tmp_path / "server.log", "--workers", "0"),
    ):
        pass


def demo(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "hooks.cli", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A worker of xdist ignores SIGINT, and so would its child.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


def url_in(text: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+", text)
    assert found is not None
    return found[0]


def masked(text: str, folder: Path) -> str:
    """What differs from run to run, replaced."""
    text = text.replace(str(folder), "FOLDER")
    text = re.sub(r"http://127\.0\.0\.1:\d+ after [\d.]+ s", "URL after N s", text)
    return re.sub(r"process \d+", "process N", text)


def test_the_demo_ends_ready_and_leaves_nothing_running(tmp_path: Path, golden: Golden) -> None:
    with demo("--out", str(tmp_path / "out")) as process:
        out, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (0, "")
    golden("demo.txt", masked(out, tmp_path))
    golden(
        "demo-files.json",
        json.dumps(sorted(file.name for file in (tmp_path / "out").iterdir()), indent=2) + "\n",
    )
    with pytest.raises(OSError, match="refused"):
        status(url_in(out), "/healthz")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_the_demo_keeps_serving_until_it_is_told_to_end(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with demo("--keep-serving", "--out", str(tmp_path)) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line == "Ctrl-C stops it.\n":
                break
        url = url_in("".join(lines))

        assert status(url, "/healthz") == (200, b"ok\n")

        os.kill(process.pid, number)

        assert process.wait(timeout=30) == code
    with pytest.raises(OSError, match="refused"):
        status(url, "/healthz")


def test_an_interrupted_demo_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with demo() as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert process.stdout.readline().startswith("They answer on ")
        os.kill(process.pid, signal.SIGINT)

        assert process.wait(timeout=30) == 130
    assert [file.name for file in tmp_path.iterdir()] == []


def test_the_demo_needs_a_folder_that_can_be_made(run: Run, folder: Path) -> None:
    (folder / "file").touch()

    assert run("demo", "--out", "file/below") == (
        1,
        "",
        "--out: file/below cannot be made: Not a directory\n",
    )
