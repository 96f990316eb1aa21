"""
The start of the command line: ``metakaito plan`` of one Workspace, beside importing its libraries.

Both have a virtual environment of their own, with what users get and no more: what is installed for
development brings libraries that others import as soon as they find them.
"""

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from tests.bench import questions
from tests.bench.figures import Goal, Part, Row, Table
from tests.bench.measuring import figure, ratios
from tests.e2e.cluster.programs import ProgramsMissing

SOURCE = Path(__file__).parents[2]
LOCK = SOURCE / "requirements/runtime.txt"
PLAN, HELP, IMPORTS = "metakaito plan", "metakaito --help", "import pydantic, yaml"
# What a command takes at least that reads one object with pydantic: most of that library is
# imported only when the first model is made.
LEAST = "the same, and click and one model"
ONE_MODEL = "import pydantic, yaml, click; type('One', (pydantic.BaseModel,), {})"
# The exit code of a plan in which something would change.
WOULD_CHANGE = 3
RUNS, QUICK_RUNS = 7, 5


class Command(NamedTuple):
    """A command line, and the exit code that it has to have."""

    line: Sequence[str | Path]
    code: int = 0


def measured(tell: Callable[[str], None], *, quick: bool) -> Part:
    """Install what users get, and start it in turn with the imports alone."""
    with tempfile.TemporaryDirectory(prefix="metakaito-bench-") as folder:
        tell("installing what users get")
        programs = installed(Path(folder))
        workspace = Path(folder) / "workspace.yaml"
        workspace.write_text(json.dumps(questions.a_workspace("bench")))
        tell("starting it")
        found = in_turn(commands(programs, workspace), QUICK_RUNS if quick else RUNS)
    return Part(
        name="cli",
        title="The start of the command line",
        goals=goals(found),
        tables=(table(found),),
    )


def installed(folder: Path) -> Path:
    """
    Return where the programs of a new environment are, with the locked libraries and this project.

    Raises:
        ProgramsMissing: They cannot be had here.

    """
    place = folder / "environment"
    venv.create(place, with_pip=False, symlinks=True)
    try:
        run(
            "pip",
            "wheel",
            "--disable-pip-version-check",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            folder,
            SOURCE,
        )
        into = ("uv", "pip", "install", "--python", place)
        run(*into, "--require-hashes", "--only-binary=:all:", "--requirement", LOCK)
        run(*into, "--no-deps", "--no-index", *folder.glob("*.whl"))
    except subprocess.CalledProcessError as failed:
        raise ProgramsMissing(
            f"{LOCK.name} cannot be installed: {failed.stderr[-500:]}"
        ) from failed
    return place / "bin"


def run(module: str, *arguments: str | Path) -> None:
    """Run a program of this environment, quietly."""
    command = (sys.executable, "-m", module, "--quiet")
    subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)  # noqa: S603  (the arguments are ours)


def commands(programs: Path, workspace: Path) -> dict[str, Command]:
    """Return what is started in turn."""
    return {
        PLAN: Command((programs / "metakaito", "plan", workspace), WOULD_CHANGE),
        HELP: Command((programs / "metakaito", "--help")),
        IMPORTS: Command((programs / "python", "-c", IMPORTS)),
        LEAST: Command((programs / "python", "-c", ONE_MODEL)),
    }


def in_turn(started: Mapping[str, Command], runs: int) -> dict[str, list[float]]:
    """Return the seconds of each command, one number for each run; a first turn is not counted."""
    turns = [
        {name: seconds_of(command) for name, command in started.items()} for _ in range(runs + 1)
    ]
    return {name: [turn[name] for turn in turns[1:]] for name in started}


def seconds_of(command: Command) -> float:
    """
    Return how long a command takes, from its start to its end.

    Raises:
        RuntimeError: It ends with another exit code than it has to.

    """
    began = perf_counter()
    done = subprocess.run(command.line, capture_output=True, text=True, check=False)  # noqa: S603  (ours)
    taken = perf_counter() - began
    if done.returncode != command.code:
        said = done.stderr[-500:]
        raise RuntimeError(f"{command.line[0]} ends with {done.returncode}: {said}")
    return taken


def goals(found: Mapping[str, Sequence[float]]) -> tuple[Goal, ...]:
    """Return what was to be reached."""
    return (
        Goal(
            name="cli: plan of one Workspace, against the imports alone",
            figure=ratios(found[PLAN], found[IMPORTS]).median,
            limit=3,
            unit=f"times {IMPORTS}",
        ),
        Goal(
            name="cli: plan of one Workspace",
            figure=figure(found[PLAN]).median,
            limit=0.5,
            unit="s, on this machine",
        ),
    )


def table(found: Mapping[str, Sequence[float]]) -> Table:
    """Return what each command takes."""
    return Table(
        title="From the start of a command to its end",
        about="A plan of one Workspace that serves phi-2, in an environment with the libraries "
        "that users get and no more, in turn with Python that starts and imports two of them.",
        columns=("s", "times the imports"),
        rows=tuple(
            Row(
                name=name,
                cells=(figure(taken), None if name == IMPORTS else ratios(taken, found[IMPORTS])),
            )
            for name, taken in found.items()
        ),
    )
