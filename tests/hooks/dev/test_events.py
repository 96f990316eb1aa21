"""Events: counted where they repeat, one where they are alike, and only so many."""

from collections.abc import Iterator

import pytest

from composite.models import JsonObject
from composite.simulate.objects import Ref
from hooks.dev.api import Api
from hooks.dev.events import BURST, Bucket, Recorder
from tests.hooks.dev.conftest import wait_for
from tests.hooks.dev.fake_api import FakeApi
from tests.simulate.stubs import a_workspace


@pytest.fixture
def recorder(connection: Api) -> Iterator[Recorder]:
    found = Recorder(connection)
    found.start()
    yield found
    found.stop()


def told(api: FakeApi) -> list[tuple[str, int]]:
    return [(event["message"], event["count"]) for event in api.store.list_of("Event.v1")]


def test_an_event_says_what_happened_to_what(api: FakeApi, recorder: Recorder) -> None:
    workspace = api.apply(a_workspace())
    recorder.record(workspace, "Warning", "SyncError", "Sync error: x")
    (event,) = wait_for(lambda: api.store.list_of("Event.v1"))
    metadata = event.pop("metadata")
    times = event.pop("firstTimestamp"), event.pop("lastTimestamp")

    assert metadata["namespace"] == "default"
    assert metadata["name"].startswith("phi.")
    assert times[0] == times[1]
    assert event == {
        "apiVersion": "v1",
        "kind": "Event",
        "involvedObject": {
            "apiVersion": "kaito.sh/v1alpha1",
            "kind": "Workspace",
            "name": "phi",
            "namespace": "default",
            "uid": workspace["metadata"]["uid"],
            "resourceVersion": workspace["metadata"]["resourceVersion"],
        },
        "reason": "SyncError",
        "message": "Sync error: x",
        "type": "Warning",
        "count": 1,
        "source": {"component": "metacontroller"},
        "reportingComponent": "metacontroller",
        "reportingInstance": "",
    }


def test_what_repeats_is_counted_whatever_has_become_of_the_object(
    api: FakeApi, recorder: Recorder
) -> None:
    workspace = api.apply(a_workspace())
    for version in "123":
        metadata = {**workspace["metadata"], "resourceVersion": version}
        recorder.record({**workspace, "metadata": metadata}, "Warning", "SyncError", "x")
    recorder.record(workspace, "Warning", "SyncError", "y")
    wait_for(lambda: len(told(api)) == 2)

    assert sorted(told(api)) == [("x", 3), ("y", 1)]


def test_an_event_that_has_grown_old_is_written_anew(api: FakeApi, recorder: Recorder) -> None:
    workspace = api.apply(a_workspace())
    recorder.record(workspace, "Warning", "SyncError", "x")
    wait_for(lambda: told(api))
    metadata = api.store.list_of("Event.v1")[0]["metadata"]
    api.delete(_ref(metadata))
    recorder.record(workspace, "Warning", "SyncError", "x")
    wait_for(lambda: told(api))

    assert told(api) == [("x", 1)]


def test_many_that_are_alike_become_one(api: FakeApi, recorder: Recorder) -> None:
    workspace = api.apply(a_workspace())
    for number in range(12):
        recorder.record(workspace, "Warning", "SyncError", f"number {number:02d}")
    wait_for(lambda: (COMBINED.format(11), 3) in told(api))

    assert sorted(told(api)) == [
        (COMBINED.format(11), 3),
        *((f"number {number:02d}", 1) for number in range(9)),
    ]


COMBINED = "(combined from similar events): number {}"


def test_an_object_gets_only_so_many(api: FakeApi, recorder: Recorder) -> None:
    first, second = api.apply(a_workspace()), api.apply(a_workspace("other"))
    for _ in range(BURST + 5):
        recorder.record(first, "Warning", "SyncError", "x")
    recorder.record(second, "Warning", "SyncError", "x")
    wait_for(lambda: ("x", 1) in told(api) and len(told(api)) == 2)

    assert sorted(told(api)) == [("x", 1), ("x", BURST)]


def test_one_more_comes_every_five_minutes() -> None:
    bucket = Bucket(0.0)

    assert [bucket.take(0.0) for _ in range(BURST + 1)] == [True] * BURST + [False]
    assert [bucket.take(299.0), bucket.take(301.0), bucket.take(302.0)] == [False, True, False]


def test_an_event_that_is_refused_is_told_and_dropped(
    api: FakeApi, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    api.refusals["/api/v1/namespaces/default/events"] = (403, "events is forbidden")
    recorder.record(api.apply(a_workspace()), "Warning", "SyncError", "x")
    wait_for(lambda: caplog.records)

    assert caplog.records[0].__dict__["fields"] == {
        "reason": "SyncError",
        "because": "events is forbidden",
    }


def _ref(metadata: JsonObject) -> Ref:
    return Ref("Event.v1", metadata["namespace"], metadata["name"])
