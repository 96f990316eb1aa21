"""Children as YAML, with the origin of each field behind it."""

import re
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import yaml

from composite.differences import under
from hooks.cli.output import as_yaml, console, print_text

if TYPE_CHECKING:
    from hooks.cli.explaining import Child, Field

COMMENT = re.compile(r"  # .*$|^# .*$", re.MULTILINE)


def print_annotated(children: Iterable["Child"], *, whole: bool) -> None:
    """Print the children, or only their fields that were asked for; comments are dim."""
    parts = [annotated(child) if whole else listed(child) for child in children]
    text = ("" if whole else "\n").join(parts)
    if not sys.stdout.isatty():
        print_text(text)
        return
    from rich.text import Text  # noqa: PLC0415  (only a terminal needs it)

    shown = Text(text, end="")
    shown.highlight_regex(COMMENT, "dim")
    console().print(shown)


def annotated(child: "Child") -> str:
    """Return a child as YAML, with a comment behind each field."""
    text = as_yaml([child.content])
    comments: dict[int, list[str]] = {}
    told = {field.path: field for field in child.fields}
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for path, line in lines_of(node):
        if path in told:
            comments.setdefault(line, []).append(comment(told[path]))
    first = [f"# here for {', '.join(child.here_for)}"] if child.here_for else []
    lines = [
        f"{line}  # {'; '.join(comments[number])}" if number in comments else line
        for number, line in enumerate(text.splitlines())
    ]
    return "\n".join([lines[0], *first, *lines[1:]]) + "\n"


def comment(field: "Field") -> str:
    """Return where a field comes from."""
    told = ", ".join(field.origins)
    return told if field.leaf else f"here for {told}"


def lines_of(node: yaml.Node | None, path: str = "") -> Iterator[tuple[str, int]]:
    """Yield the path of each field and the line on which it begins, counted from 0."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = under(path, str(key.value))
            yield here, key.start_mark.line
            yield from lines_of(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            here = f"{path}[{index}]"
            yield here, item.start_mark.line
            yield from lines_of(item, here)


def listed(child: "Child") -> str:
    """Return the fields of a child one by one, with their origins below them."""
    content = child.content
    metadata = content["metadata"]
    space = f" in namespace {metadata['namespace']}" if "namespace" in metadata else ""
    lines = [f"{content['kind']} {metadata['name']}{space}"]
    for field in child.fields:
        value = f" = {short(field.value)}" if field.leaf else ""
        why = "" if field.leaf else "here for "
        lines.append(f"  {field.path}{value}")
        lines += [f"    {why}{origin}" for origin in field.origins]
    return "\n".join(lines) + "\n"


def short(value: object) -> str:
    """Return a value on one line, as YAML has it."""
    text = as_yaml([value]).removeprefix("--- ").removesuffix("...\n").rstrip("\n")
    return " ".join(text.split())
