"""The work of ``support-bundle``: the case of one Workspace, read from a cluster, as an archive."""

import gzip
import io
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import click

from composite.models import JsonObject
from composite.redaction import Redactor
from composite.simulate import objects
from composite.simulate.errors import ApiError
from composite.simulate.objects import WORKSPACE, Ref
from hooks.answers import served
from hooks.cli import collecting
from hooks.cli.about import installed
from hooks.cli.answering import read_time
from hooks.cli.cleaning import Api
from hooks.cli.errors import Failed
from hooks.cli.options import catalog_of, settings_of
from hooks.cli.output import as_json, print_bytes, print_text
from hooks.cli.patience import waiting
from hooks.cli.recordings import MANIFEST
from hooks.cli.saving import FOR_THE_OWNER, save
from hooks.cli.snapshot import Snapshot
from hooks.dev.discovery import Discovery
from hooks.recording.exchange import (
    Answering,
    Exchange,
    Question,
    answering,
    recorded,
    stamp,
)

FORMAT = "metakaito.bundle/v1"
STANDARD_OUTPUT = "-"
# Of every file in an archive, so that equal content is equal bytes; tar warns of 1970.
DATED = 315532800  # 1980-01-01T00:00:00Z


class Bundle(NamedTuple):
    """Files by their names, without what may be secret, and what could not be read."""

    files: dict[str, bytes]
    requests: int
    objects: int
    hidden: Mapping[str, int]
    notes: list[str]


def write_bundle(api: Api, namespace: str, name: str, output: Path | None) -> None:
    """
    Write the bundle of one Workspace.

    Raises:
        Failed: There is no such Workspace, nobody answers, or the file cannot be written.

    """
    folder = f"support-bundle-{namespace}-{name}"
    with waiting(f"reading what belongs to Workspace {namespace}/{name}"):
        found = bundle(api, namespace, name, read_time())
    content = archive(folder, found.files)
    file = str(output) if output is not None else f"{folder}.tar.gz"
    lines = "".join(f"{line}\n" for line in (*told(found), f"wrote {file}"))
    if file == STANDARD_OUTPUT:
        print_bytes(content)
        click.echo(lines, nl=False, err=True)
    else:
        save(Path(file), content, FOR_THE_OWNER)
        print_text(lines)


def bundle(api: Api, namespace: str, name: str, now: datetime) -> Bundle:
    """
    Return what belongs to a Workspace, and what Metacontroller would ask about it now.

    Raises:
        Failed: There is no such Workspace, or nobody answers.

    """
    snapshot = Snapshot(api, Discovery(api))
    try:
        workspace = snapshot.read(Ref(WORKSPACE.key, namespace, name))
        if workspace is None:
            raise Failed(*snapshot.notes, f"there is no Workspace {namespace}/{name} to be read")
        installation = collecting.installation(snapshot, settings_of())
        catalog = catalog_of(installation.settings)
        questions = list(collecting.questions(snapshot, installation, workspace, catalog))
        every = collecting.objects_of(snapshot, installation, workspace, questions)
        kubernetes = collecting.server_version(api)
    except ApiError as error:
        raise Failed(str(error)) from None
    who = answering(installed(), catalog)
    asked = [exchange(each, who, now, number) for number, each in enumerate(questions, start=1)]
    redactor = Redactor()
    clean: list[JsonObject] = redactor.request(every)
    hidden = redactor.hidden + sum((Counter(each.hidden) for each in asked), Counter())
    files = {
        **{f"requests/{file_of(each)}": each.to_bytes() for each in asked},
        **{f"objects/{place_of(each)}": as_json(each).encode() for each in clean},
    }
    manifest = {
        "format": FORMAT,
        "version": who.version,
        "made": stamp(now),
        "workspace": {"namespace": namespace, "name": name},
        "kubernetes": kubernetes,
        "images": dict(images(installation.objects)),
        "settings": who.settings,
        "hidden": dict(sorted(hidden.items())),
        "notes": snapshot.notes,
        "files": sorted(files),
    }
    files[MANIFEST] = as_json(manifest).encode()
    return Bundle(files, len(asked), len(clean), hidden, snapshot.notes)


def exchange(question: Question, who: Answering, now: datetime, number: int) -> Exchange:
    """Return a question with the answer of this version."""
    answered = served(question.path, question.request, who.catalog, now)
    return recorded(question._replace(as_of=now), answered, who, now, str(number))


def file_of(exchange: Exchange) -> str:
    """Return the name of the file of a question."""
    return f"{exchange.id}-{exchange.path.strip('/').replace('/', '-')}.json"


def place_of(obj: JsonObject) -> str:
    """Return the name of the file of an object: ``Deployment.apps/default/phi.json``."""
    group = obj["apiVersion"].rpartition("/")[0]
    kind = f"{obj['kind']}.{group}" if group else obj["kind"]
    return f"{kind}/{objects.ref_of(obj).key}.json"


def images(installed: Iterable[JsonObject]) -> Iterator[tuple[str, str]]:
    """Yield the image of each container of what is installed."""
    for obj in installed:
        template = (obj.get("spec") or {}).get("template") or {}
        for container in (template.get("spec") or {}).get("containers") or ():
            yield f"{objects.ref_of(obj)} {container['name']}", str(container.get("image", ""))


def archive(folder: str, files: Mapping[str, bytes]) -> bytes:
    """Return files as an archive: the same bytes for the same files."""
    whole = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=whole, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as found,
    ):
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mtime, member.mode = len(content), DATED, 0o600
            found.addfile(member, io.BytesIO(content))
    return whole.getvalue()


def told(found: Bundle) -> Iterator[str]:
    """Yield what is in a bundle, for whoever asked for it."""
    yield f"{found.requests} requests, {found.objects} objects"
    hidden = ", ".join(f"{what} ({count})" for what, count in sorted(found.hidden.items()))
    yield f"redacted: {hidden or 'nothing'}"
    yield from (f"noted: {note}" for note in found.notes)
