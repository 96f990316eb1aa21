"""What the charts make is valid Kubernetes, and a misspelt value is refused."""

import json
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from charts.crds import all_crds
from charts.kustomize import MONITORING, OVERLAYS
from composite.models import JsonObject
from tests.charts.rendering import (
    CHART,
    KUBERNETES,
    ROOT,
    documents,
    helm,
    identity,
    run,
    template,
)
from tests.schemas.admission import matches_schema

CI = sorted(CHART.glob("ci/*.yaml"))

OUR_KINDS = {
    (f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"]): version["schema"][
        "openAPIV3Schema"
    ]
    for crd in all_crds()
    for version in crd["spec"]["versions"]
}
# We have no schemas of the Prometheus operator; tests/charts/test_alerts.py looks inside.
NOT_LOOKED_AT = {(MONITORING, "ServiceMonitor"), (MONITORING, "PrometheusRule")}


@cache
def faults(text: str) -> str | None:
    """Return what is wrong with an object, unknown fields included; most are in many releases."""
    document = json.loads(text)
    kind = (document["apiVersion"], document["kind"])
    if kind in OUR_KINDS:
        fits = matches_schema(document, OUR_KINDS[kind])
        return None if fits else f"{identity(document)} does not match its CRD"
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{identity(document)}: {error.message}"
    return None


def all_faults(found: list[JsonObject]) -> list[str]:
    """Return what is wrong with objects."""
    looked_at = [each for each in found if (each["apiVersion"], each["kind"]) not in NOT_LOOKED_AT]
    return [fault for each in looked_at if (fault := faults(json.dumps(each)))]


def test_a_fault_is_found() -> None:
    controller = template({"provisioner": "machine"})
    [composite] = [each for each in controller if each["kind"] == "CompositeController"]
    [service] = [
        each for each in controller if identity(each).endswith("Service metakaito-system/metakaito")
    ]

    assert all_faults([composite, service]) == []
    assert all_faults([composite | {"spec": composite["spec"] | {"parent": {}}}]) == [
        "CompositeController /metakaito-workspaces does not match its CRD"
    ]
    assert all_faults([service | {"spec": service["spec"] | {"clusterIp": "None"}}]) != []


@pytest.mark.parametrize("values", CI, ids=lambda path: path.stem)
def test_helm_lints_it_strictly(values: Path) -> None:
    code, out, err = helm("lint", CHART, "--strict", "--values", values)

    assert (code, "0 chart(s) failed" in out) == (0, True), out + err


@pytest.mark.parametrize("values", CI, ids=lambda path: path.stem)
def test_what_helm_renders_is_valid(values: Path) -> None:
    found = template(yaml.safe_load(values.read_text("utf-8")))

    assert len(found) > 5
    assert all_faults(found) == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_kustomize_builds_is_valid(overlay: str) -> None:
    code, out, err = run("kustomize", "build", ROOT / "charts/kustomize/overlays" / overlay)

    assert (code, err) == (0, "")
    assert all_faults(documents(out)) == []


def test_the_crds_are_valid() -> None:
    code, out, err = run("kustomize", "build", ROOT / "charts/kustomize/crds")

    assert (code, err) == (0, "")
    assert all_faults(documents(out)) == []


@pytest.mark.parametrize(
    ("misspelt", "sentence"),
    [
        ("hooks.replica=3", "at '/hooks': additional properties 'replica' not allowed"),
        ("provisionr=none", "at '': additional properties 'provisionr' not allowed"),
        (
            "admissionPolicy.limits.maxNode=2",
            "at '/admissionPolicy/limits': additional properties 'maxNode' not allowed",
        ),
        ("admissionPolicy.action=deny", "at '/admissionPolicy/action': value must be one of"),
        (
            "monitoring.dashbord.enabled=true",
            "at '/monitoring': additional properties 'dashbord' not allowed",
        ),
    ],
)
def test_a_misspelt_value_is_refused(misspelt: str, sentence: str) -> None:
    code, out, err = helm("template", CHART, "--set", f"provisioner=machine,{misspelt}")

    assert (code, out) == (1, "")
    assert sentence in err
