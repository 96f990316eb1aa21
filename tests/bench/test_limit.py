import json

from tests.bench import fleet, limit
from tests.bench.fleet import Key
from tests.bench.limit import Sample
from tests.bench.wire import JSON, Wire


def test_what_the_server_adds_is_not_sent_again() -> None:
    found = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "labels": {"b": "c"}, "uid": "1", "resourceVersion": "2"},
        "spec": {"ports": [{"port": 80}], "clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"]},
        "status": {"loadBalancer": {}},
    }

    assert limit.as_sent(found) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "labels": {"b": "c"}},
        "spec": {"ports": [{"port": 80}]},
    }


def test_a_status_that_is_told_twice_was_written_once() -> None:
    one, two = {"observedGeneration": 1}, {"observedGeneration": 2}

    assert limit.distinct([one, one, two, one]) == [one, two, one]


def workspace_of(name: str, uid: str) -> dict[str, object]:
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": "samples", "uid": uid, "resourceVersion": "7"},
        "resource": {"labelSelector": {"matchLabels": {"apps": name}}},
    }


def test_of_a_sample_stays_a_body_with_blanks_that_another_workspace_fills() -> None:
    workspace = workspace_of("one", "11-22")
    status = {"machines": [{"name": "wsabc"}], "workerNodes": ["node-wsabc"]}

    text = limit.blanked(limit.with_status(workspace, status), workspace, "wsabc")
    made = limit.bodies(Sample((), {1: (text,)}), Key("bench-00", "fleet-0001"), 1)

    [sent] = made.statuses
    found = json.loads(sent)
    machine = found["status"]["machines"][0]["name"]
    assert found == {
        **workspace,
        "metadata": {
            "name": "fleet-0001",
            "namespace": "bench-00",
            "uid": limit.UID,
            "resourceVersion": limit.VERSION,
        },
        "resource": {"labelSelector": {"matchLabels": {"apps": "fleet-0001"}}},
        "status": {"machines": [{"name": machine}], "workerNodes": [f"node-{machine}"]},
    }
    assert machine not in ("wsabc", limit.MACHINE)
    assert made.place.endswith("/namespaces/bench-00/workspaces")


def test_a_client_writes_as_many_statuses_as_the_round_and_the_last_is_the_last() -> None:
    known = Sample((), {3: ("a", "b", "c"), 4: ("d", "e", "f", "g")})

    assert known.statuses_of(2) == ("b", "c")
    assert known.statuses_of(3) == ("a", "b", "c")
    assert known.statuses_of(4) == ("d", "e", "f", "g")
    assert known.statuses_of(6) == ("f", "g", "d", "e", "f", "g")


class Answering(Wire):
    """Answers every write with the uid ``99`` and one more version, and notes what it was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, object]] = []

    def exchange(
        self, method: str, path: str, body: object = None, content_type: str = JSON
    ) -> bytes:
        assert isinstance(body, bytes)
        self.sent.append((method, path, json.loads(body)))
        version = f"v{len(self.sent)}"
        return json.dumps(
            {
                "kind": content_type,
                "metadata": {"uid": "99", "resourceVersion": version},
                "status": {"uid": "other", "resourceVersion": "other"},
            },
            separators=(",", ":"),
        ).encode()


def test_the_client_puts_in_what_the_server_has_chosen() -> None:
    child = ("/api/v1/namespaces/@namespace@/services", '{"owner": "@uid@"}')
    status = '{"uid": "@uid@", "version": "@version@"}'
    wire = Answering()

    limit.bodies(Sample((child,), {2: (status, status)}), Key("bench-00", "a"), 2).write(wire)

    place = fleet.collection("bench-00")
    assert wire.sent == [
        ("POST", place, fleet.a_workspace(Key("bench-00", "a"))),
        ("POST", "/api/v1/namespaces/bench-00/services", {"owner": "99"}),
        ("PUT", f"{place}/a/status", {"uid": "99", "version": "v1"}),
        ("PUT", f"{place}/a/status", {"uid": "99", "version": "v3"}),
    ]
