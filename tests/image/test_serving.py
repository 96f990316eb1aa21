"""The image runs as a container runtime would run it."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from image.interpreter import USER
from presets.loading import read_yaml
from tests.image.container import container, why_not

CASE = Path(__file__).parents[1] / "golden/machines/makes-what-every-workspace-plans"


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of ``metakaito serve``."""
    if reason := why_not():
        pytest.skip(reason)
    log = tmp_path_factory.mktemp("serving") / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603  (our own image)
            container(root, "metakaito", "serve", "--bind", "127.0.0.1:0"),
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield listening(process, log)
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(timeout=60) == 0, log.read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def listening(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait until it says where it listens."""
    deadline = time.monotonic() + 60
    while not (found := re.search(r"listening on http://(\S+)", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    return found[1]


def answer(address: str, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = HTTPConnection(address, timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_the_probes_answer(server: str) -> None:
    assert answer(server, "GET", "/healthz") == (200, b"ok\n")
    assert answer(server, "GET", "/readyz")[0] == 200


def test_a_hook_answers_as_the_golden_case_says(server: str) -> None:
    question, expected = (read_yaml(CASE / f"{name}.yaml") for name in ("request", "response"))
    status, answered = answer(server, "POST", "/machines/sync", json.dumps(question).encode())

    assert (status, json.loads(answered)) == (200, expected)


def test_it_is_not_root_and_cannot_write(root: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    program = (
        "import os\n"
        "print(os.getuid(), os.getgid(), os.getgroups())\n"
        "for place in ('/', '/usr/local/bin', '/tmp'):\n"
        "    print(place, os.access(place, os.W_OK))\n"
    )
    done = subprocess.run(  # noqa: S603  (the same)
        container(root, "python3", "-c", program), capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == [
        f"{USER} {USER} [{USER}]",
        "/ False",
        "/usr/local/bin False",
        "/tmp True",  # noqa: S108  (the image's own)
    ]
