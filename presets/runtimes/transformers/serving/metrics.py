"""What the server counts, as Prometheus metrics, and the route that tells it."""

from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from pynvml import NVMLError

from telemetry import AcceleratorCollector, accelerator_report, prefers_prometheus

if TYPE_CHECKING:
    # Its module imports transformers, for which a process that loads nothing has no time.
    from serving.engine.generation import Generation

PLAIN = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""From a token of a small model to an answer of a large one."""


class Metrics:
    """The server's counters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(AcceleratorCollector())
        self.requests = Counter(
            "metakaito_requests", "Requests answered.", ("endpoint", "code"), registry=self.registry
        )
        self.duration = Histogram(
            "metakaito_request_duration_seconds", "From a request to the end of its answer.",
            ("endpoint",), buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.prompt_tokens = Counter(
            "metakaito_prompt_tokens", "Tokens of the prompts.", registry=self.registry
        )
        self.generated_tokens = Counter(
            "metakaito_generated_tokens", "Tokens of the answers.", registry=self.registry
        )
        self.first_token = Histogram(
            "metakaito_time_to_first_token_seconds",
            "From a request to the first token of its answer, with the time in the queue.",
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.next_token = Histogram(
            "metakaito_time_per_output_token_seconds",
            "From a token to the next of the same answer.",
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.waiting = Gauge(
            "metakaito_requests_waiting", "Requests in the queue.", registry=self.registry
        )
        self.running = Gauge(
            "metakaito_requests_running", "Requests being answered.", registry=self.registry
        )
        self.batch = Histogram(
            "metakaito_batch_size", "Requests that share a step of the model.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128), registry=self.registry,
        )  # fmt: skip

    def token(self, generation: "Generation", now: float) -> None:
        """Count one token that was generated just now, in seconds of ``time.monotonic()``."""
        self.generated_tokens.inc()
        if generation.last is None:
            generation.first = now
            self.prompt_tokens.inc(len(generation.prompt))
            self.first_token.observe(now - generation.asked)
        else:
            self.next_token.observe(now - generation.last)
        generation.last = now


def add_metrics_route(app: FastAPI, registry: CollectorRegistry) -> None:
    """Add ``GET /metrics``: Prometheus' text where it is asked for, else Kaito's JSON."""

    @app.get("/metrics", response_model=None, summary="What the server and its GPUs are doing")
    def tell_metrics(request: Request) -> Response:
        """Answer in the form that the Accept header asks for."""
        accept = request.headers.get("accept")
        try:
            if prefers_prometheus(accept):
                content, media_type = exposition(registry, accept or "")
                return Response(content, headers={"Content-Type": media_type})
            return JSONResponse(accelerator_report())
        except NVMLError as error:
            raise HTTPException(500, str(error)) from error


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the metrics as text, and the media type that it has."""
    if "application/openmetrics-text" in accept:
        text: bytes = generate_openmetrics(registry)  # type: ignore[no-untyped-call]
        return text, OPENMETRICS
    return generate_latest(registry), PLAIN
