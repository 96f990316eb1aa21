"""Rows of different requests that go through the model together, one token each a step."""

from dataclasses import dataclass, field

import torch
from transformers import PreTrainedModel

from serving.engine.generation import Finish, Generation, Piece
from serving.engine.key_values import COLUMNS_AHEAD, KeyValues
from serving.engine.sampling import ChoiceError, Logprobs, logprobs_of, next_tokens


@dataclass(eq=False)
class Row:
    """
    A request in a batch: its tokens so far, prompt and answer, and those not yet delivered.

    ``failure`` says why it has no next token; it then has to leave before the next step.
    """

    generation: Generation
    tokens: list[int]
    fresh: list[int] = field(default_factory=list)
    logprobs: list[Logprobs] = field(default_factory=list)
    failure: ChoiceError | None = None

    @property
    def length(self) -> int:
        """Tokens so far."""
        return len(self.tokens)

    def finish(self) -> Finish | None:
        """Say whether and why the answer is complete."""
        plan = self.generation.plan
        if self.tokens[-1] in plan.ends:
            return Finish.STOP
        if plan.criteria and stopped(self):
            return Finish.STOP
        return Finish.LENGTH if self.length >= plan.limit else None

    def piece(self, finish: Finish | None) -> Piece:
        """Return what has not been delivered, which then counts as delivered."""
        piece = Piece(tuple(self.fresh), tuple(self.logprobs), finish)
        self.fresh, self.logprobs = [], []
        return piece


def stopped(row: Row) -> bool:
    """Ask transformers' criteria, for stop strings and time, whether the answer is complete."""
    device = torch.device("cpu")
    tokens = torch.tensor([row.tokens], device=device)
    return bool(row.generation.plan.criteria(tokens, torch.empty((1, 0))).all())


class Batch:
    """
    Rows aligned at their last token, with the keys and values of all their tokens but the last.

    Every row has one token more than it has keys and values: that which the next step puts in.
    """

    def __init__(self, model: PreTrainedModel, shared: torch.Generator) -> None:
        self.model = model
        self.shared = shared
        self.rows: list[Row] = []
        self.cache = KeyValues()

    @property
    def cells(self) -> int:
        """Keys and values that are allocated, in tokens, with the padding and the room ahead."""
        return self.cache.cells

    def cells_with(self, more: int, longest: int) -> int:
        """Return what will be allocated with so many more rows, the longest of this length."""
        columns = max(self.cache.length, longest) + COLUMNS_AHEAD
        return max(self.cells, (len(self.rows) + more) * columns)

    def cells_after_step(self) -> int:
        """Return what will be allocated after one more step."""
        if not self.rows or self.cache.columns_ahead:
            return self.cells
        return len(self.rows) * (self.cache.length + 1 + COLUMNS_AHEAD)

    def compact(self, most: float = 1.0) -> None:
        """Free what is allocated, if it is more than so many times what is needed."""
        needed = len(self.rows) * (self.cache.length + COLUMNS_AHEAD)
        if self.rows and self.cells > most * needed:
            self.cache.compact()

    @torch.inference_mode()
    def prefill(self, rows: list[Row], chunk: int) -> None:
        """
        Fill this empty batch with rows that are new, and choose the next token of each.

        Args:
            rows: They are padded to the longest.
            chunk: A single row is put in so many tokens at a time, for its scores to fit into
            memory.

        """
        length = max(row.length for row in rows)
        pads = [length - row.length for row in rows]
        ids = torch.tensor(
            [[0] * pad + row.tokens for pad, row in zip(pads, rows, strict=True)],
            device=self.model.device,
        )
        columns = torch.arange(length, device=self.model.device)
        left = torch.tensor(pads, device=self.model.device).unsqueeze(1)
        positions = (columns - left).clamp(min=0)
        mask = (columns >= left).long() if any(pads) else None
        step = length if any(pads) else chunk
        for first in range(0, length, step):
            part = slice(first, first + step)
            logits = self.forward(ids[:, part], positions[:, part], mask)
        self.rows = list(rows)
        self.choose(logits)

    @torch.inference_mode()
    def step(self) -> None:
        """Put in the last token of each row and choose the next."""
        length = self.cache.length + 1
        told = torch.tensor(
            [[row.tokens[-1], row.length - 1, length - row.length] for row in self.rows],
            device=self.model.device,
        )
        padded = any(row.length != length for row in self.rows)
        columns = torch.arange(length, device=self.model.device) if padded else None
        mask = None if columns is None else (columns >= told[:, 2:]).long()
        self.choose(self.forward(told[:, :1], told[:, 1:2], mask))

    def forward(
        self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the logits of each row's last token, ``[rows, vocabulary]``, in 32 bits."""
        answer = self.model(
            input_ids=ids,
            position_ids=positions,
            attention_mask=mask,
            cache=self.cache,
            use_cache=True,
            logits_to_keep=1,
            return_dict=True,
        )
        logits: torch.Tensor = answer.logits[:, -1]
        return logits.to(device=self.model.device, dtype=torch.float32)

    def choose(self, logits: torch.Tensor) -> None:
        """Add the next token to each row, or why it has none."""
        choosers = [row.generation.plan.chooser for row in self.rows]
        chosen = next_tokens(logits, choosers, [row.tokens for row in self.rows], self.shared)
        for index, (row, token) in enumerate(zip(self.rows, chosen, strict=True)):
            if isinstance(token, ChoiceError):
                row.failure = token
                continue
            row.tokens.append(token)
            row.fresh.append(token)
            alternatives = choosers[index].logprobs
            if alternatives is not None:
                row.logprobs.append(logprobs_of(logits[index], token, alternatives))

    @torch.inference_mode()
    def join(self, other: "Batch") -> None:
        """Take over the rows of another batch."""
        if not other.rows:
            return
        if self.rows:
            self.cache.append(other.cache)
        else:
            self.cache = other.cache
        self.rows += other.rows

    @torch.inference_mode()
    def leave(self, row: Row) -> None:
        """Drop a row; the rest is as if it had never been there."""
        index = self.rows.index(row)
        last = self.rows.pop()
        if last is not row:
            self.rows[index] = last
        if self.rows:
            self.cache.remove(index, max(each.length for each in self.rows) - 1)
        else:
            self.cache = KeyValues()
