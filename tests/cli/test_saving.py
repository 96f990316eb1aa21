"""Files that are written whole or not at all, with the rights that they are to have."""

import os
from pathlib import Path
from threading import Thread

import pytest

from hooks.cli.errors import Failed
from hooks.cli.saving import FOR_THE_OWNER, save


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_file_for_its_owner_is_nobody_elses(tmp_path: Path) -> None:
    save(tmp_path / "a", b"x", FOR_THE_OWNER)

    assert (mode(tmp_path / "a"), (tmp_path / "a").read_bytes()) == (0o600, b"x")
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_a_file_that_all_could_read_is_nobody_elses_any_more(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old and longer")
    (tmp_path / "a").chmod(0o666)

    save(tmp_path / "a", b"x", FOR_THE_OWNER)

    assert (mode(tmp_path / "a"), (tmp_path / "a").read_bytes()) == (0o600, b"x")


def test_whoever_has_the_old_file_open_does_not_see_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with (tmp_path / "a").open("rb") as opened:
        save(tmp_path / "a", b"new", FOR_THE_OWNER)

        assert opened.read() == b"old"


def test_any_other_file_has_the_rights_that_new_files_have(tmp_path: Path) -> None:
    (tmp_path / "b").touch()

    save(tmp_path / "a", b"x")

    assert mode(tmp_path / "a") == mode(tmp_path / "b")


def test_a_link_goes_on_leading_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "a")

    save(tmp_path / "link", b"new")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()

    save(tmp_path / "pipe", b"x")

    reader.join()
    assert read == [b"x"]
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("no/a", "No such file or directory"), ("file/a", "Not a directory"), ("", "Is a directory")],
)
def test_what_cannot_be_written_is_named_and_nothing_is_left(
    tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / name

    with pytest.raises(Failed) as failed:
        save(path, b"x")

    assert failed.value.lines == (f"{path}: cannot be written: {reason}",)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
