"""Read YAML strictly, check it against a model, and say everything that is wrong at once."""

import json
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from presets.safe_loader import SafeLoader

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Item = TypeVar("Item")
Model = TypeVar("Model", bound=BaseModel)
Result = TypeVar("Result")


class InvalidPresets(Exception):  # noqa: N818  (it lists what a person has to mend)
    """
    A data file says something it must not.

    ``problems`` has one line for each mistake, ``FILE: FIELD: reason``, or ``FILE: reason`` where
    no field is to blame; ``str()`` is all of them, one per line.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Loader(SafeLoader):
    """Safe YAML whose plain words mean what YAML 1.2 says."""


# https://yaml.org/spec/1.2.2/#1032-tag-resolution, less octal, hexadecimal and .inf, plus merging.
_Loader.yaml_implicit_resolvers = {}
for _kind, _pattern, _first in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]*)\.[0-9]+", list("-0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"^(?:{_pattern})$"), _first
    )


def read_yaml(path: Path) -> Any:  # noqa: ANN401  (the caller's model says what it should be)
    """
    Return the one document of a YAML file; None if it is empty.

    Only ``true`` and ``false`` are booleans: ``yes``, ``on``, ``2024-11-16``, ``1:30`` and
    ``0x10`` are text.

    Raises:
        InvalidPresets: The file cannot be read, is not YAML, or writes a key of a map twice.

    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidPresets(f"{path}: cannot be read: {error.strerror}") from error
    try:
        loader = _Loader(content)
        root = loader.get_single_node()
        repeated = sorted(_repeated_keys(root), key=lambda key: key.start_mark.index)
        if repeated:
            raise InvalidPresets(
                *(f"{path}: {place(key)}: {key.value!r} is written twice" for key in repeated)
            )
        return None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise InvalidPresets(f"{path}: {place(error)}: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidPresets(f"{path}: is not YAML: {error}") from error


def parse(model: type[Model], raw: object, path: Path, within: str = "") -> Model:
    """
    Return ``raw`` as the model, without guessing: ``"4"`` is no number, ``8`` is no text.

    ``within`` is the field of the file that ``raw`` was found in, if it is not the whole file.

    Raises:
        InvalidPresets: Every field that the model does not allow.

    """
    try:
        return model.model_validate_json(json.dumps(raw, default=str), strict=True)
    except ValidationError as invalid:
        raise InvalidPresets(
            *(_problem(error, path, within) for error in invalid.errors())
        ) from invalid


def each(read: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """
    Return what ``read`` makes of every item.

    Raises:
        InvalidPresets: The problems of all items together.

    """
    results: list[Result] = []
    problems: list[str] = []
    for item in items:
        try:
            results.append(read(item))
        except InvalidPresets as invalid:
            problems += invalid.problems
    if problems:
        raise InvalidPresets(*problems)
    return results


def _repeated_keys(root: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Yield each key that its map already has; YAML libraries let the last one win silently."""
    nodes, met = [root], set()
    for node in nodes:  # grows while we walk; an alias is met again
        if not isinstance(node, yaml.CollectionNode) or id(node) in met:
            continue
        met.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
            continue
        names: set[str] = set()
        for key, value in node.value:
            nodes.append(value)
            if isinstance(key, yaml.ScalarNode):
                if key.value in names:
                    yield key
                names.add(key.value)


def place(found: yaml.Node | yaml.MarkedYAMLError) -> str:
    """Return where a node begins or an error was found, as a person counts."""
    mark = found.start_mark if isinstance(found, yaml.Node) else found.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"


def _problem(error: "ErrorDetails", path: Path, within: str) -> str:
    """Word one pydantic error as ``FILE: FIELD: reason``."""
    names = [within, *(str(part) for part in error["loc"] if part != "[key]")]
    field = ".".join(filter(None, names))
    return ": ".join(filter(None, [str(path), field, _reason(error)]))


def _reason(error: "ErrorDetails") -> str:
    given = error["input"]
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not a field here"
        case "model_type" | "dict_type":
            return f"must be a map, not {reprlib.repr(given)}"
        case "value_error":
            return str(error["ctx"]["error"])
        case "string_type" if isinstance(given, int | float):
            return f'must be text: write it in quotes, "{json.dumps(given)}"'
    rule = re.sub("^(Input|String) should", "must", error["msg"])
    return f"{rule}, not {reprlib.repr(given)}"
