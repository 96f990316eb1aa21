"""
The work of ``plan --fleet``: what an upgrade from another metakaito would do to what runs.

The other one plays each file until all serves, this one says what it would change then.
"""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from composite.catalog import Catalog
from composite.preview.sums import added
from composite.prices import PriceTable
from composite.simulate import START, objects
from hooks.cli.errors import FAILED, OK, REFUSED, Failed, Refused, Stop
from hooks.cli.files import Manifest, read_manifests
from hooks.cli.fleet_report import MEANING, Member, Report, lines, member
from hooks.cli.other import Other, Played, other_in, version_of, world_of
from hooks.cli.output import print_text
from hooks.cli.patience import waiting
from hooks.cli.plan_sources import expanded
from hooks.cli.planning import CHANGES, foreseen
from hooks.cli.refusals import name_of
from hooks.cli.worlds import is_workspace, require_distinct, require_identity


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
        Failed: The other one cannot be run, or there is no Workspace.

    """
    with TemporaryDirectory(prefix="metakaito-fleet-") as folder:
        program = other_in(other, Path(folder))
        found = report(program, fleet, options, catalog, prices)
    if output == "json":
        print_text(found.model_dump_json(indent=2) + "\n")
    else:
        print_text("".join(f"{line}\n" for line in lines(found, prices)))
    if found.counts["unknown"]:
        return FAILED
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
        Failed: The other one cannot be run, or there is no Workspace.

    """
    files = worlds_in(fleet)
    version = version_of(other)
    members: list[Member] = []
    with waiting(f"0 of {len(files)} files") as tell, ThreadPoolExecutor(os.cpu_count()) as pool:
        played = {
            file: pool.submit(world_of, other, file, options)
            for file, inside in files.items()
            if not isinstance(inside, Stop)
        }
        try:
            for number, (file, inside) in enumerate(files.items(), start=1):
                if isinstance(inside, Stop):
                    members.append(unread(file, inside))
                else:
                    members += members_of(file, inside, played[file], catalog, prices)
                tell(f"{number} of {len(files)} files")
        finally:
            # Where one is interrupted, those that have not begun are left out.
            pool.shutdown(cancel_futures=True)
    counts = Counter(each.outcome for each in members)
    return Report(
        version=version,
        counts={outcome: counts[outcome] for outcome in MEANING},
        hourly=added([each.hourly for each in members]),
        members=tuple(members),
    )


def worlds_in(fleet: Path) -> dict[str, list[Manifest] | Stop]:
    """
    Return the objects of each file of a fleet in which a Workspace is, or why it cannot be read.

    Raises:
        Failed: There is none.

    """
    found: dict[str, list[Manifest] | Stop] = {}
    for file in expanded(str(fleet), recursive=True):
        try:
            inside = read_manifests(file)
        except Stop as stop:
            found[file] = stop
        else:
            if any(map(is_workspace, inside)):
                found[file] = inside
    if not found:
        raise Failed(f"--fleet {fleet}: holds no Workspace")
    return found


def members_of(
    file: str,
    inside: list[Manifest],
    played: Future[Played],
    catalog: Catalog,
    prices: PriceTable | None,
) -> list[Member]:
    """Return what becomes of each Workspace of a file; no other file is harmed by a bad one."""
    workspaces = [*filter(is_workspace, inside)]
    try:
        for each in inside:
            if not is_workspace(each):
                require_identity(each)
        require_distinct(inside)
    except Stop as stop:
        return [unplayed(file, each, stop) for each in workspaces]
    try:
        world = played.result()
    except Stop as stop:
        return [unplayed(file, each, stop, "by the other one: ") for each in workspaces]
    try:
        now = START + timedelta(seconds=world.seconds)
        plan = foreseen(inside, world.objects, catalog, prices, now)
    except Stop as stop:
        return [unplayed(file, each, stop) for each in workspaces]
    return [member(file, each) for each in plan.workspaces]


def unread(file: str, stop: Stop) -> Member:
    """Return what is said of a file that cannot be read."""
    return Member(
        file=file,
        namespace=None,
        name=None,
        outcome="unknown",
        because=stop.lines,
        hourly=None,
    )


def unplayed(file: str, manifest: Manifest, stop: Stop, whose: str = "") -> Member:
    """
    Return what is said of a Workspace of which nothing can be foreseen.

    Args:
        file: In which it is.
        manifest: The Workspace.
        stop: Why not; it is refused if a refusal has a line about it.
        whose: Who refuses it, in words.

    """
    name = name_of(manifest)
    about = f"{file}: {name}: "
    mine = [line.removeprefix(about) for line in stop.lines if line.startswith(about)]
    refused = isinstance(stop, Refused) and mine
    return Member(
        file=file,
        namespace=objects.namespace_of(manifest.content),
        name=name,
        outcome="refused" if refused else "unknown",
        because=tuple(f"{whose}{each}" for each in mine) if refused else stop.lines,
        hourly=added([]) if refused else None,
    )
