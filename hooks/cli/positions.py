"""On which line of a file a field is written."""

import re
from collections.abc import Iterable, Iterator

import yaml

NUMBER = re.compile(r"\[(\d+)\]\.?")


def field_line(documents: Iterable[yaml.Node], line: int, field: str) -> int:
    """
    Return the line of a field, counted from 1; of what would hold it where it is not written.

    Args:
        documents: All of a file.
        line: On which the object begins, or the List that it is a member of.
        field: Its path in the object, such as ``inference.adapters[0].strength``.

    """
    for document in documents:
        if document.start_mark.line + 1 == line:
            return max(steps(document, field), default=line)
    return line


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
