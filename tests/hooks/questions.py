"""Requests as Metacontroller sends them, managedFields and all."""

import json
from typing import Any

JsonObject = dict[str, Any]

UID = "11111111-1111-4111-8111-111111111111"

MANAGED_FIELDS = [
    {
        "manager": "kubectl-create",
        "operation": "Update",
        "apiVersion": "kaito.sh/v1alpha1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:resource": {".": {}, "f:count": {}, "f:labelSelector": {}},
            "f:inference": {".": {}, "f:preset": {".": {}, "f:name": {}}},
        },
    }
]

CHILD_KINDS = [
    "ControllerRevision.apps/v1",
    "Deployment.apps/v1",
    "Service.v1",
    "StatefulSet.apps/v1",
]


def a_workspace(name: str = "falcon", preset: str = "falcon-7b", **more: object) -> JsonObject:
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "Workspace",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": UID,
            "resourceVersion": "4711",
            "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": MANAGED_FIELDS,
        },
        "resource": {
            "count": 1,
            "instanceType": "Standard_NC12s_v3",
            "labelSelector": {"matchLabels": {"apps": name}},
        },
        "inference": {"preset": {"name": preset}},
        **more,
    }


def a_sync(
    workspace: JsonObject | None = None,
    children: list[JsonObject] | None = None,
    **related: list[JsonObject],
) -> JsonObject:
    return {
        "controller": {
            "apiVersion": "metacontroller.k8s.io/v1alpha1",
            "kind": "CompositeController",
            "metadata": {"name": "metakaito-workspaces", "managedFields": MANAGED_FIELDS},
        },
        "parent": workspace or a_workspace(),
        "children": {**{kind: {} for kind in CHILD_KINDS}, **by_kind(children or [])},
        "related": {
            "Machine.karpenter.sh/v1alpha5": {},
            "Node.v1": {},
            "Pod.v1": {},
            **by_kind([each for objects in related.values() for each in objects]),
        },
        "finalizing": False,
    }


def a_namespace_sync(
    workspaces: list[JsonObject], attachments: list[JsonObject] | None = None
) -> JsonObject:
    return {
        "controller": {
            "apiVersion": "metacontroller.k8s.io/v1alpha1",
            "kind": "DecoratorController",
            "metadata": {"name": "metakaito-machines"},
        },
        "object": a_namespace(),
        "attachments": {"Machine.karpenter.sh/v1alpha5": {}, **by_kind(attachments or [])},
        "related": {"Workspace.kaito.sh/v1alpha1": {}, **by_kind(workspaces)},
        "finalizing": False,
    }


def a_customize(parent: JsonObject) -> JsonObject:
    return {"controller": {"metadata": {"name": "metakaito"}}, "parent": parent}


def a_namespace() -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "default",
            "uid": "22222222-2222-4222-8222-222222222222",
            "labels": {"kubernetes.io/metadata.name": "default"},
        },
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def by_kind(objects: list[JsonObject]) -> dict[str, JsonObject]:
    """Metacontroller's uniform keys: Kind.group/version, then namespace/name or name."""
    found: dict[str, JsonObject] = {}
    for each in objects:
        metadata = each["metadata"]
        place = f"{metadata['namespace']}/" if "namespace" in metadata else ""
        kind = f"{each['kind']}.{each['apiVersion']}"
        found.setdefault(kind, {})[f"{place}{metadata['name']}"] = each
    return found


def text(question: JsonObject) -> bytes:
    """What Go writes: compact, UTF-8."""
    return json.dumps(question, separators=(",", ":"), ensure_ascii=False).encode()
