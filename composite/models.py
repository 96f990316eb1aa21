"""
The three kinds of model in this project, told apart by where their data was born.

What a sync makes on its way from one to the other is kept in named tuples (docs/decisions/0018).
"""

from typing import Any, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

# What ``json.loads`` gives for an object. ``Any`` and not pydantic's JsonValue: these are passed
# on unread (a user's pod template, an observed child), and checking each leaf would cost more
# than everything else a sync does.
JsonObject: TypeAlias = dict[str, Any]


class Value(BaseModel):
    """Ours: from our files, spelled in snake_case, nothing unexpected inside."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Desired(BaseModel):
    """What we write: spelled as Kubernetes spells it; a field not listed here is a mistake."""

    # A number that is out of range is no null, which pydantic would make of it.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    def to_json(self) -> JsonObject:
        """Return the short form Metacontroller applies: only the fields we set."""
        return self.model_dump(mode="json", exclude_none=True)


class Unreadable(Exception):  # noqa: N818  (it says what was sent, not what broke)
    """
    An object in a request is not what its kind says; the cause is pydantic's error.

    No API server sends such a thing. The shell answers HTTP 422: the request is malformed.
    """


class Observed(BaseModel):
    """What we read: spelled as Kubernetes spells it; fields we do not read are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def read(cls, sent: object) -> Self:
        """
        Return an object of a request, of which only the parts that we look at have to be right.

        Raises:
            Unreadable: One of them is not.

        """
        try:
            return cls.model_validate(sent)
        except ValidationError as error:
            raise Unreadable(called(cls.__name__, sent)) from error


def called(kind: str, sent: object) -> str:
    """Return what to call an object that cannot be read: its kind, and its name if it has one."""
    meta = sent.get("metadata") if isinstance(sent, dict) else None
    name = meta.get("name") if isinstance(meta, dict) else None
    return f"{kind} {name[:63]}" if isinstance(name, str) else kind


def sorted_json(value: Any, *, nulls: bool = False) -> Any:  # noqa: ANN401  (JSON in, JSON out)
    """Return JSON with the keys of every object sorted, as Go writes them; without its nulls."""
    if isinstance(value, dict):
        return {
            key: sorted_json(item, nulls=nulls)
            for key, item in sorted(value.items())
            if nulls or item is not None
        }
    if isinstance(value, list):
        return [sorted_json(item, nulls=nulls) for item in value if nulls or item is not None]
    return value
