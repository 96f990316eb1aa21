"""The hooks that are installed in a cluster, as what starts them there says: settings, presets."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pydantic import ValidationError

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.objects import Ref
from hooks.cli.snapshot import Snapshot
from hooks.settings import PREFIX, Settings

# Where the chart writes its version. https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
VERSION = "app.kubernetes.io/version"
# What the chart labels its own objects with, and those of its Metacontroller.
LABELS = ("app.kubernetes.io/part-of=metakaito", "app.kubernetes.io/name=metacontroller")
UNTOLD = "no Deployment tells the settings of the hooks: those of here are used"
# Files of a Pod: there are none here, and they decide no answer but for the presets.
FILES = frozenset({"presets", "token_file", "record", "bind"})


class Hooks(NamedTuple):
    """A workload of the cluster, and that of its containers that answers."""

    workload: JsonObject
    container: JsonObject

    @property
    def name(self) -> str:
        """The workload's kind, namespace and name."""
        return str(objects.ref_of(self.workload))

    @property
    def version(self) -> str:
        """The version that it says it is of; empty if it says none."""
        return str((self.workload["metadata"].get("labels") or {}).get(VERSION, ""))

    @property
    def told(self) -> dict[str, str]:
        """Its settings, by their names, as its variables say them."""
        return {
            each["name"].removeprefix(PREFIX).lower(): each.get("value", "")
            for each in self.container.get("env") or ()
            if each["name"].startswith(PREFIX)
        }


def workloads_in(snapshot: Snapshot) -> list[JsonObject]:
    """Return the Deployments and StatefulSets of the installation."""
    kinds = (objects.DEPLOYMENT, objects.STATEFULSET)
    return [
        each
        for kind in kinds
        for labels in LABELS
        for each in snapshot.selected(kind.key, "", labels)
    ]


def hooks_in(workloads: Iterable[JsonObject]) -> Hooks | None:
    """Return the hooks among some workloads: what is told how nodes are had."""
    for workload in workloads:
        for container in workload["spec"]["template"]["spec"].get("containers") or ():
            found = Hooks(workload, container)
            if "provisioner" in found.told:
                return found
    return None


def settings_of(hooks: Hooks, snapshot: Snapshot) -> Settings | None:
    """Return settings as variables say them, less those that name files; None if they cannot be."""
    usual = {name: field.default for name, field in Settings.model_fields.items()}
    given = {
        name: value
        for name, value in hooks.told.items()
        if value and name in usual and name not in FILES
    }
    try:
        return Settings.model_validate({**usual, **given})
    except ValidationError as error:
        snapshot.note(f"{hooks.name}: {error.error_count()} settings cannot be used here")
        return None


def presets_of(hooks: Hooks, snapshot: Snapshot) -> dict[str, str] | None:
    """
    Return the files of the directory with presets of one's own, by their paths in it.

    The chart mounts a ConfigMap there. None, and a note why, where they cannot be read; nothing
    where there are none.
    """
    directory = hooks.told.get("presets")
    if not directory:
        return {}
    mounted = configmap_at(PurePosixPath(directory), hooks)
    if mounted is None:
        snapshot.note(f"{hooks.name} has presets of its own, and not from a ConfigMap")
        return None
    source, inside = mounted
    place = Ref(names.CONFIGMAPS, objects.namespace_of(hooks.workload), source.get("name", ""))
    found = snapshot.read(place)
    if found is None:
        snapshot.note(f"{place} has the presets of the hooks, and cannot be read")
        return None
    files = files_of(source, found.get("data") or {})
    return {
        str(path.relative_to(inside)): text
        for path, text in files.items()
        if path.is_relative_to(inside) and ".." not in path.parts
    }


def configmap_at(directory: PurePosixPath, hooks: Hooks) -> tuple[JsonObject, PurePosixPath] | None:
    """Return which ConfigMap is mounted at a directory or above it, and where in it that is."""
    volumes = hooks.workload["spec"]["template"]["spec"].get("volumes") or ()
    sources = {each["name"]: each.get("configMap") for each in volumes}
    mounts = [
        (PurePosixPath(each["mountPath"]), each)
        for each in hooks.container.get("volumeMounts") or ()
        if directory.is_relative_to(each["mountPath"])
    ]
    if not mounts:
        return None
    # One below another hides it.
    path, mount = max(mounts, key=lambda found: len(found[0].parts))
    source = sources.get(mount["name"])
    return (source, directory.relative_to(path)) if source and not mount.get("subPath") else None


def files_of(source: JsonObject, held: Mapping[str, str]) -> dict[PurePosixPath, str]:
    """Return the files that a volume shows of what a ConfigMap holds: some keys, or all."""
    items = source.get("items")
    shown = [(each["key"], each["path"]) for each in items] if items else [(k, k) for k in held]
    return {PurePosixPath(path): held[key] for key, path in shown if key in held}


def write_presets(files: Mapping[str, str], folder: Path) -> None:
    """Write files below a folder."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
