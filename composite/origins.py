"""Where decisions come from. A plan carries it beside what was decided; ``explain`` prints it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")


class Source(StrEnum):
    """What a decision is read from."""

    WORKSPACE = "Workspace"
    PRESET = "preset"
    INSTANCE_TYPE = "instance type"
    METHOD = "method"
    SETTING = "setting"
    CLUSTER = "cluster"
    DEFAULT = "default"


class Origin(NamedTuple):
    """
    One field that decided something.

    ``field`` is its path, or in the cluster what was seen there; ``name`` the preset or the
    instance type that has it. With ``alike`` what stands below the decision comes from the same
    place below the field.
    """

    source: Source
    field: str
    name: str = ""
    alike: bool = False

    def __str__(self) -> str:
        whose = f"{self.source} {self.name}" if self.name else str(self.source)
        return f"{whose}: {self.field}" if self.field else whose


# By the path of a decision in a plan; what is below a path has the origins of the path.
Origins: TypeAlias = Mapping[str, tuple[Origin, ...]]


class Chosen(NamedTuple, Generic[T]):
    """A decision between several sources, and the source that it was."""

    value: T
    origins: tuple[Origin, ...]


# What is the same for every Workspace.
DEFAULT = Origin(Source.DEFAULT, "")


def written(field: str, *, alike: bool = False) -> Origin:
    """Return the origin of what the user wrote in the Workspace."""
    return Origin(Source.WORKSPACE, field, alike=alike)


def setting(name: str) -> Origin:
    """Return the origin of what the installation says."""
    return Origin(Source.SETTING, f"METAKAITO_{name}")


def seen_there(what: str) -> Origin:
    """Return the origin of what only the cluster could tell."""
    return Origin(Source.CLUSTER, what)
