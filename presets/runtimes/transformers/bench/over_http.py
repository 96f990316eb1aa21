"""The model server in a process of its own, and clients that ask it."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

RUNTIME = Path(__file__).parent.parent

START_SECONDS = 300


class StartError(Exception):
    """The server has not come up."""


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    url: str
    pid: int

    def memory(self) -> int:
        """Return the bytes of main memory that its process holds."""
        return int(psutil.Process(self.pid).memory_info().rss)


@contextlib.contextmanager
def running_server(directory: Path, dtype: str, scratch: Path) -> Iterator[Running]:
    """
    Run the server of this tree on a free port.

    Raises:
        StartError: It ended, or took too long.

    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {  # noqa: TID251  (handed on, not read)
        "METAKAITO_BASE_PORT": str(port),
        "METAKAITO_HOST": "127.0.0.1",
        "METAKAITO_PID_FILE": str(scratch / "server.pid"),
        "METAKAITO_MODEL_NAME": "bench",
    }
    log = scratch / "server.log"
    command = [
        sys.executable, "inference_api.py", "--pipeline=text-generation",
        f"--pretrained_model_name_or_path={directory}", f"--torch_dtype={dtype}",
    ]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  (our own program)
            command, cwd=RUNTIME, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_healthy(url, process, log)
        yield Running(url, process.pid)
    finally:
        process.terminate()
        process.wait()


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server answers."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/healthz").is_success:
                return
        time.sleep(0.1)
    raise StartError(f"the server has not come up:\n{log.read_text()}")


@dataclass(frozen=True)
class Load:
    """
    What some clients do.

    Args:
        clients: How many ask at the same time, each again and again.
        prompts: What is asked in all.
        tokens: Of each answer.

    """

    clients: int
    prompts: list[str]
    tokens: int


async def seconds_for(server: Running, load: Load) -> float:
    """Return how long it takes until all have their whole answers."""
    waiting = list(load.prompts)
    limits = httpx.Limits(max_connections=load.clients)
    async with httpx.AsyncClient(base_url=server.url, timeout=600, limits=limits) as client:

        async def ask() -> None:
            while waiting:
                answer = await client.post("/v1/completions", json=body(waiting.pop(), load.tokens))
                told = answer.raise_for_status().json()["usage"]["completion_tokens"]
                if told != load.tokens:
                    raise AssertionError(f"{told} tokens were answered, not {load.tokens}")

        begun = time.perf_counter()
        await asyncio.gather(*(ask() for _ in range(load.clients)))
        return time.perf_counter() - begun


async def seconds_to_first(server: Running, load: Load) -> list[float]:
    """Return, for each prompt, how long it takes until the first text of a stream is there."""
    waiting, found = list(load.prompts), []
    limits = httpx.Limits(max_connections=load.clients)
    async with httpx.AsyncClient(base_url=server.url, timeout=600, limits=limits) as client:

        async def ask() -> None:
            while waiting:
                asked = body(waiting.pop(), load.tokens) | {"stream": True}
                begun = time.perf_counter()
                first = None
                async with client.stream("POST", "/v1/completions", json=asked) as answer:
                    async for line in answer.aiter_lines():
                        if first is None and has_text(line):
                            first = time.perf_counter() - begun
                            found.append(first)

        await asyncio.gather(*(ask() for _ in range(load.clients)))
    return found


def body(prompt: str, tokens: int) -> dict[str, object]:
    """Return a question that has one answer."""
    return {"model": "bench", "prompt": prompt, "max_tokens": tokens, "temperature": 0}


def has_text(line: str) -> bool:
    """Say whether a line of a stream brings text."""
    if not line.startswith("data: {"):
        return False
    choices = json.loads(line.removeprefix("data: "))["choices"]
    return bool(choices and choices[0]["text"])
