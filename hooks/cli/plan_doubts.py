"""What a plan may be wrong about: nodes that another provisioner gave, and missing namespaces."""

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from composite import names
from composite.catalog import Provisioner
from composite.models import JsonObject
from composite.preview import Preview
from composite.preview.api import WorkspacePreview
from composite.simulate import objects
from composite.simulate.controllers import CLAIMS
from hooks.cli.files import Manifest
from hooks.cli.worlds import is_named, is_workspace

# A cluster has it from its first minute, and nobody can delete it.
# https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#initial-namespaces
ALWAYS_THERE = "default"
# The Workspace of a Machine or NodeClaim: its namespace and its name.
Place = tuple[str, str]


class Known(NamedTuple):
    """
    What a plan was made of.

    Args:
        observed: What there is.
        provisioner: By which nodes are asked for in the plan.
        in_cluster: Whether a cluster was asked, so that a namespace not found is not there.

    """

    observed: Sequence[JsonObject]
    provisioner: Provisioner
    in_cluster: bool


def doubted(plan: Preview, files: Iterable[Manifest], known: Known) -> Preview:
    """Return a plan that says of each Workspace, unless it is refused, what may be otherwise."""
    spaces = namespaces_told(known, files)
    others = claims_of_others(known)
    workspaces = []
    for each in plan.workspaces:
        notes, unknown = [*each.notes], [*each.unknown]
        if not each.refused:
            notes += about_provisioner(others.get((each.namespace, each.name)), known.provisioner)
            if spaces is not None and each.namespace not in spaces:
                (notes if known.in_cluster else unknown).append(
                    about_namespace(each, in_cluster=known.in_cluster)
                )
        update = {"notes": tuple(notes), "unknown": tuple(unknown)}
        workspaces.append(each.model_copy(update=update))
    return plan.model_copy(update={"workspaces": tuple(workspaces)})


def about_provisioner(claim: JsonObject | None, provisioner: Provisioner) -> Iterator[str]:
    """Yield that a Workspace has a node by another provisioner than the one of the plan."""
    if claim is None:
        return
    kind = claim["kind"]
    other = next(e for e, known in CLAIMS.items() if known.kind == kind)
    own = CLAIMS.get(provisioner)
    comes = "which asks for no node" if own is None else f"which asks for a {own.kind} beside it"
    yield (
        f"resource: {kind} {claim['metadata']['name']} is there for it, and the provisioner of "
        f"this plan is {provisioner.value}, {comes}: if the hooks of this cluster ask for "
        f"{kind}s, say --provisioner {other.value}"
    )


def about_namespace(one: WorkspacePreview, *, in_cluster: bool) -> str:
    """Return that its namespace is not there, or not known to be."""
    if in_cluster:
        return (
            f"metadata.namespace: {one.namespace} is not there, and in no file: applying it is "
            "refused until somebody makes the namespace"
        )
    return f"whether namespace {one.namespace} is there: it is in no file, nor in what is observed"


def claims_of_others(known: Known) -> dict[Place, JsonObject]:
    """
    Return the first claim of each Workspace that has only such as another provisioner makes.

    One that has its own kind too is on its way from one to the other. What is being deleted is no
    claim any more.
    """
    own = CLAIMS[known.provisioner].key if known.provisioner in CLAIMS else ""
    kinds = {each.key for each in CLAIMS.values()}
    found = [each for each in known.observed if objects.kind_key(each) in kinds]
    lasting = [each for each in found if not objects.is_terminating(each)]
    settled = {place_of(each) for each in lasting if objects.kind_key(each) == own}
    others = (each for each in reversed(lasting) if place_of(each) not in settled)
    return {place: each for each in others if (place := place_of(each)) is not None}


def place_of(claim: JsonObject) -> Place | None:
    """Return for which Workspace a Machine or NodeClaim is, by its labels, if for any."""
    labels = objects.labels_of(claim)
    name = labels.get(names.LABEL_WORKSPACE)
    namespace = labels.get(names.LABEL_WORKSPACE_NAMESPACE)
    return (namespace, name) if name and namespace else None


def namespaces_told(known: Known, files: Iterable[Manifest]) -> Container[str] | None:
    """Return the namespaces that are there or in the files; None where nobody has looked."""
    observed = list(filter(is_namespace, known.observed))
    if not observed and not known.in_cluster:
        return None
    given = [e.content for e in files if is_named(e) and not is_workspace(e)]
    told = {each["metadata"]["name"] for each in (*observed, *filter(is_namespace, given))}
    placed = {
        objects.namespace_of(each) for each in known.observed if objects.kind_of(each).namespaced
    }
    return told | placed | {ALWAYS_THERE}


def is_namespace(obj: JsonObject) -> bool:
    """Whether an object is a Namespace."""
    return objects.kind_key(obj) == objects.NAMESPACES
