"""All rows of all files are used, in an order that a seed decides, or the bad ones are listed."""

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from training.configuration import DatasetOptions
from training.corpus import Corpus, load_corpus
from training.examples import Encoder
from training.failures import DataSetRefused
from training.files import DataFile


@pytest.fixture(scope="module")
def tokenizer(model: Path) -> PreTrainedTokenizerBase:
    loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(model)
    return loaded


def write(root: Path, name: str, rows: list[object]) -> DataFile:
    path = root / name
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return DataFile(path, name, "jsonl")


def texts(tokenizer: PreTrainedTokenizerBase, corpus: Corpus) -> tuple[list[str], list[str]]:
    return (
        [tokenizer.decode(ids[:-1]) for ids in corpus.training["input_ids"]],
        [
            tokenizer.decode(ids[:-1])
            for ids in (corpus.evaluation or {"input_ids": []})["input_ids"]
        ],
    )


def load(
    tokenizer: PreTrainedTokenizerBase, files: list[DataFile], context: int = 64, **options: object
) -> Corpus:
    return load_corpus(files, DatasetOptions(**options), Encoder(tokenizer, context))  # type: ignore[arg-type]


def test_files_of_different_layouts_are_one_data_set(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    files = [
        write(tmp_path, "a.jsonl", [{"text": "one"}, {"text": "two"}]),
        write(tmp_path, "b.jsonl", [{"prompt": "three ", "completion": "four"}]),
    ]

    corpus = load(tokenizer, files, shuffle_dataset=False, train_test_split=1)

    assert texts(tokenizer, corpus) == (["one", "two", "three four"], [])
    assert corpus.rows == 3
    assert corpus.tokens == sum(map(len, corpus.training["input_ids"]))


def test_the_seed_decides_the_order_and_the_parts(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    rows = [str(number) for number in range(20)]
    files = [write(tmp_path, "a.jsonl", [{"text": row} for row in rows])]

    first, again, other = (
        texts(tokenizer, load(tokenizer, files, shuffle_seed=seed)) for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other
    assert (len(first[0]), len(first[1])) == (16, 4)
    assert sorted(first[0] + first[1]) == sorted(rows)
    shuffled, rest = texts(tokenizer, load(tokenizer, files, train_test_split=1))
    assert (sorted(shuffled), rest) == (sorted(rows), [])
    assert shuffled != rows


def test_bad_rows_are_counted_and_the_first_five_told(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    bad = [
        {"messages": []},
        {"txt": "x", "n": 1},
        {"text": ""},
        {"text": 5},
        {},
        {"text": None},
        {},
    ]
    files = [write(tmp_path, "a.jsonl", [{"text": "one"}, *bad])]

    with pytest.raises(DataSetRefused) as refused:
        load(tokenizer, files)
    assert str(refused.value) == (
        '7 of 8 rows cannot be used: a.jsonl row 2: "messages" is empty; a.jsonl row 3: "text" is '
        'missing; a.jsonl row 4: "text" is empty; a.jsonl row 5: "text" must be text, not int; '
        'a.jsonl row 6: "text" is missing; and 2 more'
    )


def test_rows_of_no_layout_are_told_what_there_could_be(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    files = [write(tmp_path, "a.jsonl", [{"question": "x", "answer": "y"}])]

    with pytest.raises(DataSetRefused) as refused:
        load(tokenizer, files)
    assert str(refused.value) == (
        '1 of 1 rows cannot be used: a.jsonl row 1: has "question", "answer". A row must have '
        '"messages", or "prompt" and "completion", or "text"; or DatasetConfig names its columns '
        "with messages_column, with context_column and response_column, or with response_column"
    )


def test_rows_that_are_cut_are_counted(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    files = [write(tmp_path, "a.jsonl", [{"text": "yes no " * 9}, {"text": "yes"}])]

    assert load(tokenizer, files, context=6).cut == 1


def test_no_rows_and_too_few_rows_are_refused(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    with pytest.raises(DataSetRefused, match=r"^a.jsonl has no rows$"):
        load(tokenizer, [write(tmp_path, "a.jsonl", [])])
    with pytest.raises(
        DataSetRefused,
        match=r"^DatasetConfig.train_test_split: 0.8 of 1 row leaves none to train on: set it",
    ):
        load(tokenizer, [write(tmp_path, "b.jsonl", [{"text": "x"}])])


def test_chats_need_a_chat_template(model: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = None

    with pytest.raises(
        DataSetRefused, match=r"^a.jsonl has chats, and the tokenizer of this model has"
    ):
        load(tokenizer, [write(tmp_path, "a.jsonl", [{"messages": []}])])
