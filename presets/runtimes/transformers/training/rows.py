"""The rows of a file, whatever its format; what cannot be parsed is named with its line."""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from training.failures import DataSetRefused, first_line
from training.files import DataFile

Row = dict[str, Any]


@dataclass(frozen=True)
class Unreadable:
    """
    What stands in the place of a row and is none; the rows after it can be read.

    Attributes:
        place: Where in the file it is.
        reason: What is wrong with it.

    """

    place: str
    reason: str


def read_rows(file: DataFile) -> Iterator[tuple[int, Row | Unreadable]]:
    """
    Yield the rows of a file, counted from 1.

    Fields that are null are left out, since the formats with columns have them in every row.

    Raises:
        DataSetRefused: The file cannot be read, or not be parsed any further.

    """
    try:
        for number, row in enumerate(READERS[file.format](file), start=1):
            if isinstance(row, Unreadable):
                yield number, row
            else:
                yield number, {name: value for name, value in row.items() if value is not None}
    except OSError as error:  # which those of pyarrow's input are too
        reason = error.strerror or first_line(str(error))
        raise DataSetRefused(f"{file.name} cannot be read: {reason}") from error
    except pa.ArrowException as error:
        raise DataSetRefused(
            f"{file.name} is not {file.format}: {first_line(str(error))}"
        ) from error


def _parquet_rows(file: DataFile) -> Iterator[Row]:
    with pyarrow.parquet.ParquetFile(file.path) as table:
        for batch in table.iter_batches(batch_size=1000):
            yield from batch.to_pylist()


def _arrow_rows(file: DataFile) -> Iterator[Row]:
    with pa.memory_map(str(file.path)) as source:
        try:  # Arrow has a format for files and one for streams, which the datasets library writes
            batches: Iterator[pa.RecordBatch] = iter(pyarrow.ipc.open_stream(source))
        except pa.ArrowInvalid:
            source.seek(0)
            reader = pyarrow.ipc.open_file(source)
            batches = map(reader.get_batch, range(reader.num_record_batches))
        for batch in batches:
            yield from batch.to_pylist()


def _csv_rows(file: DataFile) -> Iterator[Row | Unreadable]:
    csv.field_size_limit(sys.maxsize)
    with file.path.open("rb") as content:
        # Decoded line by line, so that one that is not text can be named.
        lines = (_decoded(file, line, number) for number, line in enumerate(content, start=1))
        reader = csv.DictReader(lines, strict=True)
        try:
            for row in reader:
                if None in row:
                    place = f"line {reader.line_num}"
                    yield Unreadable(place, "has more fields than the first line")
                else:
                    yield row
        except csv.Error as error:
            line = reader.reader.line_num  # the reader of maps counts whole rows only
            raise DataSetRefused(f"{file.name} line {line}: {error}") from error


def _json_lines_rows(file: DataFile) -> Iterator[Row | Unreadable]:
    with file.path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            place = f"line {number}"
            try:
                text = line.decode("utf-8-sig").strip()
            except UnicodeDecodeError:
                yield Unreadable(place, "is not text in UTF-8")
                continue
            if text:
                yield _json_line_row(text, place)


def _json_line_row(text: str, place: str) -> Row | Unreadable:
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        return Unreadable(place, f"is not JSON: {error.msg} at column {error.colno}")
    return row if isinstance(row, dict) else Unreadable(place, f"must be a map, not {_kind(row)}")


def _json_rows(file: DataFile) -> Iterator[Row | Unreadable]:
    """Yield the rows of a list of maps, of one below the only key of a map, or of JSON lines."""
    text = _decoded(file, file.path.read_bytes(), None)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text.lstrip().startswith("{"):
            yield from _json_lines_rows(file)
            return
        raise DataSetRefused(
            f"{file.name} line {error.lineno}: is not JSON: {error.msg} at column {error.colno}"
        ) from error
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        # A list of maps below one key is a table; else the map is the only row of JSON lines.
        below = len(document) == 1 and lists and "messages" not in document
        document = lists[0] if below else [document]
    if not isinstance(document, list):
        raise DataSetRefused(f"{file.name}: must be a list of maps, not {_kind(document)}")
    for number, row in enumerate(document, start=1):
        if isinstance(row, dict):
            yield row
        else:
            yield Unreadable(f"row {number}", f"must be a map, not {_kind(row)}")


def _decoded(file: DataFile, content: bytes, line: int | None) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = line or content.count(b"\n", 0, error.start) + 1
        raise DataSetRefused(f"{file.name} line {at}: is not text in UTF-8") from error


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


READERS: dict[str, Callable[[DataFile], Iterator[Row | Unreadable]]] = {
    "arrow": _arrow_rows,
    "csv": _csv_rows,
    "json": _json_rows,
    "jsonl": _json_lines_rows,
    "parquet": _parquet_rows,
}
