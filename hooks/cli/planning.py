"""The work of ``plan``: read what there is and what shall be, foresee, and print."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from composite import names
from composite.catalog import Catalog
from composite.models import JsonObject
from composite.preview import Preview, Unforeseeable, World, preview
from composite.preview.api import WorkspacePreview
from composite.prices import PriceTable
from composite.refusal import Problem
from composite.simulate import START, objects
from hooks.cli import plan_markdown, plan_text, plans
from hooks.cli.about import installed
from hooks.cli.cleaning import Api
from hooks.cli.errors import OK, REFUSED, Failed, Refused
from hooks.cli.files import ENDINGS, Manifest, files_in, read_manifests
from hooks.cli.options import catalog_of
from hooks.cli.output import as_json, console, print_text
from hooks.cli.pricing import about_prices, find_prices
from hooks.cli.refusals import name_of, problems
from hooks.cli.rendering import gpus_of, require_readable, shown_gpus, well, without_owners
from hooks.cli.sarif import Finding, sarif_log
from hooks.cli.worlds import is_named, is_workspace, require_distinct, require_identity
from hooks.settings import Settings

CHANGES = 3


class Asked(NamedTuple):
    """What the command was given."""

    files: tuple[str, ...]
    observed: tuple[Path, ...]
    api: Api | None
    region: str | None
    prices: Path | None
    recursive: bool
    out: Path | None
    kept: Path | None


def print_plan(asked: Asked, settings: Settings, output: str) -> int:
    """
    Print a plan, and return the exit code that says what it comes to.

    Raises:
        Failed: A file cannot be read, or nothing can be foreseen of what is observed.
        Refused: There is no Workspace in the files, or two have one name.

    """
    now = datetime.now(UTC)  # noqa: TID251  (the shell is where the clock is)
    catalog = catalog_of(settings)
    prices = find_prices(asked.region, asked.prices, settings)
    files = read_files(asked)
    observed = read_observed(asked)
    if asked.api is not None:
        from hooks.cli.observing import observed_in  # noqa: PLC0415  (only then)

        spaces = map(objects.namespace_of, (each.content for each in files if is_workspace(each)))
        observed = observed_in(asked.api, spaces, catalog.provisioning.provisioner)
    found = foreseen(files, observed, catalog, prices, now if observed else START)
    if asked.out is not None:
        asked.out.write_text(plans.kept(found, observed).model_dump_json(indent=2) + "\n")
    moved = plans.moved(asked.kept, observed) if asked.kept is not None else []
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
    """Yield what is refused, with the file and the line on which the Workspace begins."""
    written = {
        (objects.namespace_of(each.content), name_of(each)): each
        for each in files
        if is_workspace(each)
    }
    for one in found.workspaces:
        place = written.get((one.namespace, one.name))
        if place is not None:
            for each in one.refused:
                yield Finding(place.file, place.line, one.name, each.field, each.message)


def read_files(asked: Asked) -> list[Manifest]:
    """
    Return every object of the files that are to be applied; in a directory may be other things.

    Raises:
        Failed: One cannot be read.
        Refused: There is no Workspace, or two have one name.

    """
    paths = {
        path: path == file
        for file in asked.files
        for path in expanded(file, recursive=asked.recursive)
    }
    found = [
        each
        for path, named in paths.items()
        for each in read_manifests(path)
        if named or is_workspace(each) or is_named(each)
    ]
    if not any(map(is_workspace, found)):
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
    refused = {
        number: tuple(sentences)
        for number, each in enumerate(workspaces)
        if (sentences := problems(each.content, catalog, there))
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
        found = preview(world, catalog, prices)
    except Unforeseeable as error:
        raise Failed(str(error)) from None
    said = [unplayed(workspaces[number], sentences) for number, sentences in refused.items()]
    return found.model_copy(update={"workspaces": (*said, *found.workspaces)})


def unplayed(manifest: Manifest, refused: tuple[Problem, ...]) -> WorkspacePreview:
    """Return what is said of a Workspace that no cluster would accept."""
    return WorkspacePreview(
        namespace=objects.namespace_of(manifest.content),
        name=name_of(manifest),
        given="new",
        refused=refused,
    )


def applied(manifest: Manifest, catalog: Catalog) -> JsonObject:
    """Return an object of a file as it would be applied; a Node that says no status is well."""
    require_readable(manifest)
    obj = without_owners(manifest.content)
    if objects.kind_key(obj) == names.NODES:
        return {"spec": {}, "status": well(gpus_of(obj, catalog)), **obj}
    return obj
