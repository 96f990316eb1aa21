"""What a Dockerfile says, instruction by instruction."""

import re
import shlex
from pathlib import Path

Instruction = tuple[str, str]


def instructions(path: Path) -> list[Instruction]:
    """The file's instructions and their arguments, without comments."""
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    found = [line.partition(" ") for line in lines if line.strip()]
    return [(name, argument.strip()) for name, _, argument in found]


def stages(path: Path) -> dict[str, list[Instruction]]:
    """The instructions of each stage after its FROM, by the name that it gives itself."""
    found: dict[str, list[Instruction]] = {}
    for name, argument in instructions(path):
        if name == "FROM":
            found[argument.rpartition(" AS ")[2]] = []
        elif found:
            found[list(found)[-1]].append((name, argument))
    return found


def pairs(argument: str) -> dict[str, str]:
    """What LABEL and ENV say."""
    found = (word.partition("=") for word in shlex.split(argument))
    return {name: value for name, _, value in found}


def rules(path: Path) -> list[str]:
    """The lines of a .dockerignore that are no comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
