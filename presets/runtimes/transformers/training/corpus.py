"""The data set as it is trained on: all rows of all files as tokens, shuffled and split."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from datasets import Dataset

from training.configuration import DatasetOptions
from training.examples import Encoder, Example
from training.failures import DataSetRefused
from training.files import DataFile
from training.layouts import BadRow
from training.validation import Findings, evaluation_rows, found_rows

BATCH = 1000
"""Examples that become one chunk of the table."""

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
class _Counts:
    """What is counted of the examples."""

    tokens: int = 0
    cut: int = 0


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
    findings, counts = Findings(), _Counts()
    examples_of_rows = _examples(files, options, encoder, findings, counts)
    chunks = [
        pa.RecordBatch.from_pydict(
            {
                "input_ids": [example.input_ids for example in examples],
                "labels": [example.labels for example in examples],
            },
            schema=SCHEMA,
        )
        for examples in _in_batches(
            examples_of_rows, lambda: tell(f"{findings.rows} rows, {counts.tokens} tokens")
        )
    ]
    findings.require_none(files)
    training, evaluation = _split(Dataset(pa.Table.from_batches(chunks, SCHEMA)), options)
    return Corpus(training, evaluation, findings.rows, counts.tokens, counts.cut)


def _examples(
    files: list[DataFile],
    options: DatasetOptions,
    encoder: Encoder,
    findings: Findings,
    counts: _Counts,
) -> Iterator[Example]:
    """Yield the examples; what is found on the way is counted."""
    for row in found_rows(files, options, findings):
        if row.columns.messages and not encoder.has_template:
            # Not one of the findings: it is true of all the rows.
            raise DataSetRefused(
                f"{row.file.name} has chats, and the tokenizer of this model has no chat "
                "template: give rows with prompt and completion, or with text"
            )
        try:
            example = encoder.example(row.fields, row.columns)
        except BadRow as error:
            findings.add(row.place, str(error))
            continue
        counts.tokens += len(example.input_ids)
        counts.cut += example.cut > 0
        yield example


def _in_batches(examples: Iterator[Example], tell: Callable[[], None]) -> Iterator[list[Example]]:
    batch: list[Example] = []
    for example in examples:
        batch.append(example)
        if len(batch) == BATCH:
            tell()
            yield batch
            batch = []
    yield batch


def _split(rows: Dataset, options: DatasetOptions) -> tuple[Dataset, Dataset | None]:
    """Return the rows to train on and those to evaluate; equal seeds make equal parts."""
    if options.shuffle_dataset:
        rows = rows.shuffle(seed=options.shuffle_seed)
    kept = evaluation_rows(len(rows), options)
    if not kept:
        return rows, None
    parts = rows.train_test_split(test_size=kept, seed=options.shuffle_seed)
    return parts["train"], parts["test"]
