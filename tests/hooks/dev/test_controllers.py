"""What controller objects say, and what of it is not played."""

from typing import Any

import pytest

from composite.models import JsonObject
from composite.simulate.controllers import ChildRule, Style
from composite.simulate.objects import Kind
from hooks.dev.api import Api
from hooks.dev.controllers import read_controller
from hooks.dev.discovery import Discovery
from hooks.dev.webhooks import UnusableError, Webhook
from tests.hooks.dev.makers import a_composite, a_decorator, a_hook

URL = "http://hooks"


def no_secret(namespace: str, name: str) -> JsonObject:
    raise AssertionError(f"{namespace}/{name}")


@pytest.fixture
def discovery(connection: Api) -> Discovery:
    return Discovery(connection)


def test_a_composite_says_what_it_says(discovery: Discovery) -> None:
    obj = a_composite(URL, resyncPeriodSeconds=900)
    obj["spec"]["hooks"]["customize"]["webhook"]["timeout"] = "2s"
    told = read_controller(obj, discovery, no_secret)
    controller = told.controller

    assert told.webhooks == (
        Webhook(f"{URL}/workspaces/sync", 10.0),
        Webhook(f"{URL}/workspaces/customize", 2.0),
    )
    assert told.resync_seconds == 900
    assert (controller.name, controller.style) == ("workspaces", Style.COMPOSITE)
    assert controller.parent == Kind("kaito.sh/v1alpha1", "Workspace", "workspaces")
    assert controller.children == (
        ChildRule(kind=Kind("v1", "Service", "services"), method="InPlace"),
    )
    assert controller.ignore_status_changes is True
    (child,) = obj["spec"]["childResources"]
    child["updateStrategy"]["statusChecks"] = {}  # as Go writes an empty struct
    assert controller.to_json() == {**obj, "status": {}}


def test_a_decorator_says_what_it_says(discovery: Discovery) -> None:
    told = read_controller(a_decorator(URL), discovery, no_secret)
    controller = told.controller

    assert told.webhooks == (Webhook(f"{URL}/machines/sync", 10.0),)
    assert told.resync_seconds is None
    assert controller.parent == Kind("v1", "Namespace", "namespaces", namespaced=False)
    assert controller.child_kinds == ("Machine.karpenter.sh/v1alpha5",)
    assert controller.method("Machine.karpenter.sh/v1alpha5") == "OnDelete"
    assert controller.ignore_status_changes is False
    assert controller.customize_path is None


@pytest.mark.parametrize(
    ("labels", "annotations", "cared_for"),
    [
        ({"a": "b"}, {"c": "d"}, True),
        ({"a": "b"}, {}, False),
        ({}, {"c": "d"}, False),
    ],
)
def test_parents_are_chosen_by_labels_and_annotations(
    discovery: Discovery, labels: JsonObject, annotations: JsonObject, *, cared_for: bool
) -> None:
    rule = {
        "apiVersion": "v1",
        "resource": "namespaces",
        "labelSelector": {"matchLabels": {"a": "b"}},
        "annotationSelector": {"matchAnnotations": {"c": "d"}},
    }
    told = read_controller(a_decorator(URL, resources=[rule]), discovery, no_secret)
    parent = {"metadata": {"labels": labels, "annotations": annotations}}

    assert told.controller.cares_for(parent) is cared_for


RULE: JsonObject = {"apiVersion": "v1", "resource": "services"}


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"generateSelector": False}, "spec.generateSelector false is not played by metakaito dev"),
        ({"hooks": {}}, "no hooks defined"),
        (
            {"hooks": {"sync": a_hook(URL), "finalize": a_hook(URL)}},
            "hooks.finalize is not played by metakaito dev",
        ),
        (
            {"childResources": [{**RULE, "updateStrategy": {"method": "RollingInPlace"}}]},
            "updateStrategy RollingInPlace is not played by metakaito dev",
        ),
        (
            {"childResources": [{"apiVersion": "v9", "resource": "services"}]},
            (
                "can't create informer for child resource: can't create client for services.v9 "
                "shared informer: discovery: can't find resource services in apiVersion v9"
            ),
        ),
        (
            {
                "childResources": [
                    {**RULE, "resource": "x", "updateStrategy": {"method": "InPlace"}}
                ]
            },
            'can\'t find child resource "x" in v1',
        ),
        (
            {"parentResource": {"apiVersion": "a.b/v1", "resource": "things"}},
            "discovery: can't find resource things in apiVersion a.b/v1",
        ),
    ],
)
def test_what_cannot_be_played_is_said(
    discovery: Discovery, spec: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UnusableError) as refusal:
        read_controller(a_composite(URL, **spec), discovery, no_secret)

    assert str(refusal.value) == reason


def test_a_decorator_of_a_kind_that_is_missing_cannot_be_played(discovery: Discovery) -> None:
    rule = {"apiVersion": "a.b/v1", "resource": "things"}

    with pytest.raises(UnusableError) as refusal:
        read_controller(a_decorator(URL, resources=[rule]), discovery, no_secret)

    assert str(refusal.value) == 'can\'t find resource "things" in apiVersion "a.b/v1"'


def test_a_decorator_of_several_kinds_cannot_be_played(discovery: Discovery) -> None:
    with pytest.raises(UnusableError, match=r"^spec\.resources: metakaito dev plays exactly one$"):
        read_controller(a_decorator(URL, resources=[RULE, RULE]), discovery, no_secret)
