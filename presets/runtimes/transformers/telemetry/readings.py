"""Reads the figures: GPUs through NVIDIA's library, processors and memory through psutil."""

from dataclasses import dataclass
from pathlib import Path

import psutil
import pynvml


@dataclass(frozen=True)
class Memory:
    """An amount in use out of a whole, in bytes."""

    used: int
    total: int


@dataclass(frozen=True)
class Gpu:
    """
    One GPU at one moment.

    ``load`` is the share of the last sample period in which a kernel ran, 0 to 1; ``temperature``
    is in degrees Celsius. Either is None where the card does not tell it, as a MIG slice does not.
    """

    index: int
    uuid: str
    name: str
    load: float | None
    temperature: int | None
    memory: Memory


@dataclass(frozen=True)
class Cpu:
    """
    Processors and main memory at one moment.

    ``load`` is the share of all processors in use since it was last asked, 0 to 1.
    """

    load: float
    physical_cores: int
    total_cores: int
    memory: Memory


def read_gpus() -> tuple[Gpu, ...]:
    """
    Return the GPUs that NVIDIA's driver shows to this container; none if there is no driver.

    Raises:
        pynvml.NVMLError: There is a driver, and it cannot tell.

    """
    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded):
        return ()
    try:
        return tuple(read_gpu(index) for index in range(pynvml.nvmlDeviceGetCount()))
    finally:
        pynvml.nvmlShutdown()


def read_gpu(index: int) -> Gpu:
    """
    Return one GPU.

    NVML tells memory in bytes, load in percent and temperature in degrees Celsius.
    https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html
    """
    device = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(device)
    return Gpu(
        index=index,
        uuid=str(pynvml.nvmlDeviceGetUUID(device)),
        name=str(pynvml.nvmlDeviceGetName(device)),
        load=gpu_load(device),
        temperature=gpu_temperature(device),
        memory=Memory(used=int(memory.used), total=int(memory.total)),
    )


def gpu_load(device: object) -> float | None:
    """Return the share of time in which a kernel ran; None where the card does not tell."""
    try:
        return float(pynvml.nvmlDeviceGetUtilizationRates(device).gpu) / 100
    except pynvml.NVMLError_NotSupported:
        return None


def gpu_temperature(device: object) -> int | None:
    """Return degrees Celsius; None where the card does not tell."""
    try:
        return int(pynvml.nvmlDeviceGetTemperature(device, pynvml.NVML_TEMPERATURE_GPU))
    except pynvml.NVMLError_NotSupported:
        return None


def read_cpu() -> Cpu:
    """Return the machine's processors, and its memory or that of a limited container."""
    total = psutil.cpu_count() or 1
    return Cpu(
        load=psutil.cpu_percent() / 100,
        physical_cores=psutil.cpu_count(logical=False) or total,
        total_cores=total,
        memory=container_memory(Path("/sys/fs/cgroup")) or machine_memory(),
    )


def machine_memory() -> Memory:
    """Return the machine's main memory."""
    memory = psutil.virtual_memory()
    return Memory(used=int(memory.used), total=int(memory.total))


def container_memory(cgroup: Path) -> Memory | None:
    """
    Return the memory of the container, as control groups tell; None if it has no limit.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
    """
    try:
        used = (cgroup / "memory.current").read_text()
        total = (cgroup / "memory.max").read_text()
    except OSError:
        return None
    return None if total.strip() == "max" else Memory(used=int(used), total=int(total))
