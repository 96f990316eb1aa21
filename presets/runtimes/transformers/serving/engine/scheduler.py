"""Decides what is computed next: one thread that owns the model."""

import asyncio
import contextlib
import logging
import threading
import time

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from serving.engine.alone import Alone
from serving.engine.batch import Batch, Row
from serving.engine.generation import Generation, GenerationError, Piece
from serving.engine.key_values import COLUMNS_AHEAD
from serving.engine.line import Limits, Line
from serving.engine.options import context_length, long_from, make_plan, sentence
from serving.engine.sampling import ChoiceError
from serving.metrics import Metrics

LOG = logging.getLogger("metakaito.engine")

SHUTTING_DOWN = "the server is shutting down"

PADDED_PREFILL = 4096
"""Tokens, with padding, of prompts that are put in together; more prompts wait for a step."""

STEP_PREFILL = 2048
"""Tokens of one long prompt that go through the model at a time, for the memory that they need."""

COLUMNS_TO_GROW = 64
"""Tokens that each row has to have room for when one joins; else it would soon be put back."""

WASTE = 2
"""So many times the memory that rows need may be allocated for them, before it is freed."""

USUAL_CONTEXT = 4096
"""Tokens, where a model does not say how many it sees at once."""

STEPS_TO_GROW = 256
"""Turns after which a little more is tried again of what a shortage of memory has cut."""


class Scheduler:
    """
    Answers generations in the order they came, as many at once as there is room for.

    Between two steps, rows that are complete or cancelled leave and waiting ones join. Where memory
    gets short the youngest row goes back to the head of the queue, and is put in again with what it
    has said.

    Args:
        model: Loaded, and used by nobody else.
        tokenizer: For stop strings.
        limits: What it may take.
        metrics: Hears what happens.
        loop: Where answers are awaited.

    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        limits: Limits,
        metrics: Metrics,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.metrics = metrics
        self.loop = loop
        self.line = Line(limits, metrics)
        self.limits = limits
        self.most_rows = limits.rows
        self.since_shortage = 0
        self.cells = limits.cells
        self.long_from = long_from(model)
        self.shared = torch.Generator(model.device)
        self.shared.seed()
        # Rows with short and with long rotary frequencies never share a forward pass.
        self.batches = {False: self.new_batch(), True: self.new_batch()}
        self.joining: list[Row] = []
        self.alone: Alone | None = None
        self.broken: str | None = None
        self.outbox: list[tuple[Generation, Piece | GenerationError]] = []
        self.thread = threading.Thread(target=self.run, name="scheduler", daemon=True)

    def new_batch(self) -> Batch:
        """Return a batch without rows."""
        return Batch(self.model, self.shared)

    # What other threads call.

    def start(self) -> None:
        """Begin to answer."""
        self.thread.start()

    def submit(self, generation: Generation) -> None:
        """
        Queue a request.

        Raises:
            QueueFullError: Too many wait.
            ClosedError: No more are taken.

        """
        free = max(0, self.limits.rows - self.running())
        self.line.add(Row(generation, list(generation.prompt)), free)

    def close(self) -> None:
        """Take no more; what was taken is still answered."""
        self.line.close(SHUTTING_DOWN)

    def abort(self) -> None:
        """Answer what is left with an error, and end."""
        self.line.abort(SHUTTING_DOWN)

    def join(self, seconds: float | None = None) -> bool:
        """Wait until all is answered after ``close`` or ``abort``; say whether it is."""
        if self.thread.ident is not None:
            self.thread.join(seconds)
        return not self.thread.is_alive()

    @property
    def capacity(self) -> int:
        """How many requests there may be at all, in work and waiting."""
        return self.limits.rows + self.limits.queue

    def free_rows(self) -> int:
        """Return how many more rows there is room for."""
        return max(0, self.most_rows - self.running())

    def running(self) -> int:
        """Return how many requests are being answered."""
        return len(self.rows()) + (self.alone is not None)

    # What the thread does.

    def run(self) -> None:
        """Answer until closed and nothing is left, or until aborted."""
        try:
            while self.line.wait_for_work(lambda: self.running() > 0):
                self.guarded_turn()
        except Exception as error:
            LOG.exception("the engine ends")
            self.broken = f"the engine has failed: {sentence(error)}"
            self.line.abort(self.broken)
        reason = self.line.closed or SHUTTING_DOWN
        self.stop_alone(reason)
        self.fail([*self.rows(), *self.joining, *self.line.clear()], reason)
        self.joining = []
        self.empty()
        self.post()

    def trouble(self) -> str | None:
        """Say why nothing is answered any more; None if all is well."""
        if self.broken is None and not self.thread.is_alive():
            return self.line.closed or "the engine has ended"
        return self.broken

    def guarded_turn(self) -> None:
        """Take a turn; what goes wrong costs the requests that it is about, and no others."""
        try:
            self.turn()
            self.grow()
        except torch.cuda.OutOfMemoryError as error:
            self.make_room(error)
        except Exception as error:
            LOG.exception("a step failed")
            self.give_up(f"the model failed: {sentence(error)}", self.joining or self.rows())
            self.probe()
        self.metrics.running.set(self.running())
        self.post()

    def turn(self) -> None:
        """Let rows leave and join, and take one step with everything that is in work."""
        self.fail(
            self.line.late(),
            f"not begun after {self.line.limits.wait:g} seconds in the queue",
            busy=True,
        )
        for batch in self.batches.values():
            for row in [row for row in batch.rows if row.generation.cancelled]:
                batch.leave(row)
            batch.compact(WASTE)
        self.admit()
        for batch in self.batches.values():
            self.advance(batch)
        if self.alone is None and self.free_rows() and (found := self.line.take_alone()):
            self.alone = Alone(self.model, self.tokenizer, found.generation, self.deliver)
        if self.alone is not None:
            self.alone.turn()
            if self.alone.done:
                self.alone = None

    def admit(self) -> None:
        """Take from the queue what there is room for, and choose first tokens."""
        self.joining = self.line.take(self.free_rows(), self.fits)
        if not self.joining:
            return
        long = self.is_long(self.joining[0])
        batch = self.new_batch()
        # A long text's first tokens have to be rotated as its last ones: it goes in at once.
        longest = max(row.length for row in self.joining)
        batch.prefill(self.joining, longest if long else STEP_PREFILL)
        self.settle(batch)
        self.joining = list(batch.rows)
        self.batches[long].join(batch)
        self.joining = []

    def fits(self, rows: list[Row], row: Row) -> bool:
        """Say whether one more row can be put in with these."""
        if not rows and not self.rows():
            return True
        longest = max(each.length for each in (*rows, row))
        if rows and (
            self.is_long(rows[0]) != self.is_long(row)
            or longest * (len(rows) + 1) > PADDED_PREFILL
            or longest > STEP_PREFILL
        ):
            return False
        batch = self.batches[self.is_long(row)]
        others = sum(each.cells for each in self.batches.values() if each is not batch)
        grown = max(longest, batch.cache.length) + COLUMNS_TO_GROW
        return others + batch.cells_with(len(rows) + 1, grown) <= self.cells

    def is_long(self, row: Row) -> bool:
        """Say whether a row is rotated with the frequencies for long texts."""
        return self.long_from is not None and row.length >= self.long_from

    def advance(self, batch: Batch) -> None:
        """Take one step with a batch."""
        if batch is self.batches[False]:
            for row in [row for row in batch.rows if self.is_long(row)]:
                self.put_back(batch, row)
        while len(batch.rows) > 1 and self.cells_after_step() > self.cells:
            self.put_back(batch, max(batch.rows, key=lambda row: row.generation.asked))
            batch.compact()
        if batch.rows:
            self.metrics.batch.observe(len(batch.rows))
            batch.step()
            self.settle(batch)

    def cells_after_step(self) -> int:
        """Return what keys and values take after one more step."""
        return sum(batch.cells_after_step() for batch in self.batches.values())

    def put_back(self, batch: Batch, row: Row) -> None:
        """Queue a row again; it is put in anew with all its tokens."""
        batch.leave(row)
        self.line.put_back([row])

    def settle(self, batch: Batch) -> None:
        """Deliver what a step has brought, and let go what is complete."""
        now = time.monotonic()
        for row in [row for row in batch.rows if row.failure]:
            self.refuse(batch, row)
        for row in list(batch.rows):
            generation = row.generation
            self.metrics.token(generation, now)
            try:
                finish = row.finish()
            except Exception as error:  # noqa: BLE001  (only this row's criteria fail)
                reason = f"generate_kwargs: cannot be applied: {sentence(error)}"
                row.failure = ChoiceError(reason, options=True)
                self.refuse(batch, row)
                continue
            if finish is not None or generation.stream:
                self.deliver(generation, row.piece(finish))
            if finish is not None:
                self.line.answered(now - generation.asked)
                batch.leave(row)

    def refuse(self, batch: Batch, row: Row) -> None:
        """Let a row go that has no next token, with the reason."""
        if row.failure is not None:
            error = GenerationError(row.failure.reason, unfit=row.failure.options)
            self.deliver(row.generation, error)
        batch.leave(row)

    # What comes back, and what goes wrong.

    def deliver(self, generation: Generation, piece: Piece | GenerationError) -> None:
        """Have something delivered after this step."""
        self.outbox.append((generation, piece))

    def post(self) -> None:
        """Deliver all that this step has brought, in one call."""
        if self.outbox:
            posted, self.outbox = self.outbox, []
            self.loop.call_soon_threadsafe(put_all, posted)

    def fail(self, rows: list[Row], reason: str, *, busy: bool = False) -> None:
        """Answer rows with an error."""
        for row in rows:
            self.deliver(row.generation, GenerationError(reason, busy=busy))

    def rows(self) -> list[Row]:
        """Return all rows of the batches."""
        return [row for batch in self.batches.values() for row in batch.rows]

    def make_room(self, error: torch.cuda.OutOfMemoryError) -> None:
        """Go on with less where the GPU's memory did not suffice; a row that had it all fails."""
        LOG.warning("out of GPU memory, going on with fewer at a time: %s", sentence(error))
        # A row whose joining failed at its last stroke is in both.
        found = {id(row): row for row in (*self.rows(), *self.joining)}
        rows = sorted(found.values(), key=lambda row: row.generation.asked)
        joining = sum(row.length + COLUMNS_AHEAD for row in self.joining)
        held = sum(batch.cells for batch in self.batches.values()) + joining
        # One request of any length has to have room again, once it is alone.
        least = (context_length(self.model) or USUAL_CONTEXT) + COLUMNS_AHEAD + COLUMNS_TO_GROW
        self.cells = min(self.cells, max(least, held * 3 // 4))
        self.most_rows = max(1, min(self.most_rows, len(rows) - 1))
        self.since_shortage = 0
        if len(rows) == 1:
            self.give_up("the GPU's memory does not suffice for a request of this length", rows)
            return
        self.joining = []
        self.empty()
        self.line.put_back(rows)

    def grow(self) -> None:
        """Try a little more again, if it has been enough for a while."""
        self.since_shortage += 1
        if self.since_shortage % STEPS_TO_GROW == 0:
            self.most_rows = min(self.limits.rows, self.most_rows + 1)
            self.cells = min(self.limits.cells, self.cells + self.cells // 32 + 1)

    def give_up(self, reason: str, rows: list[Row]) -> None:
        """Answer rows with an error; if they are in a batch, all of it is given up."""
        self.fail(rows, reason)
        if not self.joining:
            self.empty()
        self.joining = []

    def empty(self) -> None:
        """Free the memory of all rows."""
        self.batches = {False: self.new_batch(), True: self.new_batch()}
        if torch.cuda.is_available():
            # On a GPU that computes no more it fails, too; the probe tells.
            with contextlib.suppress(RuntimeError):
                torch.cuda.empty_cache()

    def stop_alone(self, reason: str) -> None:
        """Let go what runs alone."""
        if self.alone is not None:
            self.alone.generation.cancel()
            while not self.alone.done:
                self.alone.turn()
            self.deliver(self.alone.generation, GenerationError(reason))
            self.alone = None

    def probe(self) -> None:
        """
        See whether the model still computes; if not, take no more requests and tell /healthz.

        Some errors of a GPU stay until the process is started anew.
        """
        plan = make_plan(self.model, self.tokenizer, 1, {"max_new_tokens": 1, "do_sample": False})
        try:
            self.new_batch().prefill([Row(Generation([0], plan), [0])], 1)
        except Exception as error:
            LOG.exception("the model computes no more")
            self.broken = f"the model computes no more: {sentence(error)}"
            self.line.abort(self.broken)


def put_all(posted: list[tuple[Generation, Piece | GenerationError]]) -> None:
    """Put pieces before those who wait for them; in the thread of the event loop."""
    for generation, piece in posted:
        generation.inbox.put_nowait(piece)
