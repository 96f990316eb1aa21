"""The API server as the core's store: reading from what was heard, writing with a line for each."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from composite.models import JsonObject
from composite.simulate import apply, objects
from composite.simulate.errors import NotFoundError
from composite.simulate.objects import Kind, Ref
from composite.simulate.store import Listing
from hooks.dev.api import APPLY_PATCH, JSON_PATCH, Api
from hooks.dev.discovery import Discovery, collection
from hooks.dev.informers import Informers

LOGGER = logging.getLogger("metakaito.dev")

# For whom this thread writes, for the lines it logs.
_ON_BEHALF_OF: ContextVar[JsonObject] = ContextVar("on_behalf_of")

# A line names so many fields that differ.
MOST_FIELDS = 6


@contextmanager
def on_behalf_of(controller: str, parent: Ref) -> Iterator[None]:
    """Say in each line of this thread which sync wrote."""
    token = _ON_BEHALF_OF.set({"controller": controller, "for": str(parent)})
    try:
        yield
    finally:
        _ON_BEHALF_OF.reset(token)


class ApiStore(Listing):
    """
    A store for controllers (``composite.simulate.appliers.ApplyingStore``).

    Args:
        api: The API server.
        discovery: Its kinds.
        informers: What was heard of them.
        update_manager: Who writes, in managedFields: what a program called metacontroller would be.
        apply_manager: The same for server-side apply.

    """

    def __init__(
        self,
        api: Api,
        discovery: Discovery,
        informers: Informers,
        update_manager: str,
        apply_manager: str,
    ) -> None:
        self._api = api
        self._discovery = discovery
        self._informers = informers
        self._update = {"fieldManager": update_manager}
        self._apply = {"fieldManager": apply_manager, "force": "true"}

    def kind(self, api_version: str, plural: str) -> Kind | None:
        """Return the kind behind a resource, or None if there is none."""
        return self._discovery.kind(api_version, plural)

    def get(self, ref: Ref) -> JsonObject | None:
        """Return one object as last heard of, or None."""
        informer = self._informers.find(ref.kind)
        return informer.get(ref.namespace, ref.name) if informer is not None else None

    def list_of(self, kind: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind in the order of their names, as last heard of."""
        informer = self._informers.find(kind)
        return informer.list_of(namespace) if informer is not None else []

    def owned_by(self, kind: str, uid: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind that have an owner for their controller."""
        informer = self._informers.find(kind)
        return informer.owned_by(uid, namespace) if informer is not None else []

    def orphans(self, kind: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind that have no controller."""
        return self.owned_by(kind, "", namespace)

    def read(self, ref: Ref) -> JsonObject | None:
        """Return one object as it is at this moment, or None."""
        try:
            return self._api.send("GET", self._discovery.path(ref))
        except NotFoundError:
            return None

    def create(self, obj: JsonObject) -> JsonObject:
        """Create an object, without a status."""
        ref = objects.ref_of(obj)
        path = collection(self._discovery.named(ref.kind), ref.namespace)
        made = self._api.send("POST", path, query=self._update, body=obj)
        told("created", ref)
        return made

    def update(self, obj: JsonObject) -> JsonObject:
        """Replace all of an object but its status."""
        return self._replace(obj, "", "updated")

    def update_status(self, obj: JsonObject) -> JsonObject:
        """Replace the status of an object and nothing else."""
        return self._replace(obj, "/status", "updated status of")

    def delete(self, ref: Ref, uid: str | None = None) -> None:
        """Delete an object; what depends on it goes later."""
        options: JsonObject = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
        }
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        self._api.send("DELETE", self._discovery.path(ref), body=options)
        told("deleted", ref)

    def apply(self, obj: JsonObject, *, dry_run: bool = False) -> JsonObject:
        """Apply what one field manager wants, by force, and return what comes of it."""
        ref = objects.ref_of(obj)
        query = {**self._apply, **({"dryRun": "All"} if dry_run else {})}
        path = self._discovery.path(ref)
        made = self._api.send("PATCH", path, query=query, body=obj, content_type=APPLY_PATCH)
        if not dry_run:
            known = self.get(ref)
            told("applied", ref, differences(known, made) if known else None)
        return made

    def remove_annotation(self, ref: Ref, annotation: str) -> None:
        """Take away an annotation that is there."""
        name = annotation.replace("~", "~0").replace("/", "~1")
        patch = [{"op": "remove", "path": f"/metadata/annotations/{name}"}]
        path = self._discovery.path(ref)
        self._api.send("PATCH", path, query=self._update, body=patch, content_type=JSON_PATCH)
        told("updated", ref, annotation)

    def _replace(self, obj: JsonObject, subresource: str, what: str) -> JsonObject:
        ref = objects.ref_of(obj)
        path = self._discovery.path(ref) + subresource
        before = self.get(ref)
        made = self._api.send("PUT", path, query=self._update, body=obj)
        told(what, ref, differences(before, obj))
        return made


def told(what: str, ref: Ref, changed: str | None = None) -> None:
    """Write the line of one write: for whom, and what of the object is another by it."""
    fields = {**_ON_BEHALF_OF.get({}), "changed": changed}
    LOGGER.info("%s %s", what, ref, extra={"fields": fields})


def differences(before: JsonObject | None, after: JsonObject) -> str:
    """Return which fields differ, by their paths; managed ones and the note of apply aside."""
    found = list(_differing(before or {}, after, ""))
    shown = ", ".join(found[:MOST_FIELDS])
    more = f" and {len(found) - MOST_FIELDS} more" if len(found) > MOST_FIELDS else ""
    return f"{shown}{more}" if found else "what is noted as wanted"


UNTOLD = frozenset({"managedFields", "resourceVersion", "generation", apply.LAST_APPLIED})


def _differing(before: Any, after: Any, path: str) -> Iterator[str]:  # noqa: ANN401  (JSON)
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({**before, **after}):
            if key not in UNTOLD:
                yield from _differing(before.get(key), after.get(key), f"{path}.{key}")
    elif not objects.same(before, after):
        yield path.lstrip(".")
