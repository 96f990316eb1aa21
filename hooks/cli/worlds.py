"""Files as worlds: the Workspaces to play, and the objects that exist beside them."""

from collections.abc import Iterable
from typing import NamedTuple

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from hooks.cli.errors import Failed, Refused
from hooks.cli.files import Manifest, read_manifests
from hooks.cli.refusals import name_of


class World(NamedTuple):
    """What one file says: Workspaces to be, and whatever is there already."""

    workspaces: list[Manifest]
    others: list[Manifest]

    @property
    def named(self) -> list[JsonObject]:
        """Return everything that has a name, and so can be named by a Workspace."""
        every = (*self.others, *self.workspaces)
        return [manifest.content for manifest in every if is_named(manifest)]


def read_worlds(files: Iterable[str]) -> list[World]:
    """
    Return a world for each file with Workspaces; other objects of any file exist in all of them.

    Raises:
        Failed: A file cannot be read.
        Refused: There is no Workspace, or there are two of the same name in one file.

    """
    names_of_files = list(dict.fromkeys(files))
    manifests = [manifest for file in names_of_files for manifest in read_manifests(file)]
    others = [require_identity(manifest) for manifest in manifests if not is_workspace(manifest)]
    worlds = [
        World(found, others)
        for file in names_of_files
        if (found := [m for m in manifests if m.file == file and is_workspace(m)])
    ]
    if not worlds:
        kinds = sorted({str(manifest.content["kind"]) for manifest in manifests})
        found_kinds = f", only {', '.join(kinds)}" if kinds else ": it is empty"
        raise Refused(
            f"{', '.join(names_of_files)}: holds no Workspace{found_kinds}; "
            f"write apiVersion: {names.API_VERSION} and kind: {names.KIND}"
        )
    for world in worlds:
        require_distinct(world.workspaces)
    require_distinct(others)
    return worlds


def is_named(manifest: Manifest) -> bool:
    """Whether an object says what it is called, in text, so that a Workspace can name it."""
    metadata = manifest.content.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return isinstance(name, str) and name != ""


def is_workspace(manifest: Manifest) -> bool:
    """Whether a document is meant to be a Workspace, though its kind may be misspelt."""
    content = manifest.content
    kind, version = content.get("kind"), str(content.get("apiVersion") or "")
    return (
        kind == names.KIND
        or version.startswith(f"{names.GROUP}/")
        or (kind is None and any(field in content for field in names.SPEC_FIELDS))
    )


def require_identity(manifest: Manifest) -> Manifest:
    """Return an object that says what it is and what it is called."""
    content = manifest.content
    for field in ("apiVersion", "kind"):
        if not isinstance(content.get(field), str) or not content[field]:
            raise Failed(f"{manifest.place}: {field}: is missing, so nobody knows what this is")
    metadata = content.get("metadata")
    if not is_named(manifest):
        name = metadata.get("name") if isinstance(metadata, dict) else None
        given = name not in (None, "")
        wrong = (
            f"is {name!r}, must be text in quotes"
            if given
            else "is missing; every object needs a name"
        )
        raise Failed(f"{manifest.place}: metadata.name: {wrong}")
    return manifest


def require_distinct(manifests: Iterable[Manifest]) -> None:
    """
    Refuse two objects of the same kind, namespace and name.

    Raises:
        Refused: It could be only one of them.

    """
    first: dict[tuple[object, ...], Manifest] = {}
    for manifest in manifests:
        content = manifest.content
        if not is_named(manifest):
            continue
        place = (
            str(content.get("apiVersion")),
            str(content.get("kind")),
            objects.namespace_of(content),
            content["metadata"]["name"],
        )
        if place in first:
            raise Refused(
                f"{manifest.file}: {name_of(manifest)}: metadata.name: {first[place].place} "
                f"is a {content.get('kind')} of this name already; use another one"
            )
        first[place] = manifest
