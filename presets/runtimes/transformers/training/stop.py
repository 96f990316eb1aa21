"""SIGTERM: remembered, so that the step that runs can end and a checkpoint be written."""

import signal
from types import FrameType

from training.failures import ExitCode, TrainingFailure


class StopSignal:
    """
    Remembers that this process was told to stop.

    Attributes:
        received: Whether it was.

    """

    def __init__(self) -> None:
        self.received = False

    def listen(self) -> None:
        """Take SIGTERM from now on."""
        signal.signal(signal.SIGTERM, self._receive)

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        self.received = True

    def require_none(self) -> None:
        """
        Go on before the first step, where there is nothing to save.

        Raises:
            TrainingFailure: This process was told to stop.

        """
        if self.received:
            raise TrainingFailure(
                "told to stop before the first step: the same training begins, or is resumed, "
                "when it is started again",
                ExitCode.TERMINATED,
            )
