"""Alerts and dashboard ask for numbers that somebody exposes, and ask in good PromQL."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest
from flask.testing import FlaskClient

from charts.alerts import ALERTS, prometheus_rule_spec
from charts.dashboards import HEIGHT, INTERVAL, ROWS, WIDTH, dashboard
from composite.catalog import Catalog
from hooks.app import create_app
from hooks.metrics import WAITED_FOR
from hooks.settings import Settings
from tests.hooks.questions import a_sync, a_workspace, text

RECORDED = Path(__file__).with_name("metacontroller-metrics.txt")
ALERTING = {alert.name: alert.expression for alert in ALERTS}
DRAWN = {
    f"{row.title}, {panel.title}, {legend}": expression
    for row in ROWS
    for panel in row.panels
    for legend, expression in panel.queries.items()
}
EXPRESSIONS = ALERTING | DRAWN


@pytest.fixture(scope="module")
def exposed(catalog: Catalog) -> dict[str, set[str]]:
    """Return the labels of each series: of the hooks as they are, of Metacontroller as recorded."""
    client = create_app(catalog, Settings()).test_client()
    client.post("/workspaces/sync", data=text(a_sync()))
    client.post("/workspaces/sync", data=text(a_sync(a_workspace(preset="no-such"))))
    lines = RECORDED.read_text(encoding="utf-8").splitlines()
    recorded = [line.split() for line in lines if not line.startswith("#")]
    return ours(client) | {name: set(labels) for name, *labels in recorded}


def ours(client: FlaskClient) -> dict[str, set[str]]:
    """Return the labels of each series of the hooks."""
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^(\w+)\{(.*)\} ", client.get("/metrics").text, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def parsed(expression: str) -> promql_parser.Expr:
    """Return an expression as a tree; Grafana puts an interval into it."""
    return promql_parser.parse(expression.replace(INTERVAL, "5m"))


def selectors(node: object) -> Iterator[promql_parser.VectorSelector]:
    """Yield the series that an expression asks for."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for part in ("expr", "lhs", "rhs", "vector_selector", "param"):
        if (inner := getattr(node, part, None)) is not None:
            yield from selectors(inner)
    for argument in getattr(node, "args", None) or ():
        yield from selectors(argument)


def grouped_by(node: object) -> Iterator[list[str]]:
    """Yield the labels that each aggregation keeps."""
    if isinstance(node, promql_parser.AggregateExpr):
        yield list(node.modifier.labels) if node.modifier is not None else []
    for part in ("expr", "lhs", "rhs", "param"):
        if (inner := getattr(node, part, None)) is not None:
            yield from grouped_by(inner)
    for argument in getattr(node, "args", None) or ():
        yield from grouped_by(argument)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_number_is_exposed_with_its_labels(name: str, exposed: dict[str, set[str]]) -> None:
    tree = parsed(EXPRESSIONS[name])
    asked = {
        str(each.name): {matcher.name for matcher in each.matchers.matchers}
        for each in selectors(tree)
    }
    kept = {label for labels in grouped_by(tree) for label in labels}

    assert asked
    assert {series: labels - exposed.get(series, set()) for series, labels in asked.items()} == {
        series: set() for series in asked
    }
    assert asked.keys() <= exposed.keys()
    assert kept <= set.union(*(exposed[series] for series in asked))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_names_labels_that_it_has(alert: object) -> None:
    sentences = f"{alert.summary} {alert.description}"  # type: ignore[attr-defined]
    named = set(re.findall(r"\{\{ \$labels\.(\w+) \}\}", sentences))
    first = next(grouped_by(parsed(alert.expression)), [])  # type: ignore[attr-defined]

    assert named <= set(first)
    assert sentences.count("{{") == len(re.findall(r"\{\{ \$labels\.\w+ \}\}", sentences))


def test_a_legend_names_labels_that_the_series_have() -> None:
    strange = {
        name: legend
        for name, expression in DRAWN.items()
        if (legend := set(re.findall(r"\{\{(\w+)\}\}", name)))
        - set(next(grouped_by(parsed(expression)), []))
    }

    assert strange == {}


def test_the_bucket_that_is_asked_for_exists(catalog: Catalog) -> None:
    client = create_app(catalog, Settings()).test_client()
    client.post("/workspaces/sync", data=text(a_sync()))
    shown = client.get("/metrics").text
    asked = {
        (each.name, matcher.value)
        for expression in EXPRESSIONS.values()
        for each in selectors(parsed(expression))
        for matcher in each.matchers.matchers
        if matcher.name == "le"
    }

    assert len(asked) == 2
    for series, bound in asked:
        assert re.search(rf'^{series}{{.*le="{re.escape(bound)}"', shown, re.MULTILINE)


def test_what_is_waited_for_is_what_the_status_says(catalog: Catalog) -> None:
    client = create_app(catalog, Settings()).test_client()
    answer = client.post("/workspaces/sync", data=text(a_sync())).get_json()
    types = {condition["type"] for condition in answer["status"]["conditions"]}

    assert types & set(WAITED_FOR) == {"ResourceReady", "InferenceReady"}


def test_each_alert_has_a_name_of_its_own_and_words_for_people() -> None:
    [group] = prometheus_rule_spec()["groups"]

    assert len({rule["alert"] for rule in group["rules"]}) == len(ALERTS)
    for rule in group["rules"]:
        assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["annotations"]["description"].endswith(".")


def test_panels_lie_beside_each_other() -> None:
    places = [panel["gridPos"] for panel in dashboard()["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells)) == len(ROWS) * WIDTH * (HEIGHT + 1)
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(places)
    json.dumps(dashboard(), allow_nan=False)
