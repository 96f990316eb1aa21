"""Kubeconfig files: who one is towards which API server."""

import json
from pathlib import Path
from typing import Any

import yaml

CONTEXT = "metakaito-test"


def write_kubeconfig(path: Path, server: str, certificate: Path, token: str) -> None:
    """Write a kubeconfig with one user, who has a token."""
    cluster = {"server": server, "certificate-authority": str(certificate)}
    path.write_text(json.dumps(kubeconfig(cluster, token), indent=1))


def as_other_user(origin: Path, path: Path, token: str) -> None:
    """Write a kubeconfig for the same API server as another one's, for the user with a token."""
    known: dict[str, Any] = yaml.safe_load(origin.read_text())
    current = next(c for c in known["contexts"] if c["name"] == known["current-context"])
    name = current["context"]["cluster"]
    cluster = next(c["cluster"] for c in known["clusters"] if c["name"] == name)
    path.write_text(json.dumps(kubeconfig(cluster, token), indent=1))


def kubeconfig(cluster: dict[str, Any], token: str) -> dict[str, Any]:
    """Return the contents of a kubeconfig."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CONTEXT,
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": CONTEXT, "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
    }
