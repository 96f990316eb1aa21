"""Presets and instance types as tables and documents."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from composite.catalog import InstanceType, Preset
from composite.models import JsonObject, Value
from hooks.cli.clouds import hint_of_cloud
from hooks.cli.errors import Refused
from hooks.cli.options import catalog_of
from hooks.cli.output import as_json, as_table, as_yaml, print_text
from hooks.settings import Settings

PRESET_COLUMNS = ("NAME", "FAMILY", "ACCESS", "GPUS", "GPU MEMORY", "DISK", "DISTRIBUTED", "TUNING")
MOST_NAMES = 5
TYPE_COLUMNS = ("NAME", "GPUS", "GPU MEMORY", "PER GPU", "GPU")


def list_presets(settings: Settings, output: str) -> None:
    """Print all presets."""
    found = catalog_of(settings).presets
    rows = [preset_row(preset) for preset in found.values()]
    print_all(found, PRESET_COLUMNS, rows, output)


def preset_row(preset: Preset) -> tuple[object, ...]:
    """Return the cells of one preset; GPUs and their memory are over all nodes."""
    return (
        preset.name,
        preset.family,
        preset.accessMode.value,
        preset.gpu.count,
        f"{preset.gpu.totalMemoryGi}Gi",
        preset.disk,
        "yes" if preset.worldSize is not None else "no",
        "yes" if preset.tuning is not None else "no",
    )


def list_instance_types(settings: Settings, output: str) -> None:
    """Print all instance types of the cloud."""
    found = catalog_of(settings).instance_types
    rows = [type_row(row) for row in found.values()]
    print_all(found, TYPE_COLUMNS, rows, output)


def type_row(row: InstanceType) -> tuple[object, ...]:
    """Return the cells of one instance type."""
    model = row.gpuModel or ""
    return (row.name, row.gpuCount, f"{row.gpuMemoryGi}Gi", f"{row.per_gpu_memory_gi}Gi", model)


def print_all(
    found: Mapping[str, Value],
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    output: str,
) -> None:
    """Print a table, or all there is to know as one document."""
    if output == "table":
        print_text(as_table(columns, rows))
        return
    documents = [document(value) for value in found.values()]
    print_text(as_json(documents) if output == "json" else as_yaml([documents]))


def show_preset(settings: Settings, name: str, output: str) -> None:
    """Print one preset."""
    found = catalog_of(settings).presets
    if name not in found:
        hint = near(name, found, "metakaito presets")
        raise Refused(f"metakaito presets show: no preset is called {name!r}; {hint}")
    print_one(found[name], output)


def show_instance_type(settings: Settings, name: str, output: str) -> None:
    """Print one instance type."""
    found, cloud = catalog_of(settings).instance_types, settings.cloud.value
    if name not in found:
        lists = f"metakaito instance-types --cloud {cloud}"
        hint = hint_of_cloud(name, settings.cloud) or near(name, found, lists)
        raise Refused(
            f"metakaito instance-types show: no instance type of {cloud} is called {name!r}; {hint}"
        )
    print_one(found[name], output)


def near(name: str, found: Iterable[str], lists: str) -> str:
    """Return the names that may have been meant, or the command that lists all."""
    alike = [known for known in found if name.lower() in known.lower()]
    nearest = alike or get_close_matches(name, found, n=MOST_NAMES, cutoff=0.5)
    if nearest:
        return f"the nearest are {', '.join(nearest[:MOST_NAMES])}"
    return f"'{lists}' lists all"


def print_one(value: Value, output: str) -> None:
    """Print one document."""
    found = document(value)
    print_text(as_json(found) if output == "json" else as_yaml([found]))


def document(value: Value) -> JsonObject:
    """Return a value as its file has it."""
    return value.model_dump(mode="json", exclude_none=True)
