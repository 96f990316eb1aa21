"""Only whole checkpoints of the same training are resumed or deleted."""

from pathlib import Path

from training.checkpoints import (
    NEEDED,
    Choice,
    checkpoints,
    choose_checkpoint,
    discard_oldest,
    mark_whole,
)


def checkpoint(root: Path, step: int, fingerprint: str | None = "mine") -> Path:
    directory = root / f"checkpoint-{step}"
    directory.mkdir()
    for name in NEEDED:
        (directory / name).write_text(name)
    if fingerprint:
        mark_whole(directory, fingerprint)
    return directory


def test_the_newest_whole_one_is_chosen_and_newer_ones_are_told(tmp_path: Path) -> None:
    checkpoint(tmp_path, 8)
    chosen = checkpoint(tmp_path, 9)
    (checkpoint(tmp_path, 10) / "optimizer.pt").write_text("half")
    checkpoint(tmp_path, 11, "other")
    checkpoint(tmp_path, 100, None)
    only_model = checkpoint(tmp_path, 101, None)
    (only_model / "optimizer.pt").unlink()
    mark_whole(only_model, "mine")
    (tmp_path / "checkpoint-best").mkdir()

    assert choose_checkpoint(tmp_path, "mine") == Choice(
        chosen,
        9,
        (
            "checkpoint-101 is left alone: it holds no state of the optimizer (save_only_model)",
            "checkpoint-100 is left alone: it was not written to its end",
            "checkpoint-11 is left alone: it is of another configuration, data set or model",
            "checkpoint-10 is left alone: it has lost a part of itself",
        ),
    )


def test_without_one_it_begins_at_the_beginning(tmp_path: Path) -> None:
    assert choose_checkpoint(tmp_path / "not there", "mine") == Choice(None, 0, ())


def test_the_oldest_of_this_training_are_deleted_and_no_others(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        checkpoint(tmp_path, step)
    checkpoint(tmp_path, 5, "other")
    checkpoint(tmp_path, 6, None)

    discard_oldest(tmp_path, "mine", 2, str(tmp_path / "checkpoint-1"))

    assert sorted(step for step, _ in checkpoints(tmp_path)) == [1, 4, 5, 6]


def test_the_newest_is_kept_even_if_the_best_is_all_that_may_be(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        checkpoint(tmp_path, step)

    discard_oldest(tmp_path, "mine", 1, str(tmp_path / "checkpoint-1"))

    assert sorted(step for step, _ in checkpoints(tmp_path)) == [1, 3]
