"""A batch is as long as its longest row; what is padded or not learned has no loss."""

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from training.configuration import CollatorOptions
from training.trainer import collator

ROWS = [
    {"input_ids": [10, 11, 12, 13], "labels": [-100, -100, 12, 13]},
    {"input_ids": [20, 21], "labels": [-100, 21]},
]


@pytest.fixture
def tokenizer(model: Path) -> PreTrainedTokenizerBase:
    loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(model)
    return loaded


@pytest.mark.parametrize(("multiple", "length"), [(None, 4), (3, 6)])
def test_labels_are_kept_and_padded(
    tokenizer: PreTrainedTokenizerBase, multiple: int | None, length: int
) -> None:
    options = CollatorOptions(mlm=False, pad_to_multiple_of=multiple)

    batch = collator(options, tokenizer)([dict(row) for row in ROWS])

    pad, more = tokenizer.pad_token_id, length - 4
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[10, 11, 12, 13] + [pad] * more, [20, 21, pad, pad] + [pad] * more],
        "attention_mask": [[1, 1, 1, 1] + [0] * more, [1, 1, 0, 0] + [0] * more],
        "labels": [[-100, -100, 12, 13] + [-100] * more, [-100, 21, -100, -100] + [-100] * more],
    }


def test_with_a_mask_tokens_are_hidden_and_guessed(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.mask_token = tokenizer.unk_token

    batch = collator(CollatorOptions(mlm=True, mlm_probability=1.0), tokenizer)(ROWS)

    assert batch["labels"].tolist() == [[10, 11, 12, 13], [20, 21, -100, -100]]
    assert not torch.equal(batch["input_ids"][0], torch.tensor([10, 11, 12, 13]))
