"""
The commands in the documents print what the documents say.

In a ``console`` block each line that starts with ``$ `` is run, and the lines up to the next one
are its output. A line ``...`` stands for any lines, ``…`` in a line for any text, several blanks
for any number of them.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted(path for path in ROOT.glob("docs/**/*.md")),
]
# Not run here: what needs a cluster, and is itself part of another command's output.
PRINTED = ("kubectl",)
# After its set-up, which is what the tests themselves run in, `make demo` runs this.
MADE = {"make demo": "metakaito demo"}


def commands(document: Path) -> Iterator[tuple[str, str]]:
    """Yield each command of a document and what it is said to print."""
    for block in re.findall(r"```console\n(.*?)```", document.read_text(), flags=re.DOTALL):
        command = ""
        printed: list[str] = []
        for line in block.splitlines():
            is_command = line.startswith("$ ") and not line[2:].startswith(PRINTED)
            if is_command and command:
                yield command, "\n".join(printed)
            if is_command:
                command, printed = line[2:], []
            else:
                printed.append(line)
        yield command, "\n".join(printed)


def pattern(printed: str) -> str:
    """Return the regular expression for what a document says is printed."""
    return "".join(
        r"(?:.*\n)*?" if line == "..." else line_pattern(line) + r"\n"
        for line in printed.splitlines()
    )


def line_pattern(line: str) -> str:
    """Return the regular expression for one line."""
    return re.sub(r"(\\ ){2,}", " +", re.escape(line)).replace("…", ".*")


CASES = [
    pytest.param(command, printed, id=f"{document.name}: {command}")
    for document in DOCUMENTS
    for command, printed in commands(document)
]


@pytest.mark.parametrize(("command", "printed"), CASES)
def test_a_command_prints_what_the_document_says(
    tmp_path: Path, command: str, printed: str
) -> None:
    program, *arguments = shlex.split(MADE.get(command, command))
    path = Path(sys.executable).with_name(Path(program).name)

    done = subprocess.run(  # noqa: S603  (the commands are our own)
        [path, *arguments],
        cwd=ROOT,
        env={**environment(), "NO_COLOR": "1", "COLUMNS": "400", "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )

    assert re.fullmatch(pattern(printed), done.stdout), f"{command} printed:\n{done.stdout}"


def environment() -> dict[str, str]:
    """Return our environment without settings that would change the answers."""
    found = os.environ  # noqa: TID251  (a test runs the program as a user would)
    return {key: value for key, value in found.items() if not key.startswith("METAKAITO_")}


LINKS = [
    pytest.param(document, link, id=f"{document.name}: {link}")
    for document in DOCUMENTS
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
]


@pytest.mark.parametrize(("document", "link"), LINKS)
def test_a_link_leads_to_something(document: Path, link: str) -> None:
    assert (document.parent / link).exists()


CODE_MAP = re.findall(r"^\| `([^`]+)`", (ROOT / "ARCHITECTURE.md").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("place", [place for entry in CODE_MAP for place in entry.split("`, `")])
def test_a_place_of_the_code_map_exists(place: str) -> None:
    assert (ROOT / place).exists()
