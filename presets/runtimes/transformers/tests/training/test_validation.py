"""A data set is checked as it is written, whole, and all that is wrong with it is told at once."""

import json
from pathlib import Path

import pytest

from training.configuration import DatasetOptions
from training.failures import DataSetRefused
from training.files import DataFile
from training.validation import check_data_set, evaluation_rows, listed

CHAT = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}
ROBOT = {"messages": [{"role": "robot", "content": "x"}]}


def write(root: Path, name: str, *rows: object) -> DataFile:
    """Write rows as JSON, and text as it is, one a line."""
    path = root / name
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines))
    return DataFile(path, name, path.suffix[1:])


def refusal(*files: DataFile, **options: object) -> str:
    with pytest.raises(DataSetRefused) as refused:
        check_data_set(list(files), DatasetOptions(**options))  # type: ignore[arg-type]
    return str(refused.value)


def test_what_can_be_used_is_left_alone_and_its_rows_are_told(tmp_path: Path) -> None:
    files = [
        write(tmp_path, "a.jsonl", CHAT, {"text": "x"}),
        write(tmp_path, "b.csv", "prompt,completion", "x,y"),
    ]
    told: list[str] = []

    check_data_set(files, DatasetOptions(train_test_split=0.5), told.append)

    assert told == ["1 rows", "2 rows", "3 rows"]


def test_bad_lines_and_bad_rows_of_all_files_are_one_list(tmp_path: Path) -> None:
    first = write(tmp_path, "a.jsonl", CHAT, '{"text": ', ROBOT, "[1]", {"text": 5})
    second = write(tmp_path, "b.jsonl", {"text": " "}, "{", "}", CHAT)

    assert refusal(first, second) == (
        "7 of 9 rows cannot be used: a.jsonl line 2: is not JSON: Expecting value at column 9; "
        'a.jsonl row 3: "messages[0].role" must be one of system, user, assistant, tool, not '
        "'robot'; a.jsonl line 4: must be a map, not list; a.jsonl row 5: \"text\" must be text, "
        'not int; b.jsonl row 1: "text" is empty; and 2 more'
    )


def test_a_file_that_is_broken_does_not_hide_the_rows_of_others(tmp_path: Path) -> None:
    broken = write(tmp_path, "a.json", "[{]")

    assert refusal(broken, write(tmp_path, "b.jsonl", CHAT, {"answer": "x"})) == (
        "a.json line 1: is not JSON: Expecting property name enclosed in double quotes at column "
        '3; 1 of 2 rows cannot be used: b.jsonl row 2: "messages" is missing'
    )


def test_named_columns_have_to_be_in_each_row(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jsonl", {"q": "x", "a": "y"}, {"q": "x"}, {"text": "x"})

    assert refusal(file, context_column="q", response_column="a") == (
        '2 of 3 rows cannot be used: a.jsonl row 2: "a" is missing; a.jsonl row 3: "q" is missing'
    )


def test_files_without_rows_are_refused_with_as_many_verbs(tmp_path: Path) -> None:
    files = [write(tmp_path, f"{name}.jsonl") for name in "abcdefg"]

    assert refusal(files[0]) == "a.jsonl has no rows"
    assert refusal(*files[:2]) == "a.jsonl, b.jsonl have no rows"
    assert refusal(*files) == (
        "a.jsonl, b.jsonl, c.jsonl, d.jsonl, e.jsonl, and 2 more have no rows"
    )


def test_a_split_that_leaves_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    assert refusal(write(tmp_path, "a.jsonl", CHAT, CHAT), train_test_split=0.1) == (
        "DatasetConfig.train_test_split: 0.1 of 2 rows leaves none to train on: set it to 1 to "
        "train on all"
    )


@pytest.mark.parametrize(("rows", "split", "kept"), [(10, 0.8, 2), (7, 0.8, 2), (9, 1, 0)])
def test_the_rows_for_the_evaluation_are_rounded_up(rows: int, split: float, kept: int) -> None:
    assert evaluation_rows(rows, DatasetOptions(train_test_split=split)) == kept


def test_a_list_has_five_items_and_the_number_of_the_others() -> None:
    assert listed(["a", "b"]) == "a; b"
    assert listed(list("abcdefg"), separator=", ") == "a, b, c, d, e, and 2 more"
    assert listed(list("abcde"), count=9) == "a; b; c; d; e; and 4 more"
