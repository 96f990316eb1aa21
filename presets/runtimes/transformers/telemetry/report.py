"""Kaito's JSON of ``GET /metrics``, of the model server and of the trainer alike."""

from typing import Any

from telemetry.readings import Cpu, Gpu, Memory, read_cpu, read_gpus

GIBIBYTE = 1024**3


def accelerator_report() -> dict[str, Any]:
    """
    Return what the GPUs are doing, or the processors where there are no GPUs.

    Returns:
        ``{"gpu_info": [...], "cpu_info": None}`` or ``{"gpu_info": None, "cpu_info": {...}}``.
        Amounts of memory are GiB, which Kaito spells "GB".

    Raises:
        pynvml.NVMLError: The GPUs' driver cannot tell.

    Source:
        https://github.com/kaito-project/kaito/blob/v0.3.2/presets/inference/text-generation/inference_api.py

    """
    gpus = read_gpus()
    if gpus:
        return {"gpu_info": [gpu_info(gpu) for gpu in gpus], "cpu_info": None}
    return {"gpu_info": None, "cpu_info": cpu_info(read_cpu())}


def gpu_info(gpu: Gpu) -> dict[str, Any]:
    """Return one GPU in Kaito's words."""
    return {
        "id": str(gpu.index),
        "name": gpu.name,
        "load": "unknown" if gpu.load is None else f"{gpu.load * 100:.2f}%",
        "temperature": "unknown" if gpu.temperature is None else f"{gpu.temperature} C",
        "memory": memory_info(gpu.memory),
    }


def cpu_info(cpu: Cpu) -> dict[str, Any]:
    """Return the processors in Kaito's words."""
    return {
        "load_percentage": round(cpu.load * 100, 1),
        "physical_cores": cpu.physical_cores,
        "total_cores": cpu.total_cores,
        "memory": memory_info(cpu.memory),
    }


def memory_info(memory: Memory) -> dict[str, str]:
    """Return amounts of memory in Kaito's words."""
    return {
        "used": f"{memory.used / GIBIBYTE:.2f} GB",
        "total": f"{memory.total / GIBIBYTE:.2f} GB",
    }
