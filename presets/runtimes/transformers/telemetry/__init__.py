"""What the accelerators and the machine are doing, as Kaito's JSON and as Prometheus metrics."""

from telemetry.accept import prefers_prometheus
from telemetry.collector import AcceleratorCollector
from telemetry.report import accelerator_report

__all__ = ["AcceleratorCollector", "accelerator_report", "prefers_prometheus"]
