"""What a condition says, before it is known when it began to be so."""

from typing import Literal, NamedTuple, TypeAlias

ConditionStatus: TypeAlias = Literal["True", "False", "Unknown"]


class Finding(NamedTuple):
    """One thing that is so, is not so, or is not known, and why."""

    type: str
    status: ConditionStatus
    reason: str
    message: str
