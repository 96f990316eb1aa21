"""Tells the log and the metrics server, every few seconds, how far the training is."""

import logging
import math
import threading
import time
from dataclasses import dataclass, field
from typing import Self, SupportsFloat, SupportsInt

from training.progress import Progress, State, duration, progress_line, write_progress
from training.settings import Settings

logger = logging.getLogger(__name__)


@dataclass
class Counts:
    """
    What the training loop counts; sums stay on their device until somebody asks for them.

    Attributes:
        began: When the first step began, on a clock that only goes forward.
        first_step: Steps that were done before, by a training that was resumed.

    """

    began: float = field(default_factory=time.monotonic)
    first_step: int = 0
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    total_epochs: float = 0.0
    samples: int = 0
    tokens: SupportsInt = 0
    loss: SupportsFloat | None = None

    def begin(self, step: int, total_steps: int, epoch: float, total_epochs: float) -> None:
        """Begin at a step, now; again if transformers begins again, with another batch size."""
        self.began = time.monotonic()
        self.first_step = self.step = step
        self.total_steps = total_steps
        self.epoch, self.total_epochs = epoch, total_epochs
        self.samples, self.tokens, self.loss = 0, 0, None

    def progress(self, state: State) -> Progress:
        """Return this moment."""
        seconds = max(time.monotonic() - self.began, 1e-6)
        done = self.step - self.first_step
        loss = None if self.loss is None else float(self.loss)
        return Progress(
            state=state,
            step=self.step,
            total_steps=self.total_steps,
            epoch=self.epoch,
            total_epochs=self.total_epochs,
            loss=loss if loss is not None and math.isfinite(loss) else None,
            samples_per_second=self.samples / seconds,
            tokens_per_second=int(self.tokens) / seconds,
            seconds_left=(self.total_steps - self.step) * seconds / done if done else None,
            updated=time.time(),
        )


class Reporter:
    """
    Speaks for this process while the block that it guards runs.

    A thread speaks, since a step, or loading a model, may take minutes.

    Args:
        settings: How often, where progress goes, and whether this process speaks at all.

    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.counts: Counts | None = None
        self._state: State = "preparing"
        self._last = Progress()
        self._doing = ""
        self._detail = ""
        self._since = time.monotonic()
        self._over = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._speak_on, name="reporter", daemon=True)

    def __enter__(self) -> Self:
        self._write()
        if self.settings.writes:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def begin(self, doing: str) -> None:
        """Say what is done next, before the training and after it."""
        self._doing, self._detail, self._since = doing, "", time.monotonic()
        if self.settings.writes:
            logger.info("%s", doing)

    def detail(self, detail: str) -> None:
        """Keep how far it is, in case it takes long enough to say."""
        self._detail = detail

    def count(self, counts: Counts | None) -> None:
        """Tell of these counts from now on; of None, of what is done."""
        self.counts = counts
        self._state = "training" if counts else self._state
        self.speak()

    def end(self, state: State) -> None:
        """Leave how it ended for the metrics server."""
        self._state = state
        self._write()

    def speak(self) -> None:
        """Say how far it is, now."""
        if not self.settings.writes:
            return
        progress = self._write()
        if self.counts is not None:
            logger.info("%s", progress_line(progress))

    def _speak_on(self) -> None:
        while not self._over.wait(self.settings.progress_seconds):
            if self.counts is not None:
                self.speak()
            elif self._doing:
                seconds = duration(time.monotonic() - self._since)
                detail = f": {self._detail}" if self._detail else ""
                logger.info("%s, for %s%s", self._doing, seconds, detail)
                self._write()

    def _write(self) -> Progress:
        with self._writing:
            if self.counts is None:
                self._last = self._last.model_copy(
                    update={"state": self._state, "updated": time.time()}
                )
            else:
                self._last = self.counts.progress(self._state)
            if self.settings.writes:
                self._tell_metrics(self._last)
            return self._last

    def _tell_metrics(self, progress: Progress) -> None:
        """Write the progress for the metrics server; a training does not fail for want of that."""
        try:
            write_progress(progress, self.settings.progress_file)
        except OSError as error:
            logger.warning("progress cannot be told to the metrics server: %s", error)
