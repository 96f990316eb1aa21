"""Workspaces as users write them, and small changes to them."""

from copy import deepcopy
from typing import Any

from composite.models import JsonObject

HEAD: JsonObject = {
    "apiVersion": "kaito.sh/v1alpha1",
    "kind": "Workspace",
    "metadata": {"name": "my-model"},
}
RESOURCE: JsonObject = {
    "count": 1,
    "instanceType": "Standard_NC24ads_A100_v4",
    "labelSelector": {"matchLabels": {"apps": "my-model"}},
}

SMALL: JsonObject = HEAD | {
    "resource": {"labelSelector": {"matchLabels": {"apps": "my-model"}}},
    "inference": {"preset": {"name": "phi-3"}},
}
SERVED: JsonObject = HEAD | {
    "resource": RESOURCE | {"count": 2, "preferredNodes": ["node-1"]},
    "inference": {
        "preset": {
            "name": "llama-2-7b",
            "accessMode": "private",
            "presetOptions": {
                "image": "registry.example/llama:1",
                "imagePullSecrets": ["pull"],
            },
        },
        "adapters": [
            {
                "source": {
                    "name": "adapter-1",
                    "image": "registry.example:5000/team/adapter-1:0.1",
                    "imagePullSecrets": ["pull"],
                },
                "strength": "0.5",
            },
            {"source": {"name": "adapter-2", "image": "registry.example/adapter-2:0.1"}},
        ],
    },
}
TEMPLATED: JsonObject = HEAD | {
    "resource": {
        "labelSelector": {
            "matchExpressions": [{"key": "apps", "operator": "In", "values": ["my-model"]}]
        }
    },
    "inference": {"template": {"spec": {"containers": [{"name": "server", "image": "a"}]}}},
}
TUNED: JsonObject = HEAD | {
    "resource": RESOURCE,
    "tuning": {
        "preset": {"name": "phi-3"},
        "method": "QLoRA",
        "config": "my-config",
        "input": {"name": "data", "urls": ["https://data.example/train.parquet"]},
        "output": {"image": "registry.example/tuned:1", "imagePushSecret": "push"},
    },
}
GOOD = {"small": SMALL, "served": SERVED, "templated": TEMPLATED, "tuned": TUNED}


def changed(document: JsonObject, path: str, value: object) -> JsonObject:
    """Return ``document`` with ``value`` at ``a.b.0.c``; a field may be new."""
    new = deepcopy(document)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inner: Any = new
    for step in steps:
        inner = inner[step]
    inner[last] = value
    return new


def without(document: JsonObject, path: str) -> JsonObject:
    """Return ``document`` without the field or entry at ``a.b.0.c``."""
    new = changed(document, path, None)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inner: Any = new
    for step in steps:
        inner = inner[step]
    del inner[last]
    return new


def paths(value: object, path: str = "") -> list[str]:
    """Return the path of everything inside a document."""
    match value:
        case dict():
            inner = list(value.items())
        case list():
            inner = list(enumerate(value))
        case _:
            inner = []
    here = [path] if path else []
    return here + [at for key, entry in inner for at in paths(entry, f"{path}.{key}".strip("."))]


def at(document: JsonObject, path: str) -> Any:  # noqa: ANN401
    """Return what stands at ``a.b.0.c``."""
    inner: Any = document
    for step in path.split("."):
        inner = inner[int(step) if step.isdigit() else step]
    return inner
