"""What is wrong with a Workspace in a file: its form, as its schema says, and what it asks for."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from composite import names
from composite.catalog import Catalog, Provisioner
from composite.models import JsonObject
from composite.refusal import Problem, Refusal
from composite.workspace import Request
from composite.workspace.observe import CLAIM_KINDS, observe
from composite.workspace.plan import Plan, plan_newest
from composite.workspace.rules import read_spec
from hooks.cli.clouds import hint_of_cloud
from hooks.cli.errors import Refused
from hooks.cli.files import Manifest
from schemas import problems as form_problems

# No refusal depends on the time; the plan has to be told one all the same.
ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)

# No tuning can be had, so how it is written need not be right: this is read in its place.
ANY_TUNING: JsonObject = {
    "preset": {"name": "any"},
    "method": "lora",
    "input": {"urls": ["https://data.example/any"]},
    "output": {"image": "registry.example/any:1", "imagePushSecret": "any"},
}

# What the core reads of a Workspace.
READ_BY_CORE = frozenset({"resource", "inference", "tuning"})
TYPE_FIELD = "resource.instanceType"


def require_accepted(manifests: list[Manifest], catalog: Catalog) -> None:
    """
    Refuse Workspaces that cannot be accepted, all of them at once.

    Raises:
        Refused: One line for each problem, ``FILE: NAME: FIELD: sentence``.

    """
    lines = [
        f"{manifest.file}: {name_of(manifest)}: {problem}"
        for manifest in manifests
        for problem in problems(manifest.content, catalog)
    ]
    if lines:
        raise Refused(*lines)


def name_of(manifest: Manifest) -> str:
    """Return the name of an object, or the line it begins on where it has none."""
    metadata = manifest.content.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return str(name) if name else f"line {manifest.line}"


def problems(document: JsonObject, catalog: Catalog) -> list[Problem]:
    """
    Return everything that is wrong with a Workspace.

    Where both know of a problem, the schema words best what is wrong with the form, and the core
    names best which field breaks a rule.
    """
    if document.get("tuning") is not None:
        document = {**document, "tuning": ANY_TUNING}
    form = form_problems(document)
    if not readable(document):
        return form
    rules = broken_rules(document, catalog)
    elsewhere = [problem for problem in form if root(problem.field) not in READ_BY_CORE]
    unnamed = {problem.field for problem in rules}
    return [*(problem for problem in elsewhere if problem.field not in unnamed), *rules] or form


def readable(document: JsonObject) -> bool:
    """Whether the core can read what is written, and so check all of its rules."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return False
    try:
        read_spec(written(document))
    except Refusal:
        return False
    return True


def written(document: JsonObject) -> JsonObject:
    """Return the fields that stand in the place of a spec, less those without a value."""
    fields = ("resource", "inference", "tuning")
    return {name: document[name] for name in fields if document.get(name) is not None}


def broken_rules(document: JsonObject, catalog: Catalog) -> tuple[Problem, ...]:
    """Return what the core says no for, in a world where nothing exists yet."""
    try:
        planned(document, catalog)
    except Refusal as refusal:
        return tuple(with_hint(problem, document, catalog) for problem in refusal.problems)
    return ()


def planned(document: JsonObject, catalog: Catalog, nodes: Iterable[JsonObject] = ()) -> Plan:
    """
    Return what the core would do where nothing but some Nodes exists yet.

    Raises:
        Refusal: It cannot be accepted.

    """
    provisioner = catalog.provisioning.provisioner
    metadata = {"name": document["metadata"]["name"], "namespace": "default", "uid": ""}
    related = {
        **empty(names.PODS, *claims(provisioner)),
        names.NODES: {node["metadata"]["name"]: node for node in nodes},
    }
    request = Request.model_validate(
        {
            "parent": {**written(document), "metadata": metadata},
            "children": empty(
                names.DEPLOYMENTS, names.STATEFULSETS, names.SERVICES, names.REVISIONS
            ),
            "related": related,
        }
    )
    return plan_newest(request.parent, observe(request, provisioner), catalog, ANY_TIME)


def with_hint(problem: Problem, document: JsonObject, catalog: Catalog) -> Problem:
    """Return a problem that says which cloud has the instance type, where it is that of another."""
    hint = hint_for(document, catalog) if problem.field == TYPE_FIELD else None
    if hint is None:
        return problem
    return Problem(field=problem.field, message=f"{problem.message.partition('; ')[0]}; {hint}")


def notes(document: JsonObject, catalog: Catalog, nodes: Iterable[JsonObject]) -> list[str]:
    """Return what is worth a word of a Workspace that is accepted."""
    hint = hint_for(document, catalog)
    return [
        f"{note}; {hint}" if hint is not None and note.startswith(f"{TYPE_FIELD}: ") else note
        for note in planned(document, catalog, nodes).notes
    ]


def hint_for(document: JsonObject, catalog: Catalog) -> str | None:
    """Say which cloud has the instance type, if this one does not know it."""
    instance_type = read_spec(written(document)).resource.instanceType
    if instance_type in catalog.instance_types:
        return None
    return hint_of_cloud(instance_type, catalog.provisioning.cloud)


def claims(provisioner: Provisioner) -> list[str]:
    """Return the kind of object that nodes are asked for with, if there is one."""
    return [CLAIM_KINDS[provisioner]] if provisioner in CLAIM_KINDS else []


def empty(*kinds: str) -> dict[str, dict[str, Any]]:
    """Return what Metacontroller sends of kinds of which nothing exists."""
    return {kind: {} for kind in kinds}


def root(field: str) -> str:
    """Return the first step of a path: ``resource`` of ``resource.labelSelector``."""
    return field.partition(".")[0].partition("[")[0]
