"""
Workspace: one model, served by a Deployment or StatefulSet on nodes made for it.

The whole story is :func:`sync`; each step is a module beside this one: ``api`` (what users
write), ``related`` (what else to watch), ``observe``, ``plan`` (with ``rules``, ``nodes``,
``server`` and ``revisions``), ``children``, ``status``.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from composite import desired
from composite.catalog import Catalog
from composite.metacontroller import (
    CustomizeRequest,
    CustomizeResponse,
    SyncRequest,
    SyncResponse,
    seconds_until,
)
from composite.refusal import Refusal, Unplannable
from composite.workspace.api import Workspace, WorkspaceStatus
from composite.workspace.children import build_children
from composite.workspace.observe import Seen, observe
from composite.workspace.plan import Plan, plan_accepted, plan_newest
from composite.workspace.related import related_rules
from composite.workspace.status import report

__all__ = ["CustomizeQuestion", "Request", "Response", "customize", "sync"]

Request = SyncRequest[Workspace]
Response = SyncResponse[WorkspaceStatus]
CustomizeQuestion = CustomizeRequest[Workspace]

# When to look again for a child that was not there. Metacontroller takes it for done that an object
# of its name is there already, as it is where a Workspace is deleted and soon made anew: nobody
# tells the new one when the child of the old one has gone at last.
LOOK_FOR_CHILDREN = timedelta(seconds=15)


def sync(request: Request, catalog: Catalog, now: datetime) -> Response:
    """
    Answer Metacontroller's question: if the world were so, what should it become?

    Args:
        request: The Workspace, its children, and the Machines, Nodes and Pods it depends on.
        catalog: Presets and instance types to choose from, and what nodes are made with.
        now: The time, for back-off and for the conditions.

    Returns:
        The desired children, and a status that reports on the observed ones and lists the
        Machines that shall be made. A Workspace we cannot satisfy is an answer too: Accepted is
        False and names the field, and the children stay as they were.

    Raises:
        Unplannable: What was accepted before cannot be planned any more either.

    """
    workspace, provisioner = request.parent, catalog.provisioning.provisioner
    now = now.replace(microsecond=0)
    seen = observe(request, provisioner)
    plan: Plan | None
    try:
        refusal = None
        plan = plan_newest(workspace, seen, catalog, now)
    except Refusal as refused:
        refusal = refused
        plan = plan_kept(workspace, seen, catalog, now)
    children = build_children(plan) if plan is not None else []
    times = [plan.node_plan.look_again] if plan is not None else []
    times += [now + LOOK_FOR_CHILDREN] if is_any_missing(children, request) else []
    look_again = min((time for time in times if time is not None), default=None)
    return Response(
        status=report(workspace, seen, plan, refusal, provisioner, now),
        children=children,
        resyncAfterSeconds=seconds_until(look_again, now),
    )


def is_any_missing(children: Iterable[desired.Object], request: Request) -> bool:
    """Whether a child is not there yet; of a Workspace on its way out none is made any more."""
    if request.parent.metadata.deletionTimestamp is not None:
        return False
    return any(
        f"{child.metadata.namespace}/{child.metadata.name}"
        not in request.children.get(f"{child.kind}.{child.apiVersion}", {})
        for child in children
    )


def plan_kept(workspace: Workspace, seen: Seen, catalog: Catalog, now: datetime) -> Plan | None:
    """
    Plan what was accepted before, so that a mistake made later loses nothing.

    Returns None where nothing was ever accepted and nothing was made.

    Raises:
        Unplannable: Something was made, and what of cannot be told any more, or not yet.

    """
    known = seen.revisions[-1].number if seen.revisions else 0
    if known and seen.newest_made > known:
        raise Unplannable(
            f"the Workspace is refused, and revision {seen.newest_made}, of which something was "
            f"made, is not to be seen: the newest is {known}"
        )
    try:
        plan = plan_accepted(workspace, seen, catalog, now)
    except Refusal as refusal:
        raise Unplannable(f"what was accepted cannot be planned any more: {refusal}") from refusal
    if plan is None and (seen.children or workspace.status.machines):
        raise Unplannable("the Workspace is refused, and no revision tells what was accepted")
    return plan


def customize(question: CustomizeQuestion, catalog: Catalog) -> CustomizeResponse:
    """Answer what else Metacontroller shall watch for this Workspace."""
    rules = related_rules(question.parent, catalog.provisioning.provisioner)
    return CustomizeResponse(relatedResources=rules)
