"""The three kinds of model in this project, told apart by where their data was born."""

from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict

# What ``json.loads`` gives for an object. ``Any`` and not pydantic's JsonValue: these are passed
# on unread (a user's pod template, an observed child), and checking each leaf would cost more
# than everything else a sync does.
JsonObject: TypeAlias = dict[str, Any]


class Value(BaseModel):
    """Ours: made by our code, spelled in snake_case, nothing unexpected inside."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Desired(BaseModel):
    """What we write: spelled as Kubernetes spells it; a field not listed here is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> JsonObject:
        """Return the short form Metacontroller applies: only the fields we set."""
        return self.model_dump(mode="json", exclude_none=True)


class Observed(BaseModel):
    """What we read: spelled as Kubernetes spells it; fields we do not read are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")
