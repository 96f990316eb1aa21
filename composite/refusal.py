"""How the core says no."""

from composite.models import Value


class Problem(Value):
    """
    One thing the user has to change.

    ``field`` is the path in the Workspace (``resource.instanceType``), ``message`` the fact that
    decides and what to do about it.
    """

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class Refusal(Exception):  # noqa: N818  (it is an answer to the user, not a fault of ours)
    """
    The user asked for something we cannot do.

    Raised anywhere in planning, caught once in ``sync``, shown as the condition Accepted=False.
    It carries every problem found at once, so that a user mends a Workspace in one go.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class Unplannable(Exception):  # noqa: N818  (it says what the world is like, not what broke)
    """
    Neither the Workspace nor what was last accepted of it can be planned.

    The shell answers HTTP 500 with this one line; Metacontroller then changes nothing and asks
    again. Any HTTP 200 would have to list the children, and a child left out is deleted.
    """
