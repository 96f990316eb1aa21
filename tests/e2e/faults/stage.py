"""A namespace of a real cluster as a stage."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from composite.simulate import objects
from composite.simulate.errors import NotFoundError
from composite.simulate.objects import Kind
from hooks.dev.api import Api
from tests.e2e.cluster.bundle import Bundle
from tests.e2e.faults.proxy import Proxy
from tests.stories.stage import Json, Stage

MERGE_PATCH = "application/merge-patch+json"
KINDS = tuple(kind for kind in objects.KINDS.values() if kind.kind not in ("NodeClaim", "Secret"))
# So long nothing is asked before it is taken for rest.
QUIET_SECONDS = 3.0
EVERY_SECONDS = 0.02


class RealStage(Stage):
    """
    One namespace of a real cluster.

    Args:
        namespace: The namespace.
        story: What is played there.
        api: The API server, as an administrator.
        bundle: What is tested.
        proxy: What passes Metacontroller's questions on.

    """

    def __init__(self, namespace: str, story: str, api: Api, bundle: Bundle, proxy: Proxy) -> None:
        super().__init__(namespace, story)
        self.bundle = bundle
        self.proxy = proxy
        self._api = api

    def create(self, *documents: Mapping[str, Any]) -> None:
        """Create objects in the namespace."""
        for document in documents:
            path = collection(objects.kind_of(document), self.namespace)
            metadata = {**document["metadata"], "namespace": self.namespace}
            self._api.send("POST", path, body={**document, "metadata": metadata})

    def get(self, kind: Kind, name: str) -> Json | None:
        """Return one object, or None."""
        try:
            return self._api.send("GET", f"{collection(kind, self.namespace)}/{name}")
        except NotFoundError:
            return None

    def patch(self, kind: Kind, name: str, patch: Json, part: str = "") -> None:
        """Change an object by a JSON merge patch."""
        path = f"{collection(kind, self.namespace)}/{name}{part}"
        self._api.send("PATCH", path, body=patch, content_type=MERGE_PATCH)

    def delete(self, kind: Kind, name: str) -> None:
        """Delete an object."""
        self._api.send("DELETE", f"{collection(kind, self.namespace)}/{name}")

    def items(self, kind: Kind, **labels: str) -> list[Json]:
        """Return the objects of a kind: those in the namespace, or all of the cluster."""
        chosen = ",".join(f"{key}={value}" for key, value in labels.items())
        return self._listed(kind, collection(kind, self.namespace), {"labelSelector": chosen})

    def until(self, seen: Callable[[], object], seconds: float = 60.0) -> float:
        """Look until something true is seen, and return after how many seconds it was."""
        began = time.monotonic()
        while not seen():
            passed = time.monotonic() - began
            assert passed < seconds, f"not seen within {seconds:.0f} s\n{self.told()}"
            time.sleep(EVERY_SECONDS)
        return time.monotonic() - began

    def wait(self, seconds: float) -> None:
        """Let some time pass."""
        time.sleep(seconds)

    def quiet_for(self) -> float:
        """Return for how many seconds nobody has asked the hooks about this namespace."""
        return time.monotonic() - self.proxy.asked_at.get(self.namespace, time.monotonic())

    def everything(self) -> list[Json]:
        """Return all objects of the cluster of all kinds that the controllers look at."""
        return [obj for kind in KINDS for obj in self._listed(kind, collection(kind), {})]

    def _listed(self, kind: Kind, path: str, query: Mapping[str, str]) -> list[Json]:
        """Return objects with what a list does not repeat for each."""
        found = self._api.send("GET", path, query=query)["items"]
        return [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in found]


def collection(kind: Kind, namespace: str = "") -> str:
    """Return the path of the objects of a kind."""
    prefix = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
    where = f"/namespaces/{namespace}" if namespace and kind.namespaced else ""
    return f"{prefix}{where}/{kind.plural}"
