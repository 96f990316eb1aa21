"""How the model server is run: image, command line, GPUs, adapters."""

from collections.abc import Iterator
from typing import NamedTuple

from composite import names
from composite.catalog import AccessMode, Catalog, GpuNeed, InstanceType, Preset, Runtime, Weights
from composite.origins import Chosen, Origin, Origins, Source, seen_there, setting, written
from composite.workspace.api import Adapter, Inference, PresetRef, Resource, WorkspaceSpec
from composite.workspace.observe import Seen, SeenNode

# The ordinal of a StatefulSet's pod, cut out of its host name by the shell that starts the server.
POD_ORDINAL = "$(echo $HOSTNAME | grep -o '[^-]*$')"


class PlannedAdapter(NamedTuple):
    """
    One adapter image, copied beside the model before the server starts.

    The server reads an adapter's strength from an environment variable named like the adapter's
    directory. Debian's ``sh``, through which it is started, drops variables whose names hold a
    ``-``; so directory and variable are called ``key``, the name with ``_`` in place of ``-``.
    """

    name: str
    key: str
    image: str
    strength: str


class Server(NamedTuple):
    """
    Everything about the container that serves a preset.

    ``weights`` says where metakaito's runtime has them from; None: it is Kaito's image, or one of
    the user's like it, which brings its own. ``origins`` say where each decision comes from.
    """

    image: str
    command: str
    weights: Weights | None
    gpus: int
    pull_secrets: tuple[str, ...]
    adapters: tuple[PlannedAdapter, ...]
    shared_memory: bool
    deadline_seconds: int
    origins: Origins

    @property
    def ours(self) -> bool:
        """Whether metakaito's runtime serves it, which needs no rights."""
        return self.weights is not None


def plan_server(
    name: str,
    namespace: str,
    preset: Preset,
    inference: Inference,
    resource: Resource,
    catalog: Catalog,
    gpus: Chosen[int],
) -> Server:
    """Return how to serve the preset on nodes with so many GPUs each."""
    named = inference.preset or PresetRef(name=preset.name)
    image = server_image(preset, named, catalog, "inference.preset")
    adapters = inference.adapters or ()
    return Server(
        image=image.value,
        weights=own_weights(preset, named, catalog),
        command=command_line(preset, rendezvous(name, namespace, preset, resource.count)),
        gpus=gpus.value,
        pull_secrets=pull_secrets(named, adapters),
        adapters=tuple(map(planned_adapter, adapters)),
        shared_memory=resource.count > 1,
        deadline_seconds=preset.readinessTimeoutSeconds,
        origins={
            **OF_EVERY_SERVER,
            "image": image.origins,
            "weights": of_weights(preset),
            "command": of_command(preset),
            "gpus": gpus.origins,
            "deadline_seconds": (of_preset(preset, "readinessTimeoutSeconds"),),
            **(of_adapters(adapters, named) if adapters else {}),
        },
    )


RUNTIME = setting("RUNTIME")
RUNTIME_IMAGE = setting("RUNTIME_IMAGE")
IMAGE_REGISTRY = setting("IMAGE_REGISTRY")

PULL_SECRETS = "inference.preset.presetOptions.imagePullSecrets"

# What is decided by one field, whatever is served.
OF_EVERY_SERVER: Origins = {
    "pull_secrets": (written(PULL_SECRETS),),
    "shared_memory": (written("resource.count"),),
    "adapters": (written("inference.adapters"),),
}


def of_pull_secrets(named: PresetRef, adapters: tuple[Adapter, ...]) -> tuple[Origin, ...]:
    """Return where Secrets to pull with are written."""
    fields = [
        f"inference.adapters[{index}].source.imagePullSecrets"
        for index, adapter in enumerate(adapters)
        if adapter.source.imagePullSecrets
    ]
    if named.presetOptions.imagePullSecrets or not fields:
        fields.insert(0, PULL_SECRETS)
    return tuple(map(written, fields))


def of_preset(preset: Preset, field: str) -> Origin:
    """Return the origin of what a preset says."""
    return Origin(Source.PRESET, field, preset.name)


def of_weights(preset: Preset) -> tuple[Origin, ...]:
    """Return what decides whether weights are mounted, and which."""
    return (Origin(Source.PRESET, "weights", preset.name, alike=True), *of_runtime(preset))


def of_runtime(preset: Preset) -> tuple[Origin, ...]:
    """Return what decides whose program serves, where more than one could."""
    if preset.weights is None:
        return ()
    return (of_preset(preset, "runtime") if preset.runtime is not None else RUNTIME,)


def of_command(preset: Preset) -> tuple[Origin, ...]:
    """Return what a command line is made of."""
    command = of_preset(preset, "command")
    if preset.worldSize is None:
        return (command,)
    return (
        command,
        of_preset(preset, "worldSize"),
        *map(written, ("resource.count", "metadata.name", "metadata.namespace")),
    )


def of_adapters(adapters: tuple[Adapter, ...], named: PresetRef) -> Origins:
    """Return where each part of each adapter comes from, and the Secrets to pull with."""
    found: dict[str, tuple[Origin, ...]] = {"pull_secrets": of_pull_secrets(named, adapters)}
    for index, adapter in enumerate(adapters):
        here, field = f"adapters[{index}]", f"inference.adapters[{index}]"
        name = (written(f"{field}.source.name"),)
        result = seen_there(f"the result of Workspace {adapter.source.workspace}")
        tuned = (written(f"{field}.source.workspace"), result)
        found |= {
            f"{here}.name": name,
            f"{here}.key": name,
            f"{here}.image": tuned
            if adapter.source.workspace
            else (written(f"{field}.source.image"),),
            f"{here}.strength": (written(f"{field}.strength"),),
        }
    return found


def planned_adapter(adapter: Adapter) -> PlannedAdapter:
    """Return where an adapter goes and how strong it is."""
    return PlannedAdapter(
        name=adapter.source.name,
        key=adapter.source.name.replace("-", "_"),
        image=adapter.source.image or "",
        strength=adapter.strength,
    )


def runtime_of(preset: Preset, named: PresetRef, catalog: Catalog) -> Runtime | None:
    """
    Return whose program serves or tunes the preset; None where that is an image of the user's.

    Such an image brings server and weights, as Kaito's do.
    """
    if brings_image(named) or (preset.image is None and preset.weights is None):
        return None
    if preset.weights is None:
        return Runtime.KAITO
    only_ours = preset.image is None and preset.accessMode == AccessMode.PUBLIC
    preferred = Runtime.METAKAITO if only_ours else catalog.provisioning.runtime
    return preset.runtime or preferred


def own_weights(preset: Preset, named: PresetRef, catalog: Catalog) -> Weights | None:
    """Return where the weights are if metakaito's runtime serves or tunes the preset, else None."""
    ours = runtime_of(preset, named, catalog) == Runtime.METAKAITO
    return preset.weights if ours else None


def runtime_notes(spec: WorkspaceSpec, catalog: Catalog, server: Server | None) -> Iterator[str]:
    """
    Say that Kaito's image is used where the installation prefers metakaito's runtime.

    Args:
        spec: What is served or tuned.
        catalog: What the installation prefers.
        server: What serves it; None where it is tuned.

    """
    inference = spec.inference or Inference()
    named = spec.tuning.preset if spec.tuning is not None else inference.preset
    preset = catalog.presets.get(named.name) if named is not None else None
    if named is None or preset is None or catalog.provisioning.runtime == Runtime.KAITO:
        return
    wanted = runtime_of(preset, named, catalog)
    ours = server.ours if server is not None else wanted == Runtime.METAKAITO
    if wanted is None or ours:
        return
    why = "it has done so since it was accepted"
    if wanted == Runtime.KAITO:
        why = "the preset has no weights" if preset.weights is None else "the preset asks for that"
    yield (
        f"{preset.name} runs on Kaito's image, and not on metakaito's runtime, which "
        f"METAKAITO_RUNTIME prefers: {why}"
    )


def brings_image(named: PresetRef) -> bool:
    """Whether the user names the image."""
    return named.accessMode == "private" or bool(named.presetOptions.image)


def server_image(preset: Preset, named: PresetRef, catalog: Catalog, field: str) -> Chosen[str]:
    """
    Return the image that the user names, else ours, else the preset's in this registry.

    ``field`` is where the preset is named, ``inference.preset`` or ``tuning.preset``.
    """
    if brings_image(named):
        image = named.presetOptions.image or ""
        return Chosen(image, (written(f"{field}.presetOptions.image"),))
    where = catalog.provisioning
    if own_weights(preset, named, catalog) is not None:
        return Chosen(where.runtime_image, (RUNTIME_IMAGE, *of_runtime(preset)))
    origins = (IMAGE_REGISTRY, of_preset(preset, "image"), *of_runtime(preset))
    return Chosen(f"{where.image_registry}/{preset.image}", origins)


def pull_secrets(named: PresetRef, adapters: tuple[Adapter, ...]) -> tuple[str, ...]:
    """Return every secret that one of the images may need, each once, the model's first."""
    listed = [*(named.presetOptions.imagePullSecrets or ())]
    for adapter in adapters:
        listed += adapter.source.imagePullSecrets or ()
    return tuple(dict.fromkeys(listed))


def command_line(preset: Preset, changed: dict[str, str]) -> str:
    """Return the shell command: launcher, rendezvous and model flags, each group sorted."""
    command = preset.command
    groups = (command.launcherFlags, command.rendezvousFlags)
    launch = [flag for group in groups for flag in flags({**group, **only(changed, group)})]
    return " ".join([command.launcher, *launch, command.script, *flags(command.modelFlags)])


def only(changed: dict[str, str], group: dict[str, str]) -> dict[str, str]:
    """Return the changes that belong to a group of flags."""
    return {key: value for key, value in changed.items() if key in group}


def flags(group: dict[str, str]) -> list[str]:
    """Write flags in the order of their names; one without a value stands alone."""
    return [f"--{key}={value}" if value else f"--{key}" for key, value in sorted(group.items())]


def rendezvous(name: str, namespace: str, preset: Preset, count: int) -> dict[str, str]:
    """
    Return the flags by which the processes of a distributed model find each other.

    Kaito writes the Service's cluster IP as ``master_addr``. The name of the first pod, which it
    uses for ``rdzv_endpoint`` already, serves as well and does not change when a Service is made
    anew, which would restart the model.
    """
    if preset.worldSize is None:
        return {}
    first_pod = f"{name}-0.{headless_name(name)}.{namespace}.svc.cluster.local"
    return {
        "nnodes": str(count),
        "nproc_per_node": str(preset.worldSize // count),
        "max_restarts": "3",
        "rdzv_id": "job",
        "rdzv_backend": "c10d",
        "rdzv_endpoint": f"{first_pod}:{names.TORCH_PORT}",
        **(
            {
                "node_rank": POD_ORDINAL,
                "master_addr": first_pod,
                "master_port": str(names.TORCH_PORT),
            }
            if count > 1
            else {}
        ),
    }


def headless_name(name: str) -> str:
    """Return the name of the Service that gives each pod a name of its own."""
    return f"{name}-headless"


def expected_gpus(preset: Preset | None, row: InstanceType | None, asked: int) -> int:
    """
    Return how many GPUs a node must show before pods are sent to it.

    The whole node for a preset; one where nothing is known of its type; for a template (``preset``
    is None) what its containers ask for.
    """
    if preset is None:
        return asked
    return row.gpuCount if row is not None else 1


def gpus_per_pod(
    gpu: GpuNeed,
    row: InstanceType | None,
    resource: Resource,
    nodes: tuple[SeenNode, ...],
    seen: Seen,
) -> Chosen[int]:
    """
    Return how many GPUs each pod asks for: all of its node, which is paid for as a whole.

    Once there are pods it stays what it was then: a GPU less on a node, other nodes to prefer, or a
    better number in the table are no reasons to restart the model. But where the scheduler finds no
    room for a pod, and the nodes that wait for one have fewer, it would wait for ever. ``nodes``
    are those that show their GPUs.
    """
    running = seen.workload.gpus if seen.workload is not None else 0
    if not running:
        return gpus_of_nodes(gpu, row, resource, nodes)
    free = tuple(node for node in nodes if node.name not in seen.pod_nodes)
    stays = seen.homeless_since is None or not free
    anew = gpus_of_nodes(gpu, row, resource, nodes if stays else free)
    if anew.value == running or (anew.value < running and not stays):
        return anew
    return Chosen(running, (seen_there("what its pods have asked for since they were made"),))


def gpus_of_nodes(
    gpu: GpuNeed, row: InstanceType | None, resource: Resource, nodes: tuple[SeenNode, ...]
) -> Chosen[int]:
    """
    Return how many GPUs every one of the nodes has.

    That is the instance type's number. Where nodes of another type may be preferred, or the type
    is not listed, it is the least that one of them shows.
    """
    if row is not None and not resource.preferredNodes:
        return Chosen(row.gpuCount, (of_row(row),))
    shown = [
        row.gpuCount if row and node.instance_type == row.name else node.gpus for node in nodes
    ]
    if shown:
        listed = (of_row(row),) if row is not None else ()
        return Chosen(min(shown), (*listed, seen_there("what the nodes show")))
    if row is not None:
        return Chosen(row.gpuCount, (of_row(row),))
    return Chosen(gpu.count, (Origin(Source.PRESET, "gpu.count"),))


def of_row(row: InstanceType) -> Origin:
    """Return the origin of a number of GPUs that the table has."""
    return Origin(Source.INSTANCE_TYPE, "gpuCount", row.name)
