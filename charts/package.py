"""
Pack the charts as Helm does, but so that the same files always give the same bytes.

Helm writes the time of packing into the archive, so that nobody could tell whether two are the
same.
"""

import gzip
import io
import tarfile
from pathlib import Path

import click
import yaml

from charts.chart import HERE

CHARTS = ("metakaito", "metakaito-crds")
IGNORE = ".helmignore"


def packed(chart: Path) -> tuple[str, bytes]:
    """Return name and bytes of the archive of a chart."""
    about = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    left_out = ignored(chart)
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(chart.rglob("*")):
            name = path.relative_to(chart).as_posix()
            if path.is_file() and not name.startswith(left_out):
                member = tarfile.TarInfo(f"{about['name']}/{name}")
                content = path.read_bytes()
                member.size, member.mode = len(content), 0o644
                archive.addfile(member, io.BytesIO(content))
    whole = gzip.compress(raw.getvalue(), mtime=0)
    return f"{about['name']}-{about['version']}.tgz", whole


def ignored(chart: Path) -> tuple[str, ...]:
    """Return with what the names begin that ``.helmignore`` leaves out; ours has no patterns."""
    file = chart / IGNORE
    return tuple(file.read_text(encoding="utf-8").split()) if file.is_file() else ()


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def main(directory: Path) -> None:
    """Write the archives of both charts."""
    directory.mkdir(parents=True, exist_ok=True)
    for chart in CHARTS:
        name, whole = packed(HERE / chart)
        (directory / name).write_bytes(whole)
        click.echo(f"wrote {directory / name}")


if __name__ == "__main__":
    main()
