"""
What a Workspace may ask for, and the sentence for what it may not.

The rules without look-up are those of the CRD (:mod:`composite.workspace.api`), applied again
where no API server stands in front. The others need the catalog. Contract for all of them: name
the field, the fact that decides, and what to do.

Source: https://github.com/kaito-project/kaito/blob/v0.3.2/api/v1alpha1/workspace_validation.go
"""

import re
from collections import Counter
from collections.abc import Iterator

from pydantic import ValidationError

from composite import names
from composite.budget import budget
from composite.catalog import AccessMode, Catalog, GpuNeed, InstanceType, Preset, Provisioner
from composite.models import JsonObject, sorted_json
from composite.reading import problems_of
from composite.refusal import Problem, Refusal
from composite.spelling import instead, meant, nearest, no_preset
from composite.workspace.api import (
    IMMUTABLE,
    LABEL_KEY_PATTERN,
    NAME_PATTERN,
    PATTERN_WORDS,
    PLACEHOLDER,
    REPLACE_IT,
    Adapter,
    DataDestination,
    DataSource,
    Inference,
    PresetRef,
    Resource,
    Tuning,
    WorkspaceSpec,
)
from composite.workspace.template_rules import field_notes, template_problems

# A StatefulSet's pods carry a label of its name and 11 characters more, as a later Job does.
# https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
MAX_STATEFULSET_NAME = 52
MAX_NAME = 63

# Containers beside the trainer, which is called like its Workspace.
STEPS = (names.WEIGHTS_DOWNLOADER, names.DOWNLOADER, names.EXTRACTOR, names.PUSHER)
FETCHES_WEIGHTS = "is the name of the step that fetches the weights: use another name"

# Azure's GPU (N) and general (D) families: Kaito takes any of them, even one it does not know.
UNLISTED_GPU_FAMILY = "Standard_N"
UNLISTED_CPU_FAMILY = "Standard_D"
TYPES_LISTED = "metakaito instance-types"


def read_spec(written: JsonObject) -> WorkspaceSpec:
    """
    Read what the user wrote.

    Raises:
        Refusal: A field is missing, unknown, of a wrong type or in a wrong form.

    """
    try:
        return WorkspaceSpec.model_validate(written)
    except ValidationError:
        pass
    try:  # once more in one order of keys, so that the mistakes are told in one order
        return WorkspaceSpec.model_validate(sorted_json(written, nulls=True))
    except ValidationError as error:
        raise Refusal(*map(in_words, problems_of(error, WorkspaceSpec))) from None


def in_words(problem: Problem) -> Problem:
    """Put words in the place of a pattern."""
    for pattern, words in PATTERN_WORDS.items():
        if problem.message.endswith(pattern):
            value = problem.message.partition(" does not match ")[0]
            said = REPLACE_IT if PLACEHOLDER.search(value) else words
            return Problem(field=problem.field, message=f"is {value}, {said}")
    return problem


def problems(
    name: str, spec: WorkspaceSpec, catalog: Catalog, accepted: WorkspaceSpec | None
) -> Iterator[Problem]:
    """Yield everything that is wrong, ``accepted`` being what was last agreed to."""
    if (spec.inference is None) == (spec.tuning is None):
        which = "both are" if spec.tuning else "neither is"
        yield Problem(
            field="inference", message=f"exactly one of inference and tuning is needed, {which} set"
        )
    yield from name_problems(name, spec, catalog)
    yield from label_problems(spec.resource)
    settled = is_settled(spec, accepted)
    if spec.inference is not None:
        before = accepted.inference if accepted is not None else None
        yield from inference_problems(
            name, spec.inference, spec.resource, catalog, before, settled=settled
        )
    if spec.tuning is not None:
        yield from tuning_problems(spec.tuning, spec.resource, catalog, settled=settled)
    if accepted is not None:
        yield from edit_problems(spec, accepted)


def is_settled(spec: WorkspaceSpec, accepted: WorkspaceSpec | None) -> bool:
    """
    Whether model and nodes are those that were agreed to.

    What a later catalog knows of them is no reason to refuse what runs: neither can be changed, so
    that nothing would help but to delete the Workspace. A note says it.
    """
    return accepted is not None and agreed(spec) == agreed(accepted)


def agreed(spec: WorkspaceSpec) -> tuple[str, int, str | None]:
    """Return what decides whether a model fits its nodes."""
    half = spec.inference or spec.tuning
    named = half.preset if half is not None else None
    resource = spec.resource
    return resource.instanceType, resource.count, named.name if named is not None else None


def name_problems(name: str, spec: WorkspaceSpec, catalog: Catalog) -> Iterator[Problem]:
    """Check the Workspace's name, which names a Service, a container and pods too."""
    preset = named_preset(spec.inference, catalog)
    short = spec.tuning is not None or (preset is not None and preset.worldSize is not None)
    longest = MAX_STATEFULSET_NAME if short else MAX_NAME
    if spec.tuning is not None and name in STEPS:
        yield Problem(
            field="metadata.name",
            message=f"{name!r} is the name of a step of the training: use another name",
        )
    if preset is not None and name == names.WEIGHTS_DOWNLOADER:
        yield Problem(field="metadata.name", message=f"{name!r} {FETCHES_WEIGHTS}")
    if re.fullmatch(NAME_PATTERN, name) is None or len(name) > longest:
        yield Problem(
            field="metadata.name",
            message=f"{name!r} names a Service and a container too: use lower-case letters, digits "
            f"and '-', start with a letter, at most {longest} characters",
        )


def named_preset(inference: Inference | None, catalog: Catalog) -> Preset | None:
    """Return the preset if one is named that exists."""
    named = inference.preset if inference is not None else None
    return catalog.presets.get(named.name) if named is not None else None


def label_problems(resource: Resource) -> Iterator[Problem]:
    """Check that every requirement can be turned into a label of a new node."""
    selector = resource.labelSelector
    for key in selector.matchLabels or ():
        if re.fullmatch(LABEL_KEY_PATTERN, key) is None:
            yield Problem(
                field="resource.labelSelector.matchLabels",
                message=f"{key!r} {PATTERN_WORDS[LABEL_KEY_PATTERN]}",
            )
    for index, expression in enumerate(selector.matchExpressions or ()):
        if expression.operator != "In" or len(expression.values or ()) != 1:
            yield Problem(
                field=f"resource.labelSelector.matchExpressions[{index}]",
                message="new nodes are made with these labels, so each must be certain: "
                'use the operator "In" with exactly one value',
            )
    if not resource.node_labels:
        yield Problem(
            field="resource.labelSelector",
            message="at least one label is needed to find the nodes again, "
            "for example matchLabels: {apps: my-model}",
        )


def inference_problems(
    name: str,
    inference: Inference,
    resource: Resource,
    catalog: Catalog,
    accepted: Inference | None,
    *,
    settled: bool,
) -> Iterator[Problem]:
    """Check what shall be served; on nodes that are settled, not whether it fits."""
    if (inference.preset is None) == (inference.template is None):
        which = "both are" if inference.preset else "neither is"
        yield Problem(
            field="inference.preset",
            message=f"exactly one of preset and template is needed, {which} set",
        )
    if inference.template is not None:
        before = accepted.template if accepted is not None else None
        yield from template_problems(inference.template, before)
    if inference.preset is not None:
        yield from preset_problems("inference", inference.preset, catalog)
    preset = named_preset(inference, catalog)
    if not settled:
        gpu = inference.preset is not None
        yield from type_problems(resource.instanceType, catalog, gpu=gpu)
        yield from fit_problems(preset, resource, catalog)
    if preset is not None and preset.worldSize is not None:
        yield from split_problems(preset.name, preset.worldSize, resource)
    yield from adapter_problems(name, inference, preset)


def preset_problems(half: str, named: PresetRef, catalog: Catalog) -> Iterator[Problem]:
    """Check that the preset of a half of the API exists and that its image can be had."""
    preset = catalog.presets.get(named.name)
    if preset is None:
        yield Problem(
            field=f"{half}.preset.name",
            message=no_preset(named.name, catalog.presets),
        )
        return
    private = named.accessMode == "private"
    if preset.accessMode is AccessMode.PRIVATE and not private:
        yield Problem(
            field=f"{half}.preset.accessMode",
            message=f"the image of {preset.name} is not public: set private, and "
            "presetOptions.image to an image of yours that holds the model",
        )
    if private and not named.presetOptions.image:
        yield Problem(
            field=f"{half}.preset.presetOptions.image",
            message="accessMode private needs the image that holds the model",
        )


def tuning_problems(
    tuning: Tuning, resource: Resource, catalog: Catalog, *, settled: bool
) -> Iterator[Problem]:
    """Check what shall be tuned, with what, and where the result goes."""
    preset = catalog.presets.get(tuning.preset.name)
    if preset is not None and preset.tuning is None:
        able = ", ".join(name for name, other in sorted(catalog.presets.items()) if other.tuning)
        yield Problem(
            field="tuning.preset.name",
            message=f"{preset.name} cannot be tuned; those that can are {able}",
        )
    else:
        yield from preset_problems("tuning", tuning.preset, catalog)
    if resource.count != 1:
        yield Problem(
            field="resource.count",
            message="a training runs on one node, its processes on that node's GPUs: set it to 1",
        )
    if not settled:
        yield from type_problems(resource.instanceType, catalog, gpu=True)
    yield from input_problems(tuning.input)
    yield from output_problems(tuning.output)


# Volumes of core/v1 that are there before a pod and after it, wherever it runs; the data to train
# on may also be written in the cluster. https://kubernetes.io/docs/concepts/storage/volumes/
OUTPUT_VOLUMES = (
    *("persistentVolumeClaim", "nfs", "csi", "azureFile", "azureDisk", "awsElasticBlockStore"),
    *("gcePersistentDisk", "cephfs", "cinder", "fc", "flexVolume", "glusterfs", "iscsi"),
    *("portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume"),
)
INPUT_VOLUMES = (*OUTPUT_VOLUMES, "configMap", "secret", "projected", "image")


def input_problems(source: DataSource) -> Iterator[Problem]:
    """Check that the data comes from one place."""
    given = [n for n in ("urls", "image") if getattr(source, n)]
    given += ["volumeSource"] if source.volumeSource is not None else []
    if len(given) != 1:
        which = f"{' and '.join(given)} are" if given else "none is"
        yield Problem(
            field="tuning.input",
            message=f"exactly one of urls, image and volumeSource is needed, {which} set",
        )
    yield from volume_problems("tuning.input.volumeSource", source.volumeSource, INPUT_VOLUMES)


def volume_problems(
    field: str, source: JsonObject | None, possible: tuple[str, ...]
) -> Iterator[Problem]:
    """Check what no API server looks at: a volume has one source, and that is an object."""
    if source is None:
        return
    values = list(source.values())
    if len(values) != 1 or not isinstance(values[0], dict):
        yield Problem(
            field=field,
            message="exactly one kind of volume is needed, "
            "for example persistentVolumeClaim: {claimName: my-data}",
        )
    elif next(iter(source)) not in possible:
        yield Problem(
            field=field,
            message=f"cannot be {next(iter(source))}: what is there must last longer than a pod "
            f"and a node; use one of {', '.join(possible)}",
        )


def output_problems(destination: DataDestination) -> Iterator[Problem]:
    """Check that the result goes to one place, and can go there."""
    by_image, by_volume = bool(destination.image), destination.volumeSource is not None
    if by_image == by_volume:
        which = "both are" if by_image else "neither is"
        yield Problem(
            field="tuning.output",
            message=f"exactly one of image and volumeSource is needed, {which} set",
        )
    yield from volume_problems(
        "tuning.output.volumeSource", destination.volumeSource, OUTPUT_VOLUMES
    )
    if destination.image and not destination.imagePushSecret:
        yield Problem(
            field="tuning.output.imagePushSecret",
            message="is needed to push the image: the name of a Secret of the type "
            "kubernetes.io/dockerconfigjson in this namespace",
        )


def type_problems(instance_type: str, catalog: Catalog, *, gpu: bool) -> Iterator[Problem]:
    """Check that the instance type is known and will do, or is one that may be accepted unknown."""
    row = catalog.instance_types.get(instance_type)
    if row is None:
        yield from unlisted_problems(instance_type, catalog, gpu=gpu)
    else:
        yield from listed_problems(row, catalog, gpu=gpu)


def listed_problems(row: InstanceType, catalog: Catalog, *, gpu: bool) -> Iterator[Problem]:
    """Refuse a type whose GPUs or CPUs will not do."""
    if gpu and row.gpuResource != names.GPU:
        yield Problem(
            field="resource.instanceType",
            message=f"{row.name} has {row.gpuModel or row.gpuResource}, and the images of the "
            f"presets need {names.GPU}: choose an instance type with NVIDIA GPUs",
        )
    if row.is_arm:
        yield from arm_problems(row, catalog.provisioning.provisioner)


def possible_types(catalog: Catalog, *, gpu: bool) -> list[str]:
    """Return the listed types that are neither refused nor warned of for what they are."""
    return [
        name
        for name, row in catalog.instance_types.items()
        if not row.is_arm and not any(listed_problems(row, catalog, gpu=gpu))
    ]


def unlisted_problems(instance_type: str, catalog: Catalog, *, gpu: bool) -> Iterator[Problem]:
    """Refuse a type that is in no table, but for families of which Kaito knows none by name."""
    spelled = {name.lower(): name for name in catalog.instance_types}.get(instance_type.lower())
    if spelled is not None:
        yield Problem(
            field="resource.instanceType", message=f"is {instance_type}, is spelled {spelled}"
        )
    elif instance_type.startswith(UNLISTED_CPU_FAMILY):
        if gpu:
            yield Problem(
                field="resource.instanceType",
                message=f"{instance_type} is of a family without GPUs, and a preset needs one: "
                "choose one that 'metakaito instance-types' lists",
            )
    elif not instance_type.startswith(UNLISTED_GPU_FAMILY):
        yield Problem(
            field="resource.instanceType",
            message=f"no instance type of {catalog.provisioning.cloud.value} is called "
            f"{instance_type!r}: "
            f"{instead(instance_type, possible_types(catalog, gpu=gpu), TYPES_LISTED)}",
        )


def arm_problems(row: InstanceType, provisioner: Provisioner) -> Iterator[Problem]:
    """
    Refuse Arm CPUs where Machines make the nodes, since every Machine asks for amd64.

    Source: https://github.com/kaito-project/kaito/blob/v0.3.2/pkg/machine/machine.go
    """
    if provisioner is Provisioner.MACHINE:
        yield Problem(
            field="resource.instanceType",
            message=f"{row.name} has Arm CPUs, and a Machine asks for amd64, so no new node "
            "would come: choose a type with x86 CPUs",
        )


def fit_problems(preset: Preset | None, resource: Resource, catalog: Catalog) -> Iterator[Problem]:
    """Refuse a model that the nodes together cannot hold, as far as is known. Equal is enough."""
    row = catalog.instance_types.get(resource.instanceType)
    if preset is None or row is None:
        return
    gpus, memory, per_gpu = budget(preset.gpu, row, resource.count)
    if gpus.enough and memory.enough and per_gpu.enough:
        return
    nodes = f"{resource.count} x {row.name}"
    more_nodes = " or raise resource.count" if do_more_nodes_help(preset, row) else ""
    if not gpus.enough:
        yield Problem(
            field="resource.instanceType",
            message=f"{preset.name} needs at least {gpus.needed} GPUs, {nodes} has "
            f"{gpus.available}: choose a type with more GPUs{more_nodes}",
        )
    if not per_gpu.enough:
        yield Problem(
            field="resource.instanceType",
            message=f"{preset.name} needs at least {per_gpu.needed}Gi on each GPU, "
            f"{row.name} has {per_gpu.available}Gi: choose a type with larger GPUs",
        )
    if not memory.enough:
        yield Problem(
            field="resource.instanceType",
            message=f"{preset.name} needs at least {memory.needed}Gi of GPU memory, {nodes} "
            f"has {memory.available}Gi: choose a type with more{more_nodes}",
        )


def do_more_nodes_help(preset: Preset, row: InstanceType) -> bool:
    """
    Whether a model fits nodes of this type if there are as many as can share it.

    Only one that is distributed is shared, by a node for each of its processes at most.
    """
    return all(share.enough for share in budget(preset.gpu, row, preset.worldSize or 0))


def split_problems(preset: str, world_size: int, resource: Resource) -> Iterator[Problem]:
    """Refuse a count that does not share out the model's processes evenly."""
    if world_size % resource.count:
        even = [str(n) for n in range(1, world_size + 1) if world_size % n == 0]
        yield Problem(
            field="resource.count",
            message=f"{preset} runs as {world_size} processes, which {resource.count} nodes cannot "
            f"share evenly: use {' or '.join(even)}",
        )


def adapter_problems(name: str, inference: Inference, preset: Preset | None) -> Iterator[Problem]:
    """Check the adapters one by one and against each other."""
    adapters = inference.adapters or ()
    if adapters and inference.preset is None:
        yield Problem(
            field="inference.adapters",
            message="adapters need a preset: a template brings its own model server",
        )
    if adapters and preset is not None and preset.worldSize is not None:
        yield Problem(
            field="inference.adapters",
            message=f"the model server of {preset.name} cannot load adapters: remove them",
        )
    counted = Counter(adapter.source.name for adapter in adapters)
    for index, adapter in enumerate(adapters):
        yield from one_adapter_problems(f"inference.adapters[{index}]", name, adapter)
    for repeated in sorted(n for n, times in counted.items() if times > 1):
        yield Problem(
            field="inference.adapters",
            message=f"{counted[repeated]} adapters are called {repeated!r}: names must differ",
        )


def one_adapter_problems(field: str, name: str, adapter: Adapter) -> Iterator[Problem]:
    """Check what the fields of one adapter mean together."""
    if adapter.source.name == name:
        yield Problem(
            field=f"{field}.source.name",
            message=f"{name!r} is the name of the Workspace and so of its container: "
            "use another name",
        )
    if adapter.source.name == names.WEIGHTS_DOWNLOADER:
        named = f"{adapter.source.name!r} {FETCHES_WEIGHTS}"
        yield Problem(field=f"{field}.source.name", message=named)
    given = [n for n in ("image", "workspace") if getattr(adapter.source, n)]
    if len(given) != 1:
        which = "both are" if given else "neither is"
        yield Problem(
            field=f"{field}.source",
            message=f"exactly one of image and workspace is needed, {which} set",
        )
    for other in ("urls", "volumeSource"):
        if getattr(adapter.source, other) is not None:
            yield Problem(
                field=f"{field}.source.{other}",
                message="an adapter comes from an image: remove this",
            )
    if not 0 <= float(adapter.strength) <= 1:
        yield Problem(
            field=f"{field}.strength",
            message=f"is {adapter.strength}, must be between 0 and 1",
        )


def edit_problems(spec: WorkspaceSpec, accepted: WorkspaceSpec) -> Iterator[Problem]:
    """Refuse what cannot be changed under a running model, told from what was last accepted."""
    for field in ("inference", "tuning"):
        if (getattr(spec, field) is None) != (getattr(accepted, field) is None):
            yield Problem(
                field=field, message="cannot be added or removed: create another Workspace"
            )
    new, old = spec.resource, accepted.resource
    changed = {
        "resource.count": (old.count, new.count),
        "resource.instanceType": (old.instanceType, new.instanceType),
        "resource.labelSelector": (old.labelSelector.labels, new.labelSelector.labels),
    }
    if spec.inference is not None and accepted.inference is not None:
        if (spec.inference.template is None) != (accepted.inference.template is None):
            yield Problem(
                field="inference.template",
                message="preset and template cannot be exchanged: create another Workspace",
            )
        changed["inference.preset"] = (accepted.inference.preset, spec.inference.preset)
    if spec.tuning is not None and accepted.tuning is not None:
        for field in ("preset", "method"):
            changed[f"tuning.{field}"] = (
                getattr(accepted.tuning, field),
                getattr(spec.tuning, field),
            )
        changed["tuning.input.name"] = (
            accepted.tuning.input.name or "",
            spec.tuning.input.name or "",
        )
    for field, (before, after) in changed.items():
        if before != after:
            yield Problem(field=field, message=f"{IMMUTABLE} (it was {shown(before)})")


def shown(value: object) -> str:
    """Write a former value so that the user can put it back."""
    if value == "":
        return "not set"
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    return str(getattr(value, "name", value))


def notes(spec: WorkspaceSpec, catalog: Catalog) -> Iterator[str]:
    """Yield what is accepted and still worth a word."""
    instance_type, cloud = spec.resource.instanceType, catalog.provisioning.cloud.value
    row = catalog.instance_types.get(instance_type)
    preset = named_preset(spec.inference, catalog)
    if row is None and not instance_type.startswith(UNLISTED_CPU_FAMILY):
        yield (
            f"resource.instanceType: {instance_type} is not in the table of {cloud}"
            f"{meant(nearest(instance_type, possible_types(catalog, gpu=preset is not None)))}, "
            "so nothing is known of its GPUs and whether the model fits"
        )
    later = list(fit_problems(preset, spec.resource, catalog))
    if row is not None and row.is_arm:
        later += arm_problems(row, catalog.provisioning.provisioner)
        if catalog.provisioning.provisioner is not Provisioner.MACHINE:
            yield (
                f"resource.instanceType: {row.name} has Arm CPUs: an image that is built for amd64 "
                "only does not start there"
            )
    for problem in later:
        yield f"{problem} (it was accepted before this was known)"
    if preset is not None and row is not None and preset.worldSize is None:
        yield from replica_notes(preset, row)
    yield from registry_notes(spec)
    if spec.tuning is not None and len(spec.tuning.input.urls or ()) > 1:
        yield (
            "tuning.input.urls: Kaito's trainers read one file of those that are fetched, "
            "metakaito's all"
        )
    tuned = catalog.presets.get(spec.tuning.preset.name) if spec.tuning is not None else None
    if tuned is not None and tuned.tuning is not None and row is not None:
        yield from memory_notes(tuned.name, tuned.tuning.gpu, row)
    if spec.inference is not None and spec.inference.template is not None:
        yield from field_notes(spec.inference.template)
    for key in sorted(names.RESERVED_LABELS & spec.resource.labelSelector.labels.keys()):
        yield f"resource.labelSelector: {key} says whom a node serves and is set for you"


def replica_notes(preset: Preset, row: InstanceType) -> Iterator[str]:
    """Say that a model which is not distributed must fit each node, whatever their number."""
    gpus, memory, _ = budget(preset.gpu, row, nodes=1)
    if not (gpus.enough and memory.enough):
        yield (
            f"resource.instanceType: {preset.name} runs whole on each node and needs "
            f"{gpus.needed} GPU{'' if gpus.needed == 1 else 's'} and {memory.needed}Gi there, "
            f"{row.name} has {gpus.available} and {memory.available}Gi: it may not fit"
        )


def memory_notes(name: str, need: GpuNeed, row: InstanceType) -> Iterator[str]:
    """Say that a training may run out of memory; how much it takes the configuration decides."""
    gpus, memory, per_gpu = budget(need, row, nodes=1)
    if not (gpus.enough and per_gpu.enough):
        yield (
            f"resource.instanceType: tuning {name} takes about {per_gpu.needed}Gi on each of "
            f"{gpus.needed} GPUs, {row.name} has {per_gpu.available}Gi on each of "
            f"{gpus.available}: it may run out of memory"
        )
    elif not memory.enough:
        yield (
            f"resource.instanceType: tuning {name} takes about {memory.needed}Gi of GPU memory, "
            f"{row.name} has {memory.available}Gi: it may run out of memory"
        )


def registry_notes(spec: WorkspaceSpec) -> Iterator[str]:
    """Say that a registry looks like one of an example."""
    if spec.tuning is None:
        return
    for half, image in (("input", spec.tuning.input.image), ("output", spec.tuning.output.image)):
        if image and PLACEHOLDER.search(image):
            yield f"tuning.{half}.image: is {image!r}, {REPLACE_IT}"
