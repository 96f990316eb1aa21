"""
What ``cleanup`` does: see that no node is left that was made for a Workspace.

A node of ours is a Machine or NodeClaim that our DecoratorController made. While Metacontroller
runs it deletes those of a Workspace that is gone; this does so too, since it may not run any more.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from composite import names
from composite.models import JsonObject
from composite.simulate.controllers import CLAIMS
from composite.simulate.errors import ApiError, NotFoundError
from composite.simulate.objects import WORKSPACE, Kind, is_terminating, labels_of, status_of
from hooks.cli.errors import Failed, Refused

# Metacontroller's own, on what a DecoratorController made.
# https://metacontroller.github.io/metacontroller/api/decoratorcontroller.html
MADE_BY = "metacontroller.k8s.io/decorator-controller"
CONTROLLER = "metakaito-machines"

# Objects in one answer of the API server.
PAGE = 500
LOOK_AGAIN_SECONDS = 1.0
MOST_NAMES = 10

# What may be otherwise in a moment: nobody answers, a list went stale between two of its pages,
# too many requests. So may whatever is the server's own fault.
PASSING = frozenset({0, 410, 429})
SERVER_ERRORS = 500

Policy = Literal["refuse", "delete"]


class Api(Protocol):
    """Whatever sends a request to the API server."""

    def send(self, method: str, path: str) -> JsonObject:
        """Return the answer, or raise :class:`composite.simulate.errors.ApiError`."""
        ...


class Clock(Protocol):
    """The time, and waiting for it."""

    def monotonic(self) -> float:
        """Return seconds since some moment."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Wait."""
        ...


class Seen(NamedTuple):
    """The Workspaces by namespace and name, and the nodes that were made for some."""

    workspaces: dict[str, JsonObject]
    claims: list[JsonObject]

    @property
    def alive(self) -> dict[str, JsonObject]:
        """The Workspaces that nobody has deleted."""
        return {key: each for key, each in self.workspaces.items() if not is_terminating(each)}

    @property
    def with_nodes(self) -> list[str]:
        """The Workspaces that nobody has deleted and that have nodes of ours, or will."""
        have = {owner_of(claim) for claim in self.claims}
        wanting = {key for key, each in self.alive.items() if status_of(each).get("machines")}
        return [key for key in self.alive if key in have | wanting]

    @property
    def left_over(self) -> list[JsonObject]:
        """The nodes whose Workspace is gone and that nobody has deleted."""
        return [
            claim
            for claim in self.claims
            if owner_of(claim) not in self.workspaces and not is_terminating(claim)
        ]


def connect(kubeconfig: Path | None, context: str | None, *, in_cluster: bool) -> Api:
    """
    Return a connection to the API server.

    Raises:
        Failed: The library that reads a kubeconfig is absent, or the file says nothing of use.

    """
    if in_cluster:
        from hooks.in_cluster import InCluster  # noqa: PLC0415  (see the package)

        return InCluster()
    try:
        from hooks.dev.api import Api as FromKubeconfig  # noqa: PLC0415  (an optional extra)
        from hooks.dev.api import NoClusterError  # noqa: PLC0415
    except ImportError:
        raise Failed("to read a kubeconfig: pip install 'metakaito[cluster]'") from None
    try:
        return FromKubeconfig(kubeconfig, context, connections=1)
    except NoClusterError as error:
        raise Failed(str(error)) from None


def clean(
    api: Api,
    kinds: Sequence[Kind],
    policy: Policy,
    timeout_seconds: float,
    tell: Callable[[str], None],
    clock: Clock,
    keep: str = "",
) -> None:
    """
    Return once no node of ours is left.

    Args:
        api: The API server.
        kinds: What may have been made: Machines, NodeClaims.
        policy: Whether Workspaces that have nodes are deleted, or a reason to refuse.
        timeout_seconds: How long nodes may take to go.
        tell: Takes a line whenever something has changed.
        clock: The time.
        keep: The command that keeps the release; told with a refusal.

    Raises:
        Refused: Workspaces have nodes, and are not to be deleted.
        Failed: It takes too long, or the API server says no.

    """
    deadline, said = clock.monotonic() + timeout_seconds, ""
    while True:
        try:
            seen = look(api, kinds)
            if policy == "refuse" and seen.with_nodes:
                raise Refused(*refusal(seen, keep))
            if not seen.claims and (policy == "refuse" or not seen.workspaces):
                tell("no node is left that was made for a Workspace")
                return
            delete(api, [*(seen.alive.values() if policy == "delete" else ()), *seen.left_over])
            now, left = summary(seen), f"still there: {summary(seen)}"
        except ApiError as error:
            if error.code not in PASSING and error.code < SERVER_ERRORS:
                raise Failed(str(error)) from None
            now, left = f"{error}; trying again", f"still: {error}"
        if now != said:
            tell(said := now)
        if clock.monotonic() > deadline:
            raise Failed(f"after {timeout_seconds:g} s {left}")
        clock.sleep(LOOK_AGAIN_SECONDS)


def look(api: Api, kinds: Sequence[Kind]) -> Seen:
    """Return what there is; an API that the cluster does not have has no objects."""
    claims = [claim for kind in kinds for claim in listed(api, kind)]
    return Seen(
        workspaces={
            f"{each['metadata']['namespace']}/{each['metadata']['name']}": each
            for each in listed(api, WORKSPACE)
        },
        claims=[claim for claim in claims if made_by_us(claim)],
    )


def listed(api: Api, kind: Kind) -> Iterator[JsonObject]:
    """Yield every object of a kind, in all namespaces."""
    follows: str | None = ""
    while follows is not None:
        try:
            answer = api.send("GET", f"{path_of(kind)}?limit={PAGE}&continue={follows}")
        except NotFoundError:
            return
        for each in answer["items"]:
            # The members of a list do not say what they are.
            yield {**each, "apiVersion": kind.api_version, "kind": kind.kind}
        follows = answer["metadata"].get("continue") or None


def delete(api: Api, objects: Sequence[JsonObject]) -> None:
    """Delete objects; one that is gone already is well."""
    kinds = {kind.kind: kind for kind in (WORKSPACE, *CLAIMS.values())}
    for each in objects:
        metadata = each["metadata"]
        path = path_of(kinds[each["kind"]], metadata.get("namespace", ""))
        try:
            api.send("DELETE", f"{path}/{metadata['name']}")
        except NotFoundError:
            continue


def path_of(kind: Kind, namespace: str = "") -> str:
    """Return where the objects of a kind are."""
    within = f"namespaces/{namespace}/" if namespace else ""
    return f"/apis/{kind.api_version}/{within}{kind.plural}"


def made_by_us(claim: JsonObject) -> bool:
    """Tell whether our DecoratorController made this."""
    annotations = claim["metadata"].get("annotations") or {}
    return annotations.get(MADE_BY) == CONTROLLER


def owner_of(claim: JsonObject) -> str:
    """Return namespace and name of the Workspace that this was made for."""
    labels = labels_of(claim)
    namespace = labels.get(names.LABEL_WORKSPACE_NAMESPACE, "")
    return f"{namespace}/{labels.get(names.LABEL_WORKSPACE, '')}"


def refusal(seen: Seen, keep: str) -> list[str]:
    """Return why nothing is removed, and what to do."""
    gone = [f"{claim['kind']} {claim['metadata']['name']}" for claim in seen.left_over]
    whose = f"{counted(len(seen.with_nodes), 'Workspace')} with nodes made or planned for them"
    return [
        f"{whose}: {some(seen.with_nodes)}",
        *([f"besides, nodes whose Workspace is gone: {some(gone)}"] if gone else ()),
        "delete them first: kubectl delete workspaces --all --all-namespaces",
        *([f"or keep the release: {keep}"] if keep else ()),
    ]


def some(names: Sequence[str]) -> str:
    """Return the first of many names."""
    return ", ".join([*names[:MOST_NAMES], *(["..."] if len(names) > MOST_NAMES else [])])


def summary(seen: Seen) -> str:
    """Return in a line what is still there."""
    claims = [f"{claim['kind']} {claim['metadata']['name']}" for claim in seen.claims]
    few = [*claims[:MOST_NAMES], *(["..."] if len(claims) > MOST_NAMES else [])]
    listing = f" ({', '.join(few)})" if few else ""
    return f"{counted(len(seen.workspaces), 'Workspace')}, {counted(len(claims), 'node')}{listing}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
