"""Text comes piece by piece and is the same as all at once."""

import random

import pytest
from transformers import PreTrainedTokenizerBase

from serving.text import TextStream


def pieces(stream: TextStream, tokens: list[int]) -> list[str]:
    return [*(stream.push([token]) for token in tokens), stream.finish()]


@pytest.mark.parametrize("seed", range(5))
def test_the_pieces_are_what_decoding_all_gives(
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
) -> None:
    chance = random.Random(seed)  # noqa: S311
    texts = [
        "Größe naïve 日本語 🙂 fox",
        "the quick brown fox ",
        "".join(map(chr, range(300, 340))),
    ]
    tokens = [token for text in texts for token in tokenizer(text)["input_ids"]]
    tokens += [chance.randrange(512) for _ in range(60)]
    tokens += tokenizer("the end")["input_ids"]

    assert "".join(pieces(TextStream(tokenizer), tokens)) == tokenizer.decode(
        tokens,
        skip_special_tokens=True,
    )


def test_a_character_of_several_tokens_comes_whole(tokenizer: PreTrainedTokenizerBase) -> None:
    tokens = tokenizer("🙂")["input_ids"]
    assert len(tokens) > 1

    assert pieces(TextStream(tokenizer), tokens) == [""] * (len(tokens) - 1) + ["🙂", ""]


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("the quick brown fox jumps", ["brown"], "the quick "),
        ("the quick brown fox jumps", ["fox", "quick"], "the "),
        ("the quick brown fox jumps", ["brow bird"], "the quick brown fox jumps"),
        ("the quick brown fox", ["foxes"], "the quick brown fox"),
        ("aaab", ["aab"], "a"),
        ("stop", ["stop"], ""),
    ],
)
def test_text_ends_before_the_first_stop_string(
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    stop: list[str],
    expected: str,
) -> None:
    stream = TextStream(tokenizer, stop)

    assert "".join(pieces(stream, tokenizer(text)["input_ids"])) == expected
    assert stream.stopped == (expected != text)


def test_what_may_become_a_stop_string_is_held_back(tokenizer: PreTrainedTokenizerBase) -> None:
    stream = TextStream(tokenizer, ["fox jumps"])
    assert stream.push(tokenizer("the quick brown fox")["input_ids"]) == "the quick brown "
    assert stream.push(tokenizer(" runs")["input_ids"]) == "fox runs"
