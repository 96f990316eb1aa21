"""
A ResourceList as text: what comes in, and what goes out with every other object as it was.

Source: https://github.com/kubernetes-sigs/kustomize/blob/master/cmd/config/docs/api-conventions/functions-spec.md
"""

import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import yaml

from composite.models import JsonObject
from hooks.cli.errors import Failed
from hooks.cli.files import (
    RESOLVERS,
    value_of,
    yaml_errors_told,
    yaml_nodes,
)
from hooks.cli.output import ENDLESS, as_json, yaml_dumper

KIND = "ResourceList"
GROUP = "config.kubernetes.io"
VERSIONS = ("v1", "v1beta1", "v1alpha1")
ITEMS, RESULTS = "items", "results"
# A misspelt one would leave nothing to be done; a List of kubectl has metadata.
FIELDS = ("apiVersion", "kind", "metadata", "functionConfig", ITEMS, RESULTS)

# Of what goes out: an object that came in, by its number, or a new one.
Entry = int | JsonObject


class ResourceList(NamedTuple):
    """
    A list that came in.

    Attributes:
        content: What it says, as the API server would read it.
        source: The same as it is written: a node of YAML, or what JSON says.

    """

    content: JsonObject
    source: yaml.MappingNode | JsonObject

    @property
    def items(self) -> list[JsonObject]:
        """The objects."""
        return self.content.get(ITEMS) or []

    @property
    def function_config(self) -> object:
        """What the function is told, if anything."""
        return self.content.get("functionConfig")

    @property
    def has_results(self) -> bool:
        """Whether it is of the kind that results can be told in."""
        return bool(self.content["kind"] == KIND)


def read_list(file: str, text: str) -> ResourceList:
    """
    Return the list that the text of a file is.

    Raises:
        Failed: It is no list of objects.

    """
    found = parsed(file, text)
    content = found.content
    kind, version = content.get("kind"), content.get("apiVersion")
    if kind == KIND and version not in [f"{GROUP}/{each}" for each in VERSIONS]:
        raise Failed(f"{file}: apiVersion: must be {GROUP}/v1, is {version!r}")
    if not isinstance(kind, str) or not kind.endswith("List"):
        raise Failed(f"{file}: kind: must be {KIND}, is {kind!r}")
    items = content.get(ITEMS) or []
    if not isinstance(items, list):
        raise Failed(f"{file}: items: must be a list of objects")
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            raise Failed(f"{file}: items[{number}]: must be an object")
    return found


def parsed(file: str, text: str) -> ResourceList:
    """
    Return the one object that a text says, in YAML or JSON.

    Raises:
        Failed: It says none, or several.

    """
    if text.lstrip().startswith("{"):
        try:
            source = json.loads(text)
        except json.JSONDecodeError:
            pass  # then it is YAML
        else:
            return ResourceList(without_nulls(source), source)
    with yaml_errors_told(file, text):
        nodes = list(yaml_nodes(file, text))
        if len(nodes) == 1 and isinstance(nodes[0], yaml.MappingNode):
            return ResourceList(value_of(nodes[0], f"{file}:1"), nodes[0])
    raise Failed(f"{file}: must be one {KIND}, holds {len(nodes)} documents")


def without_nulls(value: Any) -> Any:  # noqa: ANN401  (JSON in, JSON out)
    """Return JSON without fields that have no value: the API server does not get them."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def list_text(
    given: ResourceList, entries: Sequence[Entry], results: Sequence[JsonObject] = ()
) -> str:
    """
    Return a list as text, in the form in which it was given.

    Args:
        given: The list that came in.
        entries: The objects of the new one.
        results: What there is to say; left out where the kind of the list has no place for it.

    """
    said = list(results) if given.has_results else []
    if isinstance(given.source, dict):
        items = [given.source[ITEMS][each] if isinstance(each, int) else each for each in entries]
        return as_json({**given.source, ITEMS: items, **({RESULTS: said} if said else {})})
    return yaml_text(given.source, entries, said)


def yaml_text(
    source: yaml.MappingNode, entries: Iterable[Entry], results: Sequence[JsonObject]
) -> str:
    """Return the YAML of a list; what is taken over is written with its own words and quotes."""
    dumper = item_dumper()
    represent = dumper(io.StringIO(), sort_keys=False).represent_data
    given = {key.value: value for key, value in source.value}
    old = given[ITEMS].value if ITEMS in given else []
    fields = {
        **given,
        ITEMS: yaml.SequenceNode(
            "tag:yaml.org,2002:seq",
            [old[each] if isinstance(each, int) else represent(each) for each in entries],
            flow_style=False,
        ),
        **({RESULTS: represent(results)} if results else {}),
    }
    pairs = [(represent(key), value) for key, value in fields.items()]
    root = yaml.MappingNode(source.tag, pairs, flow_style=source.flow_style)
    return str(yaml.serialize(root, Dumper=dumper, allow_unicode=True, width=ENDLESS))


def item_dumper() -> Any:  # noqa: ANN401  (a class that PyYAML's types do not describe)
    """Return a dumper that reads words as kubectl does, and puts quotes where others would not."""

    class Dumper(yaml_dumper()):  # type: ignore[misc]  # the same
        pass

    own = Dumper.yaml_implicit_resolvers
    Dumper.yaml_implicit_resolvers = {
        first: [*RESOLVERS.get(first, ()), *own.get(first, ())] for first in {*RESOLVERS, *own}
    }
    return Dumper
