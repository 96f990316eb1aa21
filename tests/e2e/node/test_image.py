"""The image on the node is made of the sources, and of nothing that changes from day to day."""

from pathlib import Path

from image.__main__ import described, make_root
from image.archive import write_archive


def test_equal_sources_make_an_equal_image(tmp_path: Path) -> None:
    archives = []
    for name in ("one", "other"):
        make_root(tmp_path / name)
        archives.append(tmp_path / f"{name}.tar")
        write_archive(described(), tmp_path / name, archives[-1])

    assert archives[0].read_bytes() == archives[1].read_bytes()
