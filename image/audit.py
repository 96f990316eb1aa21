"""Which of the locked packages have a published weakness, told without a network."""

import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from image.advisories import Advisory, UnreadableDatabase, advisories
from image.cache import cache_folder
from image.locks import LOCKS, SOURCE, pins

FOUND, NO_DATABASE = 1, 3
"""Exit codes; 0 says that nothing was found, 2 is click's, for arguments that are none."""

EXPORT = "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip"
"""All advisories for Python's packages, made anew every day. https://google.github.io/osv.dev/data/"""

DATABASE = cache_folder().parent / "advisories" / "PyPI.zip"
PATIENCE = 2.0  # seconds without a line of progress


class Weakness(NamedTuple):
    """A package that is locked, in a version of which an advisory is known."""

    name: str
    version: str
    id: str
    fixed_in: str
    aliases: tuple[str, ...]
    summary: str
    locks: tuple[str, ...]


class Counts:
    """How many advisories there were, and when the newest was changed, to tell how old they are."""

    def __init__(self) -> None:
        self.advisories = 0
        self.newest = ""


def locked_in(locks: Iterable[Path]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the locks that each package in each version is in."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for lock in locks:
        place = str(lock.relative_to(SOURCE)) if lock.is_relative_to(SOURCE) else str(lock)
        for pin in pins(lock):
            key = (pin.name, pin.version)
            found[key] = (*found.get(key, ()), place)
    return found


def weaknesses(
    locked: dict[tuple[str, str], tuple[str, ...]], known: Iterable[Advisory]
) -> list[Weakness]:
    """Return what is known of what is locked, by name, version and id."""
    versions: dict[str, list[str]] = {}
    for name, version in locked:
        versions.setdefault(name, []).append(version)
    found = [
        weakness(advisory, name, version, locked[name, version])
        for advisory in known
        for name in sorted(advisory.names & versions.keys())
        for version in versions[name]
        if advisory.affects(name, version)
    ]
    return sorted(found)


def weakness(advisory: Advisory, name: str, version: str, locks: tuple[str, ...]) -> Weakness:
    """Return what an advisory says of a version."""
    return Weakness(
        name=name,
        version=version,
        id=advisory.id,
        fixed_in=advisory.fixed_in(name, version) or "",
        aliases=tuple(sorted(advisory.aliases)),
        summary=" ".join(advisory.summary.split()),
        locks=locks,
    )


def lines(found: Iterable[Weakness]) -> Iterator[str]:
    """Yield two lines for each weakness: what it is and what mends it, then what it is about."""
    for each in found:
        fix = f"fixed in {each.fixed_in}" if each.fixed_in else "not fixed yet"
        also = f" ({', '.join(each.aliases)})" if each.aliases else ""
        yield f"{each.name} {each.version}: {each.id}{also}, {fix}; in {', '.join(each.locks)}"
        if each.summary:
            yield f"  {each.summary}"


def counted(
    known: Iterable[Advisory], counts: Counts, say: Callable[[str], None]
) -> Iterator[Advisory]:
    """Pass advisories on and count them; say every two seconds how many there were."""
    last = time.monotonic()
    for advisory in known:
        counts.advisories += 1
        counts.newest = max(counts.newest, advisory.modified)
        if time.monotonic() - last >= PATIENCE:
            last = time.monotonic()
            say(f"read {counts.advisories} advisories ...")
        yield advisory


@click.command()
@click.option(
    "--database",
    type=click.Path(path_type=Path),
    default=DATABASE,
    show_default="~/.cache/metakaito/advisories/PyPI.zip",
    help="Advisories in the format of OSV: a folder of JSON files, or a ZIP of them.",
)
@click.option(
    "--ignore",
    metavar="ID",
    multiple=True,
    help="An advisory, by its id or one of its aliases, that was looked at and does no harm here; "
    "may be repeated.",
)
@click.argument("locks", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def audit(database: Path, ignore: tuple[str, ...], locks: tuple[Path, ...]) -> None:
    """
    Hold what LOCKS pin against published advisories that lie on this machine.

    Without LOCKS all lock files of the repository are looked at. Nothing is asked of a network: get
    the advisories first, and again whenever they are to be of today. An --ignore of which nothing
    is found is told, and changes no exit code.

    \b
    Exit codes:
      0  nothing is known of any package
      1  something is known; it is printed with the version that mends it
      2  the command line cannot be understood, or a lock cannot be read
      3  there are no advisories, or they cannot be read

    \b
    Example:
      curl --fail --create-dirs -o ~/.cache/metakaito/advisories/PyPI.zip \\
        https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip
      python -m image audit
    """  # noqa: D301  (click's mark for lines that stay as they are)
    counts = Counts()

    def say(line: str) -> None:
        click.echo(line, err=True)

    try:
        locked = locked_in(locks or LOCKS)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        found = weaknesses(locked, counted(advisories(database), counts, say))
    except UnreadableDatabase as error:
        say(f"{error}\n{how_to_get(database)}")
        sys.exit(NO_DATABASE)
    left = [each for each in found if not {each.id, *each.aliases} & set(ignore)]
    for name in stale(ignore, found):
        say(
            f"--ignore {name}: nothing of that id or alias is found in what is locked; leave it out"
        )
    for line in lines(left):
        click.echo(line)
    say(
        f"known weaknesses: {len(left)} in {len(locked)} packages"
        f"{f', {len(found) - len(left)} ignored' if len(found) > len(left) else ''}; "
        f"advisories: {counts.advisories}, the newest of {counts.newest[:10]}"
    )
    sys.exit(FOUND if left else 0)


def stale(ignored: Iterable[str], found: Iterable[Weakness]) -> list[str]:
    """Return the ids that are ignored though nothing is found of them: misspelt, or mended."""
    names = {name for each in found for name in (each.id, *each.aliases)}
    return [name for name in dict.fromkeys(ignored) if name not in names]


def how_to_get(database: Path) -> str:
    """Return the commands that write a database and hold the locks against it."""
    target = database / DATABASE.name if database.is_dir() else database
    said = "" if target == DATABASE else f" --database {shlex.quote(str(target))}"
    return (
        "Get all advisories, and ask again:\n"
        f"  curl --fail --create-dirs -o {shlex.quote(str(target))} {EXPORT}\n"
        f"  .venv/bin/python -m image audit{said}"
    )
