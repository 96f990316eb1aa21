"""What is wrong with a Workspace in a file: its form, as its schema says, and what it asks for."""

from datetime import UTC, datetime
from typing import Any

from composite import names
from composite.catalog import Catalog, Provisioner
from composite.models import JsonObject
from composite.refusal import Problem, Refusal
from composite.workspace import Request
from composite.workspace.observe import CLAIM_KINDS, observe
from composite.workspace.plan import plan_newest
from composite.workspace.rules import read_spec
from hooks.cli.errors import Refused
from hooks.cli.files import Manifest
from schemas import problems as form_problems

# No refusal depends on the time; the plan has to be told one all the same.
ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)

# What the core reads of a Workspace, and how the schema calls a rule about the whole of it.
READ_BY_CORE = frozenset({"resource", "inference", "tuning", "document"})


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
    provisioner = catalog.provisioning.provisioner
    metadata = {"name": document["metadata"]["name"], "namespace": "default", "uid": ""}
    request = Request.model_validate(
        {
            "parent": {**written(document), "metadata": metadata},
            "children": empty(
                names.DEPLOYMENTS, names.STATEFULSETS, names.SERVICES, names.REVISIONS
            ),
            "related": empty(names.NODES, names.PODS, *claims(provisioner)),
        }
    )
    try:
        plan_newest(request.parent, observe(request, provisioner), catalog, ANY_TIME)
    except Refusal as refusal:
        return refusal.problems
    return ()


def claims(provisioner: Provisioner) -> list[str]:
    """Return the kind of object that nodes are asked for with, if there is one."""
    return [CLAIM_KINDS[provisioner]] if provisioner in CLAIM_KINDS else []


def empty(*kinds: str) -> dict[str, dict[str, Any]]:
    """Return what Metacontroller sends of kinds of which nothing exists."""
    return {kind: {} for kind in kinds}


def root(field: str) -> str:
    """Return the first step of a path: ``resource`` of ``resource.labelSelector``."""
    return field.partition(".")[0].partition("[")[0]
