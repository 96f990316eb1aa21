"""
Which adapters lie beside the model, and with which strength.

The strength comes from the environment variable that is named like the adapter's directory.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from serving.refusal import LoadError

CONFIG = "adapter_config.json"


@dataclass(frozen=True)
class Adapter:
    """
    A directory with an adapter, and the factor of its weights.

    ``key`` is its name within the model, where a name may have no dots.
    """

    name: str
    key: str
    directory: Path
    strength: float


def adapter_directories(root: Path) -> list[Path]:
    """
    Return the directories that hold adapters, by name.

    Raises:
        LoadError: One has no adapter in it.

    """
    if not root.is_dir():
        return []
    directories = sorted(
        each for each in root.iterdir()
        if each.is_dir() and not each.name.startswith(".") and each.name != "lost+found"
    )  # fmt: skip
    for each in directories:
        if not (each / CONFIG).is_file():
            raise LoadError(
                f"adapter {each.name}: {each} has no {CONFIG}: its image has to hold the adapter's "
                "files in /data itself"
            )
    return directories


def planned_adapters(directories: list[Path], strengths: dict[str, str]) -> list[Adapter]:
    """
    Return the adapters with their strengths.

    Raises:
        LoadError: A strength is not a number.

    """
    return [
        Adapter(
            each.name, f"adapter_{index}", each, parsed_strength(each.name, strengths[each.name])
        )
        for index, each in enumerate(directories)
    ]


def parsed_strength(name: str, text: str) -> float:
    """
    Return the number that a strength's text says.

    Raises:
        LoadError: It says none, or one that is not from 0 to 1.

    """
    try:
        strength = float(text)
    except ValueError:
        strength = math.nan
    if not math.isfinite(strength):
        raise LoadError(
            f"adapter {name}: its strength, the environment variable {name}, is {text!r}, which is "
            "not a number"
        )
    if not 0 <= strength <= 1:
        raise LoadError(
            f"adapter {name}: its strength, the environment variable {name}, is {text!r}, must be "
            "from 0 to 1"
        )
    return strength
