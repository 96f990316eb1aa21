"""What is wrong with a Workspace in a file: its form, as its schema says, and what it asks for."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from composite import names
from composite.catalog import Catalog, Provisioner
from composite.models import JsonObject
from composite.refusal import Problem, Refusal
from composite.simulate import objects
from composite.workspace import Request
from composite.workspace.observe import CLAIM_KINDS, observe
from composite.workspace.plan import Plan, plan_newest
from composite.workspace.rules import read_spec
from hooks.cli.clouds import hint_of_cloud
from hooks.cli.errors import Refused
from hooks.cli.files import Manifest
from schemas import problems as form_problems

# No refusal depends on the time or the uid; the plan has to be told some all the same.
ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)
ANY_UID = "0"

# The kinds of a Workspace's children.
CHILDREN = (
    *(names.DEPLOYMENTS, names.STATEFULSETS, names.SERVICES, names.REVISIONS),
    *(names.JOBS, names.CONFIGMAPS),
)

# What the core reads of a Workspace.
READ_BY_CORE = frozenset(names.SPEC_FIELDS)
TYPE_FIELD = "resource.instanceType"

# The names that a note suggests.
PERHAPS = re.compile(r" \(perhaps [^)]* is meant\)")
# With what a sentence begins that is about a field.
FIELD = re.compile(r"^([a-zA-Z][\w./\[\]-]*): (.+)$", flags=re.DOTALL)


def require_accepted(
    workspaces: list[Manifest], catalog: Catalog, beside: Iterable[JsonObject]
) -> None:
    """
    Refuse Workspaces that cannot be accepted, all of them at once.

    Args:
        workspaces: To be accepted.
        catalog: What they are held against.
        beside: Objects that they may name: ConfigMaps, and each other.

    Raises:
        Refused: One line for each problem, ``FILE: NAME: FIELD: sentence``.

    """
    there = list(beside)
    lines = [
        f"{manifest.file}: {name_of(manifest)}: {problem}"
        for manifest in workspaces
        for problem in problems(manifest.content, catalog, there)
    ]
    if lines:
        raise Refused(*lines)


def name_of(manifest: Manifest) -> str:
    """Return the name of an object, or the line it begins on where it has none."""
    metadata = manifest.content.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return str(name) if name else f"line {manifest.line}"


def problems(
    document: JsonObject, catalog: Catalog, beside: Iterable[JsonObject] = ()
) -> list[Problem]:
    """
    Return everything that is wrong with a Workspace.

    Where both know of a problem, the schema words best what is wrong with the form, and the core
    names best which field breaks a rule.
    """
    form = form_problems(document)
    if not readable(document):
        return form
    rules = broken_rules(document, catalog, beside)
    elsewhere = [problem for problem in form if root(problem.field) not in READ_BY_CORE]
    unnamed = {problem.field for problem in rules}
    return [*(problem for problem in elsewhere if problem.field not in unnamed), *rules] or form


def form_problems_of(document: JsonObject) -> list[Problem]:
    """Return what is wrong with the form of a Workspace, as its schema or else the core says."""
    form = form_problems(document)
    if form or readable(document):
        return form
    try:
        read_spec(written(document))
    except Refusal as refusal:
        return list(refusal.problems)
    return [Problem(field="metadata.name", message="is missing; every Workspace needs a name")]


def readable(document: JsonObject) -> bool:
    """Whether the core can read what is written, and so check all of its rules."""
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        return False
    try:
        read_spec(written(document))
    except Refusal:
        return False
    return True


def written(document: JsonObject) -> JsonObject:
    """Return the fields that stand in the place of a spec, less those without a value."""
    return {name: document[name] for name in names.SPEC_FIELDS if document.get(name) is not None}


def broken_rules(
    document: JsonObject, catalog: Catalog, beside: Iterable[JsonObject]
) -> tuple[Problem, ...]:
    """Return what the core says no for, in a world where only what is named exists."""
    try:
        planned(document, catalog, beside)
    except Refusal as refusal:
        return tuple(with_hint(problem, document, catalog) for problem in refusal.problems)
    return ()


def planned(document: JsonObject, catalog: Catalog, beside: Iterable[JsonObject] = ()) -> Plan:
    """
    Return what the core would do where nothing of this Workspace exists yet.

    Args:
        document: The Workspace.
        catalog: What it is held against.
        beside: What is there already: Nodes, ConfigMaps, other Workspaces.

    Raises:
        Refusal: It cannot be accepted.

    """
    provisioner = catalog.provisioning.provisioner
    namespace = objects.namespace_of(document)
    metadata = {
        "name": document["metadata"]["name"],
        "namespace": namespace,
        "uid": ANY_UID,
        "annotations": annotations(document),
    }
    related = empty(
        names.PODS, names.NODES, names.CONFIGMAPS, names.WORKSPACES, *claims(provisioner)
    )
    for obj in beside:
        kind = f"{obj.get('kind')}.{obj.get('apiVersion')}"
        name = obj["metadata"]["name"]
        if kind == names.NODES:
            related[kind][name] = obj
        elif kind == names.CONFIGMAPS:
            related[kind][f"{objects.namespace_of(obj)}/{name}"] = with_namespace(obj)
        elif kind == names.WORKSPACES and objects.namespace_of(obj) == namespace:
            related[kind][f"{namespace}/{name}"] = trained(with_namespace(obj))
    request = Request.model_validate(
        {
            "parent": {**written(document), "metadata": metadata},
            "children": empty(*CHILDREN),
            "related": related,
        }
    )
    return plan_newest(request.parent, observe(request, provisioner), catalog, ANY_TIME)


def annotations(document: JsonObject) -> dict[str, str]:
    """Return the annotations that are texts, which the schema says that they all must be."""
    written = document["metadata"].get("annotations")
    every = written if isinstance(written, dict) else {}
    return {str(key): value for key, value in every.items() if isinstance(value, str)}


def with_namespace(obj: JsonObject) -> JsonObject:
    """Return an object that says where it is."""
    return {**obj, "metadata": {**obj["metadata"], "namespace": objects.namespace_of(obj)}}


def trained(workspace: JsonObject) -> JsonObject:
    """Return a Workspace as it is once its training, if it has one, has ended well."""
    found = {**written(workspace), "metadata": {**workspace["metadata"], "uid": ANY_UID}}
    tuning = found.get("tuning")
    if not isinstance(tuning, dict):
        return found
    output = tuning.get("output")
    image = output.get("image") if isinstance(output, dict) else None
    done = {"phase": "Succeeded", "image": image if isinstance(image, str) else None}
    return {**found, "status": {"tuning": done}}


def with_hint(problem: Problem, document: JsonObject, catalog: Catalog) -> Problem:
    """Return a problem that says which cloud has the instance type, where it is that of another."""
    hint = hint_for(document, catalog) if problem.field == TYPE_FIELD else None
    if hint is None:
        return problem
    return Problem(field=problem.field, message=f"{problem.message.partition(': ')[0]}; {hint}")


def notes(document: JsonObject, catalog: Catalog, beside: Iterable[JsonObject]) -> list[str]:
    """Return what is worth a word of a Workspace that is accepted."""
    return with_hints(planned(document, catalog, beside).notes, document, catalog)


def with_hints(said: Iterable[str], document: JsonObject, catalog: Catalog) -> list[str]:
    """Return notes that say which cloud has the instance type, where it is that of another."""
    hint = hint_for(document, catalog)
    return [
        f"{PERHAPS.sub('', note)}; {hint}"
        if hint is not None and note.startswith(f"{TYPE_FIELD}: ")
        else note
        for note in said
    ]


def split(sentence: str) -> Problem:
    """Return a sentence as the field that it begins with, if it does, and the rest."""
    found = FIELD.match(sentence)
    field, message = found.groups() if found is not None else ("", sentence)
    return Problem(field=field, message=message)


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
