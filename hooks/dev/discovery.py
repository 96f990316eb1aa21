"""What the API server serves: kinds, their names in URLs, and whether they have namespaces."""

from threading import Lock
from time import monotonic
from typing import NamedTuple, Protocol
from urllib.parse import quote

from composite.models import JsonObject
from composite.simulate.errors import ApiError, NotFoundError
from composite.simulate.objects import Kind, Ref

# As long as Metacontroller's --discovery-interval.
FRESH_SECONDS = 30.0
# So soon a kind that was not there is looked for again.
MISSED_SECONDS = 1.0


class Api(Protocol):
    """Whoever sends a request to the API server."""

    def send(self, method: str, path: str) -> JsonObject:
        """Return the answer, or raise :class:`composite.simulate.errors.ApiError`."""
        ...


class Known(NamedTuple):
    """The kinds of one group and version, and when they were asked for."""

    since: float
    by_plural: dict[str, Kind]
    by_kind: dict[str, Kind]


class Discovery:
    """
    The kinds of each group and version that anybody asked for.

    Metacontroller asks for all of them every 30 seconds; here one group and version is asked for
    when somebody needs it. No rights are needed beyond those that every account has.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, Known] = {}
        self._lock = Lock()

    def kind(self, api_version: str, plural: str) -> Kind | None:
        """Return the kind behind a resource, or None if there is none."""
        found = self._of(api_version, FRESH_SECONDS).by_plural.get(plural)
        return found or self._of(api_version, MISSED_SECONDS).by_plural.get(plural)

    def named(self, key: str) -> Kind:
        """
        Return the kind called ``Kind.group/version``.

        Raises:
            ApiError: There is none.

        """
        name, _, api_version = key.partition(".")
        found = self._of(api_version, FRESH_SECONDS).by_kind.get(name)
        found = found or self._of(api_version, MISSED_SECONDS).by_kind.get(name)
        if found is None:
            raise NotFoundError(f"discovery: can't find kind {name} in apiVersion {api_version}")
        return found

    def path(self, ref: Ref) -> str:
        """
        Return where an object is.

        Raises:
            ApiError: There is no such kind.

        """
        return f"{collection(self.named(ref.kind), ref.namespace)}/{quote(ref.name, safe='')}"

    def _of(self, api_version: str, most_seconds: float) -> Known:
        """Return what is known of a group and version, not older than so many seconds."""
        with self._lock:
            known = self._known.get(api_version)
            if known is None or monotonic() - known.since > most_seconds:
                known = self._known[api_version] = self._asked(api_version, known)
            return known

    def _asked(self, api_version: str, before: Known | None) -> Known:
        """Ask; where nobody answers, what was known before still holds."""
        try:
            answer = self._api.send("GET", root(api_version))
        except NotFoundError:
            return Known(monotonic(), {}, {})
        except ApiError:
            if before is None:
                raise
            return before._replace(since=monotonic())
        kinds = kinds_of(answer)
        return Known(
            monotonic(), {kind.plural: kind for kind in kinds}, {kind.kind: kind for kind in kinds}
        )


def kinds_of(answer: JsonObject) -> list[Kind]:
    """Return the kinds in an APIResourceList."""
    resources = {resource["name"]: resource for resource in answer["resources"]}
    return [
        Kind(
            answer["groupVersion"],
            resource["kind"],
            name,
            namespaced=resource["namespaced"],
            status=f"{name}/status" in resources,
        )
        for name, resource in resources.items()
        if "/" not in name
    ]


def root(api_version: str) -> str:
    """Return where a group and version is served."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def collection(kind: Kind, namespace: str = "") -> str:
    """Return where the objects of a kind are, in one namespace or in all of them."""
    place = f"namespaces/{quote(namespace, safe='')}/" if kind.namespaced and namespace else ""
    return f"{root(kind.api_version)}/{place}{kind.plural}"
