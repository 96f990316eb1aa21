"""
The facts: which models we serve, on which instance types, and how we tune them.

``models/`` has one file per preset, ``instance_types/`` one table per cloud, ``tuning/`` the
training configuration of each method and what the trainer can be told. An overlay is a directory
of the same layout that adds to them or replaces some. ``prices/`` is left to
:mod:`presets.price_tables`, for those who ask for them. ``runtimes/`` are programs of their own.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from composite.catalog import (
    AccessMode,
    Catalog,
    Cloud,
    InstanceType,
    Preset,
    Provisioning,
    Runtime,
)
from presets.documents import read_document
from presets.loading import InvalidPresets, each, parse, read_yaml
from presets.training import Parameters, TrainingConfig, read_parameters, read_training_config

__all__ = ["InvalidPresets", "load_catalog"]

BUILT_IN = Path(__file__).parent
MODELS = "models"
INSTANCE_TYPES = "instance_types"
TUNING = "tuning"
PRICES = "prices"
METHODS = ("lora", "qlora")

Fact = Preset | InstanceType | TrainingConfig


def load_catalog(
    cloud: Cloud = Cloud.AZURE,
    overlay: Path | None = None,
    provisioning: Provisioning | None = None,
) -> Catalog:
    """
    Read and check every preset, the cloud's table of instance types, and what tuning needs.

    Args:
        cloud: Whose table to read; the others are left alone.
        overlay: Directory of own facts. A file replaces the preset or the training configuration
            of the same name whole, a row the instance type of the same name. Hidden files are
            skipped: Kubernetes puts some into every ConfigMap volume.
        provisioning: How nodes and images are had; by default as usual, on this cloud.

    Raises:
        InvalidPresets: All the mistakes in all the files.

    """
    parameters = read_parameters(BUILT_IN / TUNING / "parameters.yaml")
    files = [(BUILT_IN, file) for file in _own_files()]
    if overlay is not None:
        files += [(overlay, file) for file in _overlay_files(overlay)]
    facts = [fact for found in each(partial(_read, cloud, parameters), files) for fact in found]
    presets = {fact.name: fact for fact in facts if isinstance(fact, Preset)}
    configs = {fact.method: fact.sections for fact in facts if isinstance(fact, TrainingConfig)}
    return Catalog(
        presets=dict(sorted(presets.items())),
        instance_types={fact.name: fact for fact in facts if isinstance(fact, InstanceType)},
        provisioning=provisioning or Provisioning(cloud=cloud),
        tuning_configs=configs,
        parameters=parameters,
        read_document=read_document,
    )


def visible(directory: Path) -> list[Path]:
    """Return what is in a directory, less hidden entries."""
    return sorted(entry for entry in directory.iterdir() if not entry.name.startswith("."))


def _own_files() -> list[Path]:
    tables = [file for part in (MODELS, INSTANCE_TYPES) for file in visible(BUILT_IN / part)]
    configs = [BUILT_IN / TUNING / f"{method}.yaml" for method in METHODS]
    return [*tables, *configs]


def _overlay_files(overlay: Path) -> list[Path]:
    """
    Return what is in the known directories of an overlay, and whatever else is beside them.

    Its prices are left to those who ask for them.
    """
    if not overlay.is_dir():
        raise InvalidPresets(f"{overlay}: is not a directory")
    known = [overlay / part for part in (MODELS, INSTANCE_TYPES, TUNING)]
    return [
        file
        for entry in visible(overlay)
        if entry != overlay / PRICES or not entry.is_dir()
        for file in (visible(entry) if entry in known and entry.is_dir() else [entry])
    ]


def _read(cloud: Cloud, parameters: Parameters, located: tuple[Path, Path]) -> Sequence[Fact]:
    """Return what a file in a folder of the layout says about this cloud."""
    folder, file = located
    tables = {f"{known.value}.yaml": known for known in Cloud}
    configs = [f"{method}.yaml" for method in METHODS]
    match file.relative_to(folder).parts:
        case (directory, name) if directory == MODELS and name.endswith(".yaml"):
            return [_read_preset(file)]
        case (directory, name) if directory == INSTANCE_TYPES and name in tables:
            return _read_table(file) if tables[name] == cloud else []
        case (directory, name) if directory == TUNING and name in configs:
            return [read_training_config(file, parameters)]
    layout = [f"{MODELS}/NAME.yaml", *(f"{INSTANCE_TYPES}/{name}" for name in tables)]
    layout += [f"{TUNING}/{name}" for name in configs]
    layout += [f"{PRICES}/CLOUD/REGION.yaml"]
    raise InvalidPresets(f"{file}: does not belong here; there can be {', '.join(layout)}")


def _read_preset(file: Path) -> Preset:
    preset = parse(Preset, read_yaml(file), file)
    problems = [f"{file}: {problem}" for problem in _contradictions(preset)]
    if preset.name != file.stem:
        named = f"{file}: name: is {preset.name!r}, so the file must be {preset.name}.yaml"
        problems.insert(0, named)
    if problems:
        raise InvalidPresets(*problems)
    return preset


def _contradictions(preset: Preset) -> Iterator[str]:
    """Say which fields of a preset do not go together: nothing may be there without effect."""
    if preset.accessMode == AccessMode.PRIVATE:
        whose = "the image of a private preset is the user's"
        if preset.image is not None:
            yield f"image: must go: {whose}"
        yield from (
            f"{field}: must go: {whose}, with runtime and weights in it"
            for field in ("runtime", "weights")
            if getattr(preset, field) is not None
        )
        return
    if preset.worldSize is not None and preset.weights is not None:
        yield "weights: must go: only Kaito's image serves a model that is distributed"
    elif preset.image is None and preset.weights is None:
        yield "image: is missing: a public preset names its image, or weights"
    elif preset.runtime == Runtime.METAKAITO and preset.weights is None:
        yield "weights: is missing: the runtime metakaito needs them"
    elif preset.runtime == Runtime.KAITO and preset.image is None:
        yield "image: is missing: the runtime kaito is in it"


def _read_table(file: Path) -> list[InstanceType]:
    raw = read_yaml(file)
    if not isinstance(raw, list):
        raise InvalidPresets(f"{file}: must be a list of instance types")
    rows = each(partial(_read_row, file), enumerate(raw, start=1))
    repeated = [name for name, times in Counter(row.name for row in rows).items() if times > 1]
    if repeated:
        raise InvalidPresets(*(f"{file}: [{name}]: is listed twice" for name in repeated))
    return rows


def _read_row(file: Path, numbered: tuple[int, object]) -> InstanceType:
    """Check one row; its name says best where a mistake is, its number where there is none."""
    number, raw = numbered
    name = raw.get("name") if isinstance(raw, dict) else None
    return parse(InstanceType, raw, file, within=f"[{name or f'row {number}'}]")
