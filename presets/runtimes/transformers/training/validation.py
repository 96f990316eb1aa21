"""The data set as it is written: each of its rows can be used, which needs no model to be known."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from training.configuration import DatasetOptions
from training.failures import DataSetRefused
from training.files import DataFile
from training.layouts import BadRow, Columns, chosen_columns, require_layout
from training.rows import Row, Unreadable, read_rows

SHOWN = 5
"""Names and bad rows that a sentence lists."""

LAYOUTS = (
    '. A row must have "messages", or "prompt" and "completion", or "text"; or DatasetConfig '
    "names its columns with messages_column, with context_column and response_column, or with "
    "response_column"
)


@dataclass(frozen=True)
class FoundRow:
    """
    A row that was read, and how it is to be understood.

    Attributes:
        file: Its file.
        number: Of the row in the file, from 1.
        fields: Those that are not null.
        columns: Which of them count.

    """

    file: DataFile
    number: int
    fields: Row
    columns: Columns

    @property
    def place(self) -> str:
        """Say where it is, for a sentence."""
        return f"{self.file.name} row {self.number}"


@dataclass
class Findings:
    """
    What is found while rows are read.

    Attributes:
        rows: All of them.
        bad: Those that cannot be used.
        told: Where the first of these are, and why they are bad.
        strange: Whether a row was of no layout at all.
        broken: Why files could not be read to their ends.

    """

    rows: int = 0
    bad: int = 0
    told: list[str] = field(default_factory=list)
    strange: bool = False
    broken: list[str] = field(default_factory=list)

    def add(self, place: str, reason: str) -> None:
        """Count a bad row."""
        self.bad += 1
        if len(self.told) < SHOWN:
            self.told.append(f"{place}: {reason}")

    def require_none(self, files: list[DataFile]) -> None:
        """
        Go on with a data set that is not empty, and in which nothing is wrong.

        Raises:
            DataSetRefused: All that is wrong, of rows the first few; or that these files are empty.

        """
        problems = [listed(self.broken)] if self.broken else []
        if self.bad:
            problems.append(
                f"{self.bad} of {self.rows} rows cannot be used: {listed(self.told, self.bad)}"
            )
        if problems:
            raise DataSetRefused(f"{'; '.join(problems)}{LAYOUTS if self.strange else ''}")
        if not self.rows:
            names = listed([file.name for file in files], separator=", ")
            raise DataSetRefused(f"{names} {'has' if len(files) == 1 else 'have'} no rows")


def listed(items: list[str], count: int | None = None, separator: str = "; ") -> str:
    """Return the first few of so many items in one line, and how many more there are."""
    more = (len(items) if count is None else count) - SHOWN
    return separator.join(items[:SHOWN]) + (f"{separator}and {more} more" if more > 0 else "")


def check_data_set(
    files: list[DataFile],
    options: DatasetOptions,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """
    Read all files, and look at each row as far as that can be done without a tokenizer.

    Args:
        files: Of the data set.
        options: Which columns, and how many rows are for the evaluation.
        tell: Is told now and then how far it has come.

    Raises:
        DataSetRefused: Files that cannot be parsed, and rows that cannot be used, the first of them
            with place and reason; or there are none, or too few to split.

    """
    findings = Findings()
    for row in found_rows(files, options, findings):
        try:
            require_layout(row.fields, row.columns)
        except BadRow as error:
            findings.add(row.place, str(error))
        tell(f"{findings.rows} rows")
    findings.require_none(files)
    evaluation_rows(findings.rows, options)


def found_rows(
    files: list[DataFile], options: DatasetOptions, findings: Findings
) -> Iterator[FoundRow]:
    """Yield the rows of a layout; all are counted, and what is none is added to the findings."""
    for file in files:
        try:
            yield from _rows_of_file(file, options, findings)
        except DataSetRefused as error:
            findings.broken.append(str(error))


def _rows_of_file(
    file: DataFile, options: DatasetOptions, findings: Findings
) -> Iterator[FoundRow]:
    first: Columns | None = None
    for number, row in read_rows(file):
        findings.rows += 1
        if isinstance(row, Unreadable):
            findings.add(f"{file.name} {row.place}", row.reason)
            continue
        # Rows with other fields may be of another layout; with fields of none, of the first.
        columns = chosen_columns(options, list(row)) or first
        first = first or columns
        if columns is None:
            findings.strange = True
            names = ", ".join(json.dumps(name) for name in row)
            findings.add(f"{file.name} row {number}", f"has {names or 'nothing'}")
        else:
            yield FoundRow(file, number, row, columns)


def evaluation_rows(rows: int, options: DatasetOptions) -> int:
    """
    Return how many of so many rows are not trained on but evaluated.

    Raises:
        DataSetRefused: That would be all.

    """
    if options.train_test_split == 1:
        return 0
    # Rounded up, as the datasets library does; without the tail of 1 - 0.8.
    kept = math.ceil(round((1 - options.train_test_split) * rows, 6))
    if kept >= rows:
        raise DataSetRefused(
            f"DatasetConfig.train_test_split: {options.train_test_split:g} of {rows} "
            f"{'row' if rows == 1 else 'rows'} leaves none to train on: set it to 1 to train on all"
        )
    return kept
