"""From logits to the next token of each row, as ``generate()`` chooses it."""

from dataclasses import dataclass, field

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

FREE_OF_HISTORY = {
    "TemperatureLogitsWarper": "temperature",
    "TopKLogitsWarper": "top_k",
    "TopPLogitsWarper": "top_p",
    "MinPLogitsWarper": "min_p",
    "TopHLogitsWarper": "top_h",
    "TypicalLogitsWarper": "typical_p",
    "EpsilonLogitsWarper": "epsilon_cutoff",
    "EtaLogitsWarper": "eta_cutoff",
    "LogitNormalization": "renormalize_logits",
    "InfNanRemoveLogitsProcessor": "remove_invalid_values",
}
"""
Logits processors that look at the scores alone, by the option that makes them.

Rows whose processors are all of these, with equal options, share a call.
https://github.com/huggingface/transformers/blob/v5.24.0/src/transformers/generation/utils.py
"""


class OccurrencePenalty(LogitsProcessor):
    """
    OpenAI's presence and frequency penalty, over the tokens generated so far.

    https://platform.openai.com/docs/advanced-usage#frequency-and-presence-penalties

    Args:
        prompt_length: Tokens that do not count.
        presence: Subtracted from the logit of each token that occurred.
        frequency: Subtracted once for each occurrence.

    """

    def __init__(self, prompt_length: int, presence: float, frequency: float) -> None:
        self.prompt_length = prompt_length
        self.presence = presence
        self.frequency = frequency

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores less the penalties; shapes ``[1, tokens]`` and ``[1, vocabulary]``."""
        counts = torch.zeros_like(scores).scatter_add_(
            1,
            input_ids[:, self.prompt_length :],
            torch.ones_like(input_ids[:, self.prompt_length :], dtype=scores.dtype),
        )
        return scores - self.frequency * counts - self.presence * (counts > 0)


@dataclass(frozen=True)
class Logprobs:
    """Log probabilities of a chosen token, and of the likeliest ones in falling order."""

    chosen: float
    top: tuple[tuple[int, float], ...]


@dataclass
class Chooser:
    """
    How one row chooses its tokens.

    ``needs_history`` says whether a processor looks at the tokens so far; rows that need none and
    have equal ``group`` are processed in one call. ``generator`` is None where no seed was asked
    for.
    """

    processors: LogitsProcessorList
    sample: bool
    needs_history: bool
    group: tuple[object, ...]
    generator: torch.Generator | None = None
    logprobs: int | None = None
    _history: torch.Tensor | None = field(default=None, repr=False)

    def history(self, tokens: list[int], device: torch.device) -> torch.Tensor:
        """Return the tokens so far, ``[1, tokens]``, extended by what came since the last call."""
        known = 0 if self._history is None else self._history.shape[1]
        new = torch.tensor([tokens[known:]], device=device)
        self._history = new if self._history is None else torch.cat((self._history, new), dim=1)
        return self._history


def chooser(
    processors: LogitsProcessorList,
    config: GenerationConfig,
    seed: int | None,
    device: torch.device,
) -> Chooser:
    """Return how a row of these options chooses."""
    names = [type(each).__name__ for each in processors]
    return Chooser(
        processors=processors,
        sample=bool(config.do_sample),
        needs_history=not FREE_OF_HISTORY.keys() >= set(names),
        group=tuple((name, getattr(config, FREE_OF_HISTORY.get(name, ""), None)) for name in names),
        generator=None if seed is None else torch.Generator(device).manual_seed(seed),
    )


NO_TOKEN = -1
"""Stands for the choice of a row whose scores leave nothing to choose."""


class ChoiceError(Exception):
    """
    A row has no next token; those beside it have theirs.

    Args:
        reason: Why.
        options: Whether the request's own options did it, and not the model.

    """

    def __init__(self, reason: str, *, options: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.options = options


def next_tokens(
    logits: torch.Tensor, choosers: list[Chooser], tokens: list[list[int]], shared: torch.Generator
) -> list[int | ChoiceError]:
    """
    Return one token for each row, or why it has none.

    Args:
        logits: ``[rows, vocabulary]``, 32-bit floats; they are not changed.
        choosers: One for each row.
        tokens: Prompt and answer so far of each row.
        shared: Draws for the rows that have no seed.

    """
    chosen = torch.empty(len(choosers), dtype=torch.long, device=logits.device)
    failed: dict[int, ChoiceError] = {}
    for rows in grouped(choosers):
        index = torch.tensor(rows, device=logits.device)
        first = choosers[rows[0]]
        scores = logits if len(rows) == len(choosers) else logits[index]
        if first.processors:
            history = (
                first.history(tokens[rows[0]], logits.device)
                if first.needs_history
                else torch.empty((len(rows), 0), dtype=torch.long, device=logits.device)
            )
            try:
                scores = first.processors(history, scores.clone())
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # noqa: BLE001  (only the rows with these options fail)
                reason = f"generate_kwargs: cannot be applied: {error}".splitlines()[0]
                failed |= dict.fromkeys(rows, ChoiceError(reason, options=True))
                chosen[index] = NO_TOKEN
                continue
        chosen[index] = drawn(scores, [choosers[row] for row in rows], shared)
    found: list[int | ChoiceError] = []
    for row, token in enumerate(chosen.tolist()):
        if token == NO_TOKEN:
            found.append(failed.get(row) or nothing_left(logits[row]))
        else:
            found.append(int(token))
    return found


def nothing_left(logits: torch.Tensor) -> ChoiceError:
    """Return why there is nothing to choose, from what the model said."""
    if bool(logits.amax().isfinite()):
        return ChoiceError(
            "generate_kwargs: leave no token to choose: the scores become infinite, or all tokens "
            "are forbidden",
            options=True,
        )
    return ChoiceError("the model's scores are not finite numbers", options=False)


def grouped(choosers: list[Chooser]) -> list[list[int]]:
    """Return the rows, in order, that are processed together."""
    groups: dict[object, list[int]] = {}
    for row, each in enumerate(choosers):
        key = row if each.needs_history else (each.sample, each.group)
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def drawn(scores: torch.Tensor, choosers: list[Chooser], shared: torch.Generator) -> torch.Tensor:
    """
    Return the likeliest token of each row, or one drawn by its probability.

    ``NO_TOKEN`` is for rows whose highest score is not finite: their probabilities are NaN, for
    which a GPU would stop computing at all.
    """
    fit = scores.amax(dim=-1).isfinite()
    if not choosers[0].sample:
        return scores.argmax(dim=-1).where(fit, NO_TOKEN)
    probabilities = scores.softmax(dim=-1).where(fit.unsqueeze(1), 1.0)
    if all(each.generator is None for each in choosers):
        return torch.multinomial(probabilities, 1, generator=shared).squeeze(1).where(fit, NO_TOKEN)
    chosen = torch.cat(
        [
            torch.multinomial(probabilities[row : row + 1], 1, generator=each.generator or shared)
            for row, each in enumerate(choosers)
        ]
    )
    return chosen.squeeze(1).where(fit, NO_TOKEN)


def logprobs_of(logits: torch.Tensor, token: int, alternatives: int) -> Logprobs:
    """
    Return the log probabilities that the model gave, before any processor.

    Args:
        logits: ``[vocabulary]``.
        token: The one that was chosen.
        alternatives: How many of the likeliest.

    """
    logs = logits.log_softmax(dim=-1)
    values, tokens = logs.topk(alternatives)
    return Logprobs(
        float(logs[token]),
        tuple(zip((int(each) for each in tokens), (float(value) for value in values), strict=True)),
    )
