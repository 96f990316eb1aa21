"""How a step says that it failed: one sentence, and whether trying again may help."""


class StepFailed(Exception):  # noqa: N818  (it says what is so)
    """The step ends here; the sentence says why and, where it is known, what to change."""


class CannotBe(StepFailed):
    """What was asked for can never be: the arguments are to be changed, nothing was begun."""


class TryAgain(StepFailed):
    """
    It did not work now and may later.

    Args:
        sentence: What happened.
        after: Seconds that the server asks to wait; None where it says nothing.

    """

    def __init__(self, sentence: str, after: float | None = None) -> None:
        super().__init__(sentence)
        self.after = after


class GaveUp(StepFailed):
    """It was tried again and did not work for too long; a later run may go on."""
