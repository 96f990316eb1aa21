"""What a training left is taken as it is, and nothing that it only points at."""

from pathlib import Path

import pytest

from hooks.steps.failures import StepFailed
from hooks.steps.layer import make_layer
from hooks.steps.results import find_result
from tests.hooks.steps.conftest import Time


@pytest.fixture
def result(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors", "fine_tuning_completed.txt"):
        (folder / name).write_text("something")
    return folder


def test_a_finished_result_is_found(result: Path) -> None:
    assert find_result(result).folder == result


def test_a_file_that_leads_elsewhere_is_not_followed(result: Path, tmp_path: Path) -> None:
    secret = tmp_path / "config.json"
    secret.write_text('{"auths": {}}')
    (result / "adapter_model.safetensors").unlink()
    (result / "adapter_model.safetensors").symlink_to(secret)

    with pytest.raises(StepFailed, match=r"adapter_model\.safetensors is a link"):
        find_result(result)


def test_a_mark_that_leads_elsewhere_marks_nothing(result: Path, tmp_path: Path) -> None:
    (result / "fine_tuning_completed.txt").rename(tmp_path / "elsewhere.txt")
    (result / "fine_tuning_completed.txt").symlink_to(tmp_path / "elsewhere.txt")

    with pytest.raises(StepFailed, match="the training ended without a result"):
        find_result(result)


def test_a_link_that_is_put_there_after_the_look_is_not_packed(
    result: Path, tmp_path: Path, virtual: Time, lines: list[str]
) -> None:
    files = find_result(result).files
    files[1].unlink()
    files[1].symlink_to(tmp_path / "config.json")
    (tmp_path / "config.json").write_text('{"auths": {}}')

    with pytest.raises(StepFailed, match=r"adapter_model\.safetensors is a link, which is not"):
        make_layer(files, tmp_path / "layer", virtual.clock, lines.append)
