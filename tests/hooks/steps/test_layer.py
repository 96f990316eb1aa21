"""What is found of a training, and the layer that is made of it."""

import gzip
import hashlib
import os
import tarfile
from pathlib import Path

import pytest

from hooks.steps.failures import StepFailed
from hooks.steps.images import OCI, Image, Platform, parse_platform, scratch, with_layer
from hooks.steps.layer import Layer, make_layer
from hooks.steps.results import FILES, MARK, find_result
from tests.hooks.steps.conftest import Time


def finish(folder: Path, when: int = 1_000_000_000) -> Path:
    folder.mkdir(parents=True)
    for name in (*FILES, MARK):
        (folder / name).write_text(f"{name} in {folder.name}")
        os.utime(folder / name, (when, when))
    return folder


def test_the_newest_finished_result_is_found(tmp_path: Path) -> None:
    finish(tmp_path / "old", 1)
    newest = finish(tmp_path / "a" / "new", 3)
    finish(tmp_path / "older", 2)
    (tmp_path / "z").mkdir()

    assert find_result(tmp_path).folder == newest
    assert find_result(newest).folder == newest


@pytest.mark.parametrize("name", FILES)
def test_a_result_that_lacks_a_file_is_not_whole(tmp_path: Path, name: str) -> None:
    folder = finish(tmp_path / "out")
    (folder / name).write_text("")
    with pytest.raises(StepFailed) as empty:
        find_result(tmp_path)
    (folder / name).unlink()
    with pytest.raises(StepFailed) as missing:
        find_result(tmp_path)

    assert str(empty.value) == f"the result in {folder} is not whole: {name} is empty"
    assert str(missing.value) == f"the result in {folder} is not whole: {name} is missing"


def test_a_directory_that_is_not_there_has_no_result(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=rf"there is no {MARK} in .*/nowhere, which is not there"):
        find_result(tmp_path / "nowhere")


def test_equal_files_make_an_equal_layer(tmp_path: Path, virtual: Time, lines: list[str]) -> None:
    one, other = finish(tmp_path / "x" / "out", 1), finish(tmp_path / "y" / "out", 2)
    for name in FILES:
        (other / name).chmod(0o600)

    layers = [
        make_layer(files, tmp_path / str(number), virtual.clock, lines.append)
        for number, files in enumerate(
            (find_result(one).files, [*reversed(find_result(other).files)])
        )
    ]

    assert layers[0]._replace(path=tmp_path) == layers[1]._replace(path=tmp_path)
    content = layers[0].path.read_bytes()
    assert layers[0].digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert layers[0].diff_id == f"sha256:{hashlib.sha256(gzip.decompress(content)).hexdigest()}"
    assert layers[0].size == len(content)
    with tarfile.open(layers[0].path) as archive:
        assert [(e.name, e.mode, e.uid, e.gid, e.mtime, e.uname) for e in archive] == [
            ("data", 0o755, 0, 0, 0, ""),
            ("data/adapter_config.json", 0o644, 0, 0, 0, ""),
            ("data/adapter_model.safetensors", 0o644, 0, 0, 0, ""),
        ]


def test_a_layer_that_cannot_be_made_says_why(
    tmp_path: Path, virtual: Time, lines: list[str]
) -> None:
    files = find_result(finish(tmp_path / "out")).files

    with pytest.raises(
        StepFailed, match=r"the layer cannot be made in .*/no/layer: .*No such file"
    ):
        make_layer(files, tmp_path / "no" / "layer", virtual.clock, lines.append)


LAYER = Layer(Path("layer"), "sha256:d", "sha256:u", 7)


def test_a_layer_is_laid_on_top() -> None:
    image = with_layer(scratch(Platform("linux", "arm64")), LAYER, "a test")

    described = {"mediaType": OCI.layer, "digest": "sha256:d", "size": 7}
    assert image == Image(
        {
            "created": "1970-01-01T00:00:00Z",
            "architecture": "arm64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:u"]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "a test"}],
        },
        (described,),
        OCI,
    )


def test_a_history_that_is_left_out_stays_so() -> None:
    below = scratch(Platform("linux", "amd64"))
    bare = below._replace(config={k: v for k, v in below.config.items() if k != "history"})

    assert "history" not in with_layer(bare, LAYER, "a test").config


def test_a_platform_is_written_with_slashes() -> None:
    assert parse_platform("linux/arm/v7") == Platform("linux", "arm", "v7")
    assert str(Platform("linux", "amd64")) == "linux/amd64"
    with pytest.raises(StepFailed, match="'amd64' is not a platform such as linux/amd64"):
        parse_platform("amd64")
