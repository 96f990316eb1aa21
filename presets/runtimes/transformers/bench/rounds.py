"""Rounds of measurements, and what they come to."""

import asyncio
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from transformers import Pipeline

from bench import in_process, over_http
from bench.over_http import Load, Running

CLIENTS = (1, 4, 16)

WORDS = "one two three four five six seven eight nine ten node model answer fox dog day time hand"


@dataclass
class Figures:
    """
    What was measured, one value for each round.

    Keys are clients; speeds are in tokens per second, times to the first token in seconds.
    """

    pipeline: dict[int, list[float]] = field(default_factory=dict)
    server: dict[int, list[float]] = field(default_factory=dict)
    pipeline_first: list[float] = field(default_factory=list)
    server_first: dict[int, list[float]] = field(default_factory=dict)

    def ratios(self, clients: int) -> list[float]:
        """Return the server's speed with so many clients by the pipeline's with such a batch."""
        return quotients(self.server[clients], self.pipeline[clients])

    def gains(self, clients: int) -> list[float]:
        """Return the server's speed with so many clients by its speed with one."""
        return quotients(self.server[clients], self.server[1])


def quotients(above: list[float], below: list[float]) -> list[float]:
    """Return the quotient of each round."""
    return [a / b for a, b in zip(above, below, strict=True)]


def prompts(count: int) -> list[str]:
    """Return prompts of some 40 tokens, each another."""
    words = WORDS.split()
    return [
        f"{words[number % len(words)]} {number}: What is a GPU? {' '.join(words[: 8 + number % 8])}"
        for number in range(count)
    ]


def measure(
    asked: Pipeline, server: Running, rounds: int, tokens: int, tell: Callable[[str], None]
) -> Figures:
    """
    Measure in turns, after one round that does not count.

    Args:
        asked: The pipeline.
        server: With the same model.
        rounds: How often.
        tokens: Of each answer.
        tell: Hears of the progress.

    """
    figures = Figures()
    for number in range(rounds + 1):
        tell(f"round {number} of {rounds}" if number else "warming up")
        figures_of_round = one_round(asked, server, tokens)
        if number:
            add(figures, figures_of_round)
    return figures


def one_round(asked: Pipeline, server: Running, tokens: int) -> Figures:
    """Return the figures of one round."""
    figures = Figures()
    figures.pipeline_first = [
        statistics.median(in_process.seconds_for(asked, [each], 1, 1) for each in prompts(3))
    ]
    for clients in CLIENTS:
        questions = prompts(max(4, 2 * clients))
        total = len(questions) * tokens
        # The pipeline's turn comes first and last, for what drifts to fall on both.
        before = in_process.seconds_for(asked, questions, tokens, clients)
        seconds = asyncio.run(over_http.seconds_for(server, Load(clients, questions, tokens)))
        after = in_process.seconds_for(asked, questions, tokens, clients)
        figures.pipeline[clients] = [2 * total / (before + after)]
        figures.server[clients] = [total / seconds]
        times = asyncio.run(over_http.seconds_to_first(server, Load(clients, questions, 16)))
        figures.server_first[clients] = [statistics.median(times)]
    return figures


def add(figures: Figures, more: Figures) -> None:
    """Add the figures of a round."""
    figures.pipeline_first += more.pipeline_first
    for mine, others in (
        (figures.pipeline, more.pipeline),
        (figures.server, more.server),
        (figures.server_first, more.server_first),
    ):
        for clients, values in others.items():
            mine.setdefault(clients, []).extend(values)
