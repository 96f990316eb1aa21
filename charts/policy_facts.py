"""
What an admission policy is told of presets and instance types: a map of texts.

CEL cannot read YAML, so each fact is one row of ``key=value`` words under a key of its own, which
an administrator can read and CEL can pick a number out of.
"""

from collections.abc import Mapping

from composite.catalog import Catalog, InstanceType, Preset

PRESET = "preset."
INSTANCE_TYPE = "instanceType."
CLOUD = "cloud"
TUNABLE = "tunable"


def facts(catalog: Catalog) -> dict[str, str]:
    """Return everything the policies look up, by key."""
    return {
        CLOUD: catalog.provisioning.cloud.value,
        TUNABLE: tunable(catalog.presets),
        **preset_facts(catalog.presets),
        **instance_type_facts(catalog.instance_types),
    }


def tunable(presets: Mapping[str, Preset]) -> str:
    """Return the models that can be fine-tuned, as a refusal lists them."""
    return ", ".join(name for name, preset in sorted(presets.items()) if preset.tuning)


def preset_facts(presets: Mapping[str, Preset]) -> dict[str, str]:
    """Return the row of each preset."""
    return {f"{PRESET}{name}": preset_row(preset) for name, preset in sorted(presets.items())}


def instance_type_facts(table: Mapping[str, InstanceType]) -> dict[str, str]:
    """Return the row of each instance type."""
    return {f"{INSTANCE_TYPE}{name}": instance_type_row(row) for name, row in sorted(table.items())}


def preset_row(preset: Preset) -> str:
    """
    Return what the rules ask of a preset.

    ``processes`` is 0 where the model is not distributed, ``tuningGpus`` where it cannot be tuned.
    GiB without a fraction.
    """
    tuning = preset.tuning.gpu if preset.tuning is not None else None
    return words(
        accessMode=preset.accessMode.value,
        gpus=preset.gpu.count,
        totalGi=preset.gpu.totalMemoryGi,
        perGpuGi=preset.gpu.perGpuMemoryGi,
        processes=preset.worldSize or 0,
        tuningGpus=tuning.count if tuning is not None else 0,
        tuningPerGpuGi=tuning.perGpuMemoryGi if tuning is not None else 0,
    )


def instance_type_row(row: InstanceType) -> str:
    """Return what the rules ask of an instance type; ``device`` is last, for it has blanks."""
    return words(
        gpus=row.gpuCount,
        totalGi=row.gpuMemoryGi,
        resource=row.gpuResource,
        device=row.gpuModel or row.gpuResource,
    )


def words(**values: object) -> str:
    """Return a row."""
    return " ".join(f"{key}={value}" for key, value in values.items())
