"""
The picture of ``metakaito demo`` at a terminal, made of what it really prints.

``python -m hooks.picture`` writes ``docs/demo.svg``, ``--check`` says whether it is stale.
"""

import io
import re
import tempfile
from contextlib import chdir
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from hooks.cli.showing import show_demo
from schemas.__main__ import write_or_check

ROOT = Path(__file__).parent.parent
PICTURE = "docs/demo.svg"
FOLDER = "phi-3"
COMMAND = f"metakaito demo --out {FOLDER}"
WIDTH = 120
# What is another one each time: the port, the seconds of a start, and the number of the process.
VARIES = re.compile(r"(?<=127\.0\.0\.1:)\d+|(?<=after )[\d.]+(?= s)|(?<=process )\d+")
# The fonts are those of the reader's machine: nobody else is asked for one.
FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def picture() -> str:
    """
    Play the demo and return its picture, as SVG.

    Raises:
        Failed: The server does not start, or the Workspace does not become ready.

    """
    screen = Console(record=True, file=io.StringIO(), width=WIDTH)
    screen.print(Text.assemble(("$ ", "bold green"), (COMMAND, "bold")))
    screen.print(Text.from_ansi(VARIES.sub("…", printed())))
    return FONT.sub("", screen.export_svg(title="metakaito", unique_id="demo"))


def printed() -> str:
    """Return what the demo prints, with its colours."""
    told = io.StringIO()
    screen = Console(
        file=told, color_system="truecolor", no_color=False, highlight=False, soft_wrap=True
    )
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        show_demo(Path(FOLDER), screen=screen)
    return told.getvalue()


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; say whether it is stale.")
def main(*, check: bool) -> None:
    """Write the picture of the demo."""
    write_or_check(ROOT, {PICTURE: picture()}, "python -m hooks.picture", check=check)


if __name__ == "__main__":
    main()
