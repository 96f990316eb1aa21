"""What the bundle asked the API server for, from the audit log of that."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.cluster.bundle import ACCOUNT, NAMESPACE

USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"


def requests(audit: Path) -> Iterator[dict[str, Any]]:
    """Yield each request of Metacontroller's for an object; not discovery, which everybody may."""
    with audit.open() as lines:
        for line in lines:
            event: dict[str, Any] = json.loads(line)
            if event["user"]["username"] == USER and "objectRef" in event:
                yield event


def resource(event: dict[str, Any]) -> str:
    """Return what a request is for: ``workspaces`` or ``workspaces/status``."""
    what = event["objectRef"]
    return "/".join(filter(None, (what.get("resource"), what.get("subresource"))))
