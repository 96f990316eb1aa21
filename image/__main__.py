"""``python -m image``: the root directory of the image, or the image as one file."""

import sys
import tempfile
import time
import tomllib
from pathlib import Path

import click

from image.archive import Image, write_archive
from image.interpreter import USER, copy_interpreter, copy_libraries
from image.packages import LOCK, SBOM, SOURCE, install_packages

REPOSITORY = "metakaito.local/metakaito"
"""Nobody's registry: such an image is on a node already, or nowhere."""


@click.group()
def main() -> None:
    """Make the container image out of this machine's Python, the lock file and this source tree."""


@main.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--lock", type=click.Path(path_type=Path, exists=True), default=LOCK, show_default="")
def root(directory: Path, lock: Path) -> None:
    """
    Write all files of the image into a new DIRECTORY.

    Example:
      python -m image root /tmp/root

    """
    make_root(directory, lock)


@main.command()
@click.argument("archive", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", help="What Pods call it.  [default: metakaito.local/metakaito:VERSION]")
@click.option("--lock", type=click.Path(path_type=Path, exists=True), default=LOCK, show_default="")
def archive(archive: Path, name: str | None, lock: Path) -> None:
    """
    Write the image into one file ARCHIVE, in OCI layout.

    Example:
      python -m image archive dist/metakaito.oci.tar
      ctr --namespace k8s.io images import dist/metakaito.oci.tar

    """
    with tempfile.TemporaryDirectory(prefix="metakaito-image-") as folder:
        make_root(Path(folder) / "root", lock)
        write_archive(described(name), Path(folder) / "root", archive)
    say(f"wrote {archive}, {archive.stat().st_size / 2**20:.1f} MiB")


def make_root(directory: Path, lock: Path = LOCK) -> None:
    """Write the files of the image into a new directory; tell on standard error of each step."""
    begun = time.monotonic()

    def done(step: str) -> None:
        say(f"{time.monotonic() - begun:5.1f} s  {step}")

    directory.mkdir(parents=True)
    copy_interpreter(directory)
    done("copied Python")
    install_packages(directory, lock)
    done("installed packages")
    copy_libraries(directory)
    done("copied libraries")


def described(name: str | None = None) -> Image:
    """Return what the image says about itself; the ``Dockerfile`` says the same."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return Image(
        name=name or f"{REPOSITORY}:{project['version']}",
        entrypoint=("metakaito",),
        command=("serve",),
        user=str(USER),
        labels={
            "org.opencontainers.image.title": project["name"],
            "org.opencontainers.image.description": project["description"],
            "org.opencontainers.image.version": project["version"],
            "org.opencontainers.image.licenses": project["license"],
            "io.metakaito.sbom": f"/{SBOM}",
        },
    )


def say(line: str) -> None:
    """Print progress."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
