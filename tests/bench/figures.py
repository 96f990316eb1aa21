"""What a run of the bench has found: numbers, goals, tables and pictures, as they are written."""

from enum import StrEnum

from pydantic import Field

from composite.models import Value


class Figure(Value):
    """One thing, measured several times."""

    median: float
    least: float
    most: float
    runs: int = Field(ge=1)


class Bound(StrEnum):
    """Which side of its limit a figure has to be on."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


class Goal(Value):
    """
    What was to be reached, and what was.

    ``why`` says of a goal that was missed what dominates and what was tried; ``seen`` what was
    wrong in this very run, where that can be named.
    """

    name: str = Field(description="Unique in a report.", examples=["core: converged, one node"])
    figure: float
    bound: Bound = Bound.AT_MOST
    limit: float
    unit: str = Field(examples=["µs", "times json"])
    why: str = ""
    seen: str = ""

    @property
    def reason(self) -> str:
        """Why it was missed, and what was seen of that."""
        seen = f"Seen in this run: {self.seen}." if self.seen else ""
        return " ".join(filter(None, (self.why, seen))) or "not looked into yet."

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side of the limit."""
        if self.bound is Bound.AT_MOST:
            return self.figure <= self.limit
        return self.figure >= self.limit


class Row(Value):
    """A line of a table; None where there is nothing to say."""

    name: str
    cells: tuple[Figure | float | str | None, ...]


class Table(Value):
    """Figures of one kind side by side; ``columns`` name the cells of each row, with units."""

    title: str
    about: str = Field(description="What was measured, and how.")
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


class Series(Value):
    """Points of one line, by x; one that is ``estimated`` was not measured, and is dashed."""

    name: str
    estimated: bool = False
    points: tuple[tuple[float, float], ...]


class Picture(Value):
    """Lines over one axis. Both axes are logarithmic: a straight line of slope 1 is linear."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="Of its file, without the ending.")
    title: str
    x: str
    y: str
    series: tuple[Series, ...]


class Part(Value):
    """One part of the bench: ``seconds`` is what it took."""

    name: str
    title: str
    seconds: float = 0.0
    goals: tuple[Goal, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


class Machine(Value):
    """What it was measured on."""

    processor: str
    processors: int
    memory_gib: float
    system: str
    python: str
    load_before: float = Field(description="Load average of the last minute before the run.")
    versions: dict[str, str] = Field(description="Of what the figures depend on.")


class Report(Value):
    """A whole run."""

    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    quick: bool
    machine: Machine
    parts: tuple[Part, ...]

    @property
    def goals(self) -> tuple[Goal, ...]:
        """All goals, in the order of the parts."""
        return tuple(goal for part in self.parts for goal in part.goals)
