"""The work of ``simulate``: play a scenario and tell the story."""

from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path

from rich.console import Console

from composite.models import JsonObject
from composite.simulate import (
    Clock,
    Hooks,
    HotLoop,
    MetacontrollerCrash,
    Run,
    Scenario,
    simulate,
)
from composite.simulate.columns import age
from composite.simulate.errors import ApiError
from composite.simulate.in_process import InProcess
from hooks.cli.errors import Failed, Refused
from hooks.cli.milestones import Milestones, width_of
from hooks.cli.options import catalog_of
from hooks.cli.output import as_json, as_table, as_yaml, console, print_text
from hooks.cli.patience import Patience
from hooks.cli.refusals import name_of
from hooks.cli.remote import Remote
from hooks.cli.rendering import given_objects, require_all_accepted, shown_gpus, warn, warn_of
from hooks.cli.saving import save
from hooks.cli.story import kubectl_table, told, whys
from hooks.cli.worlds import World, read_worlds
from hooks.settings import Settings, fingerprint
from presets.scenario_files import InvalidPresets, load_scenario, load_scenarios

# Without a scenario: the promise of every Workspace, that it becomes ready.
USUAL = Scenario(name="all-goes-well", description="Nothing goes wrong.")


def list_scenarios(output: str) -> None:
    """Print the scenarios that come along."""
    found = shipped()
    if output == "json":
        rows = [
            {"name": one.name, "plays": one.plays, "description": one.description}
            for one in found.values()
        ]
        print_text(as_json(rows))
    else:
        rows_of_table = [(one.name, one.plays, one.description) for one in found.values()]
        print_text(as_table(("NAME", "PLAYS", "DESCRIPTION"), rows_of_table))


def simulate_file(
    file: str,
    scenario: str | None,
    url: str | None,
    settings: Settings,
    output: str,
    *,
    verbose: bool = False,
    dump: Path | None = None,
) -> None:
    """
    Play the Workspaces of a file.

    Args:
        file: Holds them, and what is there already.
        scenario: Name or file of one; without it all goes well.
        url: A server to ask instead of the functions.
        settings: What nodes are made with, and so on.
        output: ``json``, or anything else for people.
        verbose: Whether people are told every change.
        dump: Where all objects go as they are in the end.

    Raises:
        Failed: It does not end as promised, with one line for each part of the promise, or the
            dump cannot be written; all is played and told before.
        Refused: A Workspace breaks a rule, or the scenario is made for another kind of Workspace.

    """
    chosen = find_scenario(scenario) if scenario is not None else USUAL
    catalog = catalog_of(settings)
    (world,) = read_worlds([file])
    require_all_accepted([world], catalog)
    if scenario is not None:
        require_kind(world, chosen)
    clock = Clock()
    remote = Remote(url, clock, fingerprint(catalog)) if url is not None else None
    try:
        run = played(world, chosen, remote or InProcess(catalog, clock), clock, settings)
    finally:
        if remote is not None:
            remote.close()
    wrong = [f"{file}: {chosen.name}: {reason}" for reason in run.reasons] if not run.kept else []
    if dump is not None:
        # Before the story, of which the reader may have enough; what is wrong is told after it.
        try:
            save(dump, list_of(run.final).encode())
        except Failed as error:
            wrong += error.lines
    if output == "json":
        print_text(as_json(run.to_json()))
    else:
        print_story(run, clock, verbose=verbose)
    if wrong:
        raise Failed(*wrong)


def list_of(items: Iterable[JsonObject]) -> str:
    """Return objects as one List in YAML, as kubectl prints it."""
    return as_yaml([{"apiVersion": "v1", "kind": "List", "items": list(items)}])


def require_kind(world: World, scenario: Scenario) -> None:
    """
    Say which Workspaces a scenario is not made for.

    Raises:
        Refused: It is made for none of them.

    """
    others = [m for m in world.workspaces if m.content.get(scenario.plays) is None]
    places = [f"{manifest.file}: {name_of(manifest)}" for manifest in others]
    if len(others) == len(world.workspaces):
        raise Refused(*(f"{place}: {unfit(scenario)}" for place in places))
    for place in places:
        warn(place, unfit(scenario))


def unfit(scenario: Scenario) -> str:
    """Return why a scenario does not fit a Workspace of the other kind, and which ones do."""
    known = shipped()
    kind = "tuning" if scenario.plays == "inference" else "inference"
    fitting = ", ".join(one.name for one in known.values() if one.plays == kind)
    own = "" if scenario.name in known else f", or yours with 'plays: {kind}' written in it"
    return (
        f"{kind}: --scenario {scenario.name} is made for a Workspace with {scenario.plays}; "
        f"for one with {kind} there are {fitting}{own}"
    )


def played(world: World, scenario: Scenario, hooks: Hooks, clock: Clock, settings: Settings) -> Run:
    """Return what comes of a scenario."""
    catalog = catalog_of(settings)
    given = list(given_objects(world, catalog))
    warn_of(world, catalog, given)
    try:
        with Patience(hooks, clock) as patient:
            return simulate(
                [obj for _, obj in given],
                scenario,
                patient,
                clock=clock,
                provisioner=settings.provisioner,
                gpus=shown_gpus(world.workspaces, catalog),
            )
    except (ApiError, HotLoop, MetacontrollerCrash) as error:
        raise Failed(f"{world.workspaces[0].file}: {scenario.name}: {error}") from None


def print_story(run: Run, clock: Clock, *, verbose: bool) -> None:
    """Print what happened, the end, and whether it is as promised; in one piece, for ``head``."""
    out = console()
    with out.capture() as story:
        brief = Milestones().told(run.timeline, width_of(out))
        for line in told(run.timeline) if verbose else brief:
            out.print(line)
        out.print()
        out.print(table_of_end(run, clock, out), end="")
        out.print()
        end = "nothing changes any more" if run.settled else "the time limit is reached"
        verdict = "as promised" if run.kept else "not as promised"
        out.print(f"{run.scenario.name}: {verdict}; after {age(run.seconds)} {end}")
    print_text(story.get())


def table_of_end(run: Run, clock: Clock, out: Console) -> str:
    """Return the columns of kubectl; WHY has lines of its own where the terminal is too narrow."""
    now = clock.start + timedelta(seconds=run.seconds)
    table = kubectl_table(run.final, now, wide=True)
    if not table:
        return "no Workspace is left\n"
    if not out.is_terminal or max(map(len, table.splitlines())) <= out.width:
        return table
    return kubectl_table(run.final, now) + "\n" + whys(run.final, now)


def shipped() -> dict[str, Scenario]:
    """Return the scenarios that come along, by name."""
    try:
        return load_scenarios()
    except InvalidPresets as error:
        raise Failed(*error.problems) from None


def find_scenario(wanted: str) -> Scenario:
    """
    Return a scenario by its name, or from a file.

    Raises:
        Failed: The file says something it must not.
        Refused: There is neither a scenario nor a file of this name.

    """
    known = shipped()
    if wanted in known:
        return known[wanted]
    if not Path(wanted).exists() and not looks_like_file(wanted):
        near = get_close_matches(wanted, known, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}? " if near else ""
        raise Refused(
            f"--scenario: there is no scenario and no file {wanted!r}; {hint}"
            "'metakaito simulate --list' lists them"
        )
    try:
        return load_scenario(Path(wanted))
    except InvalidPresets as error:
        raise Failed(*error.problems) from None


def looks_like_file(text: str) -> bool:
    """Whether somebody means a file, though it is not there."""
    return "/" in text or text.endswith((".yaml", ".yml", ".json"))
