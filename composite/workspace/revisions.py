"""
What was accepted of a Workspace, kept as ControllerRevisions.

The newest one is what a later mistake falls back to; its number marks the workload.

Source: https://github.com/kaito-project/kaito/blob/v0.3.2/pkg/controllers/workspace_controller.go
"""

import hashlib
import json
import re
from itertools import takewhile
from typing import NamedTuple

from composite import names
from composite.models import JsonObject, sorted_json
from composite.workspace.api import Inference, WorkspaceSpec
from composite.workspace.observe import SeenRevision

HISTORY = 10

# Fields whose keys are the user's: labels, and what is passed on unread.
MAPS = ("matchLabels", "template", "volumeSource")
SHORTEST_HASH = 5

# What Go's encoder escapes beyond JSON's own rules. https://pkg.go.dev/encoding/json#Marshal
GO_ESCAPED = re.compile("[<>&\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}]")
ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class PlannedRevision(NamedTuple):
    """
    One ControllerRevision that shall exist.

    ``server`` is what the catalog made of it when it was accepted, as far as a new version of the
    catalog could make something else of it (docs/decisions/0008).
    """

    name: str
    number: int
    hash: str
    data: JsonObject
    server: JsonObject | None = None


def plan_revisions(
    name: str, data: JsonObject, server: JsonObject | None, seen: tuple[SeenRevision, ...]
) -> tuple[PlannedRevision, ...]:
    """
    Return the history with the accepted spec, as it is stored, as its newest member, oldest first.

    A spec that was accepted before gets its old revision back under a new number, as a Deployment
    rolled back does; numbers only rise.
    """
    digest = data_hash(data)
    newest = seen[-1] if seen else None
    if newest is not None and newest.hash == digest:
        current = kept(newest)._replace(server=server)
    else:
        current = PlannedRevision(
            name=revision_name(name, digest, seen),
            number=newest.number + 1 if newest is not None else 1,
            hash=digest,
            data=data,
            server=server,
        )
    older = [kept(revision) for revision in seen if revision.name != current.name]
    return (*older[-(HISTORY - 1) :], current)


def kept(revision: SeenRevision) -> PlannedRevision:
    """Return a revision that stays as it is."""
    return PlannedRevision(
        name=revision.name,
        number=revision.number,
        hash=revision.hash,
        data=revision.data,
        server=revision.server,
    )


def revision_name(name: str, digest: str, seen: tuple[SeenRevision, ...]) -> str:
    """Return Kaito's name, ``<workspace>-<5 hex>``, with more digits where those are taken."""
    taken = {revision.name for revision in seen if revision.hash != digest}
    names = (f"{name}-{digest[:length]}" for length in range(SHORTEST_HASH, len(digest) + 1))
    return next(free for free in names if free not in taken)


def last_accepted(seen: tuple[SeenRevision, ...]) -> JsonObject | None:
    """Return what was last accepted as the user wrote it, or None if nothing ever was."""
    return seen[-1].data if seen else None


def data_hash(data: JsonObject) -> str:
    """
    Return Kaito's hash of a stored spec: SHA-256 over three lines of JSON as Go writes it.

    Equal to Kaito's for presets, so that a Workspace that Kaito served keeps its revision.
    """
    lines = "".join(f"{go_json(data.get(field))}\n" for field in names.SPEC_FIELDS)
    return hashlib.sha256(lines.encode()).hexdigest()


def go_json(value: object) -> str:
    """Write JSON as Go does: no blanks, non-ASCII as it is, HTML's characters escaped."""
    return GO_ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", ENCODER.encode(value))


def revision_data(spec: WorkspaceSpec) -> JsonObject:
    """Return the spec as Kaito stores it: defaults written out, what is empty left out."""
    found = without_empty(spec.model_dump(mode="json", exclude_none=True))
    for part in (found.get("inference"), found.get("tuning")):
        if part is not None and "preset" in part:
            part["preset"].setdefault("presetOptions", {})
    return found


def without_empty(value: JsonObject) -> JsonObject:
    """
    Leave out empty texts, lists and objects, as Go's ``omitempty`` does.

    Maps keep what they hold, with their keys sorted, as Go writes a map, and without nulls.
    """
    found: JsonObject = {}
    for key, item in value.items():
        if key in MAPS:
            found[key] = sorted_json(item)
            continue
        new = without_empty(item) if isinstance(item, dict) else item
        if isinstance(item, list):
            new = [without_empty(i) if isinstance(i, dict) else i for i in item]
        if new not in ("", [], {}):
            found[key] = new
    return found


def what_runs(data: JsonObject) -> JsonObject:
    """Return a revision without the nodes to prefer: they move no pod that runs."""
    written = data.get("resource")
    if not isinstance(written, dict):  # of nobody who reads or writes as we do
        return data
    return {**data, "resource": {k: v for k, v in written.items() if k != "preferredNodes"}}


def resolved_before(data: JsonObject, seen: tuple[SeenRevision, ...]) -> JsonObject | None:
    """Return what the newest was resolved to when it was accepted, or None if this is another."""
    wanted = what_runs(data)
    known = takewhile(lambda revision: what_runs(revision.data) == wanted, reversed(seen))
    return next((revision.server for revision in known if revision.server is not None), None)


def served_images(seen: tuple[SeenRevision, ...]) -> dict[tuple[str, str], str]:
    """Return the images of the newest revision's tuned adapters, by adapter and Workspace."""
    if not seen or seen[-1].server is None:
        return {}
    images = seen[-1].server.get("adapters") or {}
    try:
        inference = Inference.model_validate(seen[-1].data.get("inference") or {})
    except ValueError:  # of another version, or of somebody else
        return {}
    sources = [adapter.source for adapter in inference.adapters or ()]
    return {
        (source.name, source.workspace): images[source.name]
        for source in sources
        if source.workspace and source.name in images
    }
