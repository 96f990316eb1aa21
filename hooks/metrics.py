"""What Prometheus can ask: requests, refusals, how long Workspaces wait, which build this is."""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector
from pydantic import BaseModel

from composite.workspace.api import WorkspaceSpec, WorkspaceStatus

# Seconds. A sync takes a millisecond or few, a namespace of 1,000 Workspaces a tenth to half of a
# second, and after 10 Metacontroller has given up: what is above 1 s needs no finer steps.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

# Seconds. A node takes minutes, a large image a quarter of an hour; after hours somebody must look.
WAITS = (60.0, 300.0, 900.0, 1800.0, 3600.0, 14400.0)

# What a Workspace waits for: its nodes, and what runs on them. WorkspaceReady is no such condition:
# it is not true as long as a model is being tuned, and that may well take a day.
WAITED_FOR = ("ResourceReady", "InferenceReady", "JobStarted")
GOING = "WorkspaceDeleting"

OTHER = "other"

# A second series beside each one, with the time it began: processes that count together have none.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """
    The numbers of one app.

    Args:
        shared: The directory in which the processes of one server count together, as told to
            :func:`hooks.settings.share_metrics` before prometheus_client was imported. Absent:
            this process counts alone.

    Raises:
        RuntimeError: ``shared`` was given too late.

    """

    def __init__(self, shared: Path | None = None) -> None:
        if shared is not None and not getattr(values.ValueClass, "_multiprocess", False):
            raise RuntimeError("prometheus_client was imported before its directory was known")
        self._shared = shared
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "metakaito_requests",
            "Requests answered, by hook and HTTP status.",
            ["hook", "code"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "metakaito_request_duration_seconds",
            "Time from the request's headers to the answer.",
            ["hook"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self.refusals = Counter(
            "metakaito_refusals",
            "Answers that refuse a Workspace, by the field to change.",
            ["field"],
            registry=self._registry,
        )
        self.unready = Histogram(
            "metakaito_unready_seconds",
            "At each answer about a Workspace: how long a condition of it has not been true.",
            ["condition", "reason"],
            buckets=WAITS,
            registry=self._registry,
        )
        build = Gauge(
            "metakaito_build_info",
            "Always 1; the label says which version answers.",
            ["version"],
            multiprocess_mode="max",
            registry=self._registry,
        )
        build.labels(build_version()).set(1)

    def exposition(self) -> bytes:
        """Return all numbers in Prometheus' text format, those of other processes included."""
        if self._shared is None:
            return generate_latest(self._registry)
        everything = CollectorRegistry()
        MultiProcessCollector(everything, str(self._shared))  # type: ignore[no-untyped-call]
        return generate_latest(everything)


def waits(status: WorkspaceStatus, now: datetime) -> Iterator[tuple[str, str, float]]:
    """
    Yield what a Workspace waits for, why, and for how many seconds.

    Nothing of one that is being deleted. Each Workspace is asked about at least once in a resync
    period, so that one which waits is seen again and again without anything being remembered here.
    """
    if any(condition.type == GOING for condition in status.conditions):
        return
    for condition in status.conditions:
        if condition.type in WAITED_FOR and condition.status != "True":
            waited = (now - condition.lastTransitionTime).total_seconds()
            yield condition.type, condition.reason, max(0.0, waited)


def build_version() -> str:
    """Return the version that is installed; ``unknown`` for sources that are not."""
    try:
        return version("metakaito")
    except PackageNotFoundError:
        return "unknown"


def field_label(field: str | None) -> str:
    """
    Return the field of a Workspace without indices and keys, so that there are only so many.

    ``inference.adapters[1].strength`` counts as ``inference.adapters.strength``; a label of the
    user's as the ``matchLabels`` that it is in; anything else as ``other``.
    """
    words = [word.partition("[")[0] for word in (field or "").split(".")]
    for end in range(len(words), 0, -1):
        if (found := ".".join(words[:end])) in known_fields():
            return found
    return OTHER


@cache
def known_fields() -> frozenset[str]:
    """Every field a user can write in a Workspace, and its name."""
    return frozenset({"metadata.name", *_fields_of(WorkspaceSpec)})


def _fields_of(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield before + name
        for inner in _models_in(field.annotation):
            yield from _fields_of(inner, f"{before}{name}.")


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
