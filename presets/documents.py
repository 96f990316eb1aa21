"""
Read YAML that a user wrote, as the trainer does: YAML 1.1, of plain data.

Our own files are read more strictly; see ``presets.loading``. The text comes from anybody who may
write a ConfigMap, so nothing in it may take long, or become large.
"""

import re
import textwrap
from dataclasses import dataclass
from typing import Any

import yaml

from presets.loading import place
from presets.safe_loader import SafeLoader

LARGEST = 2**20  # a ConfigMap holds 1 MiB
OVERHEAD = 64  # of every value; else a document of a million empty ones would take us ten seconds
DEEPEST = 100  # a configuration has three levels
LONGEST_NUMBER = 100
LONGEST_REASON = 200

# https://yaml.org/spec/1.1/#c-printable; beyond the beginning, a byte order mark is none. It is not
# compiled before it is used, for that takes 10 ms.
UNPRINTABLE = r"[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
YAML = "tag:yaml.org,2002:"
TEXT = f"{YAML}str"
NUMBERS = (f"{YAML}int", f"{YAML}float")
PLAIN = (TEXT, *NUMBERS, f"{YAML}null", f"{YAML}bool", f"{YAML}seq", f"{YAML}map")


def read_document(text: str) -> object:
    """
    Return the one document of a text, of nothing but what JSON has too; None if it is empty.

    It means what PyYAML's ``safe_load`` says, save that a date stays text: the trainer writes every
    value as text before it reads it. Keys must be text; one written twice has its last value.

    Raises:
        ValueError: The text is no such document, or too large or too deep once aliases are
            replaced by what they stand for. One line, ``line L, column C: reason``.

    """
    text = text.removeprefix("\ufeff")
    if len(text) > LARGEST:
        raise ValueError("it is longer than 1 MiB")
    if found := re.search(UNPRINTABLE, text):
        line = text.count("\n", 0, found.start())
        column = found.start() - (text.rfind("\n", 0, found.start()) + 1)
        reason = f"the character U+{ord(found[0]):04X} cannot stand in YAML"
        raise ValueError(f"line {line + 1}, column {column + 1}: {reason}")
    try:
        _require_small(text)
        return yaml.load(text, _Loader)  # noqa: S506  (it is a safe one)
    except yaml.MarkedYAMLError as error:
        raise ValueError(_one_line(error)) from None


class _Loader(SafeLoader):
    """PyYAML's safe loader, for what JSON has too, and with a place in every error."""

    yaml_constructors = {  # noqa: RUF012  (as PyYAML has it)
        tag: construct
        for tag, construct in SafeLoader.yaml_constructors.items()
        if tag in (*PLAIN, None)  # None: refuses any other
    }
    yaml_implicit_resolvers = {  # noqa: RUF012  (as PyYAML has it)
        first: [(tag, pattern) for tag, pattern in resolvers if tag != f"{YAML}timestamp"]
        for first, resolvers in SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002  (PyYAML's own)
        """Return the value of a node."""
        if node.tag in NUMBERS and len(node.value) > LONGEST_NUMBER:
            # Sexagesimal numbers take PyYAML long, and json refuses to write a long number.
            raise _mistake(node, f"a number is longer than {LONGEST_NUMBER} characters")
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError):  # PyYAML trusts its tags: !!int eight
            kind = node.tag.removeprefix(YAML)
            raise _mistake(node, f"{node.value!r} is no {kind}") from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  (PyYAML's own)
        """Return the values of a map by their keys."""
        mapping = super().construct_mapping(node, deep)
        for key, _ in node.value:  # merged ones too
            if key.tag != TEXT:
                raise _mistake(key, f"a key must be text: write it in quotes, '{key.value}'")
        return mapping


@dataclass
class _Part:
    """A value met so far, as it is with aliases replaced by what they stand for."""

    size: int
    height: int = 0  # a collection has at least 1


def _require_small(text: str) -> None:
    """
    Go through a text without building anything, and refuse what would be too large or too deep.

    Aliases let a few lines stand for gigabytes, or for something that contains itself.
    """
    path = [_Part(0)]  # the whole, and the collections whose end was not met yet
    anchored: dict[str | None, _Part] = {}
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            part = path.pop()
        elif isinstance(event, yaml.AliasEvent):
            part = anchored.get(event.anchor, _Part(OVERHEAD))
            if any(part is outer for outer in path):
                raise _mistake(event, f"*{event.anchor} stands within what it stands for")
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            part = anchored[event.anchor] = _new_part(event)
        else:
            continue
        if len(path) - 1 + part.height > DEEPEST:
            raise _mistake(event, f"it has more than {DEEPEST} levels")
        if isinstance(event, yaml.CollectionStartEvent):
            path.append(part)
            continue
        path[-1].size += part.size
        path[-1].height = max(path[-1].height, part.height + 1)
        if path[-1].size > LARGEST:
            raise _mistake(event, "written out, it takes more than 1 MiB")


def _new_part(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> _Part:
    size = OVERHEAD + len(event.tag or "")
    if isinstance(event, yaml.ScalarEvent):
        return _Part(size + len(event.value))
    return _Part(size, height=1)


def _mistake(found: yaml.Node | yaml.Event, reason: str) -> yaml.MarkedYAMLError:
    mark = found.start_mark
    return yaml.MarkedYAMLError(problem=reason, problem_mark=mark)  # type: ignore[arg-type]  # there are two kinds of mark


def _one_line(error: yaml.MarkedYAMLError) -> str:
    reason = ", ".join(filter(None, [error.context, error.problem]))
    return f"{place(error)}: {textwrap.shorten(reason, LONGEST_REASON, placeholder=' ...')}"
