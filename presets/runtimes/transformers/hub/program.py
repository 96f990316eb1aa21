"""The command line of ``fetch_weights.py``: what it takes, what it says, how it ends."""

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path

from hub.failure import sentence
from hub.fetch import fetch
from hub.settings import VARIABLES, read_settings
from last_words import leave_last_words

WEIGHTS = Path("/workspace/tfs/weights")


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch, and return the exit code: 0 if the weights are there, 1 if not, 2 for a wrong use."""
    told = parser().parse_args(arguments)
    settings = read_settings()
    try:
        fetch(told.name, told.revision, told.into, settings, say)
    except Exception as error:  # noqa: BLE001  (the end of the program: it says why in one sentence)
        why = sentence(
            error,
            name=told.name,
            revision=told.revision,
            endpoint=settings.endpoint,
            has_token=settings.token is not None,
        )
        say(f"error: {why}")
        leave_last_words(why, settings.termination_log)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line, and its help."""
    variables = "\n".join(f"  {name:22}{meaning}" for name, meaning in VARIABLES.items())
    made = argparse.ArgumentParser(
        prog="fetch_weights.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=textwrap.dedent("""\
            Bring a model's weights from Hugging Face into a directory, to be served or trained.

            Only what is needed is fetched: weights in safetensors, or in PyTorch's format where
            there are no others, the tokenizer, the configuration, and the model's code. When all is
            there it is marked, and the same command does nothing from then on, not even ask. A
            fetch that was cut off goes on with the files that it lacks."""),
        epilog=f"environment:\n{variables}\n\nexample:\n"
        "  python3 fetch_weights.py microsoft/Phi-3-mini-4k-instruct --into /tmp/phi-3",
    )
    made.add_argument("name", metavar="NAME", help="owner and model, as on Hugging Face")
    made.add_argument(
        "--revision",
        default="main",
        help="a branch, a tag or a commit; a commit is the same for ever (default: %(default)s)",
    )
    made.add_argument(
        "--into", type=Path, default=WEIGHTS, help="the directory (default: %(default)s)"
    )
    return made


def say(line: str) -> None:
    """Write a line of the log."""
    print(line, flush=True)  # noqa: T201  (a program's output)
