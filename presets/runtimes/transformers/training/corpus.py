"""The data set as it is trained on: all rows of all files as tokens, shuffled and split."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import pyarrow as pa
from datasets import Dataset

from training.configuration import DatasetOptions
from training.examples import BadRow, Columns, Encoder, Example, chosen_columns
from training.failures import DataSetRefused
from training.files import DataFile
from training.rows import Row, read_rows

SHOWN = 5
"""Bad rows that a sentence names."""

BATCH = 1000
"""Examples that become one chunk of the table."""

LAYOUTS = (
    '. A row must have "messages", or "prompt" and "completion", or "text"; or DatasetConfig '
    "names its columns with messages_column, with context_column and response_column, or with "
    "response_column"
)

SCHEMA = pa.schema([("input_ids", pa.list_(pa.int32())), ("labels", pa.list_(pa.int32()))])


@dataclass(frozen=True)
class Corpus:
    """
    What is trained on.

    Attributes:
        training: With columns ``input_ids`` and ``labels``.
        evaluation: The same, of rows that are not trained on; None if all are.
        rows: Of both.
        tokens: Of both.
        cut: Rows that were longer than the context, and lost their end.

    """

    training: Dataset
    evaluation: Dataset | None
    rows: int
    tokens: int
    cut: int


@dataclass
class _Found:
    """What is counted while the rows are read."""

    rows: int = 0
    tokens: int = 0
    cut: int = 0
    bad: int = 0
    strange: bool = False
    shown: list[str] = field(default_factory=list)


def load_corpus(
    files: list[DataFile],
    options: DatasetOptions,
    encoder: Encoder,
    tell: Callable[[str], None] = lambda _: None,
) -> Corpus:
    """
    Read all files, and return their rows as tokens.

    Args:
        files: In the order in which they are read.
        options: Which columns, and what is done with the rows.
        encoder: Makes tokens of a row.
        tell: Is told now and then how far it has come.

    Raises:
        DataSetRefused: Rows that cannot be used, the first of them with file, number and reason;
            or there are none, or too few to split.

    """
    found = _Found()
    chunks = [
        pa.RecordBatch.from_pydict(
            {
                "input_ids": [example.input_ids for example in examples],
                "labels": [example.labels for example in examples],
            },
            schema=SCHEMA,
        )
        for examples in _in_batches(_examples(files, options, encoder, found), tell, found)
    ]
    if found.bad:
        more = f"; and {found.bad - SHOWN} more" if found.bad > SHOWN else ""
        raise DataSetRefused(
            f"{found.bad} of {found.rows} rows cannot be used: {'; '.join(found.shown)}{more}"
            f"{LAYOUTS if found.strange else ''}"
        )
    if not found.rows:
        raise DataSetRefused(f"{', '.join(file.name for file in files[:SHOWN])} have no rows")
    training, evaluation = _split(Dataset(pa.Table.from_batches(chunks, SCHEMA)), options)
    return Corpus(training, evaluation, found.rows, found.tokens, found.cut)


def _examples(
    files: list[DataFile], options: DatasetOptions, encoder: Encoder, found: _Found
) -> Iterator[Example]:
    """Yield the examples; what is found on the way is counted."""
    for file in files:
        first: Columns | None = None
        for number, row in read_rows(file):
            found.rows += 1
            # Rows with other fields may be of another layout; with fields of none, of the first.
            columns = chosen_columns(options, list(row)) or first
            first = first or columns
            if columns and columns.messages and not encoder.has_template:
                raise DataSetRefused(
                    f"{file.name} has chats, and the tokenizer of this model has no chat "
                    "template: give rows with prompt and completion, or with text"
                )
            try:
                example = encoder.example(row, columns or _columns_of_none(row, found))
            except BadRow as error:
                found.bad += 1
                if len(found.shown) < SHOWN:
                    found.shown.append(f"{file.name} row {number}: {error}")
                continue
            found.tokens += len(example.input_ids)
            found.cut += example.cut > 0
            yield example


def _columns_of_none(row: Row, found: _Found) -> NoReturn:
    found.strange = True
    raise BadRow(f"has {', '.join(json.dumps(name) for name in row) or 'nothing'}")


def _in_batches(
    examples: Iterator[Example], tell: Callable[[str], None], found: _Found
) -> Iterator[list[Example]]:
    batch: list[Example] = []
    for example in examples:
        batch.append(example)
        if len(batch) == BATCH:
            tell(f"{found.rows} rows, {found.tokens} tokens")
            yield batch
            batch = []
    yield batch


def _split(rows: Dataset, options: DatasetOptions) -> tuple[Dataset, Dataset | None]:
    """Return the rows to train on and those to evaluate; equal seeds make equal parts."""
    if options.shuffle_dataset:
        rows = rows.shuffle(seed=options.shuffle_seed)
    if options.train_test_split == 1:
        return rows, None
    # Rounded up, as the datasets library does; without the tail of 1 - 0.8.
    kept = math.ceil(round((1 - options.train_test_split) * len(rows), 6))
    if kept >= len(rows):
        raise DataSetRefused(
            f"DatasetConfig.train_test_split: {options.train_test_split:g} of {len(rows)} rows "
            f"leaves "
            "none to train on: set it to 1 to train on all"
        )
    parts = rows.train_test_split(test_size=kept, seed=options.shuffle_seed)
    return parts["train"], parts["test"]
