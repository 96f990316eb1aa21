"""
A Grafana dashboard: what Workspaces wait for, how the hooks answer, how Metacontroller keeps up.

Source of the format: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import json
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from charts.alerts import METACONTROLLER, QUEUES, prometheus_rule_spec
from charts.release import Release
from charts.values import Values
from composite.models import JsonObject

FILE = "metakaito.json"
UID = "metakaito"
TITLE = "metakaito"
SCHEMA_VERSION = 39  # Grafana 10 and newer, which migrate it themselves

WIDTH, HEIGHT = 24, 8
SOURCE: JsonObject = {"type": "prometheus", "uid": "${source}"}
INTERVAL = "$__rate_interval"


class Panel(NamedTuple):
    """A graph: expressions by the legend of their series, a unit of Grafana, what it tells."""

    title: str
    unit: str
    description: str
    queries: dict[str, str]


class Row(NamedTuple):
    """Panels side by side under a heading."""

    title: str
    panels: Sequence[Panel]


ROWS = (
    Row(
        "Workspaces",
        (
            Panel(
                "Not ready for more than an hour",
                "short",
                "Answers in the last hour about Workspaces that wait for so long, by what they "
                "wait for. Each Workspace is asked about at least once in a resync period.",
                {
                    "{{condition}} {{reason}}": (
                        "sum by (condition, reason) (increase(metakaito_unready_seconds_count[1h]))"
                        " - sum by (condition, reason) "
                        '(increase(metakaito_unready_seconds_bucket{le="3600.0"}[1h]))'
                    )
                },
            ),
            Panel(
                "Not ready",
                "short",
                "Answers in the last hour about Workspaces that wait, by what they wait for.",
                {
                    "{{condition}} {{reason}}": (
                        "sum by (condition, reason) (increase(metakaito_unready_seconds_count[1h]))"
                    )
                },
            ),
            Panel(
                "Refused",
                "short",
                "Answers in the last hour that refuse a Workspace, by the field to change.",
                {"{{field}}": "sum by (field) (increase(metakaito_refusals_total[1h]))"},
            ),
        ),
    ),
    Row(
        "Hooks",
        (
            Panel(
                "Requests",
                "reqps",
                "Answers in a second, by hook and HTTP status. All but 200 change nothing.",
                {
                    "{{hook}} {{code}}": (
                        f"sum by (hook, code) (rate(metakaito_requests_total[{INTERVAL}]))"
                    )
                },
            ),
            Panel(
                "Time to answer",
                "s",
                "Half and 99 of 100 answers take less.",
                {
                    f"{{{{hook}}}} {share}": (
                        f"histogram_quantile({share}, sum by (le, hook) "
                        f"(rate(metakaito_request_duration_seconds_bucket[{INTERVAL}])))"
                    )
                    for share in (0.5, 0.99)
                },
            ),
            Panel(
                "Versions",
                "short",
                "Pods of the hooks by version.",
                {"{{version}}": "sum by (version) (metakaito_build_info)"},
            ),
        ),
    ),
    Row(
        "Metacontroller",
        (
            Panel(
                "Waiting in the queue",
                "short",
                "Objects that wait to be synced.",
                {"{{name}}": f"max by (name) (workqueue_depth{{{QUEUES}}})"},
            ),
            Panel(
                "Time in the queue and at work",
                "s",
                "99 of 100 objects wait less, and take less.",
                {
                    f"{{{{name}}}} {what}": (
                        "histogram_quantile(0.99, sum by (le, name) "
                        f"(rate(workqueue_{what}_duration_seconds_bucket{{{QUEUES}}}[{INTERVAL}])))"
                    )
                    for what in ("queue", "work")
                },
            ),
            Panel(
                "Retries",
                "ops",
                "Syncs in a second that come again: one failed, or the hook asked to be asked.",
                {
                    "{{name}}": (
                        f"sum by (name) (rate(workqueue_retries_total{{{QUEUES}}}[{INTERVAL}]))"
                    )
                },
            ),
        ),
    ),
    Row(
        "Metacontroller's requests",
        (
            Panel(
                "To the hooks",
                "reqps",
                "Answers that it got in a second, by controller and HTTP status.",
                {
                    f"{{{{controller_name}}}} {hook} {{{{code}}}}": (
                        "sum by (controller_name, code) "
                        f"(rate(metacontroller_{hook}_requests_total[{INTERVAL}]))"
                    )
                    for hook in ("sync", "customize")
                },
            ),
            Panel(
                "Under way to the hooks",
                "short",
                "Requests that wait for an answer.",
                {
                    f"{{{{controller_name}}}} {hook}": (
                        f"sum by (controller_name) (metacontroller_{hook}_in_flight_requests)"
                    )
                    for hook in ("sync", "customize")
                },
            ),
            Panel(
                "To the API server",
                "reqps",
                "Requests in a second, by method and HTTP status. 403: a right is missing.",
                {
                    "{{method}} {{code}}": (
                        f"sum by (method, code) (rate(rest_client_requests_total[{INTERVAL}]) "
                        f"and on (job, instance) {METACONTROLLER})"
                    )
                },
            ),
        ),
    ),
)


def documents(values: Values, release: Release) -> list[JsonObject]:
    """
    Return the ConfigMap with the dashboard, and the PrometheusRule with the alerts.

    They are as the chart renders them where both are enabled, but for Helm's labels.
    """
    name, labels = release.fullname(values), release.labels(values, "monitoring")
    monitoring = values.monitoring
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": f"{name}-dashboard",
                "namespace": release.namespace,
                "labels": {**monitoring.dashboard.labels, **labels},
            },
            "data": {FILE: text()},
        },
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {
                "name": name,
                "namespace": release.namespace,
                "labels": {**monitoring.prometheusRule.labels, **labels},
            },
            "spec": prometheus_rule_spec(),
        },
    ]


def text() -> str:
    """Return the dashboard as text."""
    return json.dumps(dashboard(), indent=2) + "\n"


def dashboard() -> JsonObject:
    """Return the dashboard as Grafana imports it."""
    tops = accumulate((HEIGHT + 1 for _ in ROWS), initial=0)
    panels = [panel for row, top in zip(ROWS, tops, strict=False) for panel in placed(row, top)]
    return {
        "uid": UID,
        "title": TITLE,
        "tags": ["kaito", "metakaito"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "source",
                    "label": "Prometheus",
                    "type": "datasource",
                    "query": "prometheus",
                }
            ]
        },
        "panels": [panel | {"id": number} for number, panel in enumerate(panels, start=1)],
    }


def placed(row: Row, top: int) -> list[JsonObject]:
    """Return the heading and the panels of a row, which begins ``top`` units below the first."""
    width = WIDTH // len(row.panels)
    heading = {
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "panels": [],
        "gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1},
    }
    places = [
        {"x": width * index, "y": top + 1, "w": width, "h": HEIGHT}
        for index in range(len(row.panels))
    ]
    return [
        heading,
        *(graph(panel, place) for panel, place in zip(row.panels, places, strict=True)),
    ]


def graph(panel: Panel, place: JsonObject) -> JsonObject:
    """Return one graph."""
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": expression,
                "legendFormat": legend,
            }
            for index, (legend, expression) in enumerate(panel.queries.items())
        ],
    }
