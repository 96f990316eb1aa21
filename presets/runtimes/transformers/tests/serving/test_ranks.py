"""A process that loads nothing, and how it learns that the first one has ended."""

import asyncio
import socket

import pytest

from serving.listening import Server
from serving.ranks import create_follower_app, watch
from serving.settings import load_settings


def test_a_first_process_that_listens_for_half_a_second_is_not_missed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "metakaito.ranks")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    settings = load_settings({"RANK": "1", "METAKAITO_BASE_PORT": str(port)})
    server = Server(create_follower_app(settings), settings, lambda: None)

    async def watch_one_that_ends_soon() -> None:
        watching = asyncio.create_task(watch(settings, server))
        await asyncio.sleep(0.1)  # it has looked once, and nobody was there
        with socket.create_server(("127.0.0.1", port)):
            await asyncio.sleep(0.5)
        await asyncio.wait_for(watching, 60)

    asyncio.run(watch_one_that_ends_soon())

    assert server.should_exit
    assert [record.message for record in caplog.records] == [
        "Process 0 is there; this one ends when it does",
        "Process 0 has ended",
    ]
