from collections.abc import Callable

import pytest

from composite.models import JsonObject
from composite.simulate.errors import ApiError, ForbiddenError, NotFoundError
from composite.simulate.objects import MACHINE, NODECLAIM
from hooks.cli import cleaning
from hooks.cli.cleaning import Policy, clean
from hooks.cli.errors import Failed, Refused
from tests.cli.conftest import Run

WORKSPACES = "/apis/kaito.sh/v1alpha1/workspaces"
NODECLAIMS = "/apis/karpenter.sh/v1/nodeclaims"
Then = Callable[[], None]

NOTHING_LEFT = "no node is left that was made for a Workspace"


class Cluster:
    """
    An API server and a clock in one: what is deleted goes after some seconds.

    ``pages``: how many objects are in one answer. ``stuck``: names that never go.
    """

    def __init__(self, *claims: JsonObject, workspaces: list[JsonObject] | None = None) -> None:
        self.workspaces = workspaces or []
        self.claims = list(claims)
        self.seconds = 0.0
        self.stuck: set[str] = set()
        self.pages = 500
        self.deleted: list[str] = []
        self.then: Then = lambda: None

    def send(self, method: str, path: str) -> JsonObject:
        where, _, query = path.partition("?")
        if method == "DELETE":
            return self.delete(where)
        objects = {WORKSPACES: self.workspaces, NODECLAIMS: self.claims}.get(where)
        if objects is None:
            raise NotFoundError(f"there is no {where}")
        start = int(query.rpartition("continue=")[2] or 0)
        end = start + self.pages
        follows = {"continue": str(end)} if end < len(objects) else {}
        return {"metadata": follows, "items": objects[start:end]}

    def delete(self, path: str) -> JsonObject:
        name = path.rpartition("/")[2]
        [found] = [each for each in self.workspaces + self.claims if name_of(each) == name]
        self.deleted.append(path)
        found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        return {}

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        for objects in (self.workspaces, self.claims):
            objects[:] = [
                each
                for each in objects
                if "deletionTimestamp" not in each["metadata"] or name_of(each) in self.stuck
            ]
        self.then()


def name_of(obj: JsonObject) -> str:
    return str(obj["metadata"]["name"])


def a_claim(name: str, workspace: str = "phi", by: str = "metakaito-machines") -> JsonObject:
    return {
        "metadata": {
            "name": name,
            "labels": {
                "kaito.sh/workspace": workspace,
                "kaito.sh/workspacenamespace": "default",
            },
            "annotations": {"metacontroller.k8s.io/decorator-controller": by},
        }
    }


def a_workspace(name: str = "phi", machines: tuple[str, ...] = ()) -> JsonObject:
    return {
        "metadata": {"name": name, "namespace": "default"},
        "status": {"machines": [{"name": machine} for machine in machines]},
    }


def cleaned(
    cluster: Cluster, policy: Policy = "refuse", timeout: float = 60, keep: str = ""
) -> list[str]:
    told: list[str] = []
    clean(cluster, [MACHINE, NODECLAIM], policy, timeout, told.append, cluster, keep)
    return told


def test_an_empty_cluster_is_clean() -> None:
    cluster = Cluster()

    assert cleaned(cluster) == [NOTHING_LEFT]
    assert (cluster.seconds, cluster.deleted) == (0, [])


def test_a_workspace_with_a_node_is_a_reason_to_refuse() -> None:
    cluster = Cluster(a_claim("ws1"), workspaces=[a_workspace()])

    with pytest.raises(Refused) as refused:
        cleaned(cluster)

    assert refused.value.lines == (
        "1 Workspace with nodes made or planned for them: default/phi",
        "delete them first: kubectl delete workspaces --all --all-namespaces",
    )
    assert cluster.deleted == []


def test_a_refusal_says_what_keeps_the_release() -> None:
    cluster = Cluster(a_claim("ws1"), workspaces=[a_workspace()])

    with pytest.raises(Refused) as refused:
        cleaned(cluster, keep="helm rollback metakaito 3 -n metakaito-system")

    assert refused.value.lines[1:] == (
        "delete them first: kubectl delete workspaces --all --all-namespaces",
        "or keep the release: helm rollback metakaito 3 -n metakaito-system",
    )


def test_so_is_one_whose_node_is_about_to_be_made() -> None:
    cluster = Cluster(workspaces=[a_workspace(machines=("ws1",))])

    with pytest.raises(Refused):
        cleaned(cluster)


def test_a_workspace_on_nodes_of_others_may_stay() -> None:
    cluster = Cluster(workspaces=[a_workspace()])

    assert cleaned(cluster) == [NOTHING_LEFT]
    assert cluster.deleted == []


def test_nodes_of_a_workspace_that_is_gone_are_deleted() -> None:
    cluster = Cluster(a_claim("ws1"), a_claim("ws2"), workspaces=[a_workspace("other")])

    assert cleaned(cluster) == ["1 Workspace, 2 nodes (NodeClaim ws1, NodeClaim ws2)", NOTHING_LEFT]
    assert cluster.deleted == [f"{NODECLAIMS}/ws1", f"{NODECLAIMS}/ws2"]


def test_nodes_of_a_workspace_that_is_going_are_metacontrollers_to_delete() -> None:
    going = a_workspace(machines=("ws1",))
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cluster = Cluster(a_claim("ws1"), workspaces=[going])
    cluster.stuck = {"phi"}

    def metacontroller() -> None:
        if cluster.seconds == 5:
            cluster.claims.clear()

    cluster.then = metacontroller

    assert cleaned(cluster)[-1] == NOTHING_LEFT
    assert (cluster.seconds, cluster.deleted) == (5, [])


def test_what_others_made_is_never_touched() -> None:
    theirs = a_claim("kaitos")
    del theirs["metadata"]["annotations"]
    cluster = Cluster(theirs, a_claim("others", by="other-machines"))

    assert cleaned(cluster, "delete") == [NOTHING_LEFT]
    assert cluster.deleted == []


def test_all_workspaces_are_deleted_and_then_their_nodes() -> None:
    cluster = Cluster(a_claim("ws1"), workspaces=[a_workspace(), a_workspace("other")])

    told = cleaned(cluster, "delete")

    assert told == [
        "2 Workspaces, 1 node (NodeClaim ws1)",
        "0 Workspaces, 1 node (NodeClaim ws1)",
        NOTHING_LEFT,
    ]
    within = "/apis/kaito.sh/v1alpha1/namespaces/default/workspaces"
    assert cluster.deleted == [f"{within}/phi", f"{within}/other", f"{NODECLAIMS}/ws1"]


def test_a_workspace_that_comes_meanwhile_is_seen() -> None:
    cluster = Cluster(a_claim("ws1", "gone"))
    cluster.stuck = {"ws1"}
    cluster.then = lambda: cluster.workspaces.append(a_workspace(machines=("ws2",)))

    with pytest.raises(Refused):
        cleaned(cluster)


def test_a_node_that_does_not_go_is_told() -> None:
    cluster = Cluster(a_claim("ws1"))
    cluster.stuck = {"ws1"}

    with pytest.raises(Failed) as failed:
        cleaned(cluster, timeout=30)

    assert str(failed.value) == "after 30 s still there: 0 Workspaces, 1 node (NodeClaim ws1)"
    assert cluster.deleted == [f"{NODECLAIMS}/ws1"]


def test_many_are_counted_and_a_few_named() -> None:
    cluster = Cluster(
        *(a_claim(f"ws{n}", f"phi-{n}") for n in range(12)),
        workspaces=[a_workspace(f"phi-{n}") for n in range(12)],
    )
    cluster.pages = 5

    with pytest.raises(Refused, match=r"^12 Workspaces .* default/phi-9, \.\.\.\n"):
        cleaned(cluster)


def test_the_api_servers_no_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()

    def no(method: str, path: str) -> JsonObject:
        raise ForbiddenError(f"{method} {path} is forbidden")

    monkeypatch.setattr(cluster, "send", no)

    with pytest.raises(Failed, match=r"^GET /apis/karpenter.sh/v1alpha5/machines.* is forbidden$"):
        cleaned(cluster)


class Hiccups:
    """An API server that fails some times at a list before it answers."""

    def __init__(self, cluster: Cluster, code: int, times: int) -> None:
        self.cluster = cluster
        self.code = code
        self.times = times

    def send(self, method: str, path: str) -> JsonObject:
        if method == "GET" and self.times:
            self.times -= 1
            raise ApiError("not now", self.code)
        return self.cluster.send(method, path)


@pytest.mark.parametrize("code", [0, 410, 429, 500, 503])
def test_what_may_be_otherwise_in_a_moment_is_tried_again(code: int) -> None:
    cluster = Cluster(a_claim("ws1"))
    told: list[str] = []

    clean(Hiccups(cluster, code, 3), [NODECLAIM], "refuse", 60, told.append, cluster)

    assert told == ["not now; trying again", "0 Workspaces, 1 node (NodeClaim ws1)", NOTHING_LEFT]
    assert cluster.deleted == [f"{NODECLAIMS}/ws1"]


def test_but_not_longer_than_the_timeout() -> None:
    cluster = Cluster()
    told: list[str] = []

    with pytest.raises(Failed, match=r"^after 30 s still: not now$"):
        clean(Hiccups(cluster, 503, 99), [NODECLAIM], "refuse", 30, told.append, cluster)

    assert (told, cluster.seconds) == (["not now; trying again"], 31)


@pytest.mark.parametrize("code", [400, 401, 409])
def test_any_other_no_is_final(code: int) -> None:
    cluster = Cluster()

    with pytest.raises(Failed, match=r"^not now$"):
        clean(Hiccups(cluster, code, 1), [NODECLAIM], "refuse", 30, lambda _: None, cluster)


def test_the_command_connects_and_tells(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(a_claim("ws1"), workspaces=[a_workspace()])
    monkeypatch.setattr(cleaning, "connect", lambda *_, **__: cluster)

    refused = run("cleanup", "--keep", "helm rollback metakaito 1")

    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "1 Workspace with nodes made or planned for them: default/phi\n"
        "delete them first: kubectl delete workspaces --all --all-namespaces\n"
        "or keep the release: helm rollback metakaito 1\n"
    )


def test_a_kubeconfig_that_is_not_there(run: Run) -> None:
    failed = run("cleanup", "--kubeconfig", "none.yaml")

    said = (
        "--kubeconfig: none.yaml does not exist; the file of kubectl, KUBECONFIG or "
        "~/.kube/config, is read without this option\n"
    )
    assert failed == (1, "", said)
