"""What commands print: text, YAML and JSON for machines, tables for people."""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from hooks.cli.errors import Enough, Failed

if TYPE_CHECKING:
    from rich.console import Console

# A command stays on one line, however long it is.
ENDLESS = 1 << 20
# Half of a character, or what stands for a byte of a file name that is not UTF-8.
SURROGATE = re.compile("[\ud800-\udfff]")

# Text that PyYAML writes plainly, and kubectl would read as a boolean or a number.
MISREAD = (
    ("bool", r"^[yYnN]$", list("yYnN")),
    ("float", r"^[-+]?[0-9]+[eE][-+]?[0-9]+$", list("-+0123456789")),
)


def print_text(text: str) -> None:
    """
    Write text that ends its own lines to standard output.

    Raises:
        Enough: Nobody reads it any more.
        Failed: It cannot be written: the disk is full.

    """
    with writing_told():
        click.echo(text, nl=False)


def print_bytes(content: bytes) -> None:
    """
    Write bytes to standard output.

    Raises:
        Enough: Nobody reads them any more.
        Failed: They cannot be written: the disk is full.

    """
    with writing_told():
        click.echo(content, nl=False)


@contextmanager
def writing_told() -> Iterator[None]:
    """
    Say why standard output cannot be written to.

    Raises:
        Enough: Nobody reads it any more.
        Failed: Another reason.

    """
    try:
        yield
    except OSError as error:
        # Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise Enough from None
        raise Failed(f"standard output: cannot be written: {error.strerror or error}") from None


def as_json(value: object) -> str:
    """Return JSON for people and machines alike; what UTF-8 has no bytes for is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def as_yaml(documents: Iterable[object]) -> str:
    """Return one YAML document for each value, in the order of their fields."""
    import yaml  # noqa: PLC0415  (see the package)

    return yaml.dump_all(
        documents,
        Dumper=yaml_dumper(),
        sort_keys=False,
        explicit_start=True,
        allow_unicode=True,
        width=ENDLESS,
    )


def yaml_dumper() -> Any:  # noqa: ANN401  (a class that PyYAML's types do not describe)
    """Return a dumper that repeats what occurs twice, and writes many lines as many lines."""
    import yaml  # noqa: PLC0415  (see the package)

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  (overridden)
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    for kind, pattern, first in MISREAD:
        Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(pattern), first)
    return Dumper


def as_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as kubectl prints it: upper-case heads, columns that line up, no lines."""
    table = [list(columns), *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = (
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )
    return "".join(f"{line}\n" for line in lines)


def console(*, err: bool = False) -> "Console":
    """Return where colour may go: to a terminal, unless NO_COLOR says otherwise."""
    from rich.console import Console  # noqa: PLC0415  (see the package)

    return Console(stderr=err, highlight=False, soft_wrap=True)
