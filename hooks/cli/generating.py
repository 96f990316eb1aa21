"""What ``generate`` does: read values, and print or write what follows from them."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import click

from charts.kustomize import HelmNeeded
from charts.reading import InvalidValues, read_values
from charts.release import CHART, NAMESPACE, Release, Undecided
from charts.values import Values
from composite.models import JsonObject
from hooks.cli.errors import Failed, Refused
from hooks.cli.files import read_request


class Wanted(NamedTuple):
    """An installation."""

    values: Values
    release: Release


def wanted(
    files: Sequence[str],
    name: str = CHART,
    namespace: str = NAMESPACE,
    provisioner: str | None = None,
    api_versions: Sequence[str] = (),
) -> Wanted:
    """
    Return the installation that the options describe.

    Raises:
        Failed: A file cannot be read.
        Refused: A value is misspelt, or does not go with another one.

    """
    given = [read_request(file) for file in files]
    if provisioner is not None:
        given.append({"provisioner": provisioner})
    release = Release(name, namespace, frozenset(api_versions))
    try:
        return Wanted(read_values(given, release), release)
    except InvalidValues as error:
        raise Refused(*error.problems) from None


def documents(module: str, installation: Wanted) -> list[JsonObject]:
    """
    Return the manifests that a module of :mod:`charts` makes.

    Raises:
        Refused: The values leave something open.

    """
    try:
        found: list[JsonObject] = import_module(module).documents(*installation)
    except Undecided as error:
        raise Refused(str(error)) from None
    return found


def write(module: str, installation: Wanted, directory: Path, *, force: bool) -> None:
    """
    Write the files that a module of :mod:`charts` makes below a directory.

    Raises:
        Failed: They cannot be written, one is there and is not to be replaced, or helm is missing.
        Refused: The values leave something open.

    """
    try:
        texts: dict[str, str] = import_module(module).texts(*installation)
    except HelmNeeded as error:
        raise Failed(str(error)) from None
    except Undecided as error:
        raise Refused(str(error)) from None
    there = [directory / path for path in texts if (directory / path).exists()]
    if there and not force:
        raise Failed(f"{there[0]}: is there already; --force replaces it")
    try:
        for path, text in texts.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(f"{directory}: cannot be written: {error.strerror}") from None
    for file in others(directory, texts):
        sentence = "is not written by this version; if it is not yours, delete it"
        click.echo(f"{file}: {sentence}", err=True)


def others(directory: Path, texts: Iterable[str]) -> list[Path]:
    """Return what lies beside files that were written, and was not; Helm would install it."""
    written = {directory / path for path in texts}
    folders = {file.parent for file in written}
    beside = {file for folder in folders for file in folder.iterdir() if file.is_file()}
    return sorted(beside - written)
