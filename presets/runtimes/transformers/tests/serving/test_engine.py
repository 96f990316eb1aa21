"""The engine answers as ``generate()`` does, whoever shares the batch."""

import asyncio
import random
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from serving.engine.batch import Batch, Row
from serving.engine.generation import Finish, GenerationError
from serving.engine.line import ClosedError, Line, QueueFullError
from tests.serving.lab import generation, pieces, running_engine, said, said_by_generate

GREEDY: dict[str, Any] = {"do_sample": False}


def prompts(count: int, longest: int = 60, seed: int = 0) -> list[list[int]]:
    """Return random prompts of random lengths."""
    chance = random.Random(seed)  # noqa: S311
    return [
        [chance.randrange(3, 512) for _ in range(chance.randint(1, longest))] for _ in range(count)
    ]


def test_greedy_answers_are_those_of_generate_while_requests_join_and_leave(
    family: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    chance = random.Random(7)  # noqa: S311
    asked = [(prompt, chance.randint(1, 50)) for prompt in prompts(14)]
    expected = [said_by_generate(family, p, max_new_tokens=n, **GREEDY) for p, n in asked]

    async def answers() -> list[list[int]]:
        async with running_engine(family, tokenizer, rows=4) as engine:

            async def later(prompt: list[int], new: int) -> list[int]:
                await asyncio.sleep(chance.random() * 0.2)
                return await said(engine, generation(engine, prompt, max_new_tokens=new, **GREEDY))

            return await asyncio.gather(*(later(*each) for each in asked))

    assert asyncio.run(answers()) == expected


def test_answers_are_the_same_when_memory_is_short_and_rows_are_put_back(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = prompts(5, longest=20)
    options = {"max_new_tokens": 200, "min_new_tokens": 200, **GREEDY}
    expected = [said_by_generate(model, p, **options) for p in asked]
    returned: list[int] = []
    put_back = Line.put_back

    def counted(line: Line, rows: list[Row]) -> None:
        returned.append(len(rows))
        put_back(line, rows)

    monkeypatch.setattr(Line, "put_back", counted)

    async def answers() -> list[list[int]]:
        async with running_engine(model, tokenizer, cells=800) as engine:
            requests = [generation(engine, p, **options) for p in asked]
            return await asyncio.gather(*(said(engine, each) for each in requests))

    assert asyncio.run(answers()) == expected
    assert returned


def test_a_gpu_without_room_for_all_rows_goes_on_with_fewer(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = prompts(4, longest=20)
    expected = [said_by_generate(model, p, max_new_tokens=40, **GREEDY) for p in asked]
    step = Batch.step

    def small(batch: Batch) -> None:
        if len(batch.rows) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        step(batch)

    monkeypatch.setattr(Batch, "step", small)

    async def answers() -> list[list[int]]:
        async with running_engine(model, tokenizer) as engine:
            requests = [generation(engine, p, max_new_tokens=40, **GREEDY) for p in asked]
            return await asyncio.gather(*(said(engine, each) for each in requests))

    assert asyncio.run(answers()) == expected


def test_a_long_prompt_that_is_put_in_by_parts_is_answered_alike(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.engine.scheduler.STEP_PREFILL", 16)
    (prompt,) = prompts(1, longest=1)
    prompt = prompt * 100

    async def answer() -> list[int]:
        async with running_engine(model, tokenizer) as engine:
            return await said(engine, generation(engine, prompt, max_new_tokens=20, **GREEDY))

    assert asyncio.run(answer()) == said_by_generate(model, prompt, max_new_tokens=20, **GREEDY)


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.7, "top_k": 10},
        {"top_p": 0.8, "top_k": 0},
        {"typical_p": 0.9, "min_p": 0.01},
        {"repetition_penalty": 1.3, "min_new_tokens": 10},
        {"no_repeat_ngram_size": 2, "suppress_tokens": [7, 8, 9]},
        {"sequence_bias": [[[5], 4.0]], "bad_words_ids": [[6, 7]]},
    ],
    ids=str,
)
def test_draws_with_a_seed_are_those_of_generate_in_company_of_others(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    options: dict[str, Any],
) -> None:
    torch.manual_seed(5)
    prompt = [40, 50, 60, 70]
    options = {"do_sample": True, "max_new_tokens": 25, **options}
    expected = said_by_generate(model, prompt, **options)

    async def answer() -> list[int]:
        async with running_engine(model, tokenizer) as engine:
            others = [
                said(engine, generation(engine, p, do_sample=True, max_new_tokens=30))
                for p in prompts(3)
            ]
            mine = said(engine, generation(engine, prompt, seed=5, **options))
            return (await asyncio.gather(mine, *others))[0]

    assert asyncio.run(answer()) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 3, "do_sample": False},
        {"num_beams": 2, "do_sample": False, "early_stopping": True, "length_penalty": 0.5},
        {"guidance_scale": 1.5, "do_sample": False},
        {"prompt_lookup_num_tokens": 3, "do_sample": False},
    ],
    ids=str,
)
def test_what_only_generate_can_do_runs_beside_the_batch(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    options: dict[str, Any],
) -> None:
    alone, shared = [5, 6, 7] * 4, [40, 50, 60]
    expected = (
        said_by_generate(model, alone, max_new_tokens=15, **options),
        said_by_generate(model, shared, max_new_tokens=40, **GREEDY),
    )

    async def answers() -> tuple[list[int], list[int]]:
        async with running_engine(model, tokenizer) as engine:
            return await asyncio.gather(
                said(engine, generation(engine, alone, max_new_tokens=15, **options)),
                said(engine, generation(engine, shared, max_new_tokens=40, **GREEDY)),
            )

    assert tuple(asyncio.run(answers())) == expected


def test_a_short_answer_does_not_wait_for_a_long_one(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    async def order() -> list[str]:
        ended: list[str] = []
        async with running_engine(model, tokenizer) as engine:

            async def note(name: str, new: int) -> None:
                options: dict[str, Any] = {"max_new_tokens": new, "min_new_tokens": new, **GREEDY}
                await said(engine, generation(engine, [9, 8, 7], **options))
                ended.append(name)

            await asyncio.gather(note("long", 400), note("short", 3), note("middle", 80))
        return ended

    assert asyncio.run(order()) == ["short", "middle", "long"]


def test_a_stream_brings_each_token_as_it_is_chosen(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    async def sizes() -> list[tuple[int, Finish | None]]:
        async with running_engine(model, tokenizer) as engine:
            asked = generation(engine, [9, 8], stream=True, max_new_tokens=4, min_new_tokens=4)
            return [(len(each.tokens), each.finish) for each in await pieces(engine, asked)]

    assert asyncio.run(sizes()) == [(1, None), (1, None), (1, None), (1, Finish.LENGTH)]


def test_a_cancelled_request_leaves_the_batch_and_the_others_go_on(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    expected = said_by_generate(model, [40, 50, 60], max_new_tokens=60, **GREEDY)

    async def answers() -> tuple[int, list[int]]:
        async with running_engine(model, tokenizer) as engine:
            options: dict[str, Any] = {"max_new_tokens": 900, "min_new_tokens": 900, **GREEDY}
            doomed = generation(engine, [5, 6, 7], stream=True, **options)
            engine.submit(doomed)
            await doomed.inbox.get()
            other = asyncio.create_task(
                said(engine, generation(engine, [40, 50, 60], max_new_tokens=60, **GREEDY)),
            )
            doomed.cancel()
            tokens = await other
            return engine.running(), tokens

    assert asyncio.run(answers()) == (0, expected)


def test_a_full_queue_refuses_and_says_when_to_come_back(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    async def refusal() -> str:
        async with running_engine(model, tokenizer, rows=1, queue=2) as engine:
            options: dict[str, Any] = {"max_new_tokens": 900, "min_new_tokens": 900, **GREEDY}
            first = generation(engine, [5], stream=True, **options)
            engine.submit(first)
            await first.inbox.get()
            for _ in range(2):
                engine.submit(generation(engine, [5], **options))
            with pytest.raises(QueueFullError) as told:
                engine.submit(generation(engine, [5], **options))
            assert told.value.retry_after >= 1
            return str(told.value).split(",")[0]

    assert asyncio.run(refusal()) == "2 requests are waiting already"


def test_a_request_that_waits_too_long_is_told_so(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    async def refusal() -> GenerationError:
        async with running_engine(model, tokenizer, rows=1, wait=0.05) as engine:
            options: dict[str, Any] = {"max_new_tokens": 900, "min_new_tokens": 900, **GREEDY}
            first = generation(engine, [5], stream=True, **options)
            engine.submit(first)
            await first.inbox.get()
            with pytest.raises(GenerationError) as told:
                await said(engine, generation(engine, [5], **options))
            return told.value

    refused = asyncio.run(refusal())
    assert (refused.reason, refused.busy) == ("not begun after 0.05 seconds in the queue", True)


def test_a_closed_engine_finishes_what_it_took_and_takes_no_more(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    async def answers() -> list[list[int]]:
        async with running_engine(model, tokenizer, rows=1) as engine:
            asked = [generation(engine, [5, 6], max_new_tokens=30, **GREEDY) for _ in range(3)]
            tasks = [asyncio.create_task(said(engine, each)) for each in asked]
            await asyncio.sleep(0)
            engine.close()
            with pytest.raises(ClosedError):
                engine.submit(generation(engine, [5], max_new_tokens=1))
            return await asyncio.gather(*tasks)

    assert (
        asyncio.run(answers()) == [said_by_generate(model, [5, 6], max_new_tokens=30, **GREEDY)] * 3
    )


def test_requests_that_run_alone_do_not_hold_up_those_behind_them(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    async def order() -> list[str]:
        ended: list[str] = []
        async with running_engine(model, tokenizer) as engine:

            async def note(name: str, new: int, beams: int) -> None:
                options: dict[str, Any] = {"min_new_tokens": new, "num_beams": beams}
                await said(
                    engine, generation(engine, [9, 8, 7], max_new_tokens=new, **options, **GREEDY)
                )
                ended.append(name)

            await asyncio.gather(
                note("beams", 60, 2), note("more beams", 20, 2), note("greedy", 3, 1)
            )
        return ended

    assert asyncio.run(order()) == ["greedy", "beams", "more beams"]


def test_an_error_of_the_model_costs_the_requests_in_work_and_nothing_more(
    tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = said_by_generate(model, [5, 6], max_new_tokens=5, **GREEDY)
    step = Batch.step
    errors = iter([RuntimeError("a kernel failed\nand more")])

    def failing(batch: Batch) -> None:
        if error := next(errors, None):
            raise error
        step(batch)

    monkeypatch.setattr(Batch, "step", failing)

    async def answers() -> tuple[str, list[int], str | None]:
        async with running_engine(model, tokenizer) as engine:
            asked = [generation(engine, [5, 6], max_new_tokens=5, **GREEDY) for _ in range(2)]
            with pytest.raises(GenerationError) as told:
                await said(engine, asked[0])
            return told.value.reason, await said(engine, asked[1]), engine.broken

    assert asyncio.run(answers()) == ("the model failed: a kernel failed", expected, None)


def test_a_model_that_computes_no_more_takes_no_more_requests(
    tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    async def answers() -> str | None:
        async with running_engine(model, tokenizer) as engine:
            monkeypatch.setattr(Batch, "forward", broken)
            with pytest.raises(GenerationError):
                await said(engine, generation(engine, [5, 6], max_new_tokens=5, **GREEDY))
            with pytest.raises(ClosedError, match="the model computes no more"):
                engine.submit(generation(engine, [5, 6], max_new_tokens=5, **GREEDY))
            return engine.broken

    assert asyncio.run(answers()) == (
        "the model computes no more: CUDA error: device-side assert triggered"
    )
