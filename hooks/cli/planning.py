"""The work of ``plan``: read what there is and what shall be, foresee, and print."""

import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from composite import names
from composite.catalog import Catalog
from composite.models import JsonObject
from composite.preview import Preview, Unforeseeable, World, preview
from composite.preview.api import WorkspacePreview
from composite.preview.client_apply import as_applied
from composite.preview.playing import over, workspace_ref
from composite.prices import PriceTable
from composite.refusal import Problem
from composite.simulate import START, Ref, objects
from hooks.cli import plan_markdown, plan_text, plans
from hooks.cli.about import installed
from hooks.cli.errors import OK, REFUSED, Failed, Refused
from hooks.cli.files import ENDINGS, Manifest, files_in, read_manifests
from hooks.cli.options import catalog_of
from hooks.cli.output import as_json, console, print_text
from hooks.cli.patience import waiting
from hooks.cli.positions import documents_of, field_line
from hooks.cli.pricing import about_prices, find_prices
from hooks.cli.refusals import form_problems_of, name_of, problems, split, with_hints
from hooks.cli.rendering import gpus_of, require_readable, shown_gpus, warn, well, without_owners
from hooks.cli.sarif import Finding, Level, sarif_log
from hooks.cli.worlds import is_named, is_workspace, require_distinct, require_identity
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


def print_plan(asked: Asked, settings: Settings, output: str) -> int:
    """
    Print a plan, and return the exit code that says what it comes to.

    Raises:
        Failed: A file cannot be read, or nothing can be foreseen of what is observed.
        Refused: There is no Workspace in the files, or two have one name.

    """
    now = datetime.now(UTC)  # noqa: TID251  (the shell is where the clock is)
    files = read_files(asked)
    with ExitStack() as presets_there:
        if asked.api is not None:
            from hooks.cli.observing import installed_in, observed_in  # noqa: PLC0415  (only then)

            with waiting("reading what is installed"):
                settings, notes = presets_there.enter_context(installed_in(asked.api, settings))
            settings = Settings.model_validate({**settings.model_dump(), **asked.explicit})
            for note in notes:
                warn("--cluster", note)
        catalog = catalog_of(settings)
        prices = find_prices(asked.region, asked.prices, settings)
    observed = read_observed(asked)
    if asked.api is not None:
        spaces = map(objects.namespace_of, (each.content for each in files if is_workspace(each)))
        with waiting("reading the cluster"):
            observed = observed_in(asked.api, spaces, catalog.provisioning.provisioner)
    at = now if observed else START
    if asked.base:
        from hooks.cli.base import brought_up, tell_of_missing  # noqa: PLC0415  (only then)

        with waiting("playing what there is"):
            observed, at = brought_up(asked.base, catalog, recursive=asked.recursive)
        tell_of_missing(observed, files)
        observed = [
            as_applied(e) if objects.kind_key(e) == names.WORKSPACES else e for e in observed
        ]
    with waiting("foreseeing what it comes to"):
        found = foreseen(files, observed, catalog, prices, at)
    moved = plans.moved(asked.kept, observed) if asked.kept is not None else []
    if asked.out is not None and not moved:
        plans.keep(asked.out, found, observed)
    if output == "sarif":
        print_text(as_json(sarif_log(findings(files, found), installed())))
    else:
        print_in(output, found, [*about_prices(prices, now.date())])
    if moved:
        raise Failed(f"{asked.kept}: what it was made of has moved:", *moved)
    if found.refused:
        return REFUSED
    return CHANGES if found.changes else OK


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


def read_files(asked: Asked) -> list[Manifest]:
    """
    Return every object of the files that are to be applied; in a directory may be other things.

    Raises:
        Failed: One cannot be read.
        Refused: There is no Workspace and no base, or two have one name.

    """
    # Beside a base, that nothing is left is a plan, too.
    listed = files_in if asked.base else expanded
    paths = {
        path: path == file
        for file in asked.files
        for path in listed(file, recursive=asked.recursive)
    }
    found = [
        each
        for path, named in paths.items()
        for each in read_manifests(path)
        if named or is_workspace(each) or is_named(each)
    ]
    if not asked.base and not any(map(is_workspace, found)):
        raise Refused(
            f"{', '.join(asked.files)}: holds no Workspace; "
            f"write apiVersion: {names.API_VERSION} and kind: {names.KIND}"
        )
    for each in found:
        if not is_workspace(each):
            require_identity(each)
    require_distinct(found)
    return found


def read_observed(asked: Asked) -> list[JsonObject]:
    """
    Return what there is, as files say it.

    Raises:
        Failed: A file cannot be read, or an object has not the shape of its kind.

    """
    paths = [path for file in asked.observed for path in expanded(str(file), recursive=True)]
    found = [each for path in dict.fromkeys(paths) for each in read_manifests(path)]
    for each in found:
        require_readable(require_identity(each))
    require_distinct(found)
    return [each.content for each in found]


def expanded(file: str, *, recursive: bool) -> list[str]:
    """
    Return the file, or the files of a directory that may hold objects.

    Raises:
        Failed: There is none in a directory.

    """
    found = files_in(file, recursive=recursive)
    if not found:
        raise Failed(f"{file}: holds no file that ends with {', '.join(ENDINGS)}")
    return found


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
