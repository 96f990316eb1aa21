"""
Published advisories that lie on disk, and which of them are about a version of a package.

Source: https://ossf.github.io/osv-schema/
"""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, ValidationError

ECOSYSTEM = "PyPI"
START = "0"
"""As a version that introduced something: it was always there."""


class Event(BaseModel):
    """A version at which something changes: exactly one of the fields is there."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None


class Range(BaseModel):
    """Versions between events; of ``GIT`` they are commits, and say nothing of a release."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["ECOSYSTEM", "SEMVER", "GIT"]
    events: tuple[Event, ...] = ()


class Package(BaseModel):
    """A name in an ecosystem."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ecosystem: str
    name: str


class Affected(BaseModel):
    """A package, and which versions of it: listed, in ranges, or both."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    package: Package | None = None
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()


class Advisory(BaseModel):
    """What is known of one weakness."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    modified: str
    withdrawn: str | None = None
    aliases: tuple[str, ...] = ()
    summary: str = ""
    affected: tuple[Affected, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Canonical names of the packages of Python's index that it is about."""
        return frozenset(
            canonicalize_name(each.package.name)
            for each in self.affected
            if each.package is not None and each.package.ecosystem == ECOSYSTEM
        )

    def about(self, name: str) -> Iterator[Affected]:
        """Yield what it says of a package of Python's index, by its canonical name."""
        for each in self.affected:
            package = each.package
            if (
                package is not None
                and package.ecosystem == ECOSYSTEM
                and canonicalize_name(package.name) == name
            ):
                yield each

    def affects(self, name: str, version: str) -> bool:
        """Whether a version of a package is affected. What was withdrawn affects nothing."""
        return self.withdrawn is None and any(
            version in each.versions or any(within(span, version) for span in each.ranges)
            for each in self.about(name)
        )

    def fixed_in(self, name: str, version: str) -> str | None:
        """Return the lowest version above that has it fixed, or None where none is known."""
        fixes = (
            event.fixed
            for each in self.about(name)
            for span in each.ranges
            if span.type != "GIT"
            for event in span.events
            if event.fixed is not None and is_version(event.fixed)
        )
        return min(
            (fix for fix in fixes if Version(fix) > Version(version)), key=Version, default=None
        )


def within(span: Range, version: str) -> bool:
    """
    Apply the rule of the format: of the events up to a version the last one decides.

    https://ossf.github.io/osv-schema/#evaluation
    """
    if span.type == "GIT" or not is_version(version):
        return False
    asked, inside = Version(version), False
    for at, event in sorted(dated(span), key=lambda pair: pair[0]):
        if event.introduced is not None and asked >= at:
            inside = True
        elif (event.fixed is not None and asked >= at) or (
            event.last_affected is not None and asked > at
        ):
            inside = False
    return inside


def dated(span: Range) -> Iterator[tuple[Version, Event]]:
    """Yield each event with its version; one that is none of Python's says nothing."""
    for event in span.events:
        text = event.introduced or event.fixed or event.last_affected
        if text == START:
            yield Version("0.dev0"), event
        elif text is not None and is_version(text):
            yield Version(text), event


def is_version(text: str) -> bool:
    """Whether it is a version as Python's packages have them."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


class UnreadableDatabase(Exception):  # noqa: N818  (it says what is so, as Refusal does)
    """There is no database, or none that can be read."""


def advisories(database: Path) -> Iterator[Advisory]:
    """
    Yield every advisory of a database.

    Args:
        database: A folder with a JSON file for each advisory, or such a folder as a ZIP.

    Raises:
        UnreadableDatabase: It is not there, holds nothing, or holds what is no advisory.

    """
    found = False
    for name, text in documents(database):
        try:
            yield Advisory.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            said = ": ".join((*filter(None, [".".join(map(str, first["loc"]))]), first["msg"]))
            raise UnreadableDatabase(f"{database}: {name}: {said}") from error
        found = True
    if not found:
        raise UnreadableDatabase(f"{database}: holds no advisory, that is no file *.json")


def documents(database: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the JSON files of a folder or a ZIP, by name."""
    if database.is_dir():
        for path in sorted(database.rglob("*.json")):
            try:
                yield str(path.relative_to(database)), path.read_bytes()
            except OSError as error:
                raise UnreadableDatabase(f"{path}: cannot be read: {error.strerror}") from error
        return
    try:
        with zipfile.ZipFile(database) as packed:
            for name in sorted(packed.namelist()):
                if name.endswith(".json"):
                    yield name, packed.read(name)
    except FileNotFoundError as error:
        raise UnreadableDatabase(f"{database}: is not there") from error
    except OSError as error:
        raise UnreadableDatabase(f"{database}: cannot be read: {error.strerror}") from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise UnreadableDatabase(f"{database}: is neither a folder nor a ZIP: {error}") from error
