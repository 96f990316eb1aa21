"""Files of all formats give the same rows; one that cannot be parsed is named with the line."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest

from training.failures import DataSetRefused
from training.files import DataFile
from training.rows import Unreadable, read_rows

ROWS = [{"prompt": "one", "completion": "eins"}, {"prompt": 'a, "b"', "completion": "zwei\nDrei"}]


def file(path: Path, form: str) -> DataFile:
    return DataFile(path, path.name, form)


def write_csv(path: Path) -> None:
    path.write_text('\ufeffprompt,completion\none,eins\n"a, ""b""","zwei\nDrei"\n')


def write_stream(path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_stream(str(path), table.schema) as stream:
        stream.write_table(table)


def write_arrow_file(path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_file(str(path), table.schema) as stream:
        stream.write_table(table)


def lines(rows: list[dict[str, str]]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


@pytest.mark.parametrize(
    ("form", "write"),
    [
        ("csv", write_csv),
        ("jsonl", lambda path: path.write_text(lines(ROWS) + "\n")),
        ("json", lambda path: path.write_text(json.dumps(ROWS, indent=1))),
        ("json", lambda path: path.write_text(json.dumps({"data": ROWS}))),
        ("json", lambda path: path.write_text(lines(ROWS))),
        ("parquet", lambda path: pa.parquet.write_table(pa.Table.from_pylist(ROWS), path)),
        ("arrow", write_stream),
        ("arrow", write_arrow_file),
    ],
)
def test_each_format_gives_the_rows(
    tmp_path: Path, form: str, write: Callable[[Path], object]
) -> None:
    path = tmp_path / f"x.{form}"
    write(path)

    assert list(read_rows(file(path, form))) == [(1, ROWS[0]), (2, ROWS[1])]


@pytest.mark.parametrize(
    ("form", "content", "sentence"),
    [
        (
            "json",
            b'[\n {"a": 1},\n {"a" 2}]',
            "x.json line 3: is not JSON: Expecting ':' delimiter",
        ),
        ("csv", b'a,b\n1,"2\n', "x.csv line 2: unexpected end of data"),
        ("csv", b"a,b\n1,\xff\n", "x.csv line 2: is not text in UTF-8"),
        ("parquet", b"PAR1 and no more", "x.parquet is not parquet: "),
        ("arrow", b"something else", "x.arrow is not arrow: "),
    ],
)
def test_a_file_that_cannot_be_parsed_is_named_with_the_line(
    tmp_path: Path, form: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / f"x.{form}"
    path.write_bytes(content)

    with pytest.raises(DataSetRefused) as refused:
        list(read_rows(file(path, form)))
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(
    ("form", "content", "rows"),
    [
        (
            "jsonl",
            b'{"a": \n\n[1]\n{"a": "\xff"}\n{"a": 1}\n',
            [
                Unreadable("line 1", "is not JSON: Expecting value at column 6"),
                Unreadable("line 3", "must be a map, not list"),
                Unreadable("line 4", "is not text in UTF-8"),
                {"a": 1},
            ],
        ),
        (
            "json",
            b'{"a": 1}\n{"a"}\n',
            [{"a": 1}, Unreadable("line 2", "is not JSON: Expecting ':' delimiter at column 5")],
        ),
        ("json", b'[5, {"a": 1}]', [Unreadable("row 1", "must be a map, not int"), {"a": 1}]),
        (
            "csv",
            b"a\n1,2\n1\n",
            [Unreadable("line 2", "has more fields than the first line"), {"a": "1"}],
        ),
    ],
)
def test_what_is_no_row_is_told_in_its_place(
    tmp_path: Path, form: str, content: bytes, rows: list[object]
) -> None:
    path = tmp_path / f"x.{form}"
    path.write_bytes(content)

    assert list(read_rows(file(path, form))) == list(enumerate(rows, start=1))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataSetRefused, match=r"^x.csv cannot be read: No such file or directory$"):
        list(read_rows(file(tmp_path / "x.csv", "csv")))
