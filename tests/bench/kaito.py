"""What Kaito took where it was measured: what our own figures are shown beside."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tests.bench.figures import Series


class Kaito(NamedTuple):
    """
    What Kaito took: seconds until all Workspaces were ready, and requests for each, by Workspaces.

    Measured once on a machine of this kind (2 cores, 24 GiB), with nodes and workloads that become
    ready at once. At 1,000 it was stopped after 480 s: v0.12.0 had 924 ready then, v0.3.2 256.
    ``estimate`` is between which seconds all would have been: of v0.12.0 by the pace of the last
    ones, of v0.3.2 by its limit of 20 requests a second, and by ten times what 100 took.
    """

    ready: Mapping[int, float]
    requests: Mapping[int, float]
    estimate: tuple[float, float]

    def cell(self, count: int) -> float | str | None:
        """Return the seconds for so many Workspaces, as a table has them."""
        return f"{self.range}, estimated" if count == ESTIMATED else self.ready.get(count)

    @property
    def range(self) -> str:
        """The estimate in words."""
        return f"{self.estimate[0]:,.0f} to {self.estimate[1]:,.0f}"

    def series(self, name: str) -> tuple[Series, Series]:
        """Return what was measured, and from the last of that on what is estimated."""
        seen = tuple((float(count), seconds) for count, seconds in self.ready.items())
        guess = tuple((float(ESTIMATED), seconds) for seconds in self.estimate)
        return (
            Series(name=f"{name}, measured once on such a machine, not in this run", points=seen),
            Series(
                name=f"{name}, estimated for {ESTIMATED:,}: {self.range} s",
                points=(seen[-1], *guess),
                estimated=True,
            ),
        )


# So many Kaito did not finish in the time that it was given.
ESTIMATED = 1000


KAITO = MappingProxyType(
    {
        "Kaito v0.12.0": Kaito(
            {1: 2.04, 10: 4.03, 100: 46.31}, {1: 18.0, 10: 15.5, 100: 14.7}, (485.0, 490.0)
        ),
        "Kaito v0.3.2": Kaito(
            {1: 3.97, 10: 10.81, 100: 102.99}, {1: 18.0, 10: 18.1, 100: 17.4}, (870.0, 1030.0)
        ),
    }
)
