"""
What Metacontroller would still change in a cluster, were it asked now.

Everything is read from the API server, and the very code that plays Metacontroller in
``metakaito simulate`` syncs it once. Its store is a picture that notes writes and does none.
"""

import json
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import urlsplit

from composite.catalog import Provisioner
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.appliers import DynamicApply
from composite.simulate.controllers import controllers
from composite.simulate.errors import NotFoundError
from composite.simulate.hooks import ask
from composite.simulate.objects import Ref
from composite.simulate.store import Listing
from composite.simulate.syncing import Syncer
from tests.e2e.cluster.recorder import passed_on


class Picture(Listing):
    """
    A cluster at one moment, as a store (``composite.simulate.store.Store``).

    Args:
        found: All objects of all kinds that matter.

    """

    def __init__(self, found: Iterable[JsonObject]) -> None:
        self.writes: list[str] = []
        self._objects = {objects.ref_of(obj): obj for obj in found}

    def get(self, ref: Ref) -> JsonObject | None:
        """Return one object, or None."""
        return self._objects.get(ref)

    def list_of(self, kind: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind in the order of their names."""
        return [
            obj
            for ref, obj in sorted(self._objects.items())
            if ref.kind == kind and namespace in ("", ref.namespace)
        ]

    def read(self, ref: Ref) -> JsonObject | None:
        """Return one object, or None."""
        return self.get(ref)

    def create(self, obj: JsonObject) -> JsonObject:
        """Note that an object would be created."""
        return self._noted("create", obj)

    def update(self, obj: JsonObject) -> JsonObject:
        """Note that an object would be replaced."""
        return self._noted("update", obj)

    def update_status(self, obj: JsonObject) -> JsonObject:
        """Note that a status would be replaced."""
        return self._noted("update the status of", obj)

    def delete(self, ref: Ref, uid: str | None = None) -> None:  # noqa: ARG002  (the protocol's)
        """Note that an object would be deleted."""
        self.writes.append(f"delete {ref}")

    def _noted(self, what: str, obj: JsonObject) -> JsonObject:
        ref = objects.ref_of(obj)
        before = self.get(ref) or {}
        changed = sorted(key for key in {**before, **obj} if before.get(key) != obj.get(key))
        self.writes.append(f"{what} {ref}: {', '.join(changed)}")
        if what == "update" and ref not in self._objects:
            raise NotFoundError(f"{ref} not found")
        return obj


class OverHttp:
    """The hooks behind a URL, asked as Metacontroller asks them."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc

    def call(self, path: str, body: JsonObject) -> JsonObject:
        """Return the answer of one hook."""
        status, text = passed_on(self._address, path, json.dumps(body).encode(), {})
        assert status == HTTPStatus.OK, text
        answer: JsonObject = json.loads(text)
        return answer


class _NoTime:
    """The time, of which a single sync needs none."""

    seconds = 0.0


def writes_of_a_sync(found: Iterable[JsonObject], namespace: str, hooks_url: str) -> list[str]:
    """
    Return what syncing a Namespace and all Workspaces in it would write now.

    Args:
        found: The cluster: all objects of the kinds that the controllers know.
        namespace: Whose Workspaces.
        hooks_url: The hooks.

    """
    picture, hooks = Picture(found), OverHttp(hooks_url)
    for controller in controllers(Provisioner.MACHINE):
        syncer = Syncer(
            controller,
            picture,
            applier=DynamicApply(picture),
            clock=_NoTime(),
            ask=lambda path, body: ask(hooks, path, body),
            watch=lambda kind: None,  # noqa: ARG005  (all are known)
        )
        for ref in syncer.parents():
            parent = picture.get(ref)
            assert parent is not None
            if namespace in (ref.namespace, ref.name):
                syncer.sync(parent, lambda answer: None)  # noqa: ARG005  (what it says is done)
    return picture.writes
