"""Kaito's JSON and Prometheus' text of GPUs and processors, and which one is asked for."""

from pathlib import Path

import psutil
import pynvml
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from telemetry import AcceleratorCollector, accelerator_report, prefers_prometheus
from telemetry.readings import Memory, container_memory, read_gpus

GIB = 1024**3


class FakeNvml:
    """NVIDIA's library with one card, in its own units: bytes, percent, degrees."""

    def __init__(self, *, mig: bool = False) -> None:
        self.mig = mig

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, answer in {
            "nvmlInit": None,
            "nvmlShutdown": None,
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetUUID": "GPU-1",
            "nvmlDeviceGetName": "Tesla V100",
            "nvmlDeviceGetMemoryInfo": Memory(used=GIB, total=2 * GIB),
        }.items():
            monkeypatch.setattr(pynvml, name, lambda *_, answer=answer: answer)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetUtilizationRates", self.rates)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetTemperature", self.temperature)

    def rates(self, _: int) -> object:
        if self.mig:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return type("Rates", (), {"gpu": 25})()

    def temperature(self, *_: object) -> int:
        if self.mig:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return 55


def test_a_gpu_is_told_in_kaitos_words(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml().install(monkeypatch)

    assert accelerator_report() == {
        "gpu_info": [
            {
                "id": "0",
                "name": "Tesla V100",
                "load": "25.00%",
                "temperature": "55 C",
                "memory": {"used": "1.00 GB", "total": "2.00 GB"},
            }
        ],
        "cpu_info": None,
    }


def test_a_slice_of_a_gpu_does_not_tell_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(mig=True).install(monkeypatch)

    (gpu,) = accelerator_report()["gpu_info"]
    assert (gpu["load"], gpu["temperature"]) == ("unknown", "unknown")
    assert "metakaito_gpu_load_ratio{" not in exposition()


@pytest.mark.skipif(bool(read_gpus()), reason="this machine has a GPU, so processors are not told")
def test_processors_are_told_where_there_is_no_gpu() -> None:
    report = accelerator_report()

    assert report["gpu_info"] is None
    assert report["cpu_info"].keys() == {
        "load_percentage",
        "physical_cores",
        "total_cores",
        "memory",
    }
    assert report["cpu_info"]["total_cores"] == psutil.cpu_count()
    assert report["cpu_info"]["memory"]["total"].endswith(" GB")


def exposition() -> str:
    registry = CollectorRegistry()
    registry.register(AcceleratorCollector())
    return generate_latest(registry).decode()


def test_prometheus_gets_bytes_ratios_and_degrees(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml().install(monkeypatch)

    labels = '{gpu="0",name="Tesla V100",uuid="GPU-1"}'
    text = exposition()
    assert f"metakaito_gpu_memory_used_bytes{labels} 1.073741824e+09" in text
    assert f"metakaito_gpu_memory_bytes{labels} 2.147483648e+09" in text
    assert f"metakaito_gpu_load_ratio{labels} 0.25" in text
    assert f"metakaito_gpu_temperature_celsius{labels} 55.0" in text
    assert "metakaito_memory_used_bytes " in text


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/plain", True),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
        ("application/openmetrics-text;version=1.0.0;q=0.75,text/plain;q=0.5", True),
        ("application/json, text/plain;q=0.5", False),
        ("text/plain;q=0", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("text/plain;q=much", False),
    ],
)
def test_text_is_answered_only_where_it_is_asked_for(
    accept: str | None,
    expected: bool,  # noqa: FBT001
) -> None:
    assert prefers_prometheus(accept) is expected


def test_the_memory_of_a_container_is_that_of_its_limit(tmp_path: Path) -> None:
    assert container_memory(tmp_path) is None
    (tmp_path / "memory.current").write_text("1048576\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert container_memory(tmp_path) is None
    (tmp_path / "memory.max").write_text("4194304\n")
    assert container_memory(tmp_path) == Memory(used=1048576, total=4194304)
