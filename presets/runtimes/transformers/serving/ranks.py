"""
What processes other than the first do: accelerate and torchrun start one for each GPU.

The first one loads the model on all GPUs of its node. The others load nothing, answer ``/healthz``
and ``/metrics`` on their port, and end when the first one has ended.
"""

import asyncio
import logging
import socket

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from serving.listening import Server, listening_socket
from serving.metrics import add_metrics_route
from serving.settings import Settings
from telemetry import AcceleratorCollector

LOG = logging.getLogger("metakaito.ranks")

ASK_EVERY = 1.0
"""Seconds between two looks at the first process, once it was seen."""

LOOK_EVERY = 0.2
"""Seconds between two looks until then: one that ends unseen would be waited for for ever."""

CONNECT_WITHIN = 5.0
"""Seconds."""

REFUSALS = 3
"""So many refused connections in a row are an end and no accident."""


def serve_follower(settings: Settings) -> int:
    """Answer until the first process has ended or SIGTERM comes; return the exit code."""
    return asyncio.run(follow(settings))


def create_follower_app(settings: Settings) -> FastAPI:
    """Return the application of a process that loads nothing."""
    app = FastAPI(title="metakaito model server, further process")

    @app.get("/", summary="Is the process running?")
    async def home() -> dict[str, str]:
        """Say so."""
        return {"message": "Server is running"}

    @app.get("/healthz", summary="Is the process running?")
    async def health() -> dict[str, str]:
        """Say so; whether the model is loaded says the first process."""
        return {"status": "Healthy"}

    @app.post("/chat", status_code=421, summary="Not here")
    async def chat() -> dict[str, str]:
        """Say who answers."""
        return {
            "detail": f"process {settings.rank} answers nothing: ask process 0 on port "
            f"{settings.base_port} of {settings.rank_0_host}"
        }

    registry = CollectorRegistry()
    registry.register(AcceleratorCollector())
    add_metrics_route(app, registry)
    return app


async def follow(settings: Settings) -> int:
    """Serve, and look at the first process from time to time."""
    sockets = [listening_socket(settings.host, settings.port)]
    server = Server(create_follower_app(settings), settings, lambda: None)
    LOG.info(
        "Process %d loads nothing; listening on %s:%d",
        settings.rank, settings.host, settings.port,
    )  # fmt: skip
    watching = asyncio.create_task(watch(settings, server))
    await server.serve(sockets)
    watching.cancel()
    return 0


async def watch(settings: Settings, server: Server) -> None:
    """Stop the server once the first process, which was there, is there no more."""
    seen, refused = False, 0
    while True:
        there = await asyncio.to_thread(is_listening, settings.rank_0_host, settings.base_port)
        if there:
            if not seen:
                LOG.info("Process 0 is there; this one ends when it does")
            seen, refused = True, 0
        elif seen:
            refused += 1
            if refused == REFUSALS:
                LOG.info("Process 0 has ended")
                server.stop()
                return
        await asyncio.sleep(ASK_EVERY if seen else LOOK_EVERY)


def is_listening(host: str, port: int) -> bool:
    """Say whether somebody accepts connections; a slow network counts as yes, a refusal as no."""
    try:
        socket.create_connection((host, port), CONNECT_WITHIN).close()
    except TimeoutError:
        return True
    except OSError:
        return False
    return True
