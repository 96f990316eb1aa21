"""Reading the objects that tell Metacontroller what to do, as far as they can be played here."""

from typing import NamedTuple

from composite.models import JsonObject
from composite.simulate.controllers import ChildRule, Controller, Style
from hooks.dev.discovery import Discovery
from hooks.dev.webhooks import Secret, UnusableError, Webhook, read_webhook

METHODS = ("InPlace", "OnDelete", "Recreate")

# What Metacontroller says where a kind is missing.
NO_PARENT = {
    Style.COMPOSITE: "discovery: can't find resource {resource} in apiVersion {apiVersion}",
    Style.DECORATOR: 'can\'t find resource "{resource}" in apiVersion "{apiVersion}"',
}
NO_UPDATED_CHILD = 'can\'t find child resource "{resource}" in {apiVersion}'
NO_CHILD = (
    "can't create informer for child resource: can't create client for {resource}.{apiVersion} "
    "shared informer: discovery: can't find resource {resource} in apiVersion {apiVersion}"
)


class Told(NamedTuple):
    """What a controller object says: to the core, and to what is around it."""

    controller: Controller
    webhooks: tuple[Webhook, ...]
    resync_seconds: float | None


def read_controller(obj: JsonObject, discovery: Discovery, secret: Secret) -> Told:
    """
    Return what a CompositeController or DecoratorController says.

    Args:
        obj: The object.
        discovery: Which kinds there are.
        secret: Returns a Secret by namespace and name.

    Raises:
        ApiError: The API server cannot be asked.
        UnusableError: A kind does not exist, or something is not played here.

    """
    style, spec = Style(obj["kind"]), obj["spec"]
    composite = style is Style.COMPOSITE
    rule = spec["parentResource"] if composite else _only(spec["resources"])
    if composite and not spec.get("generateSelector"):
        raise UnusableError("spec.generateSelector false is not played by metakaito dev")
    parent = discovery.kind(rule["apiVersion"], rule["resource"])
    if parent is None:
        raise UnusableError(NO_PARENT[style].format(**rule))
    children = tuple(
        _child(child, discovery)
        for child in spec.get("childResources" if composite else "attachments") or ()
    )
    hooks: JsonObject = spec.get("hooks") or {}
    if hooks.get("finalize") is not None:
        raise UnusableError("hooks.finalize is not played by metakaito dev")
    if hooks.get("sync") is None:
        raise UnusableError("no hooks defined")
    endpoints = spec.get("endpointConfigs") or []
    sync = read_webhook(hooks["sync"], endpoints, secret)
    asked = hooks.get("customize")
    customize = read_webhook(asked, endpoints, secret) if asked is not None else None
    annotations: JsonObject = rule.get("annotationSelector") or {}
    controller = Controller(
        name=obj["metadata"]["name"],
        style=style,
        parent=parent,
        children=children,
        sync_path=sync.url,
        customize_path=customize.url if customize is not None else None,
        ignore_status_changes=bool(rule.get("ignoreStatusChanges")),
        label_selector=rule.get("labelSelector"),
        annotation_selector={
            "matchLabels": annotations.get("matchAnnotations"),
            "matchExpressions": annotations.get("matchExpressions"),
        },
        given=as_sent(obj),
    )
    period = spec.get("resyncPeriodSeconds")
    webhooks = (sync, *([customize] if customize is not None else []))
    return Told(controller, webhooks, max(period, 1) if period is not None else None)


def as_sent(obj: JsonObject) -> JsonObject:
    """Return a controller object as hooks get it: as Go writes what it has read."""
    children = obj["spec"].get("childResources")
    if children is None:
        return {**obj, "status": {}}
    sent = [
        {**child, "updateStrategy": {"statusChecks": {}, **child["updateStrategy"]}}
        if child.get("updateStrategy") is not None
        else child
        for child in children
    ]
    return {**obj, "spec": {**obj["spec"], "childResources": sent}, "status": {}}


def _only(resources: list[JsonObject]) -> JsonObject:
    if len(resources) != 1:
        raise UnusableError("spec.resources: metakaito dev plays exactly one")
    return resources[0]


def _child(rule: JsonObject, discovery: Discovery) -> ChildRule:
    """Return what is said about one kind of child; one that is only made counts for less."""
    method = (rule.get("updateStrategy") or {}).get("method") or "OnDelete"
    if method not in METHODS:
        raise UnusableError(f"updateStrategy {method} is not played by metakaito dev")
    kind = discovery.kind(rule["apiVersion"], rule["resource"])
    if kind is None:
        words = NO_CHILD if method == "OnDelete" else NO_UPDATED_CHILD
        raise UnusableError(words.format(**rule))
    return ChildRule(kind=kind, method=method)
