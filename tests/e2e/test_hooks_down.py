"""Hooks that do not answer: nothing is changed, it is said, and all is done once they are back."""

from typing import Any

from tests.e2e.cluster.bundle import Bundle, eventually
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.workspaces import await_ready, claims_of, served_template


def test_while_the_hooks_are_down_nothing_changes_and_an_event_says_so(
    bundle: Bundle, cluster: Cluster, namespace: str
) -> None:
    cluster.apply(served_template("served", namespace))
    await_ready(cluster, "served", namespace)
    before = names_of(claims_of(cluster, "nodeclaims", namespace))
    bundle.stop_hooks()
    try:
        cluster.apply(served_template("late", namespace))
        cluster.kubectl("label", "workspace", "served", "-n", namespace, "looked=at")

        def told_again() -> list[dict[str, Any]]:
            events = cluster.items("events", "-n", namespace)
            return [
                event
                for event in events
                if event["reason"] == "SyncError"
                and event["involvedObject"]["name"] == "late"
                and event.get("count", 1) > 1
            ]

        event = eventually(told_again)[0]
        assert event["type"] == "Warning"
        assert event["message"].startswith("Sync error: ")
        assert names_of(claims_of(cluster, "nodeclaims", namespace)) == before
        assert len(cluster.items("deployments", "-n", namespace)) == 1
    finally:
        bundle.start_hooks()
    await_ready(cluster, "late", namespace)


def names_of(objects: list[dict[str, Any]]) -> list[str]:
    return [one["metadata"]["name"] for one in objects]
