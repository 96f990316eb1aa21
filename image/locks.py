"""What the lock files pin, read for whoever lists or checks it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from packaging.utils import canonicalize_name

SOURCE = Path(__file__).parents[1]
LOCKS = tuple(
    sorted(
        [*SOURCE.glob("requirements/*.txt"), *SOURCE.glob("presets/runtimes/*/requirements/*.txt")]
    )
)
"""Every lock file of the repository."""

ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?P<rest>.*)$")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VIA = re.compile(r"^\s*# via (.*)$")


class Pin(NamedTuple):
    """
    A package that a lock pins.

    ``hashes`` are the SHA-256 of its files, one of which is installed; ``asked_for_by`` names the
    packages, or the project, that need it.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    asked_for_by: tuple[str, ...]


def pins(lock: Path) -> list[Pin]:
    """
    Return what a lock pins, in the order of the names.

    Args:
        lock: Requirements as pip-compile and uv write them, each with its hashes.

    Raises:
        ValueError: A line is no pin, so that something would be missing in what is told of it.

    """
    return sorted(_pins(lock))


def _pins(lock: Path) -> Iterator[Pin]:
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    found: Pin | None = None
    for line in text.splitlines():
        if (via := VIA.match(line)) is not None and found is not None:
            yield found._replace(asked_for_by=tuple(_names(via[1])))
            found = None
        elif line.strip() and not line.lstrip().startswith("#"):
            if found is not None:
                yield found
            found = _pin(line, lock)
    if found is not None:
        yield found


def _pin(line: str, lock: Path) -> Pin:
    entry = ENTRY.match(line)
    if entry is None:
        raise ValueError(f"{lock}: {line.strip()!r} is no pin such as name==1.0")
    hashes = tuple(sorted(HASH.findall(entry["rest"])))
    return Pin(canonicalize_name(entry["name"]), entry["version"], hashes, ())


def _names(via: str) -> Iterator[str]:
    """Yield who asked for it; a constraint only said which version."""
    for name in via.split(", "):
        if not name.startswith("-c "):
            yield canonicalize_name(name.removesuffix(" (pyproject.toml)"))
