"""Plans that are kept, and what of a cluster has moved since."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from composite.models import JsonObject, Value
from composite.preview import Preview
from composite.redaction import Redactor, shown_to_people
from composite.simulate import objects
from composite.simulate.objects import Ref
from composite.simulate.picture import hash_of
from hooks.cli.about import installed
from hooks.cli.errors import Failed
from hooks.cli.files import read_text
from hooks.cli.lasting import lasting
from hooks.cli.saving import save


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


def keep(file: Path, plan: Preview, observed: Iterable[JsonObject]) -> None:
    """
    Write a plan with what it was made of.

    Raises:
        Failed: The file cannot be written.

    """
    found = Plan(version=installed(), plan=plan, observed=tuple(map(seen, observed)))
    save(file, f"{found.model_dump_json(indent=2)}\n".encode())


def shareable(plan: Preview) -> Preview:
    """Return a plan in whose sentences no URL says who logs in."""
    clean = Redactor().request(plan.model_dump(mode="json"))
    return Preview.model_validate(shown_to_people(clean))


def seen(obj: JsonObject) -> Seen:
    """Return what to know an object by; heartbeats, counters and times are no change."""
    ref = objects.ref_of(obj)
    digest = f"{hash_of(lasting(obj)):064x}"
    return Seen(kind=ref.kind, namespace=ref.namespace, name=ref.name, digest=digest)


def moved(file: Path, observed: Iterable[JsonObject]) -> list[str]:
    """
    Return in a sentence each what has moved since a plan was kept.

    Raises:
        Failed: The file holds no plan.

    """
    try:
        plan = Plan.model_validate_json(read_text(str(file)))
    except ValidationError as error:
        raise Failed(f"{file}: is no plan that --out has written: {first(error)}") from None
    before = {each.ref: each.digest for each in plan.observed}
    after = {each.ref: each.digest for each in map(seen, observed)}
    return [
        f"{ref}: {'is new' if ref not in before else 'is gone' if ref not in after else 'changed'}"
        for ref in sorted({**before, **after})
        if before.get(ref) != after.get(ref)
    ]


def first(error: ValidationError) -> str:
    """Return the first thing that is wrong."""
    found = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}".removeprefix(": ")
