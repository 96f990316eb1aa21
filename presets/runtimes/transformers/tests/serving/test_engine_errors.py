"""What goes wrong in the engine costs the requests that it is about, and no others."""

import asyncio
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from serving.engine.batch import Batch, Row
from serving.engine.generation import Generation, GenerationError
from serving.engine.key_values import COLUMNS_AHEAD, KeyValues, PaddedLayer
from serving.engine.line import ClosedError
from serving.engine.options import OptionError, make_plan
from serving.engine.scheduler import Scheduler
from tests.serving.lab import generation, running_engine, said, said_by_generate

GREEDY: dict[str, Any] = {"do_sample": False}
LONG: dict[str, Any] = {"max_new_tokens": 60, "min_new_tokens": 60, **GREEDY}


@pytest.mark.parametrize(
    ("options", "seed"),
    [
        ({"do_sample": True, "temperature": 1e-40}, None),
        ({"do_sample": True, "temperature": 1e-40}, 5),
        ({"do_sample": False, "repetition_penalty": 1e-44}, None),
        ({"do_sample": True, "suppress_tokens": list(range(512))}, None),
        ({"do_sample": False, "suppress_tokens": list(range(512))}, None),
        (
            {
                "do_sample": True,
                "exponential_decay_length_penalty": (1, 1e30),
                "min_new_tokens": 20,
            },
            None,
        ),
    ],
    ids=str,
)
def test_options_that_leave_no_token_fail_alone(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    options: dict[str, Any],
    seed: int | None,
) -> None:
    expected = said_by_generate(model, [40, 50, 60], **LONG)

    async def answers() -> tuple[list[int], GenerationError]:
        async with running_engine(model, tokenizer) as engine:
            drawing: dict[str, Any] = {
                "do_sample": True,
                "max_new_tokens": 60,
                "min_new_tokens": 60,
            }
            others = [
                asyncio.create_task(said(engine, generation(engine, [40, 50, 60], **LONG))),
                asyncio.create_task(said(engine, generation(engine, [40, 50], **drawing))),
            ]
            asked = generation(engine, [5, 6, 7], max_new_tokens=50, seed=seed, **options)
            with pytest.raises(GenerationError) as told:
                await said(engine, asked)
            first, second = await asyncio.gather(*others)
            assert len(second) == 60
            return first, told.value

    tokens, error = asyncio.run(answers())
    assert tokens == expected
    assert (error.unfit, error.reason.split(":")[0]) == (True, "generate_kwargs")


def test_scores_of_a_model_that_are_not_finite_are_its_own_failure(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = Batch.forward

    def spoiled(batch: Batch, *told: Any) -> torch.Tensor:  # noqa: ANN401
        return forward(batch, *told) * torch.nan

    monkeypatch.setattr(Batch, "forward", spoiled)

    async def error() -> GenerationError:
        async with running_engine(model, tokenizer) as engine:
            with pytest.raises(GenerationError) as told:
                await said(engine, generation(engine, [5, 6, 7], **LONG))
            return told.value

    found = asyncio.run(error())
    assert (found.unfit, found.reason) == (False, "the model's scores are not finite numbers")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("eos_token_id", 512),
        ("eos_token_id", [2, 512]),
        ("pad_token_id", 512),
        ("bos_token_id", 512),
        ("forced_bos_token_id", 512),
        ("forced_eos_token_id", [512]),
        ("suppress_tokens", [512]),
        ("begin_suppress_tokens", [512]),
        ("bad_words_ids", [[3], [4, 512]]),
        ("sequence_bias", [[[512], 1.0]]),
    ],
    ids=str,
)
def test_a_token_that_is_not_in_the_vocabulary_is_refused(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, option: str, value: object
) -> None:
    with pytest.raises(OptionError) as told:
        make_plan(model, tokenizer, 3, {"max_new_tokens": 3, option: value})

    assert str(told.value) == f"{option}: there is no token 512: the vocabulary has 512"


@pytest.mark.parametrize(
    ("option", "value"),
    [("num_beams", 0), ("num_return_sequences", 0), ("num_return_sequences", -1),
     ("temperature", float("inf")), ("top_p", float("nan")), ("temperature", 10**400)],
    ids=str,
)  # fmt: skip
def test_a_number_that_cannot_be_is_refused(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, option: str, value: object
) -> None:
    with pytest.raises(OptionError) as told:
        make_plan(model, tokenizer, 3, {"max_new_tokens": 3, option: value})

    assert told.value.option == option


def test_an_error_in_the_handling_of_an_error_ends_the_engine_with_answers_to_all(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error")

    async def outcome() -> tuple[list[str], str | None]:
        async with running_engine(model, tokenizer, rows=1) as engine:
            assert engine.trouble() is None
            asked = [generation(engine, [5, 6], **LONG) for _ in range(3)]
            monkeypatch.setattr(Batch, "step", broken)
            monkeypatch.setattr(Scheduler, "give_up", broken)
            told = await asyncio.gather(
                *(said(engine, each) for each in asked), return_exceptions=True
            )
            with pytest.raises(ClosedError):
                engine.submit(generation(engine, [5, 6], **LONG))
            return [str(each) for each in told], engine.trouble()

    reason = "the engine has failed: CUDA error"
    assert asyncio.run(outcome()) == ([reason] * 3, reason)


def test_a_thread_that_has_ended_is_told(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    async def trouble() -> str | None:
        async with running_engine(model, tokenizer) as engine:
            engine.abort()
            await asyncio.to_thread(engine.join, 10)
            return engine.trouble()

    assert asyncio.run(trouble()) == "the server is shutting down"


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_request_that_cannot_join_gets_an_error_and_the_batch_goes_on(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
    failing: int,
) -> None:
    options = {**LONG, "max_new_tokens": 300, "min_new_tokens": 300}
    expected = said_by_generate(model, [40, 50, 60], **options)
    append = PaddedLayer.append
    calls: list[int] = []

    def fail(layer: PaddedLayer, other: PaddedLayer) -> None:
        calls.append(1)
        if len(calls) == failing:
            raise RuntimeError("a kernel failed")
        append(layer, other)

    async def answers() -> tuple[list[int], object, list[int]]:
        async with running_engine(model, tokenizer) as engine:
            monkeypatch.setattr(PaddedLayer, "append", fail)
            first = generation(engine, [40, 50, 60], stream=True, **options)
            engine.submit(first)
            tokens = list((await first.inbox.get()).tokens)  # type: ignore[union-attr]
            second = asyncio.create_task(said(engine, generation(engine, [5] * 30, **LONG)))
            tokens += [token async for piece in first.pieces() for token in piece.tokens]
            (lost,) = await asyncio.gather(second, return_exceptions=True)
            return tokens, lost, await said(engine, generation(engine, [40, 50, 60], **LONG))

    tokens, lost, after = asyncio.run(answers())
    layers = model.config.num_hidden_layers
    assert (tokens, after) == (expected, expected[:60])
    if failing <= layers:
        assert str(lost) == "the model failed: a kernel failed"


def test_one_long_row_after_a_burst_of_short_ones_has_room_for_one_row(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    most: list[int] = []

    async def answer() -> list[int]:
        async with running_engine(model, tokenizer, rows=16) as engine:
            long = generation(
                engine, [9, 8], stream=True, max_new_tokens=600, min_new_tokens=600, **GREEDY
            )
            short: dict[str, Any] = {"max_new_tokens": 5, "min_new_tokens": 5, **GREEDY}
            burst = [said(engine, generation(engine, [5, 6], **short)) for _ in range(15)]
            engine.submit(long)
            await asyncio.gather(*burst)
            tokens: list[int] = []
            async for piece in long.pieces():
                tokens += piece.tokens
                if len(tokens) > 400:
                    most.append(max(batch.cells for batch in engine.batches.values()))
            return tokens

    options = {"max_new_tokens": 600, "min_new_tokens": 600, **GREEDY}
    assert asyncio.run(answer()) == said_by_generate(model, [9, 8], **options)
    assert max(most) <= 2 * (602 + COLUMNS_AHEAD)


def test_the_cells_of_a_batch_are_those_that_are_allocated(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    def row(length: int) -> Row:
        plan = make_plan(model, tokenizer, length, {"max_new_tokens": 5, **GREEDY})
        return Row(Generation([7] * length, plan), [7] * length)

    batch = Batch(model, torch.Generator())
    rows = [row(10), row(30), row(20)]
    batch.prefill(rows, 100)
    states = batch.cache.padded[0].keys
    assert batch.cells == states.shape[0] * states.shape[2] == 3 * (30 + COLUMNS_AHEAD)
    batch.leave(rows[1])
    batch.leave(rows[2])
    batch.compact()
    assert batch.cells == 10 + COLUMNS_AHEAD
    assert KeyValues().cells == 0


def test_after_a_shortage_of_memory_a_server_takes_as_much_again_in_time(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.engine.scheduler.STEPS_TO_GROW", 1)
    step = Batch.step
    errors = iter([torch.cuda.OutOfMemoryError("CUDA out of memory")])

    def short(batch: Batch) -> None:
        if len(batch.rows) > 1 and (error := next(errors, None)):
            raise error
        step(batch)

    monkeypatch.setattr(Batch, "step", short)
    cut: list[tuple[int, int]] = []
    make_room = Scheduler.make_room

    def noted(engine: Scheduler, error: torch.cuda.OutOfMemoryError) -> None:
        make_room(engine, error)
        cut.append((engine.most_rows, engine.cells))

    monkeypatch.setattr(Scheduler, "make_room", noted)

    async def limits() -> tuple[int, int]:
        async with running_engine(model, tokenizer, rows=4, cells=2000) as engine:
            options = {"max_new_tokens": 300, "min_new_tokens": 300, **GREEDY}
            asked = [generation(engine, [5, 6], **options) for _ in range(4)]
            await asyncio.gather(*(said(engine, each) for each in asked))
            return engine.most_rows, engine.cells

    assert asyncio.run(limits()) == (4, 2000)
    ((rows, cells),) = cut
    assert rows == 3
    assert 1024 < cells < 2000
