"""
A cluster as it is read, for what plays Metacontroller: nothing is written, each list is read once.

What may not be read, or is not there, is noted and taken for empty.
"""

from collections.abc import Iterator
from urllib.parse import quote

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.errors import ApiError, NotFoundError
from composite.simulate.objects import Kind, Ref
from composite.simulate.store import Listing
from hooks.cli.cleaning import PAGE, Api
from hooks.dev.discovery import Discovery, collection

# Nobody answers, or nobody knows us.
HOPELESS = frozenset({0, 401})


class Snapshot(Listing):
    """
    The objects of a cluster, as they are when they are first asked for.

    ``notes`` says what could not be read.

    Args:
        api: The API server.
        discovery: Its kinds.

    """

    def __init__(self, api: Api, discovery: Discovery) -> None:
        self.notes: list[str] = []
        self._api = api
        self.discovery = discovery
        self._lists: dict[tuple[str, str, str], list[JsonObject]] = {}

    def note(self, text: str) -> None:
        """Note what could not be read, once."""
        if text not in self.notes:
            self.notes.append(text)

    def _note_error(self, what: str, error: ApiError) -> None:
        """
        Note that something could not be read.

        Raises:
            ApiError: Nothing can be: nobody answers, or not to us.

        """
        if error.code in HOPELESS:
            raise error
        self.note(f"{what}: {error}")

    def kind(self, api_version: str, plural: str) -> Kind | None:
        """Return the kind behind a resource, or None if there is none."""
        return self.discovery.kind(api_version, plural)

    def list_of(self, kind: str, namespace: str = "") -> list[JsonObject]:
        """Return the objects of a kind in the order of their names."""
        return self.selected(kind, namespace)

    def selected(self, kind: str, namespace: str = "", labels: str = "") -> list[JsonObject]:
        """Return the objects of a kind that a selector of labels means, as kubectl writes it."""
        key = (kind, namespace, labels)
        if key not in self._lists:
            self._lists[key] = self._read(kind, namespace, labels)
        return self._lists[key]

    def get(self, ref: Ref) -> JsonObject | None:
        """Return one object, or None."""
        known = self._lists.get((ref.kind, ref.namespace, ""))
        if known is not None:
            return next((obj for obj in known if objects.ref_of(obj) == ref), None)
        return self.read(ref)

    def read(self, ref: Ref) -> JsonObject | None:
        """Return one object as it is at this moment, or None."""
        try:
            return self._api.send("GET", self.discovery.path(ref))
        except NotFoundError:
            return None
        except ApiError as error:
            self._note_error(str(ref), error)
            return None

    def update(self, obj: JsonObject) -> JsonObject:
        """Return what would be written, as an orphan that is adopted; nothing is."""
        return obj

    update_status = create = update

    def delete(self, ref: Ref, uid: str | None = None) -> None:
        """Delete nothing."""

    def _read(self, kind: str, namespace: str, labels: str) -> list[JsonObject]:
        found: list[JsonObject] = []
        try:
            found.extend(self._pages(self.discovery.named(kind), namespace, labels))
        except NotFoundError:
            self.note(f"there is no {kind} in this cluster")
        except ApiError as error:
            self._note_error(kind, error)
        return sorted(found, key=lambda obj: objects.ref_of(obj).key)

    def _pages(self, kind: Kind, namespace: str, labels: str) -> Iterator[JsonObject]:
        path = collection(kind, namespace)
        selector = f"&labelSelector={quote(labels)}" if labels else ""
        follows = ""
        while True:
            answer = self._api.send("GET", f"{path}?limit={PAGE}&continue={follows}{selector}")
            for each in answer.get("items") or ():
                # The members of a list do not say what they are.
                yield {**each, "apiVersion": kind.api_version, "kind": kind.kind}
            follows = quote(answer["metadata"].get("continue") or "")
            if not follows:
                return
