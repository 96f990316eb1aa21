"""Presets and instance types as tables and documents."""

from collections.abc import Sequence

from composite.catalog import Catalog, InstanceType, Preset
from composite.models import JsonObject, Value
from composite.spelling import instead, no_preset
from composite.workspace.api import PresetRef
from composite.workspace.server import runtime_of
from hooks.cli.clouds import hint_of_cloud
from hooks.cli.errors import Refused
from hooks.cli.options import catalog_of
from hooks.cli.output import as_json, as_table, as_yaml, print_text
from hooks.settings import Settings

PRESET_COLUMNS = (
    *("NAME", "FAMILY", "ACCESS", "RUNTIME", "GPUS", "GPU MEMORY", "DISK", "DISTRIBUTED"),
    "TUNING",
)
YOURS = "your image"
TYPE_COLUMNS = ("NAME", "GPUS", "GPU MEMORY", "PER GPU", "GPU")


def list_presets(settings: Settings, output: str) -> None:
    """Print all presets."""
    catalog = catalog_of(settings)
    found = catalog.presets.values()
    rows = [preset_row(preset, catalog) for preset in found]
    documents = [preset_document(preset, catalog) for preset in found]
    print_all(documents, PRESET_COLUMNS, rows, output)


def preset_row(preset: Preset, catalog: Catalog) -> tuple[object, ...]:
    """Return the cells of one preset; GPUs and their memory are over all nodes."""
    return (
        preset.name,
        preset.family,
        preset.accessMode.value,
        preset_document(preset, catalog).get("runtime", YOURS),
        preset.gpu.count,
        f"{preset.gpu.totalMemoryGi}Gi",
        preset.disk,
        "yes" if preset.worldSize is not None else "no",
        "yes" if preset.tuning is not None else "no",
    )


def preset_document(preset: Preset, catalog: Catalog) -> JsonObject:
    """Return a preset as its file has it, with the runtime that these settings make of it."""
    runtime = runtime_of(preset, PresetRef(name=preset.name), catalog)
    return document(preset.model_copy(update={"runtime": runtime}))


def list_instance_types(settings: Settings, output: str) -> None:
    """Print all instance types of the cloud."""
    found = catalog_of(settings).instance_types
    rows = [type_row(row) for row in found.values()]
    print_all([document(row) for row in found.values()], TYPE_COLUMNS, rows, output)


def type_row(row: InstanceType) -> tuple[object, ...]:
    """Return the cells of one instance type."""
    model = row.gpuModel or ""
    return (row.name, row.gpuCount, f"{row.gpuMemoryGi}Gi", f"{row.per_gpu_memory_gi}Gi", model)


def print_all(
    documents: Sequence[JsonObject],
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    output: str,
) -> None:
    """Print a table, or all there is to know as one document."""
    if output == "table":
        print_text(as_table(columns, rows))
        return
    print_text(as_json(documents) if output == "json" else as_yaml([documents]))


def show_preset(settings: Settings, name: str, output: str) -> None:
    """Print one preset."""
    catalog = catalog_of(settings)
    if name not in catalog.presets:
        raise Refused(f"metakaito presets show: {no_preset(name, catalog.presets)}")
    print_one(preset_document(catalog.presets[name], catalog), output)


def show_instance_type(settings: Settings, name: str, output: str) -> None:
    """Print one instance type."""
    found, cloud = catalog_of(settings).instance_types, settings.cloud.value
    if name not in found:
        lists = f"metakaito instance-types --cloud {cloud}"
        other = hint_of_cloud(name, settings.cloud)
        hint = f"; {other}" if other is not None else f": {instead(name, found, lists)}"
        raise Refused(
            f"metakaito instance-types show: no instance type of {cloud} is called {name!r}{hint}"
        )
    print_one(document(found[name]), output)


def print_one(found: JsonObject, output: str) -> None:
    """Print one document."""
    print_text(as_json(found) if output == "json" else as_yaml([found]))


def document(value: Value) -> JsonObject:
    """Return a value as its file has it."""
    return value.model_dump(mode="json", exclude_none=True)
