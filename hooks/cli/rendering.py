"""The work of ``render``: play a cluster in which all goes well, and see what comes of it."""

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import NamedTuple

import click
from pydantic import ValidationError

from composite import names, observed
from composite.catalog import Catalog, Provisioner
from composite.models import JsonObject
from composite.simulate import (
    Clock,
    Cluster,
    Gpus,
    Hooks,
    HotLoop,
    MetacontrollerCrash,
    gpus_in,
)
from composite.simulate.errors import ApiError
from composite.simulate.in_process import InProcess
from composite.workspace.api import Resource, WorkspaceSpec
from composite.workspace.observe import template_gpus
from composite.workspace.rules import named_preset, read_spec
from composite.workspace.server import expected_gpus
from hooks.cli.errors import Failed, Refused
from hooks.cli.files import Manifest
from hooks.cli.options import catalog_of
from hooks.cli.output import as_json, as_yaml, print_text
from hooks.cli.patience import Patience
from hooks.cli.refusals import name_of, notes, require_accepted, written
from hooks.cli.worlds import World, read_worlds
from hooks.settings import Settings

# What the hooks and the cluster read of an object, by its kind.
READ: dict[str, type[observed.Object]] = {
    "Node": observed.Node,
    "Pod": observed.Pod,
    "Machine": observed.Claim,
    "NodeClaim": observed.Claim,
    "Deployment": observed.Workload,
    "StatefulSet": observed.Workload,
    "Job": observed.Job,
    "ConfigMap": observed.ConfigMap,
    "ControllerRevision": observed.ControllerRevision,
}

# What else users keep beside a Workspace.
BESIDE = (
    *("Namespace", "PersistentVolume", "PersistentVolumeClaim", "Secret", "Service"),
    *("ServiceAccount", "StorageClass"),
)

# Objects that are there, each with the place it is from.
Given = Iterable[tuple[str, JsonObject]]


class Notice(NamedTuple):
    """What is accepted and still worth a word; ``about`` is the object, if it is about one."""

    place: str
    sentence: str
    about: Manifest | None = None


Tell = Callable[[Notice], None]


def render_files(files: Iterable[str], settings: Settings, output: str) -> None:
    """Print what the Workspaces in the files become, in the order of the files."""
    catalog = catalog_of(settings)
    worlds = read_worlds(files)
    require_all_accepted(worlds, catalog)
    warn_of_namesakes([manifest for world in worlds for manifest in world.workspaces])
    found = [obj for world in worlds for obj in rendered(world, catalog)]
    if output == "json":
        print_text(as_json({"apiVersion": "v1", "kind": "List", "items": found}))
    else:
        print_text(as_yaml(found))


def require_all_accepted(worlds: Iterable[World], catalog: Catalog) -> None:
    """
    Refuse the Workspaces of several worlds that cannot be accepted, all of them at once.

    Raises:
        Failed: An object beside them cannot be read.
        Refused: One line for each problem.

    """
    refused: list[str] = []
    for world in worlds:
        for manifest in world.others:
            require_readable(manifest)
        try:
            require_accepted(world.workspaces, catalog, world.named)
        except Refused as refusal:
            refused += refusal.lines
    if refused:
        raise Refused(*refused)


def print_notice(notice: Notice) -> None:
    """Write a notice to standard error."""
    warn(notice.place, notice.sentence)


def rendered(world: World, catalog: Catalog, tell: Tell = print_notice) -> list[JsonObject]:
    """
    Return every object that exists once the Workspaces of a world have their nodes.

    Args:
        world: What is there, and the Workspaces, which are accepted.
        catalog: Presets and instance types.
        tell: Told what is worth a word.

    Raises:
        Failed: A Workspace does not get its nodes, since those that are given are not fit.

    """
    clock = Clock()
    with Patience(InProcess(catalog, clock), clock) as hooks:
        return served(world, catalog, hooks, clock, tell).desired()


def served(world: World, catalog: Catalog, hooks: Hooks, clock: Clock, tell: Tell) -> Cluster:
    """
    Return a cluster in which the Workspaces of a world have their nodes.

    Args:
        world: What is there, and the Workspaces, which are accepted.
        catalog: Presets and instance types.
        hooks: Who answers.
        clock: The clock by which they do.
        tell: Told what is worth a word.

    Raises:
        Failed: A Workspace does not get its nodes, since those that are given are not fit.

    """
    provisioner = catalog.provisioning.provisioner
    cluster = Cluster(
        hooks,
        clock=clock,
        provisioner=provisioner,
        gpus=shown_gpus(world.workspaces, catalog),
    )
    given = list(given_objects(world, catalog))
    for notice in notices(world, catalog, given):
        tell(notice)
    play(cluster, given)
    if provisioner is Provisioner.NONE and not any(is_node(obj) for _, obj in given):
        tell(Notice(world.workspaces[0].file, "no Node is given, so Nodes that fit are imagined"))
        play(cluster, fitting_nodes(world, cluster, catalog))
    problems = [
        f"{manifest.file}: {name_of(manifest)}: {reason}"
        for manifest in world.workspaces
        if (reason := why_not_there(cluster, manifest))
    ]
    if problems:
        raise Failed(*problems)
    return cluster


def warn_of_namesakes(workspaces: Iterable[Manifest]) -> None:
    """Say which Workspaces of several files have one name, and so objects that collide."""
    first: dict[tuple[str, str], Manifest] = {}
    for manifest in workspaces:
        metadata = manifest.content["metadata"]
        other = first.setdefault(
            (str(metadata.get("namespace") or "default"), str(metadata["name"])), manifest
        )
        if other is not manifest:
            warn(
                f"{manifest.file}: {name_of(manifest)}",
                f"metadata.name: {other.place} has this name too, so their objects are the same",
            )


def warn_of(world: World, catalog: Catalog, given: Given) -> None:
    """Say on standard error what is accepted and still worth a word."""
    for notice in notices(world, catalog, given):
        print_notice(notice)


def notices(world: World, catalog: Catalog, given: Given) -> Iterator[Notice]:
    """Yield what is accepted and still worth a word."""
    there = [obj for _, obj in given]
    for manifest in world.workspaces:
        for note in notes(manifest.content, catalog, there):
            yield Notice(f"{manifest.file}: {name_of(manifest)}", note, manifest)
    for manifest in world.others:
        kind = str(manifest.content.get("kind"))
        if kind in READ or kind in BESIDE:
            continue
        meant = get_close_matches(kind, [*READ, *BESIDE], n=1)
        hint = f"did you mean {meant[0]}?" if meant else "it changes nothing"
        yield Notice(manifest.place, f"kind: nothing here knows a {kind}; {hint}", manifest)


def warn(place: str, sentence: str) -> None:
    """Write a warning to standard error."""
    click.echo(f"{place}: warning: {sentence}", err=True)


def is_node(obj: JsonObject) -> bool:
    """Whether an object is a Node."""
    return (obj.get("apiVersion"), obj.get("kind")) == ("v1", "Node")


def play(cluster: Cluster, given: Given) -> None:
    """Add objects to the cluster, each with the place it is from, and let everybody act."""
    for place, obj in given:
        try:
            cluster.apply(obj)
        except ApiError as error:
            raise Failed(f"{place}: {error}") from None
    try:
        cluster.run()
    except (HotLoop, MetacontrollerCrash) as error:
        raise Failed(f"the simulated cluster cannot go on: {error}") from None


def given_objects(world: World, catalog: Catalog) -> Iterator[tuple[str, JsonObject]]:
    """Yield what the files say, the Workspaces last; a Node that says no status is well."""
    for manifest in (*world.others, *world.workspaces):
        require_readable(manifest)
        obj = without_owners(manifest.content)
        if obj.get("kind") == "Node":
            obj = {"spec": {}, "status": well(gpus_of(obj, catalog)), **obj}
        yield manifest.place, obj


def require_readable(manifest: Manifest) -> None:
    """
    Refuse an object whose fields have not the types that the API server demands.

    Raises:
        Failed: With the field.

    """
    model = READ.get(str(manifest.content.get("kind")), observed.Object)
    try:
        model.model_validate(manifest.content)
    except ValidationError as error:
        from hooks.logs import summary  # noqa: PLC0415  (see the package)

        raise Failed(f"{manifest.place}: {summary(error)}") from None


def without_owners(obj: JsonObject) -> JsonObject:
    """Return an object that nobody owns: owners that are not there would have it deleted."""
    metadata = {k: v for k, v in obj["metadata"].items() if k != "ownerReferences"}
    return {**obj, "metadata": metadata}


def gpus_of(node: JsonObject, catalog: Catalog) -> Gpus:
    """Return what a Node shows that is as its instance type says; one GPU if that is unknown."""
    labels = node["metadata"].get("labels") or {}
    row = catalog.instance_types.get(labels.get(names.LABEL_INSTANCE_TYPE, ""))
    return Gpus(row.gpuResource, row.gpuCount) if row is not None else Gpus()


def well(gpus: Gpus) -> JsonObject:
    """Return the status of a Node that is Ready and shows its GPUs."""
    shown = {gpus.resource: str(gpus.count), "pods": "110"}
    return {
        "capacity": shown,
        "allocatable": shown,
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
    }


def shown_gpus(workspaces: Iterable[Manifest], catalog: Catalog) -> dict[str, Gpus]:
    """
    Return what Nodes show by instance type.

    A type that is in no table is taken to have what the Workspaces that name it need.
    """
    found = gpus_in(catalog)
    for manifest in workspaces:
        spec = read_spec(written(manifest.content))
        needed = Gpus(count=needed_gpus(spec, catalog))
        if spec.resource.instanceType not in catalog.instance_types:
            known = found.get(spec.resource.instanceType, needed)
            found[spec.resource.instanceType] = max(known, needed, key=lambda gpus: gpus.count)
    return found


def needed_gpus(spec: WorkspaceSpec, catalog: Catalog) -> int:
    """Return how many GPUs each pod asks for on a node that is not in the table."""
    tuned = catalog.presets.get(spec.tuning.preset.name) if spec.tuning is not None else None
    if tuned is not None and tuned.tuning is not None:
        return tuned.tuning.gpu.count
    preset = named_preset(spec.inference, catalog)
    if preset is not None:
        return preset.gpu.count
    template = spec.inference.template if spec.inference is not None else None
    return expected_gpus(None, None, template_gpus(template or {}))


def fitting_nodes(
    world: World, cluster: Cluster, catalog: Catalog
) -> Iterator[tuple[str, JsonObject]]:
    """Yield the Nodes that the Workspaces still lack, each for one Workspace alone."""
    gpus = shown_gpus(world.workspaces, catalog)
    for manifest in world.workspaces:
        metadata = manifest.content["metadata"]
        resource = read_spec(written(manifest.content)).resource
        used = (found(cluster, manifest).get("status") or {}).get("workerNodes") or ()
        for number in range(len(used), resource.count):
            yield (
                manifest.place,
                a_node(
                    metadata["name"],
                    metadata.get("namespace") or "default",
                    number,
                    resource,
                    gpus.get(resource.instanceType, Gpus()),
                ),
            )


def a_node(name: str, namespace: str, number: int, resource: Resource, gpus: Gpus) -> JsonObject:
    """Return a Node as a Workspace needs it."""
    labels = {
        **resource.labelSelector.labels,
        names.LABEL_INSTANCE_TYPE: resource.instanceType,
        names.LABEL_WORKSPACE: name,
        names.LABEL_WORKSPACE_NAMESPACE: namespace,
        names.LABEL_HOSTNAME: f"{namespace}-{name}-node-{number}",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": labels[names.LABEL_HOSTNAME], "labels": labels},
        "spec": {},
        "status": well(gpus),
    }


def found(cluster: Cluster, manifest: Manifest) -> JsonObject:
    """Return a Workspace as it is in the cluster by now."""
    metadata = manifest.content["metadata"]
    namespace = metadata.get("namespace") or "default"
    for workspace in cluster.store.list_of(names.WORKSPACES, namespace):
        if workspace["metadata"]["name"] == metadata["name"]:
            return workspace
    return {}


def why_not_there(cluster: Cluster, manifest: Manifest) -> str | None:
    """Return why a Workspace has not its nodes, in the words of its status; None if it has."""
    conditions = (found(cluster, manifest).get("status") or {}).get("conditions") or ()
    for condition in conditions:
        if condition["type"] == "ResourceReady":
            return None if condition["status"] == "True" else str(condition["message"])
    failures = [entry.details[0] for entry in cluster.timeline if entry.what == "failed"]
    return failures[-1] if failures else "nothing was planned for it"
