"""
What a pod template of the user's may hold, and the sentence for what it may not.

Source of what is required: pkg/apis/core/validation/validation.go of Kubernetes v1.33.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from pydantic import ValidationError

from composite.models import JsonObject, Observed
from composite.quantity import parse_quantity
from composite.reading import problems_of
from composite.refusal import Problem
from composite.spelling import meant
from composite.workspace.pod_fields import KUBERNETES
from composite.workspace.template import (
    Template,
    TemplateContainer,
    TemplateResources,
    UnknownField,
    inside,
    unknown_fields,
)

TEMPLATE_FIELD = "inference.template"
# No field of a pod is as deep. The hooks read 200 levels, and a template comes again in children.
MAX_LEVELS = 100
# So many unknown fields are told one by one.
MOST_UNKNOWN = 10


def template_problems(template: JsonObject, accepted: JsonObject | None) -> Iterator[Problem]:
    """
    Check what no API server looks at: a template is passed through as it came.

    Where it is the one that was accepted, by whatever version, a missing image is no news: the
    Deployment was never made, and nothing is gained by saying no to the Workspace.
    """
    if found := list(shape_problems(template, is_new=template != accepted)):
        misspelt = [*map(misspelling, islice(unknown_fields(template), MOST_UNKNOWN))]
        yield from (with_misspelling(problem, misspelt) for problem in found)


def shape_problems(template: JsonObject, *, is_new: bool) -> Iterator[Problem]:
    """Yield why no Deployment can be made of a template, or not one that stays as it is."""
    if (found := levels(template)) > MAX_LEVELS:
        yield Problem(
            field=TEMPLATE_FIELD,
            message=f"is nested {found} levels deep, at most {MAX_LEVELS} are allowed",
        )
        return
    try:
        read = Template.model_validate(template)
    except ValidationError as error:
        for problem in problems_of(error, Template):
            yield Problem(field=f"{TEMPLATE_FIELD}.{problem.field}", message=problem.message)
        return
    if not read.spec.containers:
        yield Problem(
            field=f"{TEMPLATE_FIELD}.spec.containers", message="at least one container is needed"
        )
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(getattr(read.spec, kind) or ()):
            field = f"{TEMPLATE_FIELD}.spec.{kind}[{index}]"
            if is_new and not container.image:
                yield Problem(field=f"{field}.image", message="is required")
            yield from quantity_problems(field, container)
            yield from twin_problems(f"{field}.ports", container.ports, "containerPort")
            yield from twin_problems(f"{field}.env", container.env, "name")
            yield from twin_problems(f"{field}.volumeMounts", container.volumeMounts, "mountPath")
    every = [*(read.spec.initContainers or ()), *(read.spec.containers or ())]
    yield from twin_problems(f"{TEMPLATE_FIELD}.spec.containers", every, "name")
    yield from twin_problems(f"{TEMPLATE_FIELD}.spec.volumes", read.spec.volumes, "name")


class Misspelling(NamedTuple):
    """A name that is no field, and how the paths of those begin that it may have been meant for."""

    name: str
    meant: tuple[str, ...]


def misspelling(unknown: UnknownField) -> Misspelling:
    """Return what an unknown field may have been meant for."""
    place = inside(TEMPLATE_FIELD, unknown.place) if unknown.place else TEMPLATE_FIELD
    return Misspelling(unknown.name, tuple(f"{place}.{word}" for word in unknown.meant))


def with_misspelling(problem: Problem, misspelt: Sequence[Misspelling]) -> Problem:
    """Return a problem that names the word which is written where its field lacks, if one is."""
    for each in misspelt:
        if any(f"{problem.field}.".startswith(f"{field}.") for field in each.meant):
            message = f"{problem.message}: {each.name!r} is no field"
            return Problem(field=problem.field, message=message)
    return problem


def levels(value: object) -> int:
    """Return how many objects and lists are in each other."""
    if isinstance(value, dict):
        return 1 + max(map(levels, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(levels, value), default=0)
    return 0


def twin_problems(field: str, items: Sequence[Observed] | None, key: str) -> Iterator[Problem]:
    """
    Refuse items that cannot be told apart.

    Metacontroller merges these lists by one field, and would make one item of two at the next sync.
    https://github.com/metacontroller/metacontroller/blob/v4.17.2/pkg/dynamic/apply/apply.go
    """
    counted = Counter(getattr(item, key) for item in items or ())
    for value in sorted(value for value, times in counted.items() if times > 1):
        yield Problem(
            field=field,
            message=f"{counted[value]} items have the {key} {value!r}, by which they are told "
            "apart: keep one",
        )


def quantity_problems(field: str, container: TemplateContainer) -> Iterator[Problem]:
    """Check the amounts a container asks for."""
    resources = container.resources or TemplateResources()
    for kind in ("requests", "limits"):
        for name, amount in (getattr(resources, kind) or {}).items():
            try:
                parse_quantity(amount)
            except ValueError as error:
                yield Problem(field=f"{field}.resources.{kind}.{name}", message=str(error))


def field_notes(template: JsonObject) -> Iterator[str]:
    """Say which fields of a pod template do nothing, for Kubernetes has none of that name."""
    unknown = tuple(unknown_fields(template))
    for each in unknown[:MOST_UNKNOWN]:
        yield (
            f"{TEMPLATE_FIELD}.{each.path}: Kubernetes {KUBERNETES} knows no such field"
            f"{meant(each.meant)}: it is dropped, or refused with server-side apply"
        )
    if len(unknown) > MOST_UNKNOWN:
        yield (
            f"{TEMPLATE_FIELD}: {len(unknown) - MOST_UNKNOWN} more fields are there that "
            f"Kubernetes {KUBERNETES} does not know"
        )
