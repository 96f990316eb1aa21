"""Write the generated schemas, or say which of the committed ones are stale."""

import sys
from pathlib import Path

import click

from schemas.files import generated

ROOT = Path(__file__).parent.parent


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; name stale files and exit with 1.")
def main(*, check: bool) -> None:
    """Write every generated schema from the models in composite/."""
    write_or_check(ROOT, generated(), "python -m schemas", check=check)


def write_or_check(root: Path, texts: dict[str, str], command: str, *, check: bool) -> None:
    """
    Write the texts that differ from the files below ``root``, then exit.

    With ``check`` nothing is written, each stale file is named with the command that writes it, and
    the exit code is 1 if there is one.
    """
    stale = {path: text for path, text in texts.items() if not _is_current(root / path, text)}
    for path, text in stale.items():
        if check:
            click.echo(f"{path} is stale: run `{command}`", err=True)
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
            click.echo(f"wrote {path}")
    sys.exit(1 if check and stale else 0)


def _is_current(file: Path, text: str) -> bool:
    return file.is_file() and file.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
