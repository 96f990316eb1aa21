"""
The words Metacontroller speaks: one request in, one response out (hook version v2).

Source: https://metacontroller.github.io/metacontroller/api/compositecontroller.html
"""

from datetime import datetime, timedelta
from typing import Generic, TypeVar

from pydantic import Field, SerializeAsAny

from composite import desired
from composite.models import Desired, JsonObject, Observed
from composite.refusal import Unplannable

ParentT = TypeVar("ParentT", bound=Observed)
StatusT = TypeVar("StatusT", bound=Desired)

# "Kind.group/version" to "namespace/name" (or "name", for cluster-scoped kinds) to the object as
# the API server has it.
ObjectMap = dict[str, dict[str, JsonObject]]


# Far more than anything of ours waits.
LONGEST_WAIT = timedelta(hours=1)


class SyncRequest(Observed, Generic[ParentT]):
    """What a CompositeController observed: the parent, the children it owns, the related."""

    parent: ParentT
    children: ObjectMap
    related: ObjectMap
    finalizing: bool = False


class DecoratorRequest(Observed, Generic[ParentT]):
    """What a DecoratorController observed: the object, its attachments, the related."""

    object: ParentT
    attachments: ObjectMap
    related: ObjectMap
    finalizing: bool = False


class CustomizeRequest(Observed, Generic[ParentT]):
    """A parent for which Metacontroller asks what else to watch."""

    parent: ParentT


class RelatedRule(Desired):
    """
    Objects to send along in the next sync request.

    ``names`` excludes ``labelSelector``. A rule with neither asks for everything there is.
    """

    apiVersion: str
    resource: str = Field(description="Plural, lower case: nodes.")
    namespace: str | None = None
    names: list[str] | None = None
    labelSelector: desired.LabelSelector | None = None


class CustomizeResponse(Desired):
    """Everything to watch for one parent. Cached by Metacontroller per uid and generation."""

    relatedResources: list[RelatedRule]


class SyncResponse(Desired, Generic[StatusT]):
    """
    What we want: the parent's whole status and every child that should exist.

    Metacontroller deletes each observed child that is left out, and replaces the status.
    """

    status: StatusT
    children: list[SerializeAsAny[desired.Object]]
    resyncAfterSeconds: float | None = Field(default=None, gt=0)


class DecoratorResponse(Desired):
    """
    What we want: every attachment that should exist.

    No ``status``: it would overwrite the Namespace's own. Metacontroller deletes each observed
    attachment that is left out.
    """

    attachments: list[SerializeAsAny[desired.Object]]
    resyncAfterSeconds: float | None = Field(default=None, gt=0)


def seconds_until(time: datetime | None, now: datetime) -> float | None:
    """
    Return how long to wait before looking again, at most an hour.

    Metacontroller counts nanoseconds in 64 bits: of a time that is centuries ahead, which a status
    may hold, it would make one that is past, and ask again and again.
    """
    return None if time is None else min(time - now, LONGEST_WAIT).total_seconds()


def sent_objects(sent: ObjectMap, kind: str) -> dict[str, JsonObject]:
    """
    Return the objects of a kind by their keys.

    Raises:
        Unplannable: The kind was not sent at all, so that its absence says nothing.

    """
    if kind not in sent:
        raise Unplannable(f"the request holds no {kind}: are both hooks of version v2?")
    return sent[kind]
