"""
The columns that ``kubectl get workspaces`` shows.

Source: the CRD's additionalPrinterColumns, and duration.HumanDuration of k8s.io/apimachinery.
"""

from datetime import datetime

from composite.models import JsonObject
from composite.simulate import objects

CONDITION_COLUMNS = {
    "RESOURCEREADY": "ResourceReady",
    "INFERENCEREADY": "InferenceReady",
    "JOBSTARTED": "JobStarted",
    "WORKSPACEREADY": "WorkspaceReady",
}
MINUTE, HOUR, DAY = 60, 3600, 86400


def columns(workspace: JsonObject, now: datetime, *, wide: bool = False) -> dict[str, str]:
    """Return the columns of one Workspace, empty where there is no such condition."""
    created = datetime.fromisoformat(workspace["metadata"]["creationTimestamp"])
    resource = workspace.get("resource")
    result = {
        "NAME": str(workspace["metadata"]["name"]),
        "INSTANCE": str(resource.get("instanceType", "") if isinstance(resource, dict) else ""),
        **{name: _status(workspace, kind) for name, kind in CONDITION_COLUMNS.items()},
        "AGE": age((now - created).total_seconds()),
    }
    if wide:
        ready = objects.condition_of(workspace, "WorkspaceReady") or {}
        result["WORKSPACESUCCEEDED"] = _status(workspace, "WorkspaceSucceeded")
        result["WHY"] = str(ready.get("message", ""))
    return result


def _status(workspace: JsonObject, kind: str) -> str:
    return str((objects.condition_of(workspace, kind) or {}).get("status", ""))


def age(seconds: float) -> str:
    """Return a duration as kubectl shows it: two units while the first one is small."""
    whole = int(seconds)
    if whole < 2 * MINUTE:
        return f"{whole}s"
    if whole < 10 * MINUTE:
        return _two_units(whole, MINUTE, "m", 1, "s")
    if whole < 3 * HOUR:
        return f"{whole // MINUTE}m"
    if whole < 8 * HOUR:
        return _two_units(whole, HOUR, "h", MINUTE, "m")
    if whole < 2 * DAY:
        return f"{whole // HOUR}h"
    return f"{whole // DAY}d"


def _two_units(seconds: int, large: int, large_unit: str, small: int, small_unit: str) -> str:
    rest = seconds % large // small
    return f"{seconds // large}{large_unit}" + (f"{rest}{small_unit}" if rest else "")
