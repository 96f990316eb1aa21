"""Who plays Metacontroller: the real program where it is given, else ``metakaito dev``."""

import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

VARIABLE = "METACONTROLLER"


class Player(NamedTuple):
    """A program that plays Metacontroller, and how to start it."""

    name: str
    command: tuple[str, ...]
    is_real: bool


def find_player() -> Player:
    """
    Return the real Metacontroller if METACONTROLLER names it or the PATH has it, else our own.

    ``METACONTROLLER=dev`` means our own in any case.

    Raises:
        FileNotFoundError: METACONTROLLER names no program.

    """
    named = os.environ.get(VARIABLE, "")  # noqa: TID251  (tells a test what to use)
    if named != "dev":
        found = named or shutil.which("metacontroller")
        if found and not Path(found).is_file():
            raise FileNotFoundError(f"{VARIABLE}={found}: there is no such program")
        if found:
            return Player(f"Metacontroller ({found})", (found,), is_real=True)
    return Player("metakaito dev", (sys.executable, "-m", "hooks.cli", "dev"), is_real=False)
