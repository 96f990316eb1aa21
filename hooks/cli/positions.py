"""On which line of a file a field is written."""

import re
from collections.abc import Iterable, Iterator, Mapping

import yaml

from hooks.cli.errors import Failed
from hooks.cli.files import (
    STANDARD_INPUT,
    Manifest,
    is_list,
    member_of,
    read_text,
    value_of,
    yaml_errors_told,
    yaml_nodes,
)

NO_LIST: Mapping[str, str] = {}
NUMBER = re.compile(r"\[(\d+)\]\.?")


def documents_of(file: str) -> list[yaml.Node]:
    """Return a file as it is written; nothing of what cannot be read again, or is no YAML."""
    if file == STANDARD_INPUT:
        return []
    try:
        text = read_text(file)
        with yaml_errors_told(file, text):
            return list(yaml_nodes(file, text))
    except Failed:
        return []


def field_line(documents: Iterable[yaml.Node], manifest: Manifest, field: str) -> int:
    """
    Return the line of a field, counted from 1; of what would hold it where it is not written.

    Args:
        documents: All of the file of the object.
        manifest: The object, perhaps a member of a List.
        field: Its path in the object, such as ``inference.adapters[0].strength``.

    """
    for document in documents:
        if document.start_mark.line + 1 == manifest.line:
            node = node_of(document, manifest) or document
            return max(steps(node, field), default=node.start_mark.line + 1)
    return manifest.line


def node_of(
    node: yaml.Node, manifest: Manifest, listed: Mapping[str, str] = NO_LIST
) -> yaml.Node | None:
    """
    Return where an object is written: the document, or the member of a List that says this.

    Args:
        node: A document, or a member of one.
        manifest: The object.
        listed: What the list says it is, of which the node is a member.

    """
    fields = dict(fields_of(node))
    items = fields.get("items")
    inside = items.value if isinstance(items, yaml.SequenceNode) else None
    own = {key: each.value for key, each in fields.items() if isinstance(each, yaml.ScalarNode)}
    named = "metadata" in fields and "name" in dict(fields_of(fields["metadata"]))
    if is_list(own.get("kind"), inside, named=named):
        within = (node_of(each, manifest, own) for each in inside or ())
        return next((found for found in within if found), None)
    try:
        said = value_of(node, manifest.place)
    except (Failed, yaml.YAMLError, RecursionError, ValueError):
        return None
    same = isinstance(said, dict) and member_of(listed, said) == manifest.content
    return node if same else None


def fields_of(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    """Yield the fields of an object as it is written."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key.value, value


def steps(node: yaml.Node, path: str) -> Iterator[int]:
    """Yield the lines of the fields on the way to a field, as far as they are written."""
    if isinstance(node, yaml.SequenceNode):
        found = NUMBER.match(path)
        if found is not None and int(found[1]) < len(node.value):
            item = node.value[int(found[1])]
            yield item.start_mark.line + 1
            yield from steps(item, path[found.end() :])
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            rest = after(path, key.value) if isinstance(key, yaml.ScalarNode) else None
            if rest is not None:
                yield key.start_mark.line + 1
                yield from steps(value, rest)
                return


def after(path: str, key: str) -> str | None:
    """Return what of a path comes after a key, which may have dots itself; None without it."""
    rest = path.removeprefix(key)
    if rest == path or rest[:1] not in ("", ".", "["):
        return None
    return rest.removeprefix(".")
