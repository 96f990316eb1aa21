"""Pods for tests, with no more rights than Pod Security's restricted profile allows."""

from collections.abc import Mapping
from typing import Any

from tests.e2e.cluster.bundle import eventually
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.node.images import METAKAITO
from tests.e2e.node.shell import SHELL

USER = 65532
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
"""The label of a namespace that refuses all others."""
NO_RIGHTS = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def shell_pod(
    name: str,
    namespace: str,
    script: str,
    *,
    container: Mapping[str, Any] | None = None,
    **spec: Any,  # noqa: ANN401  (as Kubernetes spells it)
) -> dict[str, Any]:
    """
    Return a Pod that runs a script in a shell once.

    Args:
        name: Of the Pod.
        namespace: Where it is.
        script: For ``/bin/sh -ec``.
        container: More fields of its container.
        spec: More fields of the Pod, ``nodeName`` for one.

    """
    run_as = {"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER, "runAsNonRoot": True}
    only = {
        "name": "shell",
        "image": SHELL,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-ec", script],
        "securityContext": NO_RIGHTS,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "securityContext": {**run_as, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{**only, **(container or {})}],
            **spec,
        },
    }


def python_pod(
    name: str,
    namespace: str,
    program: str,
    *words: str,
    container: Mapping[str, Any] | None = None,
    **spec: Any,  # noqa: ANN401  (as Kubernetes spells it)
) -> dict[str, Any]:
    """Return a Pod that runs a program in Python with these arguments once, in our own image."""
    told = {
        "image": METAKAITO,
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", program],
        "args": [*words],
    }
    return shell_pod(name, namespace, "", container={**told, **(container or {})}, **spec)


def said_by(cluster: Cluster, pod: Mapping[str, Any]) -> str:
    """
    Create the Pod, wait for its end and return what it printed.

    Raises:
        AssertionError: It failed or did not end in time; with what is known of it.

    """
    cluster.apply(pod)
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]

    def phase() -> str:
        found = cluster.get("pod", name, namespace)
        assert found is not None
        status = found["status"]
        assert status["phase"] in {"Succeeded", "Failed"}, status
        return str(status["phase"])

    ended = eventually(phase)
    printed = cluster.kubectl("logs", name, "-n", namespace)
    assert ended == "Succeeded", printed
    return printed


def is_ready(cluster: Cluster, name: str, namespace: str) -> bool:
    """Tell whether all containers of a Pod are ready."""
    found = cluster.get("pod", name, namespace) or {"status": {}}
    conditions = found["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
