"""The work of ``explain``: bring a Workspace up, and say where its children come from."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple

from composite import workspace
from composite.catalog import Catalog
from composite.differences import under
from composite.explain import Explained, explain
from composite.models import JsonObject
from composite.origins import Origin, Source
from composite.simulate import Clock, Hooks
from composite.simulate.in_process import InProcess
from hooks.cli.errors import Failed
from hooks.cli.explain_text import print_annotated
from hooks.cli.field_paths import Wanted
from hooks.cli.files import Manifest
from hooks.cli.options import catalog_of
from hooks.cli.output import as_json, as_yaml, print_text
from hooks.cli.patience import Patience, waiting
from hooks.cli.refusals import name_of
from hooks.cli.rendering import print_notice, require_all_accepted, served, warn_of_namesakes
from hooks.cli.worlds import World, read_worlds
from hooks.settings import Settings, variable

NOT_SET = " (not set)"
# What is more than one field.
WHOLE = "the spec"
ALL_FIELDS = "'metakaito explain FILE' prints all fields"
# So many fields are named that may have been meant.
MOST = 3


class Field(NamedTuple):
    """A field of a child: its value, and the sentences that say where it comes from."""

    path: str
    value: Any
    origins: tuple[str, ...]
    leaf: bool


class Child(NamedTuple):
    """A child, its fields in the order in which they are written, and why it is there."""

    content: JsonObject
    here_for: tuple[str, ...]
    fields: tuple[Field, ...]


class Listening:
    """Hooks, and what each Workspace was asked about last."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self.heard: dict[tuple[str, str], JsonObject] = {}

    def call(self, path: str, body: JsonObject) -> JsonObject:
        """Return the answer to one request."""
        if path == "/workspaces/sync":
            metadata = body["parent"]["metadata"]
            self.heard[metadata["namespace"], metadata["name"]] = body
        return self._hooks.call(path, body)


def explain_files(files: Iterable[str], field: str | None, settings: Settings, output: str) -> None:
    """
    Print the children of the Workspaces in the files, with the origins of their fields.

    Raises:
        Failed: No child has the field that is asked for.

    """
    catalog = catalog_of(settings)
    worlds = read_worlds(files)
    require_all_accepted(worlds, catalog)
    warn_of_namesakes([manifest for world in worlds for manifest in world.workspaces])
    given = frozenset(map(variable, settings.model_fields_set))
    found = [child for world in worlds for child in explained(world, catalog, given)]
    if field is not None:
        found = only(found, field)
    if output == "text":
        print_annotated(found, whole=field is None)
        return
    items = [as_object(child) for child in found]
    print_text(as_json({"items": items}) if output == "json" else as_yaml(items))


def explained(world: World, catalog: Catalog, variables: frozenset[str]) -> Iterator[Child]:
    """
    Yield the children of the Workspaces of a world, once these have their nodes.

    Args:
        world: What is there, and the Workspaces, which are accepted.
        catalog: Presets and instance types.
        variables: Those that are set.

    """
    clock = Clock()
    with Patience(InProcess(catalog, clock), clock) as patient:
        hooks = Listening(patient)
        served(world, catalog, hooks, clock, print_notice)
    for manifest in world.workspaces:
        metadata = manifest.content["metadata"]
        asked = hooks.heard[metadata.get("namespace") or "default", metadata["name"]]
        request = workspace.Request.model_validate(asked)
        with waiting(f"changing every decision about {name_of(manifest)} in turn"):
            found = explain(request, catalog, clock.now)
        yield from (told(child, manifest, variables) for child in found)


def told(child: Explained, manifest: Manifest, variables: frozenset[str]) -> Child:
    """Return a child with sentences in the place of origins."""
    given = variables | {path for path, _ in paths(manifest.content)}

    def sentences(path: str) -> tuple[str, ...]:
        return tuple(sentence(origin, given) for origin in child.origins_of(path))

    fields = tuple(
        Field(path, value, sentences(path), leaf=is_leaf(value))
        for path, value in paths(child.content)
        if is_leaf(value) or path in child.origins
    )
    return Child(child.content, sentences("") if "" in child.origins else (), fields)


def sentence(origin: Origin, given: frozenset[str]) -> str:
    """Return an origin in words; a field or a setting that is left to its default is so called."""
    could_be = origin.source in (Source.WORKSPACE, Source.SETTING)
    left = could_be and origin.field != WHOLE and origin.field not in given
    return f"{origin}{NOT_SET if left else ''}"


def paths(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401  (JSON)
    """Yield every field with its path, in the order in which they are written."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, under(path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, f"{path}[{index}]")


def is_leaf(value: object) -> bool:
    """Whether there are no fields in a value."""
    return not isinstance(value, dict | list) or not value


def only(children: Iterable[Child], field: str) -> list[Child]:
    """
    Return of each child only the fields that are asked for, and only children that have them.

    Raises:
        Failed: There are none.

    """
    wanted = Wanted(field)
    every = list(children)
    found = [
        child._replace(fields=fields)
        for child in every
        if (fields := tuple(each for each in child.fields if wanted.has(child.content, each.path)))
    ]
    if found:
        return found
    known = sorted(
        {f"{child.content['kind']}.{each.path}" for child in every for each in child.fields}
    )
    every_path = [*known, *(path.partition(".")[2] for path in known)]
    ends = [path for path in known if re.sub(r"\W", ".", path).endswith(f".{field}")]
    near = sorted(ends, key=len)[:MOST] or get_close_matches(field, outer(every_path), n=1)
    kinds = ", ".join(dict.fromkeys(child.content["kind"] for child in every))
    hint = f"did you mean {' or '.join(near)}?" if near else ALL_FIELDS
    raise Failed(f"--field {field}: nothing here has it ({kinds}); {hint}")


def outer(paths: Iterable[str]) -> list[str]:
    """Return paths, and those of all that holds them."""
    found: dict[str, None] = {}
    for path in paths:
        parts = path.split(".")
        found |= dict.fromkeys(".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return list(found)


def as_object(child: Child) -> JsonObject:
    """Return a child for machines: who it is, and its fields one by one."""
    metadata = child.content["metadata"]
    return {
        "apiVersion": child.content["apiVersion"],
        "kind": child.content["kind"],
        "name": metadata["name"],
        **({"namespace": metadata["namespace"]} if "namespace" in metadata else {}),
        "hereFor": list(child.here_for),
        "fields": [
            {"path": each.path, "value": each.value, "from": list(each.origins)}
            if each.leaf
            else {"path": each.path, "hereFor": list(each.origins)}
            for each in child.fields
        ],
    }
