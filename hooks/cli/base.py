"""The work of ``plan --base``: what there would be, had other files been applied in good times."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import click

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.preview.api import UnlistedWorkspace
from composite.simulate import (
    START,
    Clock,
    HotLoop,
    MetacontrollerCrash,
    Scenario,
    objects,
    simulate,
)
from composite.simulate.errors import ApiError
from composite.simulate.in_process import InProcess
from hooks.cli.errors import Failed
from hooks.cli.files import Manifest, files_in, read_manifests
from hooks.cli.refusals import name_of, problems
from hooks.cli.rendering import given_objects, require_readable, shown_gpus
from hooks.cli.worlds import World, is_named, is_workspace, require_distinct, require_identity

ALL_GOES_WELL = Scenario(name="all-goes-well", description="Nothing goes wrong.")


class There(NamedTuple):
    """What there would be, and when nothing changes any more."""

    objects: list[JsonObject]
    time: datetime


def brought_up(paths: Iterable[Path], catalog: Catalog, *, recursive: bool) -> There:
    """
    Return what there would be; what is refused is not there, and a word of it is told.

    Raises:
        Failed: A file cannot be read, or the played cluster cannot go on.
        Refused: Two objects have one name.

    """
    world = read_world(paths, catalog, recursive=recursive)
    clock = Clock()
    try:
        run = simulate(
            [obj for _, obj in given_objects(world, catalog)],
            ALL_GOES_WELL,
            InProcess(catalog, clock),
            clock=clock,
            provisioner=catalog.provisioning.provisioner,
            gpus=shown_gpus(world.workspaces, catalog),
        )
    except (ApiError, HotLoop, MetacontrollerCrash) as error:
        raise Failed(f"--base: {error}") from None
    return There(list(run.final), START + timedelta(seconds=run.seconds))


def read_world(paths: Iterable[Path], catalog: Catalog, *, recursive: bool) -> World:
    """
    Return the objects of files and directories, in which there may be none.

    Raises:
        Failed: A file cannot be read.
        Refused: Two objects have one name.

    """
    files = {
        file: file == str(path)
        for path in paths
        for file in files_in(str(path), recursive=recursive)
    }
    found = [
        each
        for file, named in files.items()
        for each in read_manifests(file)
        if named or is_workspace(each) or is_named(each)
    ]
    others = [require_identity(each) for each in found if not is_workspace(each)]
    for each in others:
        require_readable(each)
    require_distinct(found)
    there = [each.content for each in found if is_named(each)]
    accepted = []
    for each in filter(is_workspace, found):
        refused = problems(each.content, catalog, there)
        for problem in refused:
            tell(each, f"is taken not to be there, for it is refused: {problem}")
        accepted += [] if refused else [each]
    return World(accepted, others)


def unlisted_in(
    there: Iterable[JsonObject], files: Iterable[Manifest]
) -> tuple[UnlistedWorkspace, ...]:
    """Return which Workspaces are there and in no file any more: a plan deletes nothing."""
    given = {
        (objects.namespace_of(each.content), name_of(each)) for each in filter(is_workspace, files)
    }
    found = (
        (objects.namespace_of(obj), obj["metadata"]["name"])
        for obj in there
        if objects.kind_key(obj) == objects.WORKSPACE.key
    )
    return tuple(
        UnlistedWorkspace(namespace=namespace, name=name)
        for namespace, name in found
        if (namespace, name) not in given
    )


def tell(manifest: Manifest, sentence: str) -> None:
    """Write a warning about an object to standard error."""
    click.echo(f"{manifest.place}: warning: {name_of(manifest)}: {sentence}", err=True)
