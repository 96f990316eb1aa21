"""What the metrics server answers: the GPUs, and how far the training is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from telemetry import AcceleratorCollector, accelerator_report, prefers_prometheus
from training.progress import Progress, read_progress

STATES = ("preparing", "training", "finished", "failed", "stopped")

GAUGES = {
    "step": ("metakaito_training_step", "Updates of the adapter that are done."),
    "total_steps": ("metakaito_training_steps", "Updates of the adapter in all."),
    "epoch": ("metakaito_training_epoch", "Times that the data set was gone through."),
    "total_epochs": ("metakaito_training_epochs", "Times that it will be gone through in all."),
    "loss": ("metakaito_training_loss", "Loss of the last step, nats for each token."),
    "samples_per_second": ("metakaito_training_samples_per_second", "Rows for each second."),
    "tokens_per_second": ("metakaito_training_tokens_per_second", "Tokens for each second."),
    "seconds_left": ("metakaito_training_left_seconds", "Time until the last step."),
    "updated": ("metakaito_training_updated_timestamp_seconds", "When the trainer said so."),
}
"""The metric of each field of the progress, and what it means."""


class TrainingCollector(Collector):
    """Reads the file of the trainer each time it is asked; nothing is told before there is one."""

    def __init__(self, progress_file: Path) -> None:
        self.progress_file = progress_file

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of this moment."""
        progress = read_progress(self.progress_file)
        if progress is not None:
            yield from training_metrics(progress)


def training_metrics(progress: Progress) -> Iterator[Metric]:
    """Yield progress as gauges; what is not known has none."""
    state = GaugeMetricFamily(
        "metakaito_training_state", "1 for the state it is in.", labels=["state"]
    )
    for name in STATES:
        state.add_metric([name], float(name == progress.state))
    yield state
    for field, (name, meaning) in GAUGES.items():
        value = getattr(progress, field)
        if value is not None:
            yield GaugeMetricFamily(name, meaning, value)


def make_app(progress_file: Path) -> FastAPI:
    """Return the server, which reads progress from a file."""
    app = FastAPI(title="metakaito trainer", docs_url=None, redoc_url=None, openapi_url=None)
    registry = CollectorRegistry()
    registry.register(AcceleratorCollector())
    registry.register(TrainingCollector(progress_file))

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        """Say that the metrics server runs; whether the trainer does, the container says."""
        return {"status": "ok"}

    @app.get("/metrics")
    def metrics(request: Request) -> Any:  # noqa: ANN401, JSON or text
        """Answer in Prometheus' text where it is asked for, else in Kaito's JSON."""
        try:
            if prefers_prometheus(request.headers.get("accept")):
                return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
            progress = read_progress(progress_file)
            training = progress.model_dump() if progress else None
            return {**accelerator_report(), "training": training}
        except Exception as error:
            # Kaito's clients read the reason there.
            raise HTTPException(500, str(error)) from error

    return app
