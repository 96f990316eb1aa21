"""The work of ``krm``: answer a ResourceList with another one, and with results."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import click

from composite import names
from composite.models import JsonObject
from composite.refusal import Problem, Refusal
from composite.simulate import objects
from hooks.cli.errors import OK, REFUSED, Stop
from hooks.cli.files import Manifest, read_text
from hooks.cli.krm_config import Config, Mode, read_config, unknown
from hooks.cli.krm_list import FIELDS, Entry, ResourceList, list_text, read_list
from hooks.cli.options import catalog_of
from hooks.cli.output import print_text
from hooks.cli.refusals import CHILDREN, name_of, problems, split
from hooks.cli.rendering import BESIDE, READ, Notice, rendered, require_readable
from hooks.cli.worlds import World, is_workspace, require_distinct, require_identity

Severity = Literal["error", "warning"]

# By whom an object was read from which file, the newer one first.
# https://github.com/kubernetes-sigs/kustomize/blob/master/kyaml/kio/kioutil/kioutil.go
PATHS = ("internal.config.kubernetes.io/path", "config.kubernetes.io/path")
INDEXES = ("internal.config.kubernetes.io/index", "config.kubernetes.io/index")
BOOKKEEPING = re.compile(r"^((internal\.)?config\.(kubernetes|k8s)\.io|internal\.kpt\.dev)/")

# What the Workspaces' children carry, and users' objects must not.
CHILD_LABELS = (names.LABEL_WORKSPACE, names.LABEL_REVISION_OF)
CHILD_KINDS = frozenset({*CHILDREN, names.MACHINES, names.NODECLAIMS})


class Item(Manifest):
    """An object of a ResourceList; its file says where it is from, or which one of the list."""

    __slots__ = ()

    @property
    def place(self) -> str:
        """The file, or the number in the list: nobody sees on which line it is."""
        return self.file


class Outcome(NamedTuple):
    """What the function answers."""

    entries: Sequence[Entry]
    results: Sequence[JsonObject] = ()
    lines: Sequence[str] = ()
    code: int = OK


def answer_list(file: str) -> int:
    """
    Write the answer to the list in a file to standard output, and return the exit code.

    Raises:
        Failed: There is no list.

    """
    given = read_list(file, read_text(file))
    found = outcome(given)
    print_text(list_text(given, found.entries, found.results))
    for line in found.lines:
        click.echo(line, err=True)
    return found.code


def outcome(given: ResourceList) -> Outcome:
    """Return what becomes of a list; where anything is refused, it stays as it is."""
    everything = range(len(given.items))
    strange = unknown("", given.content, FIELDS)
    if strange:
        return Outcome(
            everything,
            results=[result("error", Item("", 1, {}), str(problem)) for problem in strange],
            lines=[f"{given.content['kind']}: {problem}" for problem in strange],
            code=REFUSED,
        )
    try:
        config = read_config(given.function_config)
    except Refusal as refusal:
        told = Item("functionConfig", 1, as_object(given.function_config))
        return refused(everything, [(told, problem) for problem in refusal.problems])
    except Stop as stop:
        return stopped(everything, stop)
    try:
        return answered(given, config)
    except Stop as stop:
        return stopped(everything, stop)


def answered(given: ResourceList, config: Config) -> Outcome:
    """
    Return what becomes of a list under a configuration.

    Raises:
        Failed: An object beside the Workspaces cannot be read, or presets are broken.
        Refused: Two objects have one name.

    """
    items = [Item(place_of(number, each), 1, each) for number, each in enumerate(given.items)]
    workspaces: list[Manifest] = [each for each in items if is_workspace(each)]
    everything = range(len(items))
    if not workspaces:
        return Outcome(everything)
    catalog = catalog_of(config.settings)
    world = World(workspaces, [each for each in items if is_beside(each)])
    for each in world.others:
        require_readable(require_identity(each))
    require_distinct(workspaces)
    require_distinct(world.others)
    said = [
        (manifest, problem)
        for manifest in workspaces
        for problem in problems(manifest.content, catalog, world.named)
    ]
    if said:
        return refused(everything, said)
    notices: list[Notice] = []
    children = rendered(world, catalog, notices.append)
    notices += left_over(items, children)
    kept = [
        number
        for number, each in enumerate(items)
        if config.mode is Mode.ACCOMPANY or not is_workspace(each)
    ]
    return Outcome(
        entries=placed(children, kept, given.items),
        results=[result("warning", each.about, each.sentence) for each in notices],
        lines=[f"{each.place}: warning: {each.sentence}" for each in notices],
    )


def is_beside(item: Manifest) -> bool:
    """
    Whether a Workspace could notice an object; earlier children of its own are made anew.

    Of others not even the form is looked at: a kustomization may hold anything.
    """
    if is_workspace(item) or item.content.get("kind") not in {*READ, *BESIDE}:
        return False
    return child_of(item.content) is None


def child_of(obj: JsonObject) -> str | None:
    """Return the name of the Workspace that an object was made for, as its labels say."""
    if f"{obj.get('kind')}.{obj.get('apiVersion')}" not in CHILD_KINDS:
        return None
    labels = as_object(as_object(obj.get("metadata")).get("labels"))
    return next((str(labels[label]) for label in CHILD_LABELS if label in labels), None)


def left_over(items: Iterable[Item], children: Iterable[JsonObject]) -> Iterator[Notice]:
    """Yield a word about each object that a Workspace became once, and does not any more."""
    wanted = {identity(child) for child in children}
    for item in items:
        owner = child_of(item.content)
        if owner is not None and identity(item.content) not in wanted:
            sentence = f"Workspace {owner} does not become this any more: remove it"
            yield Notice(f"{item.place}: {name_of(item)}", sentence, item)


def placed(
    children: Iterable[JsonObject], kept: Sequence[int], items: Sequence[JsonObject]
) -> list[Entry]:
    """
    Return the new list: what is kept, in its order, and then the children.

    A child that is there already is replaced where it is, and stays in its file: whoever runs the
    function again gets the same.
    """
    new = {identity(child): child for child in children}
    there = {number: key for number in kept if (key := identity(items[number])) in new}
    replaced: dict[int, Entry] = {
        number: with_bookkeeping(new[key], items[number]) for number, key in there.items()
    }
    appended = [child for key, child in new.items() if key not in there.values()]
    return [*(replaced.get(number, number) for number in kept), *appended]


def identity(obj: JsonObject) -> tuple[object, ...]:
    """Return what an object is known by; one that says no namespace is in default."""
    metadata = as_object(obj.get("metadata"))
    namespace = metadata.get("namespace") or "default"
    return obj.get("apiVersion"), obj.get("kind"), namespace, metadata.get("name")


def with_bookkeeping(child: JsonObject, old: JsonObject) -> JsonObject:
    """Return a child with what the orchestrator has noted on its predecessor."""
    noted = {
        key: value
        for key, value in as_object(old["metadata"].get("annotations")).items()
        if BOOKKEEPING.match(key)
    }
    annotations = {**(child["metadata"].get("annotations") or {}), **noted}
    return objects.with_metadata(child, annotations=annotations or None)


def refused(entries: Sequence[Entry], said: Iterable[tuple[Manifest, Problem]]) -> Outcome:
    """Return the answer where fields have to be mended first, in the words of ``render``."""
    told = list(said)
    return Outcome(
        entries=entries,
        results=[result("error", about, str(problem)) for about, problem in told],
        lines=[f"{about.file}: {name_of(about)}: {problem}" for about, problem in told],
        code=REFUSED,
    )


def stopped(entries: Sequence[Entry], stop: Stop) -> Outcome:
    """Return the answer where something else is in the way."""
    results = [result("error", None, line) for line in stop.lines]
    return Outcome(entries, results, stop.lines, stop.code)


def result(severity: Severity, about: Manifest | None, sentence: str) -> JsonObject:
    """Return one result; a sentence that begins with a field is about that field."""
    if about is None:
        return {"message": sentence, "severity": severity}
    said = split(sentence)
    place = {"field": {"path": said.field}} if said.field else {}
    return {"message": said.message, "severity": severity, **located(about), **place}


def located(item: Manifest) -> JsonObject:
    """Return which object a result is about, and which file that is from, where that is known."""
    content = item.content
    metadata = as_object(content.get("metadata"))
    ref: JsonObject = {
        **{key: content[key] for key in ("apiVersion", "kind") if key in content},
        **{key: metadata[key] for key in ("namespace", "name") if key in metadata},
    }
    annotations = as_object(metadata.get("annotations"))
    found: JsonObject = {}
    if {"apiVersion", "kind", "name"} <= ref.keys():
        found["resourceRef"] = ref
    if (path := noted(annotations, PATHS)) is not None:
        file: JsonObject = {"path": path}
        index = noted(annotations, INDEXES)
        if index is not None and index.isdecimal():
            file["index"] = int(index)
        found["file"] = file
    return found


def noted(annotations: JsonObject, keys: Iterable[str]) -> str | None:
    """Return what the orchestrator has noted under the first of some keys."""
    return next((str(annotations[key]) for key in keys if key in annotations), None)


def place_of(number: int, item: JsonObject) -> str:
    """Return which file an object is from, or which one of the list it is."""
    annotations = as_object(as_object(item.get("metadata")).get("annotations"))
    return noted(annotations, PATHS) or f"items[{number}]"


def as_object(value: object) -> JsonObject:
    """Return an object, or an empty one where it is none."""
    return value if isinstance(value, dict) else {}
