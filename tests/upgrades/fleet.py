"""
The fleet: a folder for each installation, and in it a file for each story.

A file holds one Workspace or several that belong together, and what is there beside them; its
first line says the story. ``installation.yaml`` has what an administrator has set, in the words of
:class:`composite.catalog.Provisioning`, and ``presets/`` presets of the administrator's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import yaml

from composite.catalog import Catalog, Provisioning
from composite.models import JsonObject
from presets import load_catalog
from presets.loading import read_yaml

FLEET = Path(__file__).parent / "fleet"
INSTALLATION = "installation.yaml"
OVERLAY = "presets"

# A training that does not end while anybody looks.
ENDLESS = 1e7


class Installation(Provisioning):
    """What an administrator has set; ``training`` is how long a training takes, in seconds."""

    training: float = ENDLESS


@dataclass(frozen=True)
class Member:
    """Workspaces that run together, called ``folder/file``, and what is there beside them."""

    name: str
    story: str
    objects: tuple[JsonObject, ...]
    installation: Installation

    @property
    def workspaces(self) -> list[JsonObject]:
        """The Workspaces among the objects."""
        return [obj for obj in self.objects if obj["kind"] == "Workspace"]

    @property
    def catalog(self) -> Catalog:
        """What this version of the hooks knows, in this installation."""
        return catalog_of(self.name.partition("/")[0])


@cache
def members() -> tuple[Member, ...]:
    """Return the whole fleet, by name."""
    files = (path for path in FLEET.glob("*/*.yaml") if path.name != INSTALLATION)
    return tuple(sorted(map(read_member, files), key=lambda member: member.name))


def chosen(patterns: Iterable[str]) -> tuple[Member, ...]:
    """Return the members that one of the patterns means; all of them if there is no pattern."""
    wanted = tuple(patterns) or ("*",)
    return tuple(m for m in members() if any(fnmatch(m.name, pattern) for pattern in wanted))


def read_member(path: Path) -> Member:
    text = path.read_text(encoding="utf-8")
    return Member(
        name=f"{path.parent.name}/{path.stem}",
        story=text.partition("\n")[0].removeprefix("# "),
        objects=tuple(yaml.safe_load_all(text)),
        installation=installation_of(path.parent.name),
    )


@cache
def installation_of(folder: str) -> Installation:
    return Installation.model_validate(read_yaml(FLEET / folder / INSTALLATION))


@cache
def catalog_of(folder: str) -> Catalog:
    installation = installation_of(folder)
    overlay = FLEET / folder / OVERLAY
    provisioning = installation.model_dump(exclude={"training"})
    return load_catalog(
        installation.cloud,
        overlay=overlay if overlay.exists() else None,
        provisioning=Provisioning.model_validate(provisioning),
    )
