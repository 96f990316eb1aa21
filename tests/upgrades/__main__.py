"""``python -m tests.upgrades``: what an upgrade does to a fleet that runs, and its baseline."""

import sys
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from hooks.cli.output import as_json, print_text
from tests.upgrades import answers
from tests.upgrades.answers import Missing
from tests.upgrades.declarations import Misspelt, declarations
from tests.upgrades.fleet import Member, chosen, members
from tests.upgrades.plays import Upgrade, answers_of_today, made_anew, upgraded
from tests.upgrades.sentences import Report

ROOT = Path(__file__).parents[2]
UNTOLD, NO_BASELINE = 1, 3


@click.group(help=__doc__)
def main() -> None:
    """Tell what is upgraded, and from what."""


@main.command()
@click.argument("patterns", nargs=-1, metavar="[WORKSPACES]...")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    help="For people, or for programs.",
)
def report(patterns: tuple[str, ...], output: str) -> None:
    """
    Tell what an upgrade from the last released version to today's code does to the fleet.

    WORKSPACES are names or patterns of files below tests/upgrades/fleet, as in 'adapters/*'; by
    default all. Of each it says whether it stays unchanged, is updated in place, disturbed (its
    clients are cut off, or it is not ready), rolled (its pods restart), recreated (a machine, a
    workload or an address goes) or refused, and which fields are the reason.

    Exit codes: 0 nothing restarts, or CHANGELOG.md declares it; 1 something restarts undeclared,
    or is declared and does not happen; 2 usage; 3 there is no baseline, or a declaration is
    misspelt.
    """
    try:
        found = report_on(require(patterns), of_all=not patterns)
    except (Missing, Misspelt) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(NO_BASELINE)
    print_text(as_json(found.to_json()) if output == "json" else found.text())
    sys.exit(UNTOLD if found.mistakes else 0)


@main.command()
@click.option("--new", is_flag=True, help="Only for those of the fleet that no baseline has yet.")
def release(new: bool) -> None:  # noqa: FBT001  (click passes it by name)
    """
    Keep what today's hooks answer as the baseline: part of every release.

    It writes tests/upgrades/released anew, and removes what belongs to nobody of the fleet. Later
    upgrades are compared with it, so do it for the code that is released, and for no other.
    """
    if new:
        try:
            answers.released_version()
        except Missing as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(NO_BASELINE)
    wanted = [m for m in members() if not new or not answers.file_of(m.name).exists()]
    version = current_version()
    with progress(wanted, "Asking today's hooks") as each:
        for member in each:
            answers.keep(member, answers_of_today(member), version)
    if not new:
        answers.VERSION.write_text(f"{version}\n", encoding="utf-8")
    stale = [path for path in answers.RELEASED.glob("*/*.yaml") if not belongs(path)]
    for path in stale:
        path.unlink()
    removed = f", and removed {len(stale)} that belong to nobody" if stale else ""
    click.echo(f"kept the answers of {version} for {len(wanted)} of the fleet{removed}")


def report_on(fleet: Iterable[Member], *, of_all: bool = True) -> Report:
    """
    Return the report on some of the fleet; what is declared for others is not held against it.

    Raises:
        Missing: There is no baseline.
        Misspelt: A declaration has not the form.

    """
    version = answers.released_version()
    declared = declarations((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    with progress(list(fleet), f"Upgrading from {version}") as each:
        found = tuple(upgrade_of(member) for member in each)
    if not of_all:
        known = [member.member.name for member in found]
        declared = tuple(d for d in declared if any(map(d.is_about, known)))
    return Report(version, found, declared)


def upgrade_of(member: Member) -> Upgrade:
    """
    Return what the upgrade does to a member, and what would be made of it today.

    Raises:
        Missing: There is no baseline for it.

    """
    known = answers.released(member)
    return made_anew(upgraded(member, known), known)


def require(patterns: tuple[str, ...]) -> tuple[Member, ...]:
    """
    Return the members that are meant.

    Raises:
        click.UsageError: A pattern means nobody.

    """
    for pattern in patterns:
        if not chosen([pattern]):
            near = ", ".join(sorted({m.name.partition("/")[0] + "/*" for m in members()}))
            raise click.UsageError(f"nobody of the fleet is called {pattern!r}; there are {near}")
    return chosen(patterns)


@contextmanager
def progress(fleet: list[Member], label: str) -> Iterator[Iterable[Member]]:
    """Show on standard error how far it is; one line where that is no terminal."""
    with click.progressbar(fleet, label=label, file=sys.stderr) as bar:
        yield bar


def belongs(path: Path) -> bool:
    """Whether a file of answers is about somebody of the fleet."""
    return f"{path.parent.name}/{path.stem}" in {member.name for member in members()}


def current_version() -> str:
    """Return the version of the code."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


if __name__ == "__main__":
    main(prog_name="python -m tests.upgrades")
