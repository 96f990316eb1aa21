"""
The commands in the README print what it says, one after the other, as a reader would run them.

In a ``console`` block each line that starts with ``$ `` is run, with those that belong to it, and
the lines up to the next one are its output. A line ``...`` stands for any lines, ``…`` in a line
for any text. What a ``console server`` block starts goes on running, until the next one or the end
ends it with Ctrl-C. What is exported holds for all that follows.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
README = (HERE / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^( *)```console(| server)\n(.*?)^ *```$", flags=re.DOTALL | re.MULTILINE)
HERE_DOCUMENT = re.compile(r"<<'?(\w+)'?")
WITHIN = 300
"""Seconds that a command may take on a busy machine."""


@dataclass(frozen=True)
class Command:
    """One command of the README, what it prints, and whether it then goes on running."""

    text: str
    printed: str
    is_server: bool


def commands(document: str) -> Iterator[Command]:
    """Yield the commands of a document."""
    for indent, kind, block in BLOCK.findall(document):
        lines = textwrap.dedent(indent + block[len(indent) :]).splitlines()
        while lines:
            text = [lines.pop(0).removeprefix("$ ")]
            while text[-1].endswith("\\"):
                text.append(lines.pop(0))
            if found := HERE_DOCUMENT.search(text[-1]):
                while text[-1] != found[1]:
                    text.append(lines.pop(0))
            printed = []
            while lines and not lines[0].startswith("$ "):
                printed.append(lines.pop(0))
            yield Command("\n".join(text), "\n".join(printed), is_server=bool(kind))


def pattern(printed: str) -> str:
    """Return the regular expression for what a document says is printed."""
    return "".join(
        r"(?:.*\n)*?" if line == "..." else re.escape(line).replace("…", ".*") + r"\n"
        for line in printed.splitlines()
    )


def is_as_said(printed: str, said: str) -> bool:
    """Say whether output is what a document says; curl ends it without a new line."""
    whole = printed if not printed or printed.endswith("\n") else f"{printed}\n"
    return re.fullmatch(pattern(said), whole) is not None


class Terminal:
    """
    Runs commands in the runtime's directory and leaves nothing behind.

    Args:
        directory: All that they write goes here.

    """

    def __init__(self, directory: Path) -> None:
        self.environment = environment(directory)
        self.log = directory / "server.log"
        self.exports: list[str] = []
        self.server: subprocess.Popen[bytes] | None = None

    def follow(self, command: Command) -> None:
        """Run a command and compare what it prints."""
        if command.is_server:
            self.serve(command)
            return
        done = subprocess.run(  # noqa: S603  (the commands are our own)
            self.shell(command.text), cwd=HERE, env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=WITHIN, check=False,
        )  # fmt: skip
        assert is_as_said(done.stdout, command.printed), f"{command.text} printed:\n{done.stdout}"
        assert done.returncode == 0, command.text
        if command.text.startswith("export "):
            self.exports.append(command.text)

    def serve(self, command: Command) -> None:
        """Start a server and wait until it has printed what the document says."""
        self.interrupt()
        with self.log.open("wb") as log:
            self.server = subprocess.Popen(  # noqa: S603  (the commands are our own)
                self.shell(command.text), cwd=HERE, env=self.environment, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + WITHIN
        while not is_as_said(self.log.read_text(), command.printed):
            assert self.server.poll() is None, f"{command.text} ended:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"{command.text} printed:\n{self.log.read_text()}"
            time.sleep(0.05)

    def interrupt(self) -> None:
        """Press Ctrl-C where a server runs; it ends in order."""
        if self.server is None:
            return
        os.killpg(self.server.pid, signal.SIGINT)
        assert self.server.wait(WITHIN) == 0, self.log.read_text()
        self.server = None

    def close(self) -> None:
        """Kill a server that a failure has left."""
        if self.server is not None and self.server.poll() is None:
            os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()

    def shell(self, text: str) -> list[str]:
        """Return the arguments of a process that runs a command."""
        return ["bash", "-c", "\n".join([*self.exports, text])]


def environment(directory: Path) -> dict[str, str]:
    """Return that of the commands: files below a directory, a port that is free, no network."""
    port = free_port()
    # The README says 5000, which somebody may have: curl goes to ours for it.
    (directory / ".curlrc").write_text(
        f'connect-to = "127.0.0.1:5000:127.0.0.1:{port}"\nnoproxy = "*"\nsilent\nshow-error\n'
    )
    ours = {key: value for key, value in os.environ.items() if not key.startswith("METAKAITO_")}
    if sys.dont_write_bytecode:  # then each process would compile PyTorch anew, in ten seconds
        ours.pop("PYTHONDONTWRITEBYTECODE", None)
        ours["PYTHONPYCACHEPREFIX"] = str(directory / "bytecode")
    return {
        **ours,
        "CURL_HOME": str(directory),
        "HF_ENDPOINT": "http://127.0.0.1:9",  # where nobody listens
        "HF_HOME": str(directory / "huggingface"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # they are for terminals
        "METAKAITO_ADAPTER_PATH": str(directory / "none"),
        "METAKAITO_BASE_PORT": str(port),
        "METAKAITO_PID_FILE": str(directory / "server.pid"),
        "METAKAITO_TERMINATION_LOG": str(directory / "termination-log"),
        "PID_FILE_PATH": str(directory / "training.pid"),
        "PROGRESS_FILE_PATH": str(directory / "progress.json"),
        "TERMINATION_LOG_PATH": str(directory / "termination-log"),
        "TMPDIR": str(directory),
    }


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    # Not tmp_path, of which pytest keeps the last three: models and bytecode are not small.
    with tempfile.TemporaryDirectory(prefix="metakaito-readme-") as directory:
        made = Terminal(Path(directory))
        yield made
        made.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README asks the server with curl")
def test_the_commands_print_what_the_readme_says(terminal: Terminal) -> None:
    for command in commands(README):
        terminal.follow(command)
    terminal.interrupt()


def test_the_blocks_have_a_model_a_training_two_servers_and_questions() -> None:
    found = list(commands(README))

    assert [each.text.split()[0] for each in found] == [
        "export", ".venv/bin/python", ".venv/bin/python", "curl", "curl", "mkdir", "cat", "cat",
        "YAML_FILE_PATH=$STORY/training.yaml", "METAKAITO_ADAPTER_PATH=$STORY/adapters", "curl",
        "curl", "curl", "(cd",
    ]  # fmt: skip
    assert [number for number, each in enumerate(found) if each.is_server] == [2, 9]


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("a …\n...\nd", "a b\nd\n"),
        ("a …\n...\nd", "a b\nc\nc\nd"),
        ("", ""),
    ],
)
def test_dots_stand_for_what_differs(said: str, printed: str) -> None:
    assert is_as_said(printed, said)


@pytest.mark.parametrize("printed", ["", "a b\n", "a b\nd\ne\n", "a\nd\n"])
def test_other_output_is_noticed(printed: str) -> None:
    assert not is_as_said(printed, "a …\n...\nd")


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)", README))
def test_a_link_leads_to_something(link: str) -> None:
    assert (HERE / link).exists()


@pytest.mark.parametrize("program", re.findall(r"^\| `(\w+\.py)`", README, flags=re.MULTILINE))
def test_a_program_of_the_table_is_there(program: str) -> None:
    assert (HERE / program).is_file()
