"""Controller objects that state only what matters."""

from composite.models import JsonObject

GROUP = "metacontroller.k8s.io/v1alpha1"

CRD: JsonObject = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "workspaces.kaito.sh"},
    "spec": {"versions": [{"name": "v1alpha1", "subresources": {"status": {}}}]},
}


def a_hook(url: str, **webhook: object) -> JsonObject:
    return {"version": "v2", "webhook": {"url": url, **webhook}}


def a_composite(url: str, **spec: object) -> JsonObject:
    return {
        "apiVersion": GROUP,
        "kind": "CompositeController",
        "metadata": {"name": "workspaces"},
        "spec": {
            "generateSelector": True,
            "parentResource": {
                "apiVersion": "kaito.sh/v1alpha1",
                "resource": "workspaces",
                "ignoreStatusChanges": True,
            },
            "childResources": [
                {
                    "apiVersion": "v1",
                    "resource": "services",
                    "updateStrategy": {"method": "InPlace"},
                }
            ],
            "hooks": {
                "sync": a_hook(f"{url}/workspaces/sync"),
                "customize": a_hook(f"{url}/workspaces/customize"),
            },
            **spec,
        },
    }


def a_decorator(url: str, **spec: object) -> JsonObject:
    return {
        "apiVersion": GROUP,
        "kind": "DecoratorController",
        "metadata": {"name": "machines"},
        "spec": {
            "resources": [{"apiVersion": "v1", "resource": "namespaces"}],
            "attachments": [
                {
                    "apiVersion": "karpenter.sh/v1alpha5",
                    "resource": "machines",
                    "updateStrategy": {"method": "OnDelete"},
                }
            ],
            "hooks": {"sync": a_hook(f"{url}/machines/sync")},
            **spec,
        },
    }
