import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from composite.catalog import Catalog
from hooks.app import create_app
from hooks.metrics import BUCKETS, Metrics, field_label, known_fields
from hooks.settings import Settings
from tests.hooks.conftest import NOW
from tests.hooks.questions import a_sync, a_workspace, text


def counts(client: FlaskClient, metric: str) -> dict[str, float]:
    """Values by labels."""
    found = re.findall(rf"^{metric}{{(.*)}} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def test_requests_are_counted_by_hook_and_status(client: FlaskClient) -> None:
    client.post("/workspaces/sync", data=text(a_sync()))
    client.post("/workspaces/sync", data=text(a_sync()))
    client.post("/workspaces/sync", data=b"{}")
    client.post("/machines/sync", data=b"{}")
    client.post("/nowhere/at/all")
    client.get("/healthz")

    assert counts(client, "metakaito_requests_total") == {
        'code="200",hook="workspaces/sync"': 2,
        'code="422",hook="workspaces/sync"': 1,
        'code="422",hook="machines/sync"': 1,
        'code="404",hook="other"': 1,
    }


def test_durations_fall_into_buckets_from_half_a_millisecond_to_a_second(
    client: FlaskClient,
) -> None:
    client.post("/workspaces/sync", data=text(a_sync()))

    buckets = counts(client, "metakaito_request_duration_seconds_bucket")
    assert [float(label.rsplit('"', 2)[1]) for label in buckets] == [*BUCKETS, float("inf")]
    assert list(buckets.values())[-1] == 1
    assert counts(client, "metakaito_request_duration_seconds_count") == {
        'hook="workspaces/sync"': 1
    }


def test_refusals_are_counted_by_field(client: FlaskClient) -> None:
    client.post("/workspaces/sync", data=text(a_sync(a_workspace(preset="falcon-77"))))
    client.post("/workspaces/sync", data=text(a_sync(a_workspace(resource={"count": 0}))))

    refusals = counts(client, "metakaito_refusals_total")
    assert refusals.pop('field="inference.preset.name"') == 1
    assert sum(refusals.values()) == 1


def test_how_long_a_workspace_waits_is_observed_at_each_answer(catalog: Catalog) -> None:
    times = iter([NOW, NOW + timedelta(minutes=20)])
    client = create_app(catalog, Settings(), clock=lambda: next(times)).test_client()
    first = client.post("/workspaces/sync", data=text(a_sync())).get_json()
    client.post("/workspaces/sync", data=text(a_sync(a_workspace(status=first["status"]))))

    nodes = 'condition="ResourceReady",reason="workspaceResourceStatusPending"'
    server = 'condition="InferenceReady",reason="WorkspaceInferenceStatusPending"'
    assert counts(client, "metakaito_unready_seconds_count") == {server: 2, nodes: 2}
    assert counts(client, "metakaito_unready_seconds_sum") == {server: 1200, nodes: 1200}
    assert {
        re.findall(r'le="([^"]+)"', label)[0]: count
        for label, count in counts(client, "metakaito_unready_seconds_bucket").items()
        if label.startswith('condition="ResourceReady"')
    } == {"60.0": 1, "300.0": 1, "900.0": 1, "1800.0": 2, "3600.0": 2, "14400.0": 2, "+Inf": 2}


def test_a_workspace_that_is_deleted_waits_for_nothing(client: FlaskClient) -> None:
    going = a_workspace()
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    client.post("/workspaces/sync", data=text(a_sync(going)))

    assert counts(client, "metakaito_requests_total") == {'code="200",hook="workspaces/sync"': 1}
    assert counts(client, "metakaito_unready_seconds_count") == {}


def test_the_build_is_known(client: FlaskClient) -> None:
    assert list(counts(client, "metakaito_build_info").values()) == [1]


def test_each_app_counts_for_itself(client: FlaskClient, catalog: Catalog) -> None:
    client.post("/nowhere")

    assert counts(create_app(catalog, Settings()).test_client(), "metakaito_requests_total") == {}


@pytest.mark.parametrize(
    ("field", "label"),
    [
        ("resource.instanceType", "resource.instanceType"),
        ("inference.adapters[1].source.image", "inference.adapters.source.image"),
        ("resource.labelSelector.matchLabels.apps", "resource.labelSelector.matchLabels"),
        ("resource.labelSelector.matchLabels[my.app]", "resource.labelSelector.matchLabels"),
        ("resource.cuont", "resource"),
        ("metadata.name", "metadata.name"),
        ("spec", "other"),
        ("unknown", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_a_field_is_a_label_without_what_users_write(field: str | None, label: str) -> None:
    assert field_label(field) == label


def test_there_are_only_so_many_labels() -> None:
    assert len(known_fields()) < 100


def test_a_directory_that_comes_too_late_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as caught:
        Metrics(tmp_path)

    assert str(caught.value) == "prometheus_client was imported before its directory was known"
