"""Another metakaito, which is asked what it makes of Workspaces."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from composite.models import JsonObject, Value
from hooks.cli.errors import REFUSED, Failed, Refused
from hooks.logs import summary

PROGRAM = "metakaito"
# So long one file may take.
SECONDS = 300


class Other(NamedTuple):
    """Another metakaito: what the user calls it, how it is run, and from where."""

    name: str
    command: tuple[str, ...]
    folder: Path | None


class Played(NamedTuple):
    """The end of a play: what there is, and after how many seconds."""

    objects: list[JsonObject]
    seconds: float


class Told(Value):
    """What ``metakaito simulate -o json`` prints, as far as it is read."""

    model_config = Value.model_config | {"extra": "ignore"}

    objects: list[JsonObject]
    seconds: float


def other_in(path: Path, folder: Path) -> Other:
    """
    Return how to call the metakaito of a virtual environment, or of a wheel with our libraries.

    Args:
        path: The virtual environment, or the wheel.
        folder: Where a wheel is unpacked.

    Raises:
        Failed: It is neither.

    """
    program = path / ("Scripts" if os.name == "nt" else "bin") / PROGRAM
    if program.exists():
        return Other(str(path), (str(program.absolute()),), None)
    if path.suffix == ".whl" and path.is_file():
        try:
            with zipfile.ZipFile(path) as wheel:
                wheel.extractall(folder)
        except (OSError, zipfile.BadZipFile, RuntimeError) as error:
            raise Failed(f"--from {path}: cannot be unpacked: {error}") from None
        return Other(str(path), (sys.executable, "-m", "hooks.cli"), folder)
    missing = "" if path.exists() else "does not exist; it "
    raise Failed(
        f"--from {path}: {missing}must be a virtual environment with {PROGRAM} in it, or a wheel"
    )


def version_of(other: Other) -> str:
    """
    Return the version of the other one.

    Raises:
        Failed: It cannot be run, or does not say.

    """
    done = called(other, "--version")
    words = done.stdout.split()
    if done.returncode != 0 or not words:
        raise Failed(f"--from {other.name}: does not say its version: {last_words(done)}")
    return words[-1]


def world_of(other: Other, file: str, options: Sequence[str]) -> Played:
    """
    Return the end of a play by the other one.

    Raises:
        Failed: It does not bring the Workspaces of a file up.
        Refused: It says that it refuses one; in its own lines, ``FILE: NAME: FIELD: sentence``.

    """
    path = str(Path(file).absolute())
    done = called(other, "simulate", path, *options, "--output", "json")
    if done.returncode == REFUSED:
        said = done.stderr.strip().splitlines() or [last_words(done)]
        raise Refused(*(line.replace(path, file) for line in said))
    if done.returncode != 0:
        raise Failed(f"{file}: the other metakaito does not bring it up: {last_words(done)}")
    try:
        told = Told.model_validate(json.loads(done.stdout))
    except json.JSONDecodeError as error:
        raise Failed(f"{file}: what the other metakaito says is not JSON: {error}") from None
    except ValidationError as error:
        raise Failed(f"{file}: the other metakaito says something else: {summary(error)}") from None
    return Played(told.objects, told.seconds)


def called(other: Other, *arguments: str) -> subprocess.CompletedProcess[str]:
    """
    Run the other one.

    Raises:
        Failed: It cannot be, or does not end.

    """
    try:
        return subprocess.run(  # noqa: S603  (a program of the user's choice)
            (*other.command, *arguments),
            cwd=other.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        what = " ".join(arguments[:2])
        raise Failed(f"--from {other.name}: {what} takes longer than {SECONDS} seconds") from None
    except OSError as error:
        raise Failed(f"--from {other.name}: cannot be run: {error.strerror or error}") from None


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line of what a program complains of."""
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}, without a word"
