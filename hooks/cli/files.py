"""
Manifests in files: YAML or JSON, several documents or a List, read as kubectl reads them.

Whatever is wrong with a file is told with its line.
"""

import json
import re
import reprlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from composite.models import JsonObject
from hooks.cli.errors import Failed
from presets.safe_loader import SafeLoader

STANDARD_INPUT = "-"
LIST = "List"
# How a file is called that may hold objects, as kubectl has it.
ENDINGS = (".yaml", ".yml", ".json")


class Manifest(NamedTuple):
    """One object, and where it was written."""

    file: str
    line: int
    content: JsonObject

    @property
    def place(self) -> str:
        """``FILE:LINE``."""
        return f"{self.file}:{self.line}"


class _Loader(SafeLoader):
    """Safe YAML whose plain words mean what they mean to kubectl: a date is text."""


# Source: https://github.com/kubernetes-sigs/yaml/blob/v1.4.0/goyaml.v2/resolve.go
_WORDS = "true|True|TRUE|yes|Yes|YES|on|On|ON|y|Y|false|False|FALSE|no|No|NO|off|Off|OFF|n|N"
_Loader.yaml_implicit_resolvers = {}
for _kind, _pattern, _first in (
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", _WORDS, list("tTyYoOfFnN")),
    ("int", r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
        list("-+0123456789."),
    ),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"^(?:{_pattern})$"), _first
    )


def _truth(loader: _Loader, node: yaml.ScalarNode) -> bool:
    return loader.construct_scalar(node).lower() in {"true", "yes", "on", "y"}


_Loader.add_constructor("tag:yaml.org,2002:bool", _truth)

# How kubectl reads a word without quotes, by its first character.
RESOLVERS: Mapping[str, list[tuple[str, re.Pattern[str]]]] = _Loader.yaml_implicit_resolvers


def files_in(path: str, *, recursive: bool = True) -> list[str]:
    """Return a file, or those of a directory that may hold objects, in the order of their names."""
    folder = Path(path)
    if path == STANDARD_INPUT or not folder.is_dir():
        return [path]
    inside = folder.rglob("*") if recursive else folder.iterdir()
    return sorted(str(each) for each in inside if each.suffix in ENDINGS and each.is_file())


def read_text(file: str) -> str:
    """
    Return what a file holds, or standard input for ``-``.

    Raises:
        Failed: It cannot be read, or is not text.

    """
    return text_of(file, read_bytes(file))


def read_bytes(file: str) -> bytes:
    """
    Return what a file holds, or standard input for ``-``, whether it is text or not.

    Raises:
        Failed: It cannot be read.

    """
    try:
        return sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
    except IsADirectoryError:
        raise Failed(
            f"{file}: is a directory: name the files in it, such as {Path(file) / '*.yaml'}"
        ) from None
    except OSError as error:
        raise Failed(f"{file}: cannot be read: {error.strerror}") from None


def text_of(file: str, content: bytes) -> str:
    """
    Return what was in a file as text.

    Raises:
        Failed: It is not UTF-8.

    """
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Failed(f"{file}:{line}: is not UTF-8 text: {error.reason}") from None


def read_manifests(file: str) -> list[Manifest]:
    """
    Return every object of a file, the members of a List one by one.

    Raises:
        Failed: It cannot be read, is not YAML, or a document is no object.

    """
    return manifests_of(file, read_text(file))


def manifests_of(file: str, text: str) -> list[Manifest]:
    """
    Return every object of a text that was in a file, the members of a List one by one.

    Raises:
        Failed: It is not YAML, or a document is no object.

    """
    return [
        member
        for line, value in _documents(file, text)
        if value is not None
        for member in _members(Manifest(file, line, _object(file, line, value)))
    ]


def read_request(file: str) -> JsonObject:
    """
    Return the one document of a file.

    Raises:
        Failed: It cannot be read, is not JSON or YAML, or is not one object.

    """
    text = read_text(file)
    try:
        found = [each for each in _documents(file, text) if each[1] is not None]
    except Failed:
        # Then it was meant to be JSON, and what YAML has to say of it is no help.
        if text.lstrip().startswith("{"):
            require_json(file, text)
        raise
    if len(found) != 1:
        holds = f"holds {len(found)} documents" if found else "is empty"
        raise Failed(f"{file}: must be one JSON object, {holds}")
    ((line, value),) = found
    if not isinstance(value, dict):
        raise Failed(f"{file}:{line}: must be a JSON object, is {_said(value)}")
    return value


def require_json(file: str, text: str) -> None:
    """
    Refuse text that is not JSON.

    Raises:
        Failed: With the line.

    """
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        reason = error.msg[0].lower() + error.msg[1:]
        raise Failed(f"{file}:{error.lineno}: is not JSON: {reason}") from None


def _documents(file: str, text: str) -> Iterator[tuple[int, Any]]:
    """Yield each document with the line it begins on."""
    if text.lstrip().startswith("{"):
        # JSON is YAML, but for tabs.
        try:
            yield 1, _as_json(json.loads(text), f"{file}:1")
        except ValueError:
            pass
        else:
            return
    with yaml_errors_told(file, text):
        for node in yaml_nodes(file, text):
            line = node.start_mark.line + 1
            yield line, value_of(node, f"{file}:{line}")


def yaml_nodes(file: str, text: str) -> Iterator[yaml.Node]:
    """
    Yield each document of a YAML text as it is written.

    Raises:
        Failed: A key stands twice in one map.
        yaml.YAMLError: It is no YAML; see :func:`yaml_errors_told`.

    """
    loader = _Loader(text)
    while loader.check_node():
        node = loader.get_node()
        assert node is not None  # noqa: S101  (check_node said so)
        _require_unique_keys(file, node)
        yield node


def value_of(node: yaml.Node, place: str) -> Any:  # noqa: ANN401  (YAML in, JSON out)
    """Return a YAML document as the API server gets it."""
    return _as_json(_Loader("").construct_document(node), place)


@contextmanager
def yaml_errors_told(file: str, text: str) -> Iterator[None]:
    """
    Say with its line what is wrong with YAML.

    Raises:
        Failed: Something is.

    """
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise Failed(f"{file}:{line}: {_reason(error)}{_hint(text)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Failed(f"{file}:{line}: {error.reason}") from None
    except RecursionError:
        raise Failed(f"{file}:1: refers to itself, or is nested too deeply") from None
    except ValueError as error:
        raise Failed(f"{file}:1: is not YAML: {error}") from None


def _as_json(value: Any, place: str) -> Any:  # noqa: ANN401  (YAML in, JSON out)
    """Return what the API server gets: fields without a value are absent, every key is text."""
    match value:
        case dict():
            return {
                key if isinstance(key, str) else json.dumps(key, default=str): _as_json(item, place)
                for key, item in value.items()
                if item is not None
            }
        case list():
            return [_as_json(item, place) for item in value]
        case str() | bool() | int() | float() | None:
            return value
    raise Failed(f"{place}: holds a value of type {type(value).__name__}, which JSON does not have")


def _hint(text: str) -> str:
    """Return what helps with what is no YAML yet."""
    return "; a template has to be rendered first (helm template)" if "{{" in text else ""


def _reason(error: yaml.MarkedYAMLError) -> str:
    return " ".join(filter(None, [error.problem, error.context]))


def _require_unique_keys(file: str, root: yaml.Node) -> None:
    """Refuse a key that its map already has; PyYAML lets the last one win silently."""
    nodes, met = [root], set()
    for node in nodes:  # grows while we walk; an alias is met again
        if not isinstance(node, yaml.CollectionNode) or id(node) in met:
            continue
        met.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
            continue
        lines: dict[str, int] = {}
        for key, value in node.value:
            nodes.append(value)
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in lines and key.value != "<<":
                first = lines[key.value]
                raise Failed(f"{file}:{line}: {key.value!r} is written already on line {first}")
            lines[key.value] = line


def _object(file: str, line: int, value: Any) -> JsonObject:  # noqa: ANN401  (what YAML gave)
    if not isinstance(value, dict):
        raise Failed(f"{file}:{line}: must be an object with kind and metadata, is {_said(value)}")
    return value


def _said(value: Any) -> str:  # noqa: ANN401  (what YAML gave)
    return "a list" if isinstance(value, list) else reprlib.repr(value)


def _members(manifest: Manifest) -> Iterator[Manifest]:
    """Yield the objects of a List, or the one object that it is not a List of."""
    file, line, content = manifest
    if not is_list(content.get("kind"), content.get("items"), named="name" in _metadata(content)):
        yield manifest
        return
    items = content.get("items")
    if items is None:
        raise Failed(f"{file}:{line}: items: is missing: a List holds its objects there")
    if not isinstance(items, list):
        raise Failed(f"{file}:{line}: items: must be a list of objects")
    for item in items:
        yield from _members(Manifest(file, line, member_of(content, _object(file, line, item))))


def _metadata(content: JsonObject) -> JsonObject:
    """Return the metadata of an object, nothing where they are none."""
    found = content.get("metadata")
    return found if isinstance(found, dict) else {}


def is_list(kind: object, items: object, *, named: bool) -> bool:
    """
    Whether an object holds others: a List of kubectl, or a WorkspaceList of the API server.

    A resource of somebody else may be called AllowList and have items, too: it has a name, which
    the API server's lists never have, or its items are no objects. The list that a KRM function
    gets is for that function: nobody applies it.

    Args:
        kind: What it says it is.
        items: What it has under that name: values, or nodes of YAML.
        named: Whether its metadata have a name.

    """
    if kind == LIST:
        return True
    return (
        isinstance(kind, str)
        and kind.endswith(LIST)
        and kind != "ResourceList"
        and not named
        and isinstance(items, list)
        and all(isinstance(each, dict | yaml.MappingNode) for each in items)
    )


def member_of(listed: Mapping[str, Any], item: JsonObject) -> JsonObject:
    """
    Return an object of a list; in a list of one kind the API server leaves out what they all are.

    Source: ``decodeToList`` of
    https://github.com/kubernetes/apimachinery/blob/v0.36.3/pkg/apis/meta/v1/unstructured/helpers.go

    Args:
        listed: The list, of which ``apiVersion`` and ``kind`` are read; nothing for no list.
        item: What it says of the object.

    """
    version, kind = listed.get("apiVersion"), str(listed.get("kind") or "").removesuffix(LIST)
    if not version or not kind or item.get("apiVersion") or item.get("kind"):
        return item
    what = {"apiVersion": version, "kind": kind}
    return {**what, **item, **what}
