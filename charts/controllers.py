"""
The CompositeController and the DecoratorController, as Metacontroller wants them.

Which parents and children there are is said once, in :mod:`composite.simulate.controllers`, which
``metakaito simulate`` plays. The chart adds what differs from one installation to the next: where
the hooks answer, and how long they may take.
"""

from charts.release import Release
from charts.values import Values
from composite.catalog import Provisioner
from composite.models import JsonObject
from composite.simulate.controllers import controllers

HOOK_VERSION = "v2"
SERVICE_PORT = 80


def facts() -> JsonObject:
    """
    Return what the chart's template needs, for each provisioner.

    One entry for each controller: ``apiVersion``, ``kind``, ``name``, ``spec`` without hooks, and
    ``paths``, the path of each hook by its name.
    """
    return {
        provisioner.value: [fact(controller.to_json()) for controller in controllers(provisioner)]
        for provisioner in Provisioner
    }


def fact(controller: JsonObject) -> JsonObject:
    """Return what of a controller is the same in every installation."""
    spec = dict(controller["spec"])
    hooks = spec.pop("hooks")
    return {
        "apiVersion": controller["apiVersion"],
        "kind": controller["kind"],
        "name": controller["metadata"]["name"],
        "spec": spec,
        "paths": {name: hook["webhook"]["path"] for name, hook in hooks.items()},
    }


def documents(values: Values, release: Release) -> list[JsonObject]:
    """Return the controller objects, as ``helm template`` renders them but for Helm's labels."""
    return [manifest(each, values, release) for each in facts()[release.provisioner(values)]]


def manifest(controller: JsonObject, values: Values, release: Release) -> JsonObject:
    """Return one controller object."""
    timeouts = {
        "sync": values.controllers.syncTimeoutSeconds,
        "customize": values.controllers.customizeTimeoutSeconds,
    }
    return {
        "apiVersion": controller["apiVersion"],
        "kind": controller["kind"],
        "metadata": {
            "name": controller["name"],
            "labels": release.labels(values, "controllers"),
        },
        "spec": {
            **controller["spec"],
            "resyncPeriodSeconds": values.controllers.resyncPeriodSeconds,
            "hooks": {
                name: {
                    "version": HOOK_VERSION,
                    "webhook": {
                        "timeout": f"{timeouts[name]}s",
                        **address(path, values, release),
                        **authorization(values, release),
                    },
                }
                for name, path in controller["paths"].items()
            },
        },
    }


def address(path: str, values: Values, release: Release) -> JsonObject:
    """Return where a hook answers."""
    if values.hooks.url:
        return {"url": f"{values.hooks.url}{path}"}
    service = {
        "name": release.fullname(values),
        "namespace": release.namespace,
        "port": SERVICE_PORT,
    }
    return {"path": path, "service": service}


def authorization(values: Values, release: Release) -> JsonObject:
    """Return which token Metacontroller sends, if any."""
    wanted = values.webhookAuthentication
    if not wanted.enabled:
        return {}
    secret = {
        "name": wanted.secretName,
        "namespace": release.namespace,
        "key": wanted.secretKey,
    }
    return {"authorization": {"type": "Bearer", "secretRef": secret}}
