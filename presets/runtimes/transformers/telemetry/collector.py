"""GPUs, processors and memory as Prometheus metrics."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from telemetry.readings import Cpu, Gpu, read_cpu, read_gpus

GPU_LABELS = ("gpu", "uuid", "name")


class AcceleratorCollector(Collector):
    """Reads the figures each time it is asked, so that nothing runs between two scrapes."""

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of this moment."""
        yield from gpu_metrics(read_gpus())
        yield from cpu_metrics(read_cpu())


def gpu_metrics(gpus: tuple[Gpu, ...]) -> list[Metric]:
    """Return one sample for each GPU and figure; a figure that a card does not tell has none."""
    used = GaugeMetricFamily(
        "metakaito_gpu_memory_used_bytes", "GPU memory in use.", labels=GPU_LABELS
    )
    total = GaugeMetricFamily("metakaito_gpu_memory_bytes", "GPU memory.", labels=GPU_LABELS)
    load = GaugeMetricFamily(
        "metakaito_gpu_load_ratio", "Share of time in which a kernel ran.", labels=GPU_LABELS
    )
    temperature = GaugeMetricFamily(
        "metakaito_gpu_temperature_celsius", "Temperature of the GPU.", labels=GPU_LABELS
    )
    for gpu in gpus:
        labels = (str(gpu.index), gpu.uuid, gpu.name)
        used.add_metric(labels, gpu.memory.used)
        total.add_metric(labels, gpu.memory.total)
        if gpu.load is not None:
            load.add_metric(labels, gpu.load)
        if gpu.temperature is not None:
            temperature.add_metric(labels, gpu.temperature)
    return [used, total, load, temperature]


def cpu_metrics(cpu: Cpu) -> list[Metric]:
    """Return the figures of the processors, and of the memory of the container or the machine."""
    return [
        GaugeMetricFamily("metakaito_cpu_load_ratio", "Share of all processors.", cpu.load),
        GaugeMetricFamily("metakaito_cpu_cores", "Processors of the machine.", cpu.total_cores),
        GaugeMetricFamily("metakaito_memory_used_bytes", "Memory in use.", cpu.memory.used),
        GaugeMetricFamily("metakaito_memory_bytes", "Memory there is.", cpu.memory.total),
    ]
