"""How the command line says no: a line for each problem, and an exit code for scripts."""

from typing import ClassVar

OK = 0
FAILED = 1
REFUSED = 2


class Stop(Exception):  # noqa: N818  (it ends the command, and is not always an error)
    """
    The command ends here, with these lines on standard error.

    Raised for what a user can mend; never shown with a traceback.
    """

    code: ClassVar[int]

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Enough(Stop):
    """Whoever reads has enough, and that is well, as in ``metakaito presets | head -1``."""

    code = OK


class Failed(Stop):
    """Something did not work: a file cannot be read, a server does not answer, a promise broke."""

    code = FAILED


class Refused(Stop):
    """What was asked for cannot be done: a Workspace breaks a rule, an option is wrong."""

    code = REFUSED
