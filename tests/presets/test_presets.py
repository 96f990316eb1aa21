"""Pedantic checks of the data files; a contributor should learn everything from the messages."""

import re
from collections import defaultdict
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from composite.catalog import (
    Cloud,
    Command,
    GpuNeed,
    InstanceType,
    Preset,
    Runtime,
    Tuning,
    Weights,
)
from presets import BUILT_IN, load_catalog
from presets.loading import read_yaml

FILES = sorted((BUILT_IN / "models").glob("*.yaml"))
PRESETS = load_catalog().presets
# Of Kaito is what its images serve, and what its users bring; the others are for tests of our own.
KAITOS = {
    name: preset for name, preset in PRESETS.items() if preset.runtime is not Runtime.METAKAITO
}
SCHEMA = "# yaml-language-server: $schema=../../schemas/preset.schema.json\n"

# https://github.com/kaito-project/kaito/tree/v0.3.2/presets/models
# name: disk, GPUs, GiB in all, GiB of each, tag, seconds to get ready, world size
KAITO = {
    "falcon-40b": ("400", 2, 90, 0, "0.0.7", 1800, None),
    "falcon-40b-instruct": ("400", 2, 90, 0, "0.0.7", 1800, None),
    "falcon-7b": ("50Gi", 1, 14, 0, "0.0.6", 1800, None),
    "falcon-7b-instruct": ("50Gi", 1, 14, 0, "0.0.6", 1800, None),
    "llama-2-13b": ("46Gi", 2, 30, 15, None, 1200, 2),
    "llama-2-13b-chat": ("46Gi", 2, 30, 15, None, 1200, 2),
    "llama-2-70b": ("158Gi", 8, 152, 19, None, 1800, 8),
    "llama-2-70b-chat": ("158Gi", 8, 192, 19, None, 1800, 8),
    "llama-2-7b": ("34Gi", 1, 14, 14, None, 600, None),
    "llama-2-7b-chat": ("34Gi", 1, 16, 14, None, 600, None),
    "mistral-7b": ("100Gi", 1, 14, 0, "0.0.7", 1800, None),
    "mistral-7b-instruct": ("100Gi", 1, 16, 0, "0.0.7", 1800, None),
    "phi-2": ("50Gi", 1, 12, 0, "0.0.5", 1800, None),
    "phi-3-medium-128k-instruct": ("50Gi", 1, 28, 0, "0.0.2", 1800, None),
    "phi-3-medium-4k-instruct": ("50Gi", 1, 28, 0, "0.0.2", 1800, None),
    "phi-3-mini-128k-instruct": ("50Gi", 1, 9, 0, "0.0.2", 1800, None),
    "phi-3-mini-4k-instruct": ("50Gi", 1, 9, 0, "0.0.2", 1800, None),
}

# name: disk, GPUs, GiB in all, GiB of each, GiB of each for QLoRA, number of launcher flags
KAITO_TUNING = {
    "falcon-40b": ("50Gi", 2, 90, 16, None, 4),
    "falcon-7b": ("50Gi", 1, 16, 16, 16, 4),
    "mistral-7b": ("100Gi", 1, 16, 16, None, 1),
    "phi-2": ("50Gi", 1, 16, 16, None, 1),
    "phi-3-medium-128k-instruct": ("50Gi", 1, 80, 80, None, 1),
    "phi-3-medium-4k-instruct": ("50Gi", 1, 80, 80, None, 1),
    "phi-3-mini-128k-instruct": ("50Gi", 1, 72, 72, None, 1),
    "phi-3-mini-4k-instruct": ("50Gi", 1, 72, 72, None, 1),
}

ACCELERATE = "--gpu_ids=all --machine_rank=0 --num_machines=1 --num_processes=1"
TEXT = f"accelerate launch {ACCELERATE} inference_api.py --pipeline=text-generation"
TORCHRUN = (
    "cd /workspace/llama/llama-2 && torchrun"
    " --master_addr=localhost --master_port=29500 --nnodes=1 --node_rank=0 --nproc_per_node=1"
    " --max_restarts=3 --rdzv_backend=c10d --rdzv_endpoint=localhost:29500 --rdzv_id=rdzv_id"
    " inference_api.py --max_batch_size=8 --max_seq_len=512"
)
KAITO_COMMANDS = {
    "Falcon": f"{TEXT} --torch_dtype=bfloat16",
    "LLaMa2": TORCHRUN,
    "Mistral": f"{TEXT} --torch_dtype=bfloat16",
    "Phi": f"{TEXT} --torch_dtype=float16",
    "Phi3": f"{TEXT} --torch_dtype=auto --trust_remote_code",
}

# GPU model: number of instance types, and the GiB its GPUs or parts of them have
GPU_MODELS = {
    Cloud.AZURE: {
        "AMD Radeon Instinct MI25": (1, {16}),
        "AMD Radeon PRO V620": (2, {32}),
        "NVIDIA A10": (6, {4, 8, 12, 24}),
        "NVIDIA A100": (6, {40, 80}),
        "NVIDIA K80": (4, {12}),
        "NVIDIA M60": (6, {8}),
        "NVIDIA P100": (4, {16}),
        "NVIDIA P40": (4, {24}),
        "NVIDIA T4": (4, {16}),
        "NVIDIA V100": (5, {16, 32}),
    },
    Cloud.AWS: {
        "AMD Radeon Pro V520": (5, {8}),
        "AWS Inferentia2 accelerators": (4, {32}),
        "AWS Trainium accelerators": (3, {32}),
        "NVIDIA A100": (2, {40, 80}),
        "NVIDIA A10G": (8, {24}),
        "NVIDIA H100": (1, {80}),
        "NVIDIA K80": (3, {12}),
        "NVIDIA L4": (10, {24}),
        "NVIDIA M60": (4, {8}),
        "NVIDIA T4": (13, {16}),
        "NVIDIA V100": (4, {16, 32}),
    },
}


def by_name(file: Path) -> str:
    return file.stem


@cache
def table(cloud: Cloud) -> list[InstanceType]:
    return list(load_catalog(cloud).instance_types.values())


def flags(values: dict[str, str]) -> list[str]:
    return [f"--{key}={value}" if value else f"--{key}" for key, value in sorted(values.items())]


def line(command: Command) -> str:
    return " ".join(
        [
            command.launcher,
            *flags(command.launcherFlags),
            *flags(command.rendezvousFlags),
            command.script,
            *flags(command.modelFlags),
        ]
    )


def fitting(need: GpuNeed) -> list[str]:
    return [
        row.name
        for row in table(Cloud.AZURE)
        if row.gpuResource == "nvidia.com/gpu"
        and row.gpuCount >= need.count
        and row.gpuMemoryGi >= need.totalMemoryGi
        and row.per_gpu_memory_gi >= need.perGpuMemoryGi
    ]


def natural(name: str) -> list[int | str]:
    """Split so that numbers sort as numbers: g5.xlarge, g5.2xlarge, g5.16xlarge."""
    parts = re.split(r"(\d+)", name.replace(".xlarge", ".1xlarge"))
    return [int(part) if part.isdigit() else part for part in parts]


def needs(gpu: GpuNeed) -> tuple[int, int, int]:
    return gpu.count, gpu.totalMemoryGi, gpu.perGpuMemoryGi


def numbers(preset: Preset) -> tuple[object, ...]:
    tag = preset.image and preset.image.removeprefix(f"kaito-{preset.name}:")
    return (
        preset.disk,
        *needs(preset.gpu),
        tag,
        preset.readinessTimeoutSeconds,
        preset.worldSize,
    )


def tuning_numbers(tuning: Tuning) -> tuple[object, ...]:
    qlora = tuning.qloraPerGpuMemoryGi
    return (tuning.disk, *needs(tuning.gpu), qlora, len(tuning.launcherFlags))


def test_presets_say_what_kaito_says() -> None:
    assert {name: numbers(preset) for name, preset in KAITOS.items()} == KAITO, (
        "If you add a model of your own, add its row to KAITO; if you change one of Kaito's, "
        "say why in its file and in CHANGELOG.md."
    )


def test_what_is_not_kaitos_is_the_tiny_model_for_tests() -> None:
    others = {name: preset for name, preset in PRESETS.items() if name not in KAITOS}
    tiny = "30Gi", 1, 1, 0, None, 600, None

    assert {name: numbers(preset) for name, preset in others.items()} == {"tiny-phi-3-test": tiny}
    for preset in others.values():
        assert line(preset.command) == f"{TEXT} --torch_dtype=auto"
        assert preset.tuning is not None
        assert tuning_numbers(preset.tuning) == ("30Gi", 1, 1, 1, None, 1)
        assert preset.weights == Weights(image="metakaito.local/tiny-phi-3-test:1")


def test_tuning_says_what_kaito_says() -> None:
    tunings = {name: preset.tuning for name, preset in KAITOS.items() if preset.tuning}

    assert {name: tuning_numbers(tuning) for name, tuning in tunings.items()} == KAITO_TUNING
    for name, tuning in tunings.items():
        assert tuning.launcher == "python3 metrics_server.py & accelerate launch", name
        assert set(flags(tuning.launcherFlags)) <= set(ACCELERATE.split()), name
        assert "--num_processes=1" in flags(tuning.launcherFlags), name
        assert tuning.readinessTimeoutSeconds == 1800, name
        assert tuning.image in (None, PRESETS[name].image), "one image serves and tunes"


@pytest.mark.parametrize("preset", KAITOS.values(), ids=KAITOS)
def test_weights_are_those_that_are_in_kaitos_image(preset: Preset) -> None:
    # So a Workspace has the same model whichever runtime serves it.
    hub = None if preset.weights is None else preset.weights.huggingFace
    page = hub and f"https://huggingface.co/{hub.name}/commit/{hub.revision}"

    assert page == (preset.model if preset.image is not None else None)


@pytest.mark.parametrize("preset", KAITOS.values(), ids=KAITOS)
def test_the_command_is_kaitos(preset: Preset) -> None:
    assert line(preset.command) == KAITO_COMMANDS[preset.family]


@pytest.mark.parametrize("file", FILES, ids=by_name)
def test_a_file_begins_with_its_schema_for_editors(file: Path) -> None:
    begin = file.read_text(encoding="utf-8").splitlines(keepends=True)[0]

    assert begin == SCHEMA, f"Begin {file.name} with this line: editors then check it as you type."


@pytest.mark.parametrize("file", FILES, ids=by_name)
def test_fields_come_in_the_order_of_the_model(file: Path) -> None:
    raw = read_yaml(file)
    models: list[tuple[type[Preset | GpuNeed | Command | Tuning], dict[str, object]]] = [
        (Preset, raw),
        (GpuNeed, raw["gpu"]),
        (Command, raw["command"]),
    ]
    if "tuning" in raw:
        models += [(Tuning, raw["tuning"]), (GpuNeed, raw["tuning"]["gpu"])]

    for model, fields in models:
        order = [name for name in model.model_fields if name in fields]
        assert list(fields) == order, f"Write the fields of {file.name} in this order."


@pytest.mark.parametrize("file", FILES, ids=by_name)
def test_flags_are_sorted(file: Path) -> None:
    raw = read_yaml(file)
    maps = [raw["command"], raw.get("tuning", {})]

    for key, values in (item for part in maps for item in part.items()):
        if key.endswith("Flags"):
            assert list(values) == sorted(values), f"Sort {key} of {file.name}, as we write them."


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_preset_says_where_and_when_its_numbers_were_read(preset: Preset) -> None:
    assert preset.source.startswith("https://"), "A source is the page that has the numbers."
    assert date.fromisoformat(preset.dated) <= date.today(), "Nobody has read it yet."  # noqa: DTZ011


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_preset_names_the_model_at_a_revision(preset: Preset) -> None:
    if preset.image is not None:
        assert re.fullmatch(
            r"https://huggingface\.co/.+/commit/[0-9a-f]{40}", preset.model or ""
        ), "The model of a public preset is the page of the commit whose weights are in the image."


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_preset_fits_some_instance_type(preset: Preset) -> None:
    hint = "No instance type of instance_types/azure.yaml has such GPUs: is a number wrong?"

    assert fitting(preset.gpu), hint
    if preset.tuning is not None:
        assert fitting(preset.tuning.gpu), hint


@pytest.mark.parametrize("cloud", Cloud)
def test_instance_types_have_the_memory_of_their_gpu_model(cloud: Cloud) -> None:
    seen: dict[str | None, list[int]] = defaultdict(list)
    for row in table(cloud):
        assert row.gpuMemoryGi % row.gpuCount == 0, f"{row.name}: gpuMemoryGi is of all its GPUs."
        seen[row.gpuModel].append(row.per_gpu_memory_gi)

    assert {model: (len(each), set(each)) for model, each in seen.items()} == GPU_MODELS[cloud], (
        "gpuMemoryGi is the memory of all GPUs of a node together; a new row is counted here too."
    )


@pytest.mark.parametrize("cloud", Cloud)
def test_instance_types_are_sorted(cloud: Cloud) -> None:
    rows = table(cloud)

    assert [row.name for row in rows] == [
        row.name for row in sorted(rows, key=lambda row: (row.gpuModel or "", natural(row.name)))
    ], f"Sort instance_types/{cloud.value}.yaml by gpuModel, then by name."


@pytest.mark.parametrize("cloud", Cloud)
def test_an_instance_type_says_where_it_was_read(cloud: Cloud) -> None:
    assert [row.name for row in table(cloud) if not row.source.startswith("https://")] == []


@pytest.mark.parametrize("cloud", Cloud)
def test_an_accelerator_of_another_vendor_says_so(cloud: Cloud) -> None:
    """Our pods ask for nvidia.com/gpu; whoever picks such a row should learn why it never runs."""
    for row in table(cloud):
        nvidia = (row.gpuModel or "").startswith("NVIDIA")
        assert (row.gpuResource == "nvidia.com/gpu") == nvidia, row.name
        assert nvidia or "no nvidia.com/gpu" in (row.note or ""), f"{row.name} needs a note"
