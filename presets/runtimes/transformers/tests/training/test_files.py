"""All files of a data set are found, and none that are not of it."""

from pathlib import Path

import pytest

from training.configuration import DatasetOptions
from training.failures import DataSetRefused
from training.files import data_files, format_of


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train.jsonl", "jsonl"),
        ("train.JSON", "json"),
        ("a.parquet_download_true", "parquet"),
        ("data.csv.txt", None),
        ("narrow.txt", None),
        ("csv", None),
        ("train.jsonlines", None),
    ],
)
def test_the_end_of_its_name_says_the_format(name: str, expected: str | None) -> None:
    assert format_of(name) == expected


def test_all_files_are_found_by_name_and_others_are_told(tmp_path: Path) -> None:
    write(tmp_path, "b.csv", "a.jsonl", "sub/c.parquet", "README.md", ".hidden.csv", "..data/d.csv")

    files, others = data_files(DatasetOptions(), tmp_path, tmp_path)

    assert [(file.name, file.format) for file in files] == [
        ("a.jsonl", "jsonl"),
        ("b.csv", "csv"),
        ("sub/c.parquet", "parquet"),
    ]
    assert others == ["README.md"]


@pytest.mark.parametrize("written", ["data/x.csv", "/data/x.csv", "{mount}/data/x.csv"])
def test_a_path_leads_below_the_mount(tmp_path: Path, written: str) -> None:
    write(tmp_path, "data/x.csv", "data/y.csv")
    options = DatasetOptions(dataset_path=written.format(mount=tmp_path))

    files, _ = data_files(options, tmp_path / "elsewhere", tmp_path)

    assert [file.path for file in files] == [tmp_path / "data/x.csv"]


@pytest.mark.parametrize("written", ["../x.csv", "data/../../x.csv", "link/x.csv"])
def test_a_path_never_leads_out_of_it(tmp_path: Path, written: str) -> None:
    mount = tmp_path / "mount"
    write(tmp_path, "x.csv", "mount/data/y.csv")
    (mount / "link").symlink_to(tmp_path)

    with pytest.raises(DataSetRefused, match=r"leads out of .*/mount$"):
        data_files(DatasetOptions(dataset_path=written), mount, mount)


def test_an_extension_says_what_all_files_are(tmp_path: Path) -> None:
    write(tmp_path, "one.txt", "two")

    files, others = data_files(DatasetOptions(dataset_extension="csv"), tmp_path, tmp_path)

    assert [(file.name, file.format) for file in files] == [("one.txt", "csv"), ("two", "csv")]
    assert others == []


def test_a_directory_without_one_is_refused_with_what_is_there(tmp_path: Path) -> None:
    write(tmp_path, "notes.txt")

    with pytest.raises(DataSetRefused) as refused:
        data_files(DatasetOptions(), tmp_path, tmp_path)
    assert str(refused.value) == (
        f"there is no data set in {tmp_path}; there are notes.txt: its files end in .arrow, .csv, "
        ".json, .jsonl, .parquet, or DatasetConfig.dataset_extension says what they are"
    )
