"""Hooks that answer what a test wants, and small objects that state only what matters."""

from collections.abc import Callable, Sequence
from typing import Any

from composite.models import JsonObject
from composite.simulate import Cluster
from composite.simulate.objects import Ref
from composite.simulate.scenario import Scenario

Answer = Callable[[JsonObject], Any]

WORKSPACE = Ref("Workspace.kaito.sh/v1alpha1", "default", "phi")


class StubHooks:
    """Four hooks that want nothing until they are told otherwise."""

    def __init__(
        self,
        *,
        sync: Answer = lambda _: {"status": {}, "children": []},
        machines: Answer = lambda _: {"attachments": []},
        workspace_rules: Sequence[JsonObject] = (),
        machine_rules: Sequence[JsonObject] = (),
    ) -> None:
        self.answers: dict[str, Answer] = {
            "/workspaces/sync": sync,
            "/machines/sync": machines,
            "/workspaces/customize": lambda _: {"relatedResources": list(workspace_rules)},
            "/machines/customize": lambda _: {"relatedResources": list(machine_rules)},
        }

    def call(self, path: str, body: JsonObject) -> JsonObject:
        answer: JsonObject = self.answers[path](body)
        return answer


def wants(*children: JsonObject | None, **status: object) -> Answer:
    """A sync hook that always gives the same answer."""
    return lambda _: {"status": status, "children": list(children)}


def a_cluster(hooks: StubHooks | None = None, /, **scenario: object) -> Cluster:
    story = Scenario.model_validate({"name": "test", "description": "A test.", **scenario})
    return Cluster(hooks or StubHooks(), story)


def a_workspace(name: str = "phi", **fields: object) -> JsonObject:
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": name},
        "resource": {"labelSelector": {"matchLabels": {"apps": name}}},
        **fields,
    }


def a_service(name: str = "phi", **spec: object) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"a": "b"}, "ports": [{"port": 80, "targetPort": 5000}], **spec},
    }


def a_pod_template(
    *, image: str = "i/m:1", gpus: int = 0, probe: bool = True, **spec: object
) -> JsonObject:
    container: JsonObject = {"name": "main", "image": image}
    if gpus:
        container["resources"] = {"limits": {"nvidia.com/gpu": str(gpus)}}
    if probe:
        container["readinessProbe"] = {"httpGet": {"path": "/healthz", "port": 5000}}
    return {"metadata": {"labels": {"app": "phi"}}, "spec": {"containers": [container], **spec}}


def a_deployment(
    name: str = "phi", template: JsonObject | None = None, **spec: object
) -> JsonObject:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "phi"}},
            "template": template or a_pod_template(),
            **spec,
        },
    }


def a_stateful_set(
    name: str = "phi", template: JsonObject | None = None, **spec: object
) -> JsonObject:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": "phi"}},
            "template": template or a_pod_template(),
            **spec,
        },
    }


def a_step(name: str, *, gpus: int = 0, **fields: Any) -> JsonObject:  # noqa: ANN401  (JSON)
    """A container as the Jobs of a training have them."""
    container: JsonObject = {
        "name": name,
        "image": f"i/{name}:1",
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if gpus:
        container["resources"] = {"limits": {"nvidia.com/gpu": str(gpus)}}
    return {**container, **fields}


def a_job(name: str = "phi", pod: JsonObject | None = None, **spec: object) -> JsonObject:
    """A Job that fetches data, trains on one GPU, and pushes the result."""
    steps = {
        "initContainers": [a_step("data-downloader"), a_step("phi", gpus=1)],
        "containers": [a_step("pusher")],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": {"kaito.sh/workspace": "phi"}},
                "spec": {"restartPolicy": "Never", **steps, **(pod or {})},
            },
            **spec,
        },
    }


def a_config_map(name: str = "settings", **data: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def a_machine(name: str = "ws0", **labels: str) -> JsonObject:
    return {
        "apiVersion": "karpenter.sh/v1alpha5",
        "kind": "Machine",
        "metadata": {"name": name, "labels": {"kaito.sh/workspace": "phi", **labels}},
        "spec": {
            "requirements": [
                {
                    "key": "node.kubernetes.io/instance-type",
                    "operator": "In",
                    "values": ["Standard_NC6s_v3"],
                }
            ],
            "taints": [{"key": "sku", "value": "gpu", "effect": "NoSchedule"}],
        },
    }


def a_node(name: str = "node-0", gpus: int = 1, **labels: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "spec": {},
        "status": {
            "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2025-12-31T00:00:00Z"}
            ],
            "allocatable": {"nvidia.com/gpu": str(gpus), "pods": "110"},
        },
    }


def found(cluster: Cluster, kind: str, name: str, namespace: str = "") -> JsonObject:
    """The object, which must be there."""
    obj = cluster.store.get(Ref(kind, namespace, name))
    assert obj is not None
    return obj


def names_of(cluster: Cluster, kind: str) -> list[str]:
    return [str(obj["metadata"]["name"]) for obj in cluster.store.list_of(kind)]


def requests_to(cluster: Cluster, path: str) -> list[JsonObject]:
    return [exchange.request for exchange in cluster.requests if exchange.path == path]
