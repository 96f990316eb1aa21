"""
The one shell script of a training, which copies the data out of its image, run for real.

By every shell of this machine that may be like the one in such an image, in a folder of its own.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from composite.workspace.job import EXTRACT

PATH = os.environ["PATH"]  # noqa: TID251  (where the programs of the script are)
SHELLS = {
    name: command
    for name, command in {
        "sh": ["/bin/sh"],
        "dash": ["dash"],
        "busybox": ["busybox", "sh"],
        "bash": ["bash", "--posix"],
    }.items()
    if shutil.which(command[0])
}


class Place:
    """A folder to run the script in, and what can be seen of it afterwards."""

    def __init__(self, here: Path, shell: list[str]) -> None:
        self.here, self.shell = here, shell
        for folder in ("data", "source"):
            (here / folder).mkdir()

    def write(self, name: str, text: str) -> None:
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def extract(self) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603  (our own script)
            [*self.shell, "-c", EXTRACT],
            env={
                "PATH": PATH,
                "SOURCE_PATH": str(self.here / "source"),
                "DATA_VOLUME_PATH": str(self.here / "data"),
            },
            cwd=self.here,
            text=True,
            capture_output=True,
            check=False,
            timeout=60,
        )

    def data(self) -> dict[str, str]:
        """Return what a trainer would find: the names, and what they hold."""
        folder = self.here / "data"
        return {
            str(path.relative_to(folder)): path.read_text()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }


@pytest.fixture(params=list(SHELLS.values()), ids=list(SHELLS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(tmp_path, request.param)


def test_all_of_the_images_data_are_copied(place: Place) -> None:
    place.write("source/train.csv", "rows")
    place.write("source/.hidden", "too")
    place.write("source/deep/er/more.csv", "others")

    done = place.extract()

    assert done.returncode == 0
    assert place.data() == {".hidden": "too", "deep/er/more.csv": "others", "train.csv": "rows"}
    assert "train.csv" in done.stdout


def test_dot_files_alone_are_data_too(place: Place) -> None:
    place.write("source/.train.csv", "rows")

    assert place.extract().returncode == 0
    assert place.data() == {".train.csv": "rows"}


def test_an_image_without_data_is_said(place: Place) -> None:
    done = place.extract()

    assert done.returncode == 1
    assert done.stdout == f"{place.here}/source of this image is empty\n"


def test_an_image_without_the_folder_is_said(place: Place) -> None:
    (place.here / "source").rmdir()

    done = place.extract()

    assert done.returncode == 1
    assert done.stdout == f"{place.here}/source of this image is empty\n"


def test_nothing_in_a_files_name_is_run(place: Place) -> None:
    place.write("source/$(touch pwned)`touch pwned`;touch pwned", "rows")

    assert place.extract().returncode == 0
    assert list(place.here.rglob("pwned")) == []
    assert place.data() == {"$(touch pwned)`touch pwned`;touch pwned": "rows"}
