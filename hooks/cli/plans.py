"""Plans that are kept, and what of a cluster and of the files has moved since."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from composite.models import JsonObject, Value
from composite.preview import Preview
from composite.preview.api import ObjectChange, WorkspacePreview
from composite.redaction import Redactor, shown_to_people
from composite.simulate import objects
from composite.simulate.objects import Ref
from composite.simulate.picture import hash_of
from hooks.cli.about import installed
from hooks.cli.errors import Failed
from hooks.cli.files import Manifest, read_text
from hooks.cli.lasting import lasting
from hooks.cli.refusals import name_of
from hooks.cli.saving import save

Digests = Mapping[Ref, str]


class Seen(Value):
    """An object that a plan was made of; ``digest`` is of all that lasts of it."""

    kind: str
    namespace: str
    name: str
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @property
    def ref(self) -> Ref:
        """Where it is."""
        return Ref(self.kind, self.namespace, self.name)


class Plan(Value):
    """A plan as it is kept."""

    version: str = Field(description="Of metakaito.")
    plan: Preview
    observed: tuple[Seen, ...] = Field(description="What it was made of.")
    wanted: tuple[Seen, ...] | None = Field(
        default=None,
        description="What was to be applied; null where an early build kept the plan without it.",
    )


def made_of(plan: Preview, observed: Iterable[JsonObject], wanted: Iterable[Manifest]) -> Plan:
    """Return a plan with what there was, and what was to be applied."""
    return Plan(
        version=installed(),
        plan=plan,
        observed=tuple(map(seen, observed)),
        wanted=tuple(map(written, wanted)),
    )


def keep(file: Path, plan: Plan) -> None:
    """
    Write a plan with what it was made of.

    Raises:
        Failed: The file cannot be written.

    """
    save(file, f"{plan.model_dump_json(indent=2)}\n".encode())


def shareable(plan: Preview) -> Preview:
    """Return a plan in whose sentences no URL says who logs in."""
    clean = Redactor().request(plan.model_dump(mode="json"))
    return Preview.model_validate(shown_to_people(clean))


def seen(obj: JsonObject) -> Seen:
    """Return what to know an object by; heartbeats, counters and times are no change."""
    ref = objects.ref_of(obj)
    digest = f"{hash_of(lasting(obj)):064x}"
    return Seen(kind=ref.kind, namespace=ref.namespace, name=ref.name, digest=digest)


def written(manifest: Manifest) -> Seen:
    """Return what to know an object of a file by, whether or not anybody would accept it."""
    content = manifest.content
    return Seen(
        kind=f"{content.get('kind')}.{content.get('apiVersion')}",
        namespace=objects.namespace_of(content),
        name=name_of(manifest),
        digest=hashlib.sha256(objects.canonical_json(content).encode()).hexdigest(),
    )


def moved(file: Path, now: Plan) -> list[str]:
    """
    Return in a sentence each what has moved since a plan was kept.

    Raises:
        Failed: The file holds no plan.

    """
    try:
        kept = Plan.model_validate_json(read_text(str(file)))
    except ValidationError as error:
        raise Failed(f"{file}: is no plan that --out has written: {first(error)}") from None
    told = [*moved_there(digests(kept.observed), digests(now.observed))]
    if kept.wanted is not None:
        told += moved_in_files(digests(kept.wanted), digests(now.wanted or ()))
    return told or [*otherwise(kept, now)]


def digests(found: Iterable[Seen]) -> Digests:
    """Return the digests of objects, by where they are."""
    return {each.ref: each.digest for each in found}


def moved_there(before: Digests, after: Digests) -> Iterator[str]:
    """Yield what has moved of what there was."""
    for ref in differing(before, after):
        what = "is new" if ref not in before else "is gone" if ref not in after else "changed"
        yield f"{ref}: {what}"


def moved_in_files(before: Digests, after: Digests) -> Iterator[str]:
    """Yield what has moved of what was to be applied."""
    for ref in differing(before, after):
        if ref not in before:
            yield f"{ref}: is in the files, and was not when the plan was kept"
        elif ref not in after:
            yield f"{ref}: was in the files when the plan was kept, and is in none now"
        else:
            yield f"{ref}: the files say something else than when the plan was kept"


def differing(before: Digests, after: Digests) -> list[Ref]:
    """Return where there is something else than there was."""
    return [ref for ref in sorted({**before, **after}) if before.get(ref) != after.get(ref)]


def otherwise(kept: Plan, now: Plan) -> Iterator[str]:
    """Yield what comes to something else, though everything that was read is as it was."""
    why = "with other settings or presets, after an update, or with time"
    if kept.version != now.version:
        why = f"the plan is of metakaito {kept.version}, and this is {now.version}"
    if list(map(gist, kept.plan.applied)) != list(map(gist, now.plan.applied)):
        yield f"applying the files writes something else than in the plan: {why}"
    before, after = (outcomes(each.plan) for each in (kept, now))
    for place in sorted({**before, **after}):
        if before.get(place) != after.get(place):
            yield f"Workspace {'/'.join(place)}: comes to something else than in the plan: {why}"


def outcomes(plan: Preview) -> dict[tuple[str, str], tuple[object, ...]]:
    """Return what becomes of each Workspace; what it costs, and the words for it, may change."""
    return {(each.namespace, each.name): outcome(each) for each in plan.workspaces}


def outcome(one: WorkspacePreview) -> tuple[object, ...]:
    """Return what becomes of a Workspace."""
    nodes = [(each.instanceType, each.added, each.removed) for each in one.nodes]
    return bool(one.refused), [*map(gist, one.changes)], nodes, one.keeps


def gist(change: ObjectChange) -> dict[str, Any]:
    """Return what is written, without the words for it."""
    return change.model_dump(exclude={"about"})


def first(error: ValidationError) -> str:
    """Return the first thing that is wrong."""
    found = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}".removeprefix(": ")
