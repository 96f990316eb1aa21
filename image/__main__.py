"""``python -m image``: an image as a directory or one file, what is in it, what is known of it."""

import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import click

from image.archive import Image, write_archive
from image.audit import audit
from image.bill import sbom
from image.interpreter import USER, copy_interpreter, copy_libraries
from image.omissions import VARIANTS, Variant
from image.packages import LOCK, SOURCE, install_packages, labels
from image.runtime import make_code, make_packages
from image.runtime_image import write_runtime_archive, write_weights_archive

REPOSITORY = "metakaito.local/metakaito"
"""Nobody's registry: such an image is on a node already, or nowhere."""


@click.group()
def main() -> None:
    """
    Make container images out of this machine's Python, the lock files and this source tree.

    And say what is in them (sbom), and what is known of that (audit).
    """


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


@main.group()
def runtime() -> None:
    """Make the image of the model server and trainer, presets/runtimes/transformers."""


variant_option = click.option(
    "--variant",
    type=click.Choice(VARIANTS),
    default="cpu",
    show_default=True,
    help="For nodes with NVIDIA's GPUs (cuda), or without.",
)


@runtime.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@variant_option
def packages(directory: Path, variant: Variant) -> None:
    """
    Write Python, the locked packages and a shell into a new DIRECTORY.

    Example:
      python -m image runtime packages /tmp/packages --variant cuda

    """
    make_packages(directory, variant, steps())


@runtime.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def code(directory: Path) -> None:
    """
    Write our own code into a new DIRECTORY, as it is below the image's root.

    Example:
      python -m image runtime code /tmp/code

    """
    make_code(directory)


@runtime.command("archive")
@click.argument("archive", type=click.Path(path_type=Path, dir_okay=False))
@variant_option
@click.option(
    "--name",
    help="What Pods call it. [default: metakaito.local/metakaito-transformers:VERSION-VARIANT]",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the layer of packages is kept.  [default: ~/.cache/metakaito/layers]",
)
def runtime_archive(archive: Path, variant: Variant, name: str | None, cache: Path | None) -> None:
    """
    Write the image into one file ARCHIVE, in OCI layout.

    It takes two minutes the first time, and then ten seconds: the packages are kept.

    Example:
      python -m image runtime archive dist/metakaito-transformers-cpu.oci.tar --variant cpu
      ctr --namespace k8s.io images import dist/metakaito-transformers-cpu.oci.tar

    """
    write_runtime_archive(archive, variant, name, cache=cache, say=steps())
    say(f"wrote {archive}, {archive.stat().st_size / 2**20:.0f} MiB")


@main.command()
@click.argument("archive", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--name", required=True, help="What Pods call it.")
def weights(archive: Path, directory: Path, name: str) -> None:
    """
    Write an image of the weights in DIRECTORY into one file ARCHIVE, to be mounted as a volume.

    Example:
      python -m image weights dist/tiny.oci.tar /tmp/tiny --name metakaito.local/weights/tiny:1

    """
    write_weights_archive(archive, directory, name)
    say(f"wrote {archive}, {archive.stat().st_size / 2**20:.1f} MiB")


main.add_command(sbom)
main.add_command(audit)


def make_root(directory: Path, lock: Path = LOCK) -> None:
    """Write the files of the image into a new directory; tell on standard error of each step."""
    done = steps()
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
        labels=labels(project),
    )


def steps() -> Callable[[str], None]:
    """Return what prints a step and how long all took up to it."""
    begun = time.monotonic()
    return lambda step: say(f"{time.monotonic() - begun:5.1f} s  {step}")


def say(line: str) -> None:
    """Print progress."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
