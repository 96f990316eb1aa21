"""
The work of ``plan --fleet``: what an upgrade from another metakaito would do to what runs.

The other one plays each file until all serves, this one says what it would change then.
"""

import os
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import Field

from composite import names
from composite.catalog import Catalog
from composite.models import Value
from composite.preview.api import WorkspacePreview
from composite.preview.effects import Effect
from composite.preview.sums import added
from composite.prices import PriceTable
from composite.simulate import START
from hooks.cli.errors import OK, REFUSED, Failed
from hooks.cli.files import Manifest, read_manifests
from hooks.cli.other import Other, other_in, version_of, world_of
from hooks.cli.output import as_table, print_text
from hooks.cli.patience import waiting
from hooks.cli.planning import CHANGES, expanded, foreseen
from hooks.cli.worlds import is_workspace, require_distinct, require_identity

Outcome = Literal[
    "refused",
    "failing",
    "lost",
    "recreated",
    "rolled",
    "added",
    "disturbed",
    "changed",
    "unchanged",
]
MEANING: dict[Outcome, str] = {
    "refused": "would be refused, and stays as it is",
    "failing": "is written to again and again, and never as it should be",
    "lost": "loses a node or a workload, and gets no other",
    "recreated": "a node or a workload of it is removed and made again",
    "rolled": "its pods are started anew",
    "added": "gets one more node or workload",
    "disturbed": "goes on, and its replicas or how they are reached change",
    "changed": "is written to, and goes on as it does",
    "unchanged": "is not touched",
}
# What costs a node or a start; all else is written in a moment.
COSTLY = (
    frozenset({names.MACHINES, names.NODECLAIMS}),
    frozenset({names.DEPLOYMENTS, names.STATEFULSETS, names.JOBS}),
)


class Member(Value):
    """What becomes of one Workspace of the fleet."""

    file: str
    namespace: str
    name: str
    outcome: Outcome
    because: tuple[str, ...] = Field(description="Objects and fields, or why it is refused.")
    hourly: float | None = Field(description="What its nodes cost more, or less; null: unknown.")


class Report(Value):
    """What becomes of a fleet."""

    version: str = Field(description="Of the other metakaito.")
    counts: dict[Outcome, int]
    hourly: float | None
    members: tuple[Member, ...]


def print_impact(
    fleet: Path,
    other: Path,
    options: Sequence[str],
    catalog: Catalog,
    prices: PriceTable | None,
    output: str,
) -> int:
    """
    Print what an upgrade does to a fleet, and return the exit code that says what it comes to.

    Args:
        fleet: A directory of files with Workspaces; each file is a cluster of its own.
        other: The metakaito that has made what runs: a virtual environment or a wheel.
        options: Which installation it is, as options of the other one.
        catalog: Presets and instance types of this one.
        prices: What nodes cost.
        output: ``json``, or anything else for people.

    Raises:
        Failed: The other one cannot be run, or does not bring a Workspace up.
        Refused: Two objects of a file have one name.

    """
    with TemporaryDirectory(prefix="metakaito-fleet-") as folder:
        program = other_in(other, Path(folder))
        found = report(program, fleet, options, catalog, prices)
    if output == "json":
        print_text(found.model_dump_json(indent=2) + "\n")
    else:
        print_text("".join(f"{line}\n" for line in lines(found, prices)))
    if found.counts["refused"]:
        return REFUSED
    return OK if found.counts["unchanged"] == len(found.members) else CHANGES


def report(
    other: Other,
    fleet: Path,
    options: Sequence[str],
    catalog: Catalog,
    prices: PriceTable | None,
) -> Report:
    """
    Return what an upgrade does.

    Raises:
        Failed: The other one cannot be run, or does not bring a Workspace up.
        Refused: Two objects of a file have one name.

    """
    files = worlds_in(fleet)
    version = version_of(other)
    members: list[Member] = []
    with waiting(f"0 of {len(files)} files") as tell, ThreadPoolExecutor(os.cpu_count()) as pool:
        played = {file: pool.submit(world_of, other, file, options) for file in files}
        try:
            for number, (file, manifests) in enumerate(files.items(), start=1):
                world = played[file].result()
                now = START + timedelta(seconds=world.seconds)
                plan = foreseen(manifests, world.objects, catalog, prices, now)
                members += [member(file, each) for each in plan.workspaces]
                tell(f"{number} of {len(files)} files")
        finally:
            # Where one fails, those that have not begun are left out.
            pool.shutdown(cancel_futures=True)
    counts = Counter(each.outcome for each in members)
    return Report(
        version=version,
        counts={outcome: counts[outcome] for outcome in MEANING},
        hourly=added([each.hourly for each in members]),
        members=tuple(members),
    )


def worlds_in(fleet: Path) -> dict[str, list[Manifest]]:
    """
    Return the objects of each file of a fleet in which a Workspace is.

    Raises:
        Failed: There is none, or a file cannot be read.
        Refused: Two objects of a file have one name.

    """
    every = {file: read_manifests(file) for file in expanded(str(fleet), recursive=True)}
    found = {file: inside for file, inside in every.items() if any(map(is_workspace, inside))}
    if not found:
        raise Failed(f"--fleet {fleet}: holds no Workspace")
    for inside in found.values():
        for each in inside:
            if not is_workspace(each):
                require_identity(each)
        require_distinct(inside)
    return found


def member(file: str, one: WorkspacePreview) -> Member:
    """Return what becomes of one Workspace."""
    return Member(
        file=file,
        namespace=one.namespace,
        name=one.name,
        outcome=outcome(one),
        because=tuple(because(one)),
        hourly=added([each.hourly for each in one.nodes]),
    )


def outcome(one: WorkspacePreview) -> Outcome:
    """Return the worst that becomes of a Workspace."""
    effects = {field.effect for each in one.changes for field in each.fields}
    done = [actions(one, kinds) for kinds in COSTLY]
    found: dict[Outcome, bool] = {
        "refused": bool(one.refused),
        "failing": bool(one.fails) or Effect.REFUSED in effects,
        "lost": any(each["removed"] > each["added"] for each in done),
        "recreated": any(each["removed"] or each["recreated"] for each in done)
        or Effect.RECREATED in effects,
        "rolled": bool(one.restarts) or Effect.ROLLED in effects,
        "added": any(each["added"] for each in done),
        "disturbed": Effect.DISTURBED in effects,
        "changed": bool(one.changes),
    }
    return next((name for name, so in found.items() if so), "unchanged")


def actions(one: WorkspacePreview, kinds: Container[str]) -> Counter[str]:
    """Return how often what becomes of objects of some kinds."""
    return Counter(each.action for each in one.changes if f"{each.kind}.{each.apiVersion}" in kinds)


def because(one: WorkspacePreview) -> Iterator[str]:
    """Yield the objects and fields that would be written, or why that is refused or fails."""
    yield from map(str, one.refused)
    yield from filter(None, [one.fails])
    for each in one.changes:
        what = f"{each.kind} {each.name}"
        yield from (f"{what}: {field.path}" for field in each.fields)
        if not each.fields:
            yield f"{what} is {each.action}"


def lines(found: Report, prices: PriceTable | None) -> Iterator[str]:
    """Yield the report for people."""
    count = len(found.members)
    workspaces = f"{count} Workspace{'' if count == 1 else 's'}"
    yield f"From metakaito {found.version} to this one, {workspaces}:"
    yield ""
    rows = [(found.counts[name], name, meaning) for name, meaning in MEANING.items()]
    yield from as_table(("WORKSPACES", "OUTCOME", "WHICH MEANS IT"), rows).splitlines()
    touched = [each for each in found.members if each.outcome != "unchanged"]
    for name in MEANING:
        for each in (one for one in touched if one.outcome == name):
            yield ""
            yield f"{name}: {each.namespace}/{each.name} ({each.file})"
            yield from (f"  {text}" for text in each.because)
    yield ""
    yield f"Price of all nodes: {price(found.hourly, prices)}"


def price(hourly: float | None, prices: PriceTable | None) -> str:
    """Return what is paid more, or less."""
    if hourly is None:
        return "unknown"
    currency = f" {prices.currency}" if prices is not None else ""
    return f"{hourly:+,.3f}{currency} an hour"
