"""The budget of GPU memory of a Workspace."""

from composite import names
from composite.budget import budget
from composite.catalog import Catalog, GpuNeed
from composite.models import JsonObject
from composite.preview.api import MemoryBudget
from composite.workspace.rules import named_preset, read_spec


def memory(found: JsonObject, catalog: Catalog) -> MemoryBudget | None:
    """Return the budget of GPU memory, where both what is needed and what there is are known."""
    need, instance_type, nodes = need_of(found, catalog)
    row = catalog.instance_types.get(instance_type)
    if need is None or row is None:
        return None
    gpus, total_gi, per_gpu = budget(need, row, nodes)
    return MemoryBudget(
        instanceType=row.name,
        nodes=nodes,
        gpusNeeded=gpus.needed,
        gpusAvailable=gpus.available,
        perGpuNeeded=per_gpu.needed,
        perGpuAvailable=per_gpu.available,
        totalNeeded=total_gi.needed,
        totalAvailable=total_gi.available,
    )


def need_of(found: JsonObject, catalog: Catalog) -> tuple[GpuNeed | None, str, int]:
    """Return what a Workspace needs of GPUs, if its preset says so, its nodes' type and number."""
    spec = read_spec({key: found[key] for key in names.SPEC_FIELDS if key in found})
    preset = named_preset(spec.inference, catalog)
    need = preset.gpu if preset is not None else None
    nodes = spec.resource.count
    if preset is not None and preset.worldSize is None:
        nodes = 1  # it runs whole on each
    if spec.tuning is not None:
        tuned = catalog.presets.get(spec.tuning.preset.name)
        need = tuned.tuning.gpu if tuned is not None and tuned.tuning is not None else None
    return need, spec.resource.instanceType, nodes
