"""
Machines: the nodes that the Workspaces of a namespace planned, no more and no fewer.

A DecoratorController on Namespace, since a namespaced Workspace cannot own a cluster-scoped
Machine (docs/decisions/0001). It decides nothing about nodes: ``status.machines`` of each
Workspace does, and this module is the fail-safe hand that makes and removes.
"""

from datetime import datetime

from composite.catalog import Catalog
from composite.machines.api import Namespace
from composite.machines.children import build_attachments
from composite.machines.observe import observe
from composite.machines.plan import make_plan
from composite.machines.related import related_rules
from composite.metacontroller import (
    CustomizeRequest,
    CustomizeResponse,
    DecoratorRequest,
    DecoratorResponse,
    seconds_until,
)

__all__ = ["CustomizeQuestion", "Request", "Response", "customize", "sync"]

Request = DecoratorRequest[Namespace]
Response = DecoratorResponse
CustomizeQuestion = CustomizeRequest[Namespace]


def sync(request: Request, catalog: Catalog, now: datetime) -> Response:
    """
    Answer which Machines of a namespace shall exist.

    Args:
        request: The Namespace, its Machines, and its Workspaces.
        catalog: Says what nodes are made with.
        now: The time, for planned Machines that wait.

    Raises:
        Unplannable: A kind was not sent at all.

    """
    provisioning = catalog.provisioning
    plan = make_plan(observe(request, provisioning.provisioner), catalog, now)
    return Response(
        attachments=build_attachments(plan, provisioning),
        resyncAfterSeconds=seconds_until(plan.look_again, now),
    )


def customize(question: CustomizeQuestion, catalog: Catalog) -> CustomizeResponse:  # noqa: ARG001  (all customize hooks are asked alike)
    """Answer what else Metacontroller shall watch for this Namespace."""
    return CustomizeResponse(relatedResources=related_rules(question.parent))
