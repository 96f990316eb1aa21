"""Workspaces as a test applies them and sees them again."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.cluster.bundle import eventually
from tests.e2e.cluster.cluster import Cluster

EXAMPLES = Path(__file__).parents[2] / "examples"
COLUMNS = ("RESOURCEREADY", "INFERENCEREADY", "JOBSTARTED", "WORKSPACEREADY", "WORKSPACESUCCEEDED")


def example(path: str, **metadata: Any) -> dict[str, Any]:  # noqa: ANN401  (whatever metadata holds)
    """Return the Workspace of an example, with some of its metadata replaced."""
    documents = yaml.safe_load_all((EXAMPLES / path).read_text())
    found: dict[str, Any] = next(d for d in documents if d["kind"] == "Workspace")
    found["metadata"] = {**found["metadata"], **metadata}
    return found


def served_template(name: str, namespace: str, **resource: Any) -> dict[str, Any]:  # noqa: ANN401  (the same)
    """Return a Workspace that serves a Pod template of the user's."""
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": namespace},
        "resource": {
            "instanceType": "Standard_NC6s_v3",
            "labelSelector": {"matchLabels": {"apps": name}},
            **resource,
        },
        "inference": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "server",
                            "image": "registry.example/server:1",
                            "resources": {"limits": {"nvidia.com/gpu": "1"}},
                        }
                    ]
                }
            }
        },
    }


def columns(cluster: Cluster, name: str, namespace: str) -> dict[str, str]:
    """Return what ``kubectl get workspace -o wide`` prints of a Workspace, by column."""
    text = cluster.kubectl("get", "workspace", name, "-n", namespace, "-o", "wide")
    header, row = text.splitlines()
    starts = [header.index(title) for title in header.split()]
    ends = [*starts[1:], None]
    cells = zip(header.split(), starts, ends, strict=True)
    return {title: row[start:end].strip() for title, start, end in cells}


def conditions(cluster: Cluster, name: str, namespace: str) -> dict[str, tuple[str, str]]:
    """Return status and message of each condition of a Workspace."""
    workspace = cluster.get("workspace", name, namespace) or {}
    listed = workspace.get("status", {}).get("conditions", ())
    return {c["type"]: (c["status"], c.get("message", "")) for c in listed}


def is_current(workspace: Mapping[str, Any]) -> bool:
    """Tell whether the status is about the spec that is there."""
    status = workspace.get("status", {})
    return bool(status.get("observedGeneration") == workspace["metadata"]["generation"])


def is_true(workspace: Mapping[str, Any], condition: str) -> bool:
    """Tell whether a condition of a Workspace is True, for the spec that is there."""
    listed = workspace.get("status", {}).get("conditions", ())
    return is_current(workspace) and any(
        c["type"] == condition and c["status"] == "True" for c in listed
    )


def await_ready(
    cluster: Cluster, name: str, namespace: str, condition: str = "WorkspaceReady"
) -> dict[str, Any]:
    """Wait until a Workspace is ready for the spec it has, and return it."""

    def look() -> dict[str, Any] | None:
        workspace = cluster.get("workspace", name, namespace)
        assert workspace is not None, f"there is no Workspace {name}"
        assert is_true(workspace, condition), json.dumps(workspace.get("status"), indent=1)
        return workspace

    found: dict[str, Any] = eventually(look)
    return found


def edited(workspace: Mapping[str, Any], **parts: Any) -> dict[str, Any]:  # noqa: ANN401  (the same)
    """Return a Workspace with other ``resource``, ``inference`` or ``tuning``, for apply."""
    metadata = {key: workspace["metadata"][key] for key in ("name", "namespace")}
    spec = {k: workspace[k] for k in ("resource", "inference", "tuning") if k in workspace}
    return {
        "apiVersion": workspace["apiVersion"],
        "kind": "Workspace",
        "metadata": metadata,
        **copy.deepcopy(spec),
        **parts,
    }


def claims_of(cluster: Cluster, kind: str, namespace: str) -> list[dict[str, Any]]:
    """Return the Machines or NodeClaims that were made for the Workspaces of a namespace."""
    return cluster.items(kind, "-l", f"kaito.sh/workspacenamespace={namespace}")
