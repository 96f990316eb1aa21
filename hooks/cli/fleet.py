"""
The work of ``plan --fleet``: what an upgrade from another metakaito would do to what runs.

The other one plays each file until all serves, this one says what it would change then.
"""

import json
import os
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from pydantic import Field

from composite.catalog import Catalog
from composite.models import JsonObject, Value
from composite.preview.api import WorkspacePreview
from composite.preview.effects import Effect
from composite.preview.sums import added
from composite.prices import PriceTable
from composite.simulate import START
from hooks.cli.errors import OK, REFUSED, Failed
from hooks.cli.files import read_manifests
from hooks.cli.output import as_table, console, print_text
from hooks.cli.planning import CHANGES, expanded, foreseen
from hooks.cli.worlds import is_workspace

Outcome = Literal["refused", "recreated", "rolled", "changed", "unchanged"]
OUTCOMES: tuple[Outcome, ...] = ("refused", "recreated", "rolled", "changed", "unchanged")
MEANING = {
    "refused": "would be refused, and stays as it is",
    "recreated": "loses a node or a workload, or gets another",
    "rolled": "is started anew",
    "changed": "is written to, and goes on serving",
    "unchanged": "is not touched",
}
PROGRAM = "metakaito"
# So long one file may take.
SECONDS = 300


class Other(NamedTuple):
    """Another metakaito: how it is called, and from where."""

    command: tuple[str, ...]
    folder: Path | None


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


def other_in(path: Path, folder: Path) -> Other:
    """
    Return how to call the metakaito of a virtual environment, or of a wheel with our libraries.

    Raises:
        Failed: It is neither.

    """
    program = path / ("Scripts" if os.name == "nt" else "bin") / PROGRAM
    if program.exists():
        return Other((str(program.absolute()),), None)
    if path.suffix == ".whl" and path.is_file():
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(folder)
        return Other((sys.executable, "-m", "hooks.cli"), folder)
    raise Failed(f"--from {path}: is no virtual environment with {PROGRAM} in it, and no wheel")


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

    """
    version = called(other, "--version").stdout.split()[-1]
    files = [
        file
        for file in expanded(str(fleet), recursive=True)
        if any(map(is_workspace, read_manifests(file)))
    ]
    if not files:
        raise Failed(f"--fleet {fleet}: holds no Workspace")
    members: list[Member] = []
    with (
        console(err=True).status("") as status,
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
    ):
        played = pool.map(lambda file: world_of(other, file, options), files)
        for number, (file, world) in enumerate(zip(files, played, strict=True), start=1):
            status.update(f"{number} of {len(files)}: {file}")
            now = START + timedelta(seconds=world["seconds"])
            plan = foreseen(read_manifests(file), world["objects"], catalog, prices, now)
            members += [member(file, each) for each in plan.workspaces]
    counts = Counter(each.outcome for each in members)
    return Report(
        version=version,
        counts={outcome: counts[outcome] for outcome in OUTCOMES},
        hourly=added([each.hourly for each in members]),
        members=tuple(members),
    )


def world_of(other: Other, file: str, options: Sequence[str]) -> JsonObject:
    """
    Return the end of a play by the other one: ``objects``, and after how many ``seconds``.

    Raises:
        Failed: It does not bring the Workspaces of a file up.

    """
    done = called(other, "simulate", str(Path(file).absolute()), *options, "--output", "json")
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        raise Failed(f"{file}: the other metakaito does not bring it up: {last}")
    found: JsonObject = json.loads(done.stdout)
    return found


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
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"--from: {error}") from None


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
    if one.refused:
        return "refused"
    if one.nodes or any(each.action in {"removed", "recreated"} for each in one.changes):
        return "recreated"
    effects = {field.effect for each in one.changes for field in each.fields}
    if one.restarts or effects & {Effect.ROLLED, Effect.RECREATED}:
        return "rolled"
    return "changed" if one.changes else "unchanged"


def because(one: WorkspacePreview) -> Iterator[str]:
    """Yield the objects and fields that would be written, or why it is refused."""
    yield from map(str, one.refused)
    for each in one.changes:
        what = f"{each.kind} {each.name}"
        yield from (f"{what}: {field.path}" for field in each.fields)
        if not each.fields:
            yield f"{what} is {each.action}"


def lines(found: Report, prices: PriceTable | None) -> Iterator[str]:
    """Yield the report for people."""
    yield f"From metakaito {found.version} to this one, {len(found.members)} Workspaces:"
    yield ""
    rows = [(found.counts[name], name, MEANING[name]) for name in OUTCOMES]
    yield from as_table(("WORKSPACES", "OUTCOME", "WHICH MEANS IT"), rows).splitlines()
    touched = [each for each in found.members if each.outcome != "unchanged"]
    for name in OUTCOMES:
        for each in (one for one in touched if one.outcome == name):
            yield ""
            yield f"{name}: {each.namespace}/{each.name} ({each.file})"
            yield from (f"  {text}" for text in each.because)
    yield ""
    currency = prices.currency if prices is not None else ""
    amount = "unknown" if found.hourly is None else f"{found.hourly:+,.3f} {currency} an hour"
    yield f"Price of all nodes: {amount}"
