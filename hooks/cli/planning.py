"""The work of ``plan``: read what there is and what shall be, foresee, and print."""

import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from composite import names
from composite.catalog import Catalog
from composite.models import JsonObject
from composite.preview import Preview, Unforeseeable, World, preview
from composite.preview.api import UnlistedWorkspace, WorkspacePreview
from composite.preview.client_apply import as_applied
from composite.preview.playing import over, workspace_ref
from composite.prices import PriceTable
from composite.refusal import Problem
from composite.simulate import START, Ref, objects
from hooks.cli import plan_markdown, plan_text, plans
from hooks.cli.about import installed
from hooks.cli.errors import OK, REFUSED, Failed
from hooks.cli.files import Manifest
from hooks.cli.options import catalog_of
from hooks.cli.output import as_json, console, print_text
from hooks.cli.patience import waiting
from hooks.cli.plan_doubts import Known, doubted
from hooks.cli.plan_sources import read_files, read_observed
from hooks.cli.positions import documents_of, field_line
from hooks.cli.pricing import about_prices, find_prices
from hooks.cli.refusals import form_problems_of, name_of, problems, split, with_hints
from hooks.cli.rendering import gpus_of, require_readable, shown_gpus, warn, well, without_owners
from hooks.cli.sarif import Finding, Level, sarif_log
from hooks.cli.worlds import is_named, is_workspace
from hooks.settings import Settings

if TYPE_CHECKING:
    from hooks.cli.cleaning import Api

CHANGES = 3


class Asked(NamedTuple):
    """What the command was given; ``explicit`` are settings that stand on the command line."""

    files: tuple[str, ...]
    observed: tuple[Path, ...]
    api: "Api | None"
    region: str | None
    prices: Path | None
    recursive: bool
    out: Path | None
    kept: Path | None
    base: tuple[Path, ...]
    explicit: Mapping[str, object]


class WhatThereIs(NamedTuple):
    """What the files are applied to, at what time, and what of a base they do not hold."""

    observed: Sequence[JsonObject]
    time: datetime
    unlisted: tuple[UnlistedWorkspace, ...] = ()


def print_plan(asked: Asked, settings: Settings, output: str) -> int:
    """
    Print a plan, and return the exit code that says what it comes to.

    Raises:
        Failed: A file cannot be read, nothing can be foreseen of what is observed, or what a kept
            plan was made of has moved.
        Refused: There is no Workspace in the files, or two have one name.

    """
    now = datetime.now(UTC)  # noqa: TID251  (the shell is where the clock is)
    files = read_files(asked.files, beside_base=bool(asked.base), recursive=asked.recursive)
    with ExitStack() as presets_there:
        if asked.api is not None:
            from hooks.cli.observing import installed_in  # noqa: PLC0415  (only then)

            with waiting("reading what is installed"):
                settings, notes = presets_there.enter_context(installed_in(asked.api, settings))
            settings = Settings.model_validate({**settings.model_dump(), **asked.explicit})
            for note in notes:
                warn("--cluster", note)
        catalog = catalog_of(settings)
        prices = find_prices(asked.region, asked.prices, settings)
    there = what_there_is(asked, files, catalog, now)
    with waiting("foreseeing what it comes to"):
        found = foreseen(files, there.observed, catalog, prices, there.time)
    known = Known(there.observed, catalog.provisioning.provisioner, asked.api is not None)
    found = doubted(found.model_copy(update={"unlisted": there.unlisted}), files, known)
    moved = kept_or_moved(asked, found, there.observed, files)
    if output == "sarif":
        # It is said of files, and these are in none.
        for each in found.unlisted:
            warn("--base", plan_text.unlisted(each))
        print_text(as_json(sarif_log(findings(files, found), installed())))
    else:
        print_in(output, found, [*about_prices(prices, now.date())])
    if moved:
        raise Failed(f"{asked.kept}: what it was made of has moved:", *moved)
    if asked.kept is not None:
        click.echo(f"{asked.kept}: nothing has moved since it was kept", err=True)
    if found.refused:
        return REFUSED
    return CHANGES if found.changes else OK


def what_there_is(
    asked: Asked, files: Sequence[Manifest], catalog: Catalog, now: datetime
) -> WhatThereIs:
    """
    Return what the files are applied to.

    Raises:
        Failed: It cannot be read, or not be played.

    """
    if asked.api is not None:
        from hooks.cli.observing import observed_in  # noqa: PLC0415  (only then)

        spaces = [objects.namespace_of(each.content) for each in files if is_workspace(each)]
        with waiting("reading the cluster"):
            observed = observed_in(asked.api, spaces, catalog.provisioning.provisioner)
        return WhatThereIs(observed, now if observed else START)
    if asked.base:
        from hooks.cli.base import brought_up, unlisted_in  # noqa: PLC0415  (only then)

        with waiting("playing what there is"):
            observed, at = brought_up(asked.base, catalog, recursive=asked.recursive)
        known = [as_applied(e) if objects.kind_key(e) == names.WORKSPACES else e for e in observed]
        return WhatThereIs(known, at, unlisted_in(observed, files))
    observed = read_observed(asked.observed)
    return WhatThereIs(observed, now if observed else START)


def kept_or_moved(
    asked: Asked, found: Preview, observed: Sequence[JsonObject], files: Sequence[Manifest]
) -> list[str]:
    """Keep a plan where that is asked for, or else return what has moved since one was kept."""
    if asked.out is None and asked.kept is None:
        return []
    made = plans.made_of(found, observed, files)
    moved = plans.moved(asked.kept, made) if asked.kept is not None else []
    if asked.out is not None and not moved:
        plans.keep(asked.out, made)
    return moved


def print_in(output: str, found: Preview, about: Sequence[str]) -> None:
    """Print a plan in the form that was asked for."""
    match output:
        case "json":
            print_text(found.model_dump_json(indent=2) + "\n")
        case "markdown":
            print_text(plan_markdown.written(found, about))
        case _:
            if sys.stdout.isatty():
                console().print(plan_text.coloured(plan_text.written(found, about)), end="")
            else:
                print_text(plan_text.written(found, about))


def findings(files: Iterable[Manifest], found: Preview) -> Iterator[Finding]:
    """Yield what is refused or worth a word, with the file and the line of the field."""
    documents = cache(documents_of)
    written: dict[tuple[str, str], list[Manifest]] = {}
    for each in filter(is_workspace, files):
        place = objects.namespace_of(each.content), name_of(each)
        written.setdefault(place, []).append(each)
    for one in found.workspaces:
        # Without a name two may be called by one line; they come in the order of the files.
        places = written.get((one.namespace, one.name))
        if places:
            manifest = places.pop(0)
            said: list[tuple[Level, Problem]] = [("error", each) for each in one.refused]
            said += [("warning", split(note)) for note in one.notes]
            for level, problem in said:
                line = field_line(documents(manifest.file), manifest, problem.field)
                yield Finding(manifest.file, line, one.name, problem.field, problem.message, level)


def foreseen(
    manifests: Iterable[Manifest],
    observed: Sequence[JsonObject],
    catalog: Catalog,
    prices: PriceTable | None,
    now: datetime,
) -> Preview:
    """
    Return the plan; Workspaces that no cluster would accept are not played, and stand in it.

    Raises:
        Failed: Nothing can be foreseen of what is observed.

    """
    given = list(manifests)
    workspaces = [each for each in given if is_workspace(each)]
    beside = [applied(each, catalog) for each in given if not is_workspace(each)]
    there = [*observed, *beside, *(each.content for each in workspaces if is_named(each))]
    known = {objects.ref_of(found := placed(each)): found for each in observed}
    refused = {
        number: tuple(sentences)
        for number, each in enumerate(workspaces)
        if (sentences := refused_as(each, known, catalog, there))
    }
    accepted = [each for number, each in enumerate(workspaces) if number not in refused]
    world = World(
        observed=observed,
        beside=beside,
        wanted=[each.content for each in accepted],
        gpus=shown_gpus(accepted, catalog),
        now=now,
    )
    try:
        plan = preview(world, catalog, prices)
    except Unforeseeable as error:
        raise Failed(str(error)) from None
    said = [unplayed(workspaces[number], known, found) for number, found in refused.items()]
    written = {workspace_ref(each.content): whole(each, known) for each in accepted}
    hinted = [hinted_in(each, written, catalog) for each in plan.workspaces]
    return plans.shareable(plan.model_copy(update={"workspaces": beside_refused(said, hinted)}))


def hinted_in(
    one: WorkspacePreview, written: Mapping[Ref, JsonObject], catalog: Catalog
) -> WorkspacePreview:
    """Return what becomes of a Workspace, its notes with a hint which cloud has its nodes."""
    document = written.get(Ref(names.WORKSPACES, one.namespace, one.name))
    if not one.notes or document is None:
        return one
    return one.model_copy(update={"notes": tuple(with_hints(one.notes, document, catalog))})


def beside_refused(
    said: Iterable[WorkspacePreview], played_too: Iterable[WorkspacePreview]
) -> tuple[WorkspacePreview, ...]:
    """Return the refused Workspaces first, each with what becomes of it as it stays."""
    played = {(each.namespace, each.name): each for each in played_too}
    first = []
    for each in said:
        update = {"given": each.given, "refused": each.refused, "notes": ()}
        stays = played.pop((each.namespace, each.name), None)
        first.append(each if stays is None else stays.model_copy(update=update))
    return (*first, *played.values())


def refused_as(
    manifest: Manifest,
    known: Mapping[Ref, JsonObject],
    catalog: Catalog,
    there: Iterable[JsonObject],
) -> list[Problem]:
    """
    Return why a Workspace need not be played.

    One that is there is refused for its form only: what the API server would not take. The hooks
    may keep what they would not accept of a new one, and the play knows.
    """
    if is_named(manifest) and workspace_ref(manifest.content) in known:
        return form_problems_of(whole(manifest, known))
    return problems(manifest.content, catalog, there)


def whole(manifest: Manifest, known: Mapping[Ref, JsonObject]) -> JsonObject:
    """Return a Workspace that has a name as it is once it is applied over what is there."""
    before = known.get(workspace_ref(manifest.content))
    return {**manifest.content, **over(manifest.content, before)}


def unplayed(
    manifest: Manifest, known: Container[Ref], refused: tuple[Problem, ...]
) -> WorkspacePreview:
    """Return what is said of a Workspace that no cluster would accept."""
    there = is_named(manifest) and workspace_ref(manifest.content) in known
    return WorkspacePreview(
        namespace=objects.namespace_of(manifest.content),
        name=name_of(manifest),
        given="edited" if there else "new",
        refused=refused,
    )


def placed(obj: JsonObject) -> JsonObject:
    """Return an object with the namespace that it is in."""
    namespace = objects.namespace_of(obj) if objects.kind_of(obj).namespaced else None
    return objects.with_metadata(obj, namespace=namespace)


def applied(manifest: Manifest, catalog: Catalog) -> JsonObject:
    """Return an object of a file as it would be applied; a Node that says no status is well."""
    require_readable(manifest)
    obj = without_owners(manifest.content)
    if objects.kind_key(obj) == names.NODES:
        return {"spec": {}, "status": well(gpus_of(obj, catalog)), **obj}
    return obj
