"""What Metacontroller hears late, not at all, or twice; what befalls its writes and the process."""

from collections.abc import Callable

import pytest

from composite import names
from composite.models import JsonObject
from composite.simulate import Cluster, objects
from composite.simulate.informers import Delivery, Upset
from composite.simulate.objects import Ref
from tests.simulate.stubs import (
    WORKSPACE,
    StubHooks,
    a_cluster,
    a_config_map,
    a_service,
    a_workspace,
    found,
    names_of,
    requests_to,
    wants,
)

SYNC = "/workspaces/sync"
SERVICE = Ref(names.SERVICES, "default", "phi")
MARK: JsonObject = {"metadata": {"labels": {"by": "hand"}}}


def told(cluster: Cluster) -> list[tuple[float, str, str]]:
    """Who did what and when, apart from statuses."""
    return [
        (entry.seconds, entry.what, entry.about)
        for entry in cluster.timeline
        if entry.who == "metacontroller" and not entry.about.startswith("Workspace")
    ]


def counts(kind: str) -> Callable[[JsonObject], JsonObject]:
    """A hook that reports how many children of a kind it is shown, and wants one Service."""
    return lambda request: {
        "status": {"seen": len(request["children"][kind])},
        "children": [a_service()],
    }


def test_what_is_late_is_heard_in_its_order_and_acted_on_then() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service())))
    cluster.deliver(Delivery(lags={names.WORKSPACES: 5}))
    cluster.apply(a_workspace("one"))
    cluster.run(until=3)
    cluster.apply(a_workspace("two"))
    cluster.run()

    syncs = [(x.seconds, x.request["parent"]) for x in cluster.requests if x.path == SYNC]
    names_at = [(seconds, parent["metadata"]["name"]) for seconds, parent in syncs]
    assert list(dict.fromkeys(names_at)) == [(5.0, "one"), (8.0, "two")]


def test_between_kinds_there_is_no_order() -> None:
    cluster = a_cluster(StubHooks(sync=counts(names.SERVICES)))
    cluster.deliver(Delivery(lags={names.SERVICES: 10}))
    cluster.apply(a_workspace())
    cluster.run(until=1)
    cluster.patch(WORKSPACE, MARK)  # a sync while the Service is made and not heard of
    cluster.run(until=2)

    assert requests_to(cluster, SYNC)[-1]["children"][names.SERVICES] == {}
    assert told(cluster) == [(0.0, "created", "Service default/phi")]
    cluster.run()
    assert list(requests_to(cluster, SYNC)[-1]["children"][names.SERVICES]) == ["default/phi"]


def test_a_write_over_what_was_not_heard_of_is_refused_and_the_event_mends_it() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service(type="ClusterIP"))))
    cluster.apply(a_workspace())
    cluster.run()
    cluster.deliver(Delivery(lags={names.SERVICES: 10}))
    cluster.patch(SERVICE, {"spec": {"type": "NodePort"}})
    cluster.patch(WORKSPACE, MARK)
    cluster.run(until=1)

    assert found(cluster, *SERVICE[:1], "phi", "default")["spec"]["type"] == "NodePort"
    cluster.run()
    assert found(cluster, *SERVICE[:1], "phi", "default")["spec"]["type"] == "ClusterIP"


def test_of_what_happened_while_a_watch_was_broken_only_the_end_is_heard() -> None:
    cluster = a_cluster(StubHooks(sync=counts(names.SERVICES)))
    cluster.apply(a_workspace())
    cluster.run()
    cluster.deliver(Delivery(cut=frozenset({names.SERVICES})))
    for kind in ("NodePort", "ClusterIP", "LoadBalancer"):
        cluster.patch(SERVICE, {"spec": {"type": kind}})
    cluster.run(until=100)
    asked = len(requests_to(cluster, SYNC))
    cluster.deliver(Delivery())
    cluster.run()

    (request,) = requests_to(cluster, SYNC)[asked:]
    shown = request["children"][names.SERVICES]["default/phi"]
    assert shown["spec"]["type"] == "LoadBalancer"


def test_a_parent_made_anew_while_the_watch_was_broken_waits_for_the_next_resync() -> None:
    """With ignoreStatusChanges Metacontroller takes it for an edit that changes nothing."""
    cluster = a_cluster(StubHooks(sync=wants(a_service())))
    cluster.apply(a_workspace())
    cluster.run()
    cluster.deliver(Delivery(cut=frozenset({names.WORKSPACES})))
    cluster.delete(WORKSPACE)
    cluster.apply(a_workspace())
    cluster.run(until=100)
    cluster.deliver(Delivery())
    cluster.run()
    heard = [request["parent"]["metadata"]["uid"] for request in requests_to(cluster, SYNC)]
    assert len(dict.fromkeys(heard)) == 1

    cluster.resync()
    cluster.run()

    assert names_of(cluster, names.SERVICES) == ["phi"]
    owner = objects.controller_of(found(cluster, names.SERVICES, "phi", "default"))
    assert owner is not None
    assert owner["uid"] == found(cluster, names.WORKSPACES, "phi", "default")["metadata"]["uid"]


@pytest.mark.parametrize(
    ("upset", "made"),
    [(Upset.REFUSED, 0.005), (Upset.LOST, 0.0), (Upset.KILLED, 0.0), (Upset.KILLED_AFTER, 0.0)],
)
def test_whatever_befalls_a_write_it_is_done_once_in_the_end(upset: Upset, made: float) -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service())))
    cluster.apply(a_workspace())
    cluster.upset(upset)
    cluster.run()

    assert told(cluster)[-1] == (made, "created", "Service default/phi")
    assert [what for _, what, _ in told(cluster)].count("created") == 1
    status = objects.status_of(found(cluster, names.WORKSPACES, "phi", "default"))
    assert status == {"observedGeneration": 1}


def test_what_happens_while_metacontroller_is_down_is_found_after_its_start() -> None:
    cluster = a_cluster(StubHooks(sync=wants(a_service())))
    cluster.apply(a_workspace())
    cluster.run()
    cluster.stop()
    cluster.delete(SERVICE)
    cluster.run(until=60)
    assert names_of(cluster, names.SERVICES) == []
    assert cluster.informers is None

    cluster.start()
    cluster.run()

    assert names_of(cluster, names.SERVICES) == ["phi"]


def test_the_requests_of_before_a_restart_are_kept() -> None:
    cluster = a_cluster()
    cluster.apply(a_workspace())
    cluster.run()
    before = len(cluster.requests)
    cluster.stop()
    cluster.start()
    cluster.run()

    assert before > 0
    assert len(cluster.requests) == 2 * before


def test_a_change_from_before_the_start_is_not_heard_after_it() -> None:
    cluster = a_cluster(StubHooks(sync=counts(names.CONFIGMAPS)))
    cluster.apply(a_workspace())
    cluster.run()
    cluster.apply(a_config_map())
    cluster.delete(Ref(names.CONFIGMAPS, "default", "settings"))
    cluster.stop()
    cluster.start()
    cluster.run()

    assert cluster.informers is not None
    assert cluster.informers.list_of(names.CONFIGMAPS) == []


def test_a_provisioner_that_restarts_begins_its_waits_anew() -> None:
    machine = {
        "apiVersion": "karpenter.sh/v1alpha5",
        "kind": "Machine",
        "metadata": {"name": "ws0"},
        "spec": {},
    }
    cluster = a_cluster(delays={"launch": 20})
    cluster.apply(machine)
    cluster.run(until=15)
    cluster.restart_provisioner()
    cluster.run(until=30)
    assert "providerID" not in objects.status_of(found(cluster, names.MACHINES, "ws0"))

    cluster.run(until=36)
    assert "providerID" in objects.status_of(found(cluster, names.MACHINES, "ws0"))
