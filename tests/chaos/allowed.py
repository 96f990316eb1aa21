"""Edits of a Workspace that the API server refuses, by the rules of the CRD."""

from composite import names
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.errors import InvalidError

WRITTEN = ("inference", "tuning")
# What the CRD lets nobody change; the rest of its rules the hooks hold too, and say no.
IMMUTABLE = ("count", "instanceType", "labelSelector")


def require_allowed(old: JsonObject | None, new: JsonObject) -> None:
    """
    Refuse an edit of a Workspace that the API server would refuse, by the rules of the CRD.

    Raises:
        InvalidError: It changes what cannot be changed.

    """
    if old is None or objects.kind_key(old) != names.WORKSPACES:
        return
    before, after = old["resource"], new["resource"]
    changed = [field for field in IMMUTABLE if before.get(field) != after.get(field)]
    changed += [field for field in WRITTEN if (field in old) != (field in new)]
    if changed:
        raise InvalidError(f"{', '.join(changed)}: cannot be changed")
