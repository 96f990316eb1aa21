"""Write what is generated in ``charts/``, or say which of the committed files are stale."""

import click

from charts.files import generated
from schemas.__main__ import ROOT, write_or_check


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; name stale files and exit with 1.")
def main(*, check: bool) -> None:
    """Write every file of the charts that follows from the code."""
    write_or_check(ROOT, generated(), "python -m charts", check=check)


if __name__ == "__main__":
    main()
