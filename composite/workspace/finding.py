"""What a condition says, before it is known when it began to be so."""

from typing import Literal, TypeAlias

from composite.models import Value

ConditionStatus: TypeAlias = Literal["True", "False", "Unknown"]


class Finding(Value):
    """One thing that is so, is not so, or is not known, and why."""

    type: str
    status: ConditionStatus
    reason: str
    message: str
