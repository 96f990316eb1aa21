import errno
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from hooks.recording.folder import Folder


def name(number: int) -> str:
    return f"20260101T{number:012}Z-workspaces-sync-0a.json"


def names_in(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir() if not each.name.startswith("."))


def test_the_oldest_make_room_for_the_newest(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "a" / "b", most_files=3, most_bytes=100)
    for number in range(5):
        folder.write(name(number), b"{}")

    assert names_in(folder.path) == [name(2), name(3), name(4)]


def test_all_together_have_no_more_bytes_than_they_may(tmp_path: Path) -> None:
    folder = Folder(tmp_path, most_files=100, most_bytes=100)
    for number in range(5):
        folder.write(name(number), b"x" * 40)
    folder.write(name(5), b"x" * 90)

    assert names_in(tmp_path) == [name(5)]


def test_what_was_there_before_a_restart_counts(tmp_path: Path) -> None:
    for number in range(3):
        Folder(tmp_path, 3, 1000).write(name(number), b"x" * 10)

    Folder(tmp_path, 2, 1000).write(name(3), b"x")
    assert names_in(tmp_path) == [name(2), name(3)]
    Folder(tmp_path, 9, 10).write(name(4), b"x")
    assert names_in(tmp_path) == [name(3), name(4)]


def test_one_that_is_larger_than_all_may_be_takes_the_place_of_none(tmp_path: Path) -> None:
    folder = Folder(tmp_path, 3, 10)
    folder.write(name(0), b"x")

    with pytest.raises(OSError, match="11 bytes, 10 may be kept") as refused:
        folder.write(name(1), b"x" * 11)

    assert refused.value.errno == errno.EFBIG
    assert names_in(tmp_path) == [name(0)]


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    others = ("notes.json", "20260101.json", ".hidden", "20250101T000000000000Z-a.json.bak")
    for other in others:
        (tmp_path / other).write_text("x" * 1000)
    (tmp_path / ".recording-half").write_text("{")

    Folder(tmp_path, 1, 100).write(name(0), b"{}")
    Folder(tmp_path, 1, 100).write(name(1), b"{}")

    assert {each.name for each in tmp_path.iterdir()} == {*others, name(1), ".lock"}


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "new", 1, 100)
    folder.write(name(0), b"{}")

    assert (folder.path.stat().st_mode & 0o777, (folder.path / name(0)).stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )


def test_a_file_that_cannot_be_finished_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = Folder(tmp_path, 2, 100)
    monkeypatch.setattr(Path, "replace", full)

    with pytest.raises(OSError, match="No space left"):
        folder.write(name(0), b"{}")
    assert [each.name for each in tmp_path.iterdir()] == [".lock"]


def write_many(path: Path, first: int) -> None:
    folder = Folder(path, most_files=7, most_bytes=1000)
    for number in range(first, first + 40):
        folder.write(name(number), b"x" * 100)
        assert len(names_in(path)) <= 7


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[multiprocessing.process.BaseProcess]]:
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=write_many, args=(tmp_path, n * 100)) for n in range(3)]
    for each in started:
        each.start()
    yield list(started)
    for each in started:
        each.kill()


def test_several_processes_and_threads_never_keep_more_than_one_may(
    tmp_path: Path, processes: list[multiprocessing.process.BaseProcess]
) -> None:
    threads = [Thread(target=write_many, args=(tmp_path, 1000 + n * 100)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for process in processes:
        process.join(60)

    assert [each.exitcode for each in processes] == [0, 0, 0]
    assert len(names_in(tmp_path)) == 7
