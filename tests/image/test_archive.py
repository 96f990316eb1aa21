import gzip
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from image.archive import Image, write_archive, write_layers
from image.cache import kept_layer
from image.layer import write_layer
from image.runtime_image import write_weights_archive

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


class Layout:
    """An archive as a container runtime reads it: each blob is looked up by its digest."""

    def __init__(self, archive: Path) -> None:
        with tarfile.open(archive) as tar:
            found = {entry.name: tar.extractfile(entry) for entry in tar.getmembers()}
            self.files = {name: file.read() for name, file in found.items() if file}
        index = json.loads(self.files["index.json"])
        self.name: str = index["manifests"][0]["annotations"]["io.containerd.image.name"]
        self.manifest: dict[str, Any] = json.loads(self.blob(index["manifests"][0]))
        self.config: dict[str, Any] = json.loads(self.blob(self.manifest["config"]))

    def blob(self, descriptor: dict[str, Any]) -> bytes:
        kind, _, digest = descriptor["digest"].partition(":")
        content = self.files[f"blobs/{kind}/{digest}"]
        assert len(content) == descriptor["size"]
        assert hashlib.sha256(content).hexdigest() == digest
        return content

    def trees(self) -> list[bytes]:
        blobs = [(each["mediaType"], self.blob(each)) for each in self.manifest["layers"]]
        return [gzip.decompress(b) if kind.endswith("+gzip") else b for kind, b in blobs]


def content(tree: bytes) -> dict[str, bytes | str]:
    """Files and what is in them, links and where they lead, folders."""
    found: dict[str, bytes | str] = {}
    with tarfile.open(fileobj=io.BytesIO(tree)) as tar:
        for entry in tar.getmembers():
            file = tar.extractfile(entry) if entry.isreg() else None
            found[entry.name] = file.read() if file else entry.linkname or "folder"
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    (made / "a").mkdir(parents=True)
    (made / "a/file").write_bytes(b"content" * 1000)
    (made / "program").write_text("#!/bin/sh")
    (made / "program").chmod(0o700)
    (made / "link").symlink_to("a/file")
    return made


FOLDER: dict[str, bytes | str] = {
    "a": "folder",
    "a/file": b"content" * 1000,
    "link": "a/file",
    "program": b"#!/bin/sh",
}


@pytest.mark.parametrize("compress", [True, False])
def test_what_a_runtime_reads_is_what_was_there(
    folder: Path,
    tmp_path: Path,
    compress: bool,  # noqa: FBT001  (a case)
) -> None:
    layer = write_layer(folder, tmp_path / "layer", compress=compress)
    image = Image(
        name="here/it:1",
        command=("run",),
        user="1:2",
        environment={"A": "1", "B": "2"},
        working_directory="/a",
    )
    write_layers(image, [layer], tmp_path / "it.tar")
    layout = Layout(tmp_path / "it.tar")
    [tree] = layout.trees()

    assert content(tree) == FOLDER
    assert layout.name == "here/it:1"
    assert [each["mediaType"] for each in layout.manifest["layers"]] == [
        f"{LAYER_TYPE}+gzip" if compress else LAYER_TYPE
    ]
    assert layout.config["rootfs"] == {
        "type": "layers",
        "diff_ids": [f"sha256:{hashlib.sha256(tree).hexdigest()}"],
    }
    assert layout.config["config"] == {
        "Cmd": ["run"],
        "Entrypoint": [],
        "Env": ["A=1", "B=2"],
        "Labels": {},
        "User": "1:2",
        "WorkingDir": "/a",
    }


def test_layers_come_in_their_order(folder: Path, tmp_path: Path) -> None:
    first = write_layer(folder, tmp_path / "first", compress=False)
    (folder / "a/file").write_bytes(b"other")
    second = write_layer(folder, tmp_path / "second", compress=True)
    write_layers(Image(name="here/it:1"), [first, second], tmp_path / "it.tar")

    assert [content(tree)["a/file"] for tree in Layout(tmp_path / "it.tar").trees()] == [
        b"content" * 1000,
        b"other",
    ]


def test_what_nobody_asks_for_is_not_said(folder: Path, tmp_path: Path) -> None:
    write_archive(Image(name="here/it:1", entrypoint=("/program",)), folder, tmp_path / "it.tar")

    assert Layout(tmp_path / "it.tar").config["config"] == {
        "Cmd": [],
        "Entrypoint": ["/program"],
        "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
        "Labels": {},
        "User": "",
    }


def test_files_with_one_place_on_disk_are_files_of_their_own(folder: Path, tmp_path: Path) -> None:
    """As installers leave them that take packages from a cache."""
    os.link(folder / "a/file", folder / "same")
    layer = write_layer(folder, tmp_path / "layer", compress=False)

    assert content(layer.file.read_bytes()) == {**FOLDER, "same": b"content" * 1000}


def test_weights_are_at_the_root_and_links_are_what_they_lead_to(
    folder: Path, tmp_path: Path
) -> None:
    write_weights_archive(tmp_path / "one.tar", folder, "here/weights/tiny:1")
    write_weights_archive(tmp_path / "two.tar", folder, "here/weights/tiny:1")
    layout = Layout(tmp_path / "one.tar")
    [tree] = layout.trees()

    assert content(tree) == {**FOLDER, "link": FOLDER["a/file"]}
    assert layout.manifest["layers"][0]["mediaType"] == LAYER_TYPE
    assert layout.manifest["annotations"] == {"org.opencontainers.image.title": "tiny"}
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files", "one.tar", "two.tar"]


def test_a_layer_is_made_once_of_the_same_files(tmp_path: Path) -> None:
    made_of, made = tmp_path / "lock.txt", list[Path]()
    made_of.write_text("a==1")

    def make(root: Path) -> None:
        made.append(root)
        root.mkdir()
        (root / "file").write_bytes(made_of.read_bytes())

    first = kept_layer("it", [made_of], make, tmp_path / "cache")
    again = kept_layer("it", [made_of], make, tmp_path / "cache")
    made_of.write_text("a==2")
    other = kept_layer("it", [made_of], make, tmp_path / "cache")

    assert (first, len(made)) == (again, 2)
    assert content(first.file.read_bytes()) == {"file": b"a==1"}
    assert content(other.file.read_bytes()) == {"file": b"a==2"}


def test_a_layer_that_nobody_asks_for_is_forgotten_after_a_day(tmp_path: Path) -> None:
    lock, cache = tmp_path / "lock.txt", tmp_path / "cache"
    lock.write_text("a==1")
    first = kept_layer("it", [lock], Path.mkdir, cache)
    os.utime(first.file.parent, (0, 0))
    lock.write_text("a==2")
    second = kept_layer("it", [lock], Path.mkdir, cache)

    assert list(cache.iterdir()) == [second.file.parent]


def test_a_layer_that_fails_to_be_made_leaves_nothing(tmp_path: Path) -> None:
    def fail(_root: Path) -> None:
        raise LookupError("no such package")

    with pytest.raises(LookupError, match="no such package"):
        kept_layer("it", [], fail, tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []
