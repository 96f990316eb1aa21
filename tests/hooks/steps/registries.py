"""A real registry, CNCF's distribution, as a process on a free port of this machine."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import urllib3
import yaml

from tests.e2e.cluster.programs import ProgramsMissing, programs
from tests.hooks.steps.certificates import Authority

START_SECONDS = 30.0


class Registry(NamedTuple):
    """A registry that runs."""

    port: int
    folder: Path
    """Where it keeps its files."""
    log: Path

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    def requests(self, method: str) -> list[str]:
        """The paths of its requests so far, without queries."""
        asked = re.findall(rf'"{method} (\S+) HTTP/1.1"', self.log.read_text())
        return [path.partition("?")[0] for path in asked]

    def get(self, path: str, accept: str = "*/*") -> bytes:
        answer = urllib3.request("GET", self.url(path), headers={"Accept": accept})
        assert answer.status == 200, answer.data
        return answer.data

    def put_blob(self, repository: str, content: bytes, digest: str) -> None:
        begun = urllib3.request("POST", self.url(f"{repository}/blobs/uploads/"))
        place = f"{begun.headers['Location']}&digest={digest}"
        assert urllib3.request("PUT", place, body=content).status == 201

    def put_manifest(self, repository: str, tag: str, content: bytes, kind: str) -> None:
        place = self.url(f"{repository}/manifests/{tag}")
        answer = urllib3.request("PUT", place, body=content, headers={"Content-Type": kind})
        assert answer.status == 201, answer.data

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/v2/{path}"


def registry_program() -> Path:
    if shutil.which("go") is None:
        pytest.skip("the registry is built from a Go module, and there is no go on the PATH")
    try:
        return programs("registry") / "bin" / "registry"
    except ProgramsMissing as missing:
        pytest.skip(f"there is no registry to push to: {missing}")


@contextmanager
def running(
    folder: Path, *, auth: dict[str, Any] | None = None, authority: Authority | None = None
) -> Iterator[Registry]:
    """Run a registry while the block does."""
    program = registry_program()
    port = free_port()
    keys = authority and {
        "certificate": str(authority.server_certificate),
        "key": str(authority.server_key),
    }
    config = {
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
        "http": {
            "addr": f"127.0.0.1:{port}",
            "secret": "of a test",
            **({"tls": keys} if keys else {}),
        },
        **({"auth": auth} if auth else {}),
    }
    file = folder / "registry.yaml"
    file.write_text(yaml.safe_dump(config))
    log = folder / "registry.log"
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603  (our own program)
            [program, "serve", file],
            stdout=output,
            stderr=output,
            env={"OTEL_TRACES_EXPORTER": "none"},
        )
    try:
        wait_for(port, process, log)
        yield Registry(port, folder / "storage", log)
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"the registry did not start:\n{log.read_text()}")
