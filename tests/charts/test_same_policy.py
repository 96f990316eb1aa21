"""Helm and ``metakaito generate`` make the same policies, alerts and dashboard."""

import pytest
import yaml

from charts import dashboards, policy
from charts.reading import read_values
from charts.release import Release
from composite.models import JsonObject
from tests.charts.rendering import CHART, by_name, template
from tests.charts.test_kustomize import without_helm

VERSION = "app.kubernetes.io/version"
NONE: JsonObject = {"provisioner": "none"}
OWN = yaml.safe_load((CHART / "ci/own-presets-values.yaml").read_text(encoding="utf-8"))
SMALLEST = {
    "name": "smallest",
    "family": "tiny",
    "source": "https://models.example/smallest",
    "dated": "2026-01-01",
    "accessMode": "private",
    "disk": "50Gi",
    "gpu": {"count": 2, "totalMemoryGi": 1, "perGpuMemoryGi": 0},
    "command": {"launcher": "serve", "launcherFlags": {}, "modelFlags": {}},
    "readinessTimeoutSeconds": 60,
    "worldSize": 2,
}
VALUES: dict[str, JsonObject] = {
    "the defaults": NONE,
    "another cloud": {**NONE, "cloud": "aws"},
    "only warned of": {**NONE, "admissionPolicy": {"action": "Warn"}},
    "none": {**NONE, "admissionPolicy": {"enabled": False}},
    "own presets": OWN,
    "own facts, some in place of ours": {
        **NONE,
        "commonLabels": {"team": "models"},
        "presets": {
            "models": {"smallest": SMALLEST, "phi-2": {**SMALLEST, "name": "phi-2"}},
            "instanceTypes": [
                {"name": "Own_1", "gpuCount": 1, "gpuMemoryGi": 4, "source": "here"},
                {
                    "name": "Standard_NC6",
                    "gpuCount": 3,
                    "gpuMemoryGi": 12,
                    "gpuModel": 'AMD "fast" one',
                    "gpuResource": "amd.com/gpu",
                    "source": "here",
                },
            ],
        },
    },
    **{
        f"limits: {key}": {**NONE, "admissionPolicy": {"limits": {key: value}}}
        for key, value in (
            ("registries", ["registry.example/ours", 'a"b<c']),
            ("models", ["phi-2", "falcon-7b"]),
            ("maxNodes", 3),
            ("templates", False),
        )
    },
}


def is_of_a_policy(document: JsonObject) -> bool:
    """Whether an object is one of the policies."""
    return str(document["kind"]).startswith("ValidatingAdmission")


def alike(document: JsonObject) -> JsonObject:
    """Return an object without what only Helm writes."""
    labels = document["metadata"]["labels"]
    kept = {key: value for key, value in labels.items() if key != VERSION}
    return without_helm(document | {"metadata": document["metadata"] | {"labels": kept}})


@pytest.mark.parametrize("name", VALUES)
def test_helm_renders_the_policies_that_are_generated(name: str) -> None:
    values = read_values([VALUES[name]], Release())
    rendered = [alike(each) for each in template(VALUES[name]) if is_of_a_policy(each)]
    generated = [alike(each) for each in policy.documents(values, Release())]

    assert by_name(rendered) == by_name(generated)
    assert bool(generated) == (name != "none")


def test_helm_renders_the_dashboard_and_the_alerts_that_are_generated() -> None:
    on = {"enabled": True}
    given = {**NONE, "monitoring": {"dashboard": on, "prometheusRule": on}}
    rendered = by_name([alike(each) for each in template(given)])
    generated = by_name(
        [alike(each) for each in dashboards.documents(read_values([given], Release()), Release())]
    )

    assert {key: rendered.get(key) for key in generated} == generated
